//! WorkspaceMember: a user or a user group has roles in a DataArts Studio workspace, as Huawei Cloud's page "Adding a
//! Workspace User" (添加工作空间用户) describes them.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::api::{AccessSpec, AccessStatus, CommonSpec};
use crate::clouds::huawei::{DataArts, Identity, Membership, WorkspaceMembers};
use crate::clouds::{Account, CloudError};
use crate::engine::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
use crate::kinds::account::huawei_session;

/// Which user or group has which roles in which workspace.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "WorkspaceMember",
    namespaced,
    status = "AccessStatus",
    category = "cloudaccess",
    shortname = "wm",
    doc = "A WorkspaceMember says that an IAM user, or a user group, has roles in a workspace of Huawei Cloud DataArts Studio. Deleting it takes them away.",
    printcolumn(name = "Principal", type_ = "string", json_path = ".spec['user','group'].id"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.workspaceId"),
    printcolumn(name = "Access", type_ = "string", json_path = ".spec.roles"),
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
#[x_kube(
    validation = Rule::new("has(self.user) != has(self.group)").message("exactly one of user and group must be given"),
    validation = Rule::new("has(self.user) == has(oldSelf.user)").message("a user cannot become a group, nor the other way round: delete this object and create another")
)]
pub struct WorkspaceMemberSpec {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// The id of the workspace: 32 lower-case letters and digits, as the console shows it. Cannot be changed.
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[a-z0-9]{32}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("workspaceId cannot be changed: delete this object and create another"))]
    pub workspace_id: String,

    /// The IAM user, who must have been allowed to use DataArts Studio (DAYU User) by way of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<WorkspaceUser>,

    /// The IAM user group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<WorkspaceGroup>,

    /// The roles: Admin, Developer, Operator, Viewer, or the id of another role, such as that of a custom one. Objects that
    /// name the same member and workspace add up.
    #[schemars(
        length(min = 1, max = 16),
        inner(
            length(min = 1, max = 64),
            regex(pattern = r"^(Admin|Developer|Operator|Viewer|[a-z_-]*[0-9][a-z0-9_-]*)$")
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub roles: Vec<String>,
}

/// An IAM user. What is left out beside the id is looked up from IAM, which the account must be allowed to read then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceUser {
    /// The id of the user: 32 lower-case letters and digits. Cannot be changed.
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[a-z0-9]{32}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("user.id cannot be changed: delete this object and create another"))]
    pub id: String,
    /// The name of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// The id of the account (domain) that the user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[a-z0-9]{32}$"))]
    pub domain_id: Option<String>,
    /// The name of the account (domain) that the user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub domain_name: Option<String>,
}

/// An IAM user group. Its name is looked up from IAM when left out, which the account must be allowed to read then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceGroup {
    /// The id of the group: 32 lower-case letters and digits. Cannot be changed.
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[a-z0-9]{32}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("group.id cannot be changed: delete this object and create another"))]
    pub id: String,
    /// The name of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
}

impl AccessSpec for WorkspaceMemberSpec {
    fn common(&self) -> &CommonSpec {
        &self.common
    }
}

/// The id of a role: the service's own roles have names here.
fn role_id(role: &str) -> String {
    match role {
        "Admin" => "r00001",
        "Developer" => "r00002",
        "Operator" => "r00003",
        "Viewer" => "r00004",
        id => id,
    }
    .to_owned()
}

/// Members of DataArts Studio workspaces.
pub struct Workspaces;

impl AccessKind for Workspaces {
    type Object = WorkspaceMember;
    type Client = DataArts;
    type Details = Identity;

    const EXCLUSIVE: bool = false;
    const SERVICE: &'static str = "dataarts";
    const TARGET: &'static str = "workspace";

    fn claim(spec: &WorkspaceMemberSpec) -> Result<Claim<Identity>, InvalidSpec> {
        let (id, details) = match (&spec.user, &spec.group) {
            (Some(user), None) => {
                let (name, domain_id) = (user.name.clone(), user.domain_id.clone());
                (&user.id, Identity::User { name, domain_id, domain_name: user.domain_name.clone() })
            }
            (None, Some(group)) => (&group.id, Identity::Group { name: group.name.clone() }),
            _ => return Err(InvalidSpec("exactly one of user and group must be given".to_owned())),
        };
        Ok(Claim {
            target: spec.workspace_id.clone(),
            principal: id.clone(),
            wanted: spec.roles.iter().map(|role| role_id(role)).collect(),
            details,
            secret: None,
        })
    }

    fn access(role: &str) -> String {
        role_id(role)
    }

    fn connect(account: &Account) -> Result<DataArts, InvalidSpec> {
        huawei_session(account).map(DataArts::new)
    }

    async fn list(client: &DataArts, workspace: &Target<'_>) -> Result<Listing, CloudError> {
        Ok(match client.members(workspace.id, &workspace.purpose).await? {
            WorkspaceMembers::WorkspaceGone => Listing::TargetGone,
            WorkspaceMembers::Members(members) => Listing::of(
                members.into_iter().map(|member| (member.id, Row { access: member.roles, fixed: member.owner })),
            ),
        })
    }

    async fn write(client: &DataArts, workspace: &str, changes: &[Change<Identity>]) -> Vec<Result<(), CloudError>> {
        let membership = |change: &Change<Identity>| Membership {
            id: change.principal.clone(),
            before: change.before.clone(),
            // Whoever is a member gets all roles anew.
            after: if change.before.is_empty() { change.after.clone() } else { change.replacement() },
            identity: change.details.clone(),
            purpose: change.purpose.clone(),
        };
        client.change(workspace, &changes.iter().map(membership).collect::<Vec<_>>()).await
    }
}
