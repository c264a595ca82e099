//! DataArts Studio: who is a member of a workspace, and with which roles.

mod change;
mod identity;
mod wire;

use std::collections::BTreeSet;

pub use change::Membership;
pub use identity::Identity;

use self::identity::Known;
use self::wire::Row;
use super::Session;
use super::paging::{Incomplete, Page, Pages, read_all};
use super::reading::Reading;
use super::request::{Service, is_id, target};
use crate::clouds::{CloudError, Fault, Purpose};

const LIST_MEMBERS: &str = "list workspace members";
const LIST_ROLES: &str = "list workspace roles";

/// One row of a workspace's list of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the IAM user or user group.
    pub id: String,
    /// The ids of its roles: `r00001` to `r00004`, and custom ones.
    pub roles: BTreeSet<String>,
    /// The workspace's owner, who is never changed.
    pub owner: bool,
}

/// Who is a member of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkspaceMembers {
    /// Every member, read completely, in the cloud's order; no id comes twice.
    Members(Vec<Member>),
    /// Two different calls agree that there is no such workspace.
    WorkspaceGone,
}

/// The DataArts Studio client of one account. It keeps what it learns of members' names.
#[derive(Debug)]
pub struct DataArts {
    session: Session,
    known: Known,
}

impl DataArts {
    /// A client that calls as `session`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session, known: Known::default() }
    }

    /// Reads who is a member of `workspace`: completely, or not at all. Takes at most two and a half minutes.
    ///
    /// The vendor's page is "Obtaining Workspace User Information". That the workspace is not found is believed only when
    /// its roles, another call, are not found either. A denial is never an absence.
    ///
    /// # Errors
    ///
    /// [`CloudError::UnexpectedReply`] for a list that is incomplete, contradicts itself or changed while it was read, and
    /// when one call says that the workspace is not found and another one answers for it. [`CloudError::Rejected`], without
    /// a call, for an id that no workspace can have.
    pub async fn members(&self, workspace: &str, purpose: &Purpose) -> Result<WorkspaceMembers, CloudError> {
        if !is_id(workspace) {
            let fault = Fault::of(LIST_MEMBERS, "not sent: no workspace can have this id");
            return Err(CloudError::Rejected { fault });
        }
        self.read_members(&Reading::new(&self.session, Service::DataArts, purpose), workspace).await
    }

    async fn read_members(&self, reading: &Reading<'_>, workspace: &str) -> Result<WorkspaceMembers, CloudError> {
        match read_all(&MemberList { reading, project_id: self.session.project_id(), workspace }).await {
            Ok(rows) => {
                let (members, known): (Vec<_>, _) =
                    rows.into_iter().map(|row| (row.member.clone(), (row.member.id, row.facts))).unzip();
                self.known.listed(workspace, known);
                Ok(WorkspaceMembers::Members(members))
            }
            Err(Incomplete::Inconsistent(message)) => {
                Err(CloudError::UnexpectedReply { fault: Fault::of(LIST_MEMBERS, message) })
            }
            Err(Incomplete::Failed(CloudError::TargetNotFound { fault })) => {
                self.confirm_gone(reading, workspace, fault).await
            }
            Err(Incomplete::Failed(error)) => Err(error),
        }
    }

    /// One call has said that the workspace is not found. Asks for its roles: "Obtaining Workspace Roles".
    async fn confirm_gone(
        &self,
        reading: &Reading<'_>,
        workspace: &str,
        said: Fault,
    ) -> Result<WorkspaceMembers, CloudError> {
        let segments = ["v2", self.session.project_id(), "users", "role"];
        match reading.get(LIST_ROLES, target(&segments, &[("workspace_id", workspace)])).await {
            Ok(_) => {
                let message = format!("the workspace is said not to exist, and yet has roles: {}", said.message);
                Err(CloudError::UnexpectedReply { fault: Fault { message, ..said } })
            }
            Err(CloudError::TargetNotFound { .. }) => Ok(WorkspaceMembers::WorkspaceGone),
            Err(error) => Err(error),
        }
    }
}

/// The members of one workspace, in pages.
struct MemberList<'a> {
    reading: &'a Reading<'a>,
    project_id: &'a str,
    workspace: &'a str,
}

impl Pages for MemberList<'_> {
    type Row = Row;

    fn key(row: &Row) -> &str {
        &row.member.id
    }

    async fn page(&self, limit: usize, offset: usize) -> Result<Page<Row>, CloudError> {
        let segments = ["v2", self.project_id, self.workspace, "users"];
        let target = target(&segments, &[("limit", &limit.to_string()), ("offset", &offset.to_string())]);
        wire::members(&self.reading.get(LIST_MEMBERS, target).await?)
    }

    fn largest_page(&self, rows: usize) -> usize {
        self.reading.largest_page(rows)
    }
}

#[cfg(test)]
mod tests;
