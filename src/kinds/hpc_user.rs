//! HpcUser: an account exists on an E-HPC cluster, in a group, with a password, as Alibaba Cloud's page "AddUsers" describes
//! it.

use std::collections::BTreeSet;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{AccessSpec, AccessStatus, CommonSpec, SecretKeyRef};
use crate::clouds::alibaba::{Ehpc, HpcUsers, UserChange, check_password};
use crate::clouds::{Account, CloudError};
use crate::engine::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
use crate::kinds::account::alibaba_session;

/// Which account exists on which cluster, in which group, with which password.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "HpcUser",
    namespaced,
    status = "AccessStatus",
    category = "cloudaccess",
    shortname = "hu",
    doc = "An HpcUser says that an account exists on a cluster of Alibaba Cloud Elastic High Performance Computing (E-HPC), in a group, with a password. Deleting it deletes the account; the files in its home directory stay on the cluster.",
    printcolumn(name = "Principal", type_ = "string", json_path = ".spec.userName"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.clusterId"),
    printcolumn(name = "Access", type_ = "string", json_path = ".spec.group"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountRef.name", priority = 1),
    printcolumn(name = "Until", type_ = "string", json_path = ".spec.validUntil", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct HpcUserSpec {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// The id of the E-HPC cluster, such as ehpc-hz-FYUr32abcd. Cannot be changed.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9-]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("clusterId cannot be changed: delete this object and create another"))]
    pub cluster_id: String,

    /// The name of the account: 6 to 30 letters, digits and dots, a letter first. Cannot be changed.
    #[schemars(length(min = 6, max = 30), regex(pattern = r"^[A-Za-z][A-Za-z0-9.]{5,29}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("userName cannot be changed: delete this object and create another"))]
    pub user_name: String,

    /// The group of the account: `users` for ordinary users, `wheel` for those who may use sudo.
    pub group: HpcGroup,

    /// Where the password is: 8 to 30 characters, at least three of upper case, lower case, digit and special character. A
    /// changed Secret is set in the cluster within the account's drift interval.
    pub password_secret_ref: SecretKeyRef,
}

/// The groups that an account can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HpcGroup {
    /// Ordinary users.
    Users,
    /// Those who may use sudo.
    Wheel,
}

impl HpcGroup {
    /// As the service spells it.
    fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Wheel => "wheel",
        }
    }
}

impl AccessSpec for HpcUserSpec {
    fn common(&self) -> &CommonSpec {
        &self.common
    }
}

/// Accounts on E-HPC clusters.
pub struct HpcClusters;

impl AccessKind for HpcClusters {
    type Object = HpcUser;
    type Client = Ehpc;
    type Details = ();

    const EXCLUSIVE: bool = true;
    const SERVICE: &'static str = "ehpc";
    const TARGET: &'static str = "E-HPC cluster";

    fn claim(spec: &HpcUserSpec) -> Result<Claim<()>, InvalidSpec> {
        Ok(Claim {
            target: spec.cluster_id.clone(),
            principal: spec.user_name.clone(),
            wanted: BTreeSet::from([spec.group.name().to_owned()]),
            details: (),
            secret: Some(spec.password_secret_ref.clone()),
        })
    }

    fn check_secret(password: &str) -> Result<(), InvalidSpec> {
        check_password(password).map_err(|broken| InvalidSpec(broken.to_string()))
    }

    fn connect(account: &Account) -> Result<Ehpc, InvalidSpec> {
        alibaba_session(account).map(Ehpc::new)
    }

    async fn list(client: &Ehpc, cluster: &Target<'_>) -> Result<Listing, CloudError> {
        Ok(match client.users(cluster.id, &cluster.purpose).await? {
            HpcUsers::ClusterGone => Listing::TargetGone,
            HpcUsers::Users(users) => Listing::of(
                users.into_iter().map(|(name, group)| (name, Row { access: BTreeSet::from([group]), fixed: false })),
            ),
        })
    }

    async fn write(client: &Ehpc, cluster: &str, changes: &[Change<()>]) -> Vec<Result<(), CloudError>> {
        let user = |change: &Change<()>| UserChange {
            name: change.principal.clone(),
            before: change.before.first().cloned(),
            after: change.after.first().cloned(),
            password: change.secret.clone(),
            purpose: change.purpose.clone(),
        };
        client.change(cluster, &changes.iter().map(user).collect::<Vec<_>>()).await
    }
}
