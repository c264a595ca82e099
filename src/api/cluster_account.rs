//! How to reach a cloud account, and who may ask it for what.

use std::collections::{BTreeMap, BTreeSet};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CloudAccountSpec, CloudAccountStatus};

/// How to reach one cloud account, and who may ask it for what. The Secret with the credentials is in the namespace of the
/// operator.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "ClusterCloudAccount",
    status = "CloudAccountStatus",
    category = "cloudaccess",
    shortname = "cca",
    doc = "A ClusterCloudAccount says how to reach one cloud account, and which namespaces may ask it for what. Its Secret is in the namespace of the operator.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec['huawei','alibaba'].region"),
    printcolumn(name = "Project", type_ = "string", json_path = ".spec.huawei.projectId"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.held.count"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCloudAccountSpec {
    /// How the cloud is reached.
    #[serde(flatten)]
    pub account: CloudAccountSpec,

    /// The namespaces whose objects may name this account, by the labels of the namespaces. Empty: all.
    pub allowed_namespaces: NamespaceSelector,

    /// What those objects may ask for: at least one rule has to allow all that an object asks for. What none allows is not
    /// granted, and what was granted is taken away once none allows it any more.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(min = 1, max = 64))]
    pub rules: Vec<AccessRule>,
}

/// Selects namespaces by their labels, as label selectors do everywhere in Kubernetes: all that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels that the namespace has to have, with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 63, "pattern": LABEL_VALUE}))]
    pub match_labels: BTreeMap<String, String>,

    /// More that has to hold of the labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<LabelExpression>,
}

/// Something that has to hold of one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)").message("values belong to the operators In and NotIn")
)]
pub struct LabelExpression {
    /// The key of the label.
    #[schemars(
        length(min = 1, max = 317),
        regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
    )]
    pub key: String,
    /// How the label is compared with the values.
    pub operator: LabelOperator,
    /// The values.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63), regex(pattern = LABEL_VALUE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub values: BTreeSet<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// It has one of the values.
    In,
    /// It has none of the values, or is not there.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

/// What may be asked for. A field that is left out means any; but `Adopt` and `Retain` are allowed only where `policies`
/// names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRule {
    /// The kinds of objects, such as QueueGrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub kinds: Option<BTreeSet<String>>,

    /// The targets: names of queues, in lower case, ids of clusters and workspaces. `*` stands for any characters, `?` for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 256), regex(pattern = PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub targets: Option<BTreeSet<String>>,

    /// Whose access: names of users, ids of users and groups of workspaces. `*` stands for any characters, `?` for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 256), regex(pattern = PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principals: Option<BTreeSet<String>>,

    /// The access, exactly as objects name it: privileges, pools, roles, groups. All that an object asks for has to be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 256), regex(pattern = PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub access: Option<BTreeSet<String>>,

    /// Which of the allowed namespaces, by name. `*` stands for any characters, `?` for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 63), regex(pattern = r"^[-a-z0-9*?]+$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Option<BTreeSet<String>>,

    /// Which policies objects may have besides Keep and Revoke: Adopt takes access from others, Retain leaves access behind
    /// that nothing keeps track of any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub policies: BTreeSet<RiskyPolicy>,

    /// How long access may last: a number with unit s, m or h. Objects then need `validUntil`, at most so long after they
    /// were created, or after `validFrom` if that is later; but never later than so long after access was first granted for
    /// the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 6), regex(pattern = r"^[1-9][0-9]{0,4}[smh]$"))]
    pub max_duration: Option<String>,
}

/// What a rule has to name, or it is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum RiskyPolicy {
    /// `adoptionPolicy: Adopt`.
    Adopt,
    /// `deletionPolicy: Retain`.
    Retain,
}

/// Anything that can be printed.
const PRINTABLE: &str = r"^[^\x00-\x1f\x7f]+$";
const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
