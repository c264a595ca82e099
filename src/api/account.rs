//! How to reach a cloud account.

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CloudAccountStatus;

/// Names the account of an access object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// The kind of the account object.
    pub kind: AccountKind,
    /// The name of the account object.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// The kinds of account objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AccountKind {
    /// A CloudAccount in the namespace of the object that names it.
    CloudAccount,
    /// A ClusterCloudAccount, whose rules say who may ask for what.
    ClusterCloudAccount,
}

/// How to reach one cloud account. Access objects in the same namespace name it in `accountRef`.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "CloudAccount",
    namespaced,
    status = "CloudAccountStatus",
    category = "cloudaccess",
    shortname = "ca",
    doc = "A CloudAccount says how to reach one cloud account: vendor, region, project, and the Secret that holds the credentials.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec['huawei','alibaba'].region"),
    printcolumn(name = "Project", type_ = "string", json_path = ".spec.huawei.projectId"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.held.count"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.huawei) != has(self.alibaba)").message("exactly one vendor must be given: huawei or alibaba"),
    validation = Rule::new("has(self.huawei) == has(oldSelf.huawei)").message("the vendor cannot be changed: create another account")
)]
pub struct CloudAccountSpec {
    /// An account of Huawei Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huawei: Option<HuaweiAccount>,

    /// An account of Alibaba Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alibaba: Option<AlibabaAccount>,

    /// At most this many requests per second are sent to the cloud through this account, all kinds together. Left out:
    /// as many as the cloud takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub requests_per_second: Option<u32>,

    /// How often each target is looked at when nothing happens, to repair what was changed by hand: a number with unit
    /// s, m or h, from 1s to 24h. Left out: the operator's default, five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 6), regex(pattern = r"^[1-9][0-9]{0,4}[smh]$"))]
    #[x_kube(validation = Rule::new("duration(self) <= duration('24h')").message("driftInterval is at most 24h"))]
    pub drift_interval: Option<String>,

    /// A brake on mistakes such as a deleted folder of manifests: what goes beyond waits. Left out: nothing is held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_limit: Option<RevocationLimit>,
}

/// How many revocations go through an account in how long, for each namespace. A revocation takes access from one principal on
/// one target. What goes beyond waits until the window has passed, or until it is released by its id in status.held. Expiry is
/// not counted and not held back, nor is a move from one pool or group to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationLimit {
    /// How many go in a window; 0 holds all of them back.
    #[schemars(range(min = 0, max = 10000))]
    pub count: u32,

    /// How long the window is: a number with unit s, m or h, from 1s to 168h.
    #[schemars(length(min = 2, max = 6), regex(pattern = r"^[1-9][0-9]{0,4}[smh]$"))]
    #[x_kube(validation = Rule::new("duration(self) <= duration('168h')").message("window is at most 168h"))]
    pub window: String,
}

/// An account of Huawei Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HuaweiAccount {
    /// The region, such as cn-north-4. Cannot be changed.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("region cannot be changed: create another account"))]
    pub region: String,

    /// The id of the project in that region: 32 hexadecimal digits, as the console shows under My Credentials. Cannot
    /// be changed.
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[0-9a-f]{32}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("projectId cannot be changed: create another account"))]
    pub project_id: String,

    /// Where the services are, if not at the vendor's public endpoints of the region. The operator accepts the vendor's
    /// domains, and what its `--allow-endpoint` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<HuaweiEndpoints>,

    /// The credentials.
    pub credentials: HuaweiCredentials,
}

/// Where Huawei Cloud's services are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HuaweiEndpoints {
    /// Data Lake Insight, such as https://dli.cn-north-4.myhuaweicloud.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub dli: Option<String>,
    /// Data Warehouse Service, such as https://dws.cn-north-4.myhuaweicloud.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub dws: Option<String>,
    /// DataArts Studio, such as https://dayu.cn-north-4.myhuaweicloud.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub data_arts: Option<String>,
    /// Identity and Access Management, such as https://iam.cn-north-4.myhuaweicloud.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub iam: Option<String>,
}

/// The credentials of a Huawei Cloud account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef) != has(self.podIdentity)").message("exactly one of secretRef and podIdentity must be given"))]
pub struct HuaweiCredentials {
    /// A Secret in the same namespace; for a ClusterCloudAccount in that of the operator. It holds either `access-key-id` and `secret-access-key` (and `security-token` for
    /// a temporary key), or `domain-name`, `user-name` and `password` of an IAM user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,

    /// The identity that Cloud Container Engine gives to the operator's own pod, instead of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<OwnIdentity>,
}

/// An identity of the operator's own pod. All about it is in the pod's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnIdentity {}

/// An account of Alibaba Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlibabaAccount {
    /// The region, such as cn-hangzhou. Cannot be changed.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("region cannot be changed: create another account"))]
    pub region: String,

    /// The generation of the E-HPC API that the account's clusters belong to: 2018-04-12 ("E-HPC 1.0") or 2024-07-30
    /// ("E-HPC NEXT"). Cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("ehpcApiVersion cannot be changed: create another account"))]
    pub ehpc_api_version: EhpcApiVersion,

    /// Where E-HPC is, if not at the vendor's public endpoint of the region, such as
    /// https://ehpc-vpc.cn-hangzhou.aliyuncs.com. The operator accepts the vendor's domains, and what its
    /// `--allow-endpoint` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub endpoint: Option<String>,

    /// The credentials.
    pub credentials: AlibabaCredentials,
}

/// The generations of the E-HPC API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EhpcApiVersion {
    /// "E-HPC 1.0".
    #[serde(rename = "2018-04-12")]
    V2018,
    /// "E-HPC NEXT".
    #[serde(rename = "2024-07-30")]
    V2024,
}

/// The credentials of an account of Alibaba Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretRef) != has(self.rrsa)").message("exactly one of secretRef and rrsa must be given"))]
pub struct AlibabaCredentials {
    /// A Secret in the same namespace; for a ClusterCloudAccount in that of the operator. It holds `access-key-id` and `secret-access-key` of a RAM user, and
    /// `security-token` for a temporary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,

    /// The RAM role that the operator's own pod has through its ServiceAccount (RRSA), instead of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrsa: Option<OwnIdentity>,
}

/// Names a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretName {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// Names a value of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyRef {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// The key of the value in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

impl CloudAccountSpec {
    /// What the cloud sees of the account: vendor, region, and project where there are such. Two account objects with the
    /// same realm reach the same access lists. `None` when no vendor is given, which the API server refuses.
    #[must_use]
    pub fn realm(&self) -> Option<String> {
        let huawei = self.huawei.as_ref().map(|huawei| format!("huawei/{}/{}", huawei.region, huawei.project_id));
        // Whether clusters of one generation of the API are seen by the other is not known: they share their lists.
        huawei.or_else(|| self.alibaba.as_ref().map(|alibaba| format!("alibaba/{}", alibaba.region)))
    }

    /// How often targets of the account are looked at when nothing happens, if it says so itself.
    #[must_use]
    pub fn drift_interval(&self) -> Option<Duration> {
        self.drift_interval.as_deref().and_then(super::parse_duration)
    }

    /// How many revocations go in how long, if that is limited.
    #[must_use]
    pub fn revocation_limit(&self) -> Option<(u32, Duration)> {
        let limit = self.revocation_limit.as_ref()?;
        // One that cannot be read is as long as can be: it holds back.
        Some((limit.count, super::parse_duration(&limit.window).unwrap_or(Duration::MAX)))
    }

    /// The Secret that holds the credentials, if they are not the operator's own.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        let huawei = self.huawei.as_ref().and_then(|huawei| huawei.credentials.secret_ref.as_ref());
        let alibaba = || self.alibaba.as_ref().and_then(|alibaba| alibaba.credentials.secret_ref.as_ref());
        huawei.or_else(alibaba).map(|secret| secret.name.as_str())
    }
}
