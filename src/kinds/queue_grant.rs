//! QueueGrant: an IAM user holds privileges on a DLI queue, as Huawei Cloud's page "Granting Users with the Queue Usage
//! Permission" describes them.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{AccessSpec, AccessStatus, CommonSpec};
use crate::clouds::huawei::{Authorization, Dli, QueueUsers};
use crate::clouds::{Account, CloudError};
use crate::engine::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
use crate::kinds::account::huawei_session;

/// Which user holds which privileges on which queue.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "QueueGrant",
    namespaced,
    status = "AccessStatus",
    category = "cloudaccess",
    shortname = "qg",
    doc = "A QueueGrant says that an IAM user holds privileges on a queue of Huawei Cloud Data Lake Insight (DLI). Deleting it revokes them.",
    printcolumn(name = "Principal", type_ = "string", json_path = ".spec.userName"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.queueName"),
    printcolumn(name = "Access", type_ = "string", json_path = ".spec.privileges"),
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
pub struct QueueGrantSpec {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// The queue. DLI does not distinguish upper and lower case. Cannot be changed.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("queueName cannot be changed: delete this object and create another"))]
    #[x_kube(validation = Rule::new("!self.startsWith('_') && !self.matches('^[0-9]+$')").message("queueName must not start with an underscore nor consist of digits only"))]
    pub queue_name: String,

    /// The name (not the id) of the IAM user, who must have logged in to the DLI console once. Cannot be changed.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_.@-]+( [A-Za-z0-9_.@-]+)*$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("userName cannot be changed: delete this object and create another"))]
    pub user_name: String,

    /// What the user may do on the queue. Objects that name the same user and queue add up.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub privileges: Vec<Privilege>,
}

/// What a user may do on a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Privilege {
    /// Submit jobs.
    SubmitJob,
    /// Cancel jobs.
    CancelJob,
    /// Delete the queue.
    DropQueue,
    /// Grant privileges to others.
    GrantPrivilege,
    /// Revoke privileges of others.
    RevokePrivilege,
    /// See the privileges of others.
    ShowPrivileges,
    /// Restart the queue.
    Restart,
    /// Change the size of the queue.
    ScaleQueue,
}

impl Privilege {
    /// As the service spells it.
    fn name(self) -> &'static str {
        match self {
            Self::SubmitJob => "SUBMIT_JOB",
            Self::CancelJob => "CANCEL_JOB",
            Self::DropQueue => "DROP_QUEUE",
            Self::GrantPrivilege => "GRANT_PRIVILEGE",
            Self::RevokePrivilege => "REVOKE_PRIVILEGE",
            Self::ShowPrivileges => "SHOW_PRIVILEGES",
            Self::Restart => "RESTART",
            Self::ScaleQueue => "SCALE_QUEUE",
        }
    }
}

impl AccessSpec for QueueGrantSpec {
    fn common(&self) -> &CommonSpec {
        &self.common
    }
}

/// Privileges on DLI queues.
pub struct Queues;

impl AccessKind for Queues {
    type Object = QueueGrant;
    type Client = Dli;
    type Details = ();

    const EXCLUSIVE: bool = false;
    const SERVICE: &'static str = "dli";
    const TARGET: &'static str = "queue";

    fn claim(spec: &QueueGrantSpec) -> Result<Claim<()>, InvalidSpec> {
        Ok(Claim {
            // DLI stores names in lower case: two spellings are one queue.
            target: spec.queue_name.to_ascii_lowercase(),
            principal: spec.user_name.clone(),
            wanted: spec.privileges.iter().map(|privilege| privilege.name().to_owned()).collect(),
            details: (),
            secret: None,
        })
    }

    fn connect(account: &Account) -> Result<Dli, InvalidSpec> {
        huawei_session(account).map(Dli::new)
    }

    async fn list(client: &Dli, queue: &Target<'_>) -> Result<Listing, CloudError> {
        Ok(match client.users(queue.id, &queue.purpose).await? {
            QueueUsers::QueueGone => Listing::TargetGone,
            QueueUsers::Users(users) => Listing::of(
                users.into_iter().map(|user| (user.name, Row { access: user.privileges, fixed: user.admin })),
            ),
        })
    }

    async fn write(client: &Dli, queue: &str, changes: &[Change<()>]) -> Vec<Result<(), CloudError>> {
        let authorizations: Vec<_> = changes
            .iter()
            .map(|change| Authorization {
                user: change.principal.clone(),
                before: change.before.clone(),
                // What both adds and removes replaces all.
                after: if change.before.is_subset(&change.after) || change.after.is_subset(&change.before) {
                    change.after.clone()
                } else {
                    change.replacement()
                },
                purpose: change.purpose.clone(),
            })
            .collect();
        client.authorize(queue, &authorizations).await
    }
}
