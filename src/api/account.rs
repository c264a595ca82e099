//! How to reach a cloud account.

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

/// How to reach one project of one cloud account. Access objects in the same namespace name it in `accountRef`.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "CloudAccount",
    namespaced,
    category = "cloudaccess",
    shortname = "ca",
    doc = "A CloudAccount says how to reach one project of one cloud account: vendor, region, project, and the Secret that holds the credentials.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.huawei.region"),
    printcolumn(name = "Project", type_ = "string", json_path = ".spec.huawei.projectId"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.huawei)").message("exactly one vendor must be given: huawei"),
    validation = Rule::new("has(self.huawei) == has(oldSelf.huawei)").message("the vendor cannot be changed: create another account")
)]
pub struct CloudAccountSpec {
    /// An account of Huawei Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huawei: Option<HuaweiAccount>,

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
    /// Identity and Access Management, such as https://iam.cn-north-4.myhuaweicloud.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^https?://[^\s/?#@]+/?$"))]
    pub iam: Option<String>,
}

/// The credentials of a Huawei Cloud account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HuaweiCredentials {
    /// A Secret in the same namespace. It holds either `access-key-id` and `secret-access-key` (and `security-token` for
    /// a temporary key), or `domain-name`, `user-name` and `password` of an IAM user.
    pub secret_ref: SecretName,
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
    /// What the cloud sees of the account: vendor, region and project. Two account objects with the same realm reach the
    /// same access lists. `None` when no vendor is given, which the API server refuses.
    #[must_use]
    pub fn realm(&self) -> Option<String> {
        self.huawei.as_ref().map(|huawei| format!("huawei/{}/{}", huawei.region, huawei.project_id))
    }

    /// How often targets of the account are looked at when nothing happens, if it says so itself.
    #[must_use]
    pub fn drift_interval(&self) -> Option<Duration> {
        self.drift_interval.as_deref().and_then(super::parse_duration)
    }

    /// The Secret that holds the credentials, in the namespace of the account.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.huawei.as_ref().map(|huawei| huawei.credentials.secret_ref.name.as_str())
    }
}
