//! What the operator writes back to an account.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, ConditionType};

/// How an account stands, and what the operator remembers of it: what it revoked, what it holds back, and what nobody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudAccountStatus {
    /// The generation of the spec that the conditions are about; -1 before the operator's first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How the account stands: Ready, and while they apply Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_string()]))]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,

    /// How many objects name the account, by how they rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".to_string()]))]
    #[schemars(length(max = 64))]
    pub claims: Vec<ClaimCount>,

    /// When the credentials end that the operator got in exchange for others; it gets new ones before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40), regex(pattern = r"^[0-9T:.Z+-]+$"))]
    pub credentials_expire_at: Option<Timestamp>,

    /// What the rules of a ClusterCloudAccount allow, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 64), inner(length(max = 2048), regex(pattern = r"^[^\x00]+$")))]
    pub rules: Vec<String>,

    /// What was revoked through the account in the window of its revocationLimit. Recorded before the cloud is touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 4096))]
    pub revocations: Vec<CountedRevocations>,

    /// What the revocationLimit holds back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRevocations>,

    /// The targets on which somebody holds access that no object answers for; at most 256 of them, those with most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["target".to_string()]))]
    #[schemars(length(max = 256))]
    pub unmanaged: Vec<Unmanaged>,
}

/// Objects that rest for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimCount {
    /// The reason of their condition Ready; `New` before the first look.
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z]+$"))]
    pub reason: String,
    /// How many.
    pub count: u32,
}

impl CloudAccountStatus {
    /// The condition of that type, if present.
    #[must_use]
    pub fn condition(&self, type_: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

/// Revocations for one namespace, counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountedRevocations {
    /// The namespace of the objects that they were for.
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9.-]*$"))]
    pub namespace: String,
    /// When the last of them was.
    #[schemars(with = "String", extend("format" = "date-time"), length(max = 40), regex(pattern = r"^[0-9T:.Z+-]+$"))]
    pub at: Timestamp,
    /// How many.
    pub count: u32,
}

/// Revocations that are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct HeldRevocations {
    /// Stands for exactly these. The annotation cloudaccess.dev/releaseRevocations with this value lets them go.
    #[schemars(length(max = 64), regex(pattern = r"^[0-9a-f]+$"))]
    pub id: String,
    /// How many are listed.
    pub count: u32,
    /// Who loses what, if they are let go; at most 500 at a time.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 500))]
    pub revocations: Vec<HeldRevocation>,
}

impl HeldRevocations {
    /// With the count of what is listed.
    #[must_use]
    pub fn counted(self) -> Self {
        let count = u32::try_from(self.revocations.len()).unwrap_or(u32::MAX);
        Self { count, ..self }
    }
}

/// One principal's access on one target, to be taken away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct HeldRevocation {
    /// The target as the cloud knows it.
    #[schemars(length(max = 512), regex(pattern = r"^[^\s]+$"))]
    pub target: String,
    /// Whose access.
    #[schemars(length(max = 256), regex(pattern = r"^[^\x00]+$"))]
    pub principal: String,
    /// What would be taken away.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 128), inner(length(max = 256), regex(pattern = r"^[^\x00]+$")))]
    pub access: Vec<String>,
}

/// A target with access that no object answers for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unmanaged {
    /// The target as the cloud knows it.
    #[schemars(length(max = 512), regex(pattern = r"^[^\s]+$"))]
    pub target: String,
    /// How many principals hold access there of which no object owns any; administrators are not counted.
    pub principals: u32,
}
