//! Data Lake Insight: who may use a queue.

mod authorize;
mod wire;

use std::collections::BTreeSet;

use super::Session;
use super::paging::{Incomplete, Page, Pages, read_all};
use super::reading::Reading;
use super::request::{Service, is_segment, target};
use crate::clouds::{CloudError, Fault, Purpose};

const LIST_USERS: &str = "list queue users";
const LIST_QUEUES: &str = "list queues";

/// One row of a queue's list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUser {
    /// The IAM user's name.
    pub name: String,
    /// An administrator or the queue's owner: holds everything, and can be neither granted nor revoked anything.
    pub admin: bool,
    /// What the user may do on the queue, as the cloud spells it; the old `SHOW_PRIVILEGE` as `SHOW_PRIVILEGES`.
    pub privileges: BTreeSet<String>,
}

/// Who may use a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueUsers {
    /// Every user, read completely, in the cloud's order; no name comes twice.
    Users(Vec<QueueUser>),
    /// Two different calls agree that there is no such queue.
    QueueGone,
}

/// One user's privileges on a queue, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The IAM user's name.
    pub user: String,
    /// What the list showed.
    pub before: BTreeSet<String>,
    /// What it shall show.
    pub after: BTreeSet<String>,
    /// What the change is made for.
    pub purpose: Purpose,
}

/// The DLI client of one account. Cheap to make: what it learns is the session's.
#[derive(Debug, Clone)]
pub struct Dli {
    session: Session,
}

impl Dli {
    /// A client that calls as `session`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// Reads who may use `queue`: completely, or not at all. Takes at most two and a half minutes.
    ///
    /// The vendor's page is "Querying Queue Users". That the queue is not found is believed only when the list of all
    /// queues, another call, lacks it too.
    ///
    /// # Errors
    ///
    /// [`CloudError::UnexpectedReply`] for a list that is incomplete, contradicts itself or changed while it was read,
    /// and when one call says that the queue is not found and another one shows it. [`CloudError::Rejected`], without a
    /// call, for a name that no queue can have.
    pub async fn users(&self, queue: &str, purpose: &Purpose) -> Result<QueueUsers, CloudError> {
        let queue = queue_name(LIST_USERS, queue)?;
        self.read_users(&Reading::new(&self.session, Service::Dli, purpose), &queue).await
    }

    async fn read_users(&self, reading: &Reading<'_>, queue: &str) -> Result<QueueUsers, CloudError> {
        match read_all(&UserList { reading, project_id: self.session.project_id(), queue }).await {
            Ok(users) => Ok(QueueUsers::Users(users)),
            Err(Incomplete::Inconsistent(message)) => {
                Err(CloudError::UnexpectedReply { fault: Fault::of(LIST_USERS, message) })
            }
            Err(Incomplete::Failed(CloudError::TargetNotFound { fault })) => {
                self.confirm_gone(reading, queue, fault).await
            }
            Err(Incomplete::Failed(error)) => Err(error),
        }
    }

    /// One call has said that the queue is not found. Asks for the list of all queues, general-purpose ones included
    /// (they are not by default); it has no pages unless asked for. The vendor's page is "Querying All Queues".
    async fn confirm_gone(&self, reading: &Reading<'_>, queue: &str, said: Fault) -> Result<QueueUsers, CloudError> {
        let target = target(&["v1.0", self.session.project_id(), "queues"], &[("queue_type", "all")]);
        let answer = reading.get(LIST_QUEUES, target).await?;
        if wire::has_queue(&answer, queue)? {
            let message = format!("the queue is said not to exist, and yet is in the list of queues: {}", said.message);
            return Err(CloudError::UnexpectedReply { fault: Fault { message, ..said } });
        }
        Ok(QueueUsers::QueueGone)
    }
}

/// The users of one queue, in pages.
struct UserList<'a> {
    reading: &'a Reading<'a>,
    project_id: &'a str,
    queue: &'a str,
}

impl Pages for UserList<'_> {
    type Row = QueueUser;

    fn key(row: &QueueUser) -> &str {
        &row.name
    }

    async fn page(&self, limit: usize, offset: usize) -> Result<Page<QueueUser>, CloudError> {
        let segments = ["v1.0", self.project_id, "queues", self.queue, "users"];
        let target = target(&segments, &[("limit", &limit.to_string()), ("offset", &offset.to_string())]);
        wire::users(&self.reading.get(LIST_USERS, target).await?, self.queue)
    }

    fn largest_page(&self, rows: usize) -> usize {
        self.reading.largest_page(rows)
    }
}

/// The name as the cloud stores it. It becomes part of a path: what could name another path is refused.
fn queue_name(operation: &'static str, queue: &str) -> Result<String, CloudError> {
    if is_segment(queue) {
        Ok(queue.to_ascii_lowercase())
    } else {
        Err(CloudError::Rejected { fault: Fault::of(operation, "not sent: no queue can have this name") })
    }
}

#[cfg(test)]
mod tests;
