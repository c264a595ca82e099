//! Conditions as kstatus reads them: `Ready` and `Held` always, `Reconciling` and `Stalled` only while True.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One condition; the fields of Kubernetes' own type, with bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which condition this is.
    #[serde(rename = "type")]
    pub type_: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z]+$"))]
    pub reason: String,
    /// Why, in a sentence.
    #[schemars(length(max = 2048), regex(pattern = r"^[^\x00]*$"))]
    pub message: Arc<str>,
    /// When the status of this condition last changed.
    #[schemars(with = "String", extend("format" = "date-time"), length(max = 40), regex(pattern = r"^[0-9T:.Z+-]+$"))]
    pub last_transition_time: Timestamp,
    /// The generation of the spec this was said about.
    #[serde(default)]
    pub observed_generation: i64,
}

/// The kinds of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// The cloud matches the spec.
    Ready,
    /// Something is still to be done or awaited.
    Reconciling,
    /// Nothing more will happen until somebody changes something.
    Stalled,
    /// The principal holds the access now.
    Held,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}
