//! What the operator writes back: what it saw, what it owns, and how the object stands.

use jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, ConditionType};

/// What the operator observed and did. Written only when it changes: a settled object costs no write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessStatus {
    /// The generation of the spec that this status is about; -1 before the operator's first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How the object stands: Ready, Held, and while they apply Reconciling or Stalled.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_string()]))]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,

    /// The target as the cloud knows it: vendor, region, project, service and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[^\s]+$"))]
    pub target: Option<String>,

    /// Whose access this is about, as the cloud knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[^\x00]+$"))]
    pub principal: Option<String>,

    /// The access that the cloud showed for the principal at the last complete look.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 128), inner(length(max = 256), regex(pattern = r"^[^\x00]+$")))]
    pub observed: Vec<String>,

    /// The access that was granted for this object and goes when it goes. Recorded before the cloud is touched: do not
    /// edit, and keep it when restoring from a backup.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 128), inner(length(max = 256), regex(pattern = r"^[^\x00]+$")))]
    pub owned: Vec<String>,

    /// What would be changed in the cloud, in words: in mode Observe, or while a revocation is held back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 8), inner(length(max = 2048), regex(pattern = r"^[^\x00]+$")))]
    pub plan: Vec<String>,

    /// When access was first granted for this object. A maxDuration of its ClusterCloudAccount counts from here at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40), regex(pattern = r"^[0-9T:.Z+-]+$"))]
    pub granted_at: Option<Timestamp>,

    /// The validUntil that has passed. Whatever the clock says later, the object stays expired until validUntil is set to a
    /// later time than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40), regex(pattern = r"^[0-9T:.Z+-]+$"))]
    pub expired_at: Option<Timestamp>,

    /// The annotation cloudaccess.dev/requestedAt as it was when the object was last looked at and acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[^\x00]*$"))]
    pub last_handled_reconcile_at: Option<String>,

    /// The uid and resourceVersion of the Secret, and the key in it, whose value was last set in the cloud for this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[0-9A-Za-z._/-]+$"))]
    pub secret_version: Option<String>,

    /// The cloud's id of the request that last failed for this object; give it to the vendor's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[^\x00]+$"))]
    pub last_request_id: Option<String>,
}

impl AccessStatus {
    /// The condition of that type, if present.
    #[must_use]
    pub fn condition(&self, type_: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}
