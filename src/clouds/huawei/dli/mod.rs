//! Data Lake Insight: who may use a queue.

mod authorize;
mod wire;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use super::paging::{Incomplete, Page, Pages, read_all};
use super::request::{Call, target};
use crate::clouds::{CloudError, Fault};

const LIST_USERS: &str = "list queue users";
const LIST_QUEUES: &str = "list queues";
/// How long reading one list may take, however many pages it has.
const LIST_WINDOW: Duration = Duration::from_mins(2);
/// How long one read may wait for its turn.
const TURN_WINDOW: Duration = Duration::from_secs(20);

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
    pub async fn users(&self, queue: &str) -> Result<QueueUsers, CloudError> {
        let queue = queue_name(LIST_USERS, queue)?;
        self.read_users(&queue, Instant::now() + LIST_WINDOW).await
    }

    async fn read_users(&self, queue: &str, send_by: Instant) -> Result<QueueUsers, CloudError> {
        match read_all(&UserList { session: &self.session, queue, send_by, begun: AtomicBool::new(false) }).await {
            Ok(users) => Ok(QueueUsers::Users(users)),
            Err(Incomplete::Inconsistent(message)) => {
                Err(CloudError::UnexpectedReply { fault: Fault::of(LIST_USERS, message) })
            }
            Err(Incomplete::Failed(CloudError::TargetNotFound { fault })) => {
                self.confirm_gone(queue, fault, send_by).await
            }
            Err(Incomplete::Failed(error)) => Err(error),
        }
    }

    /// One call has said that the queue is not found. Asks for the list of all queues, general-purpose ones included
    /// (they are not by default); it has no pages unless asked for. The vendor's page is "Querying All Queues".
    async fn confirm_gone(&self, queue: &str, said: Fault, send_by: Instant) -> Result<QueueUsers, CloudError> {
        let target = target(&["v1.0", self.session.project_id(), "queues"], &[("queue_type", "all")]);
        let answer = self.session.call(&Call::get(LIST_QUEUES, target, turn(send_by))).await?;
        if wire::has_queue(&answer, queue)? {
            let message = format!("the queue is said not to exist, and yet is in the list of queues: {}", said.message);
            return Err(CloudError::UnexpectedReply { fault: Fault { message, ..said } });
        }
        Ok(QueueUsers::QueueGone)
    }
}

/// The users of one queue, in pages.
struct UserList<'a> {
    session: &'a Session,
    queue: &'a str,
    send_by: Instant,
    /// A page of it was read.
    begun: AtomicBool,
}

impl UserList<'_> {
    async fn read_page(&self, limit: usize, offset: usize) -> Result<Page<QueueUser>, CloudError> {
        let segments = ["v1.0", self.session.project_id(), "queues", self.queue, "users"];
        let target = target(&segments, &[("limit", &limit.to_string()), ("offset", &offset.to_string())]);
        let answer = self.session.call(&Call::get(LIST_USERS, target, turn(self.send_by))).await?;
        self.begun.store(true, Ordering::Relaxed);
        wire::users(&answer, self.queue)
    }
}

impl Pages for UserList<'_> {
    type Row = QueueUser;

    fn key(row: &QueueUser) -> &str {
        &row.name
    }

    /// A list under way waits for a throttled account to go on: begun anew, a list of more pages than the cloud takes in
    /// a burst would never be read.
    async fn page(&self, limit: usize, offset: usize) -> Result<Page<QueueUser>, CloudError> {
        loop {
            match self.read_page(limit, offset).await {
                Err(CloudError::Throttled { retry_after: Some(pause), .. })
                    if self.begun.load(Ordering::Relaxed) && Instant::now() + pause < self.send_by =>
                {
                    tokio::time::sleep(pause).await;
                }
                page => return page,
            }
        }
    }

    fn largest_page(&self, rows: usize) -> usize {
        self.session.largest_page(rows)
    }
}

fn turn(send_by: Instant) -> Instant {
    send_by.min(Instant::now() + TURN_WINDOW)
}

/// The name as the cloud stores it. It becomes part of a path: what could name another path is refused.
fn queue_name(operation: &'static str, queue: &str) -> Result<String, CloudError> {
    let fits = (1..=128).contains(&queue.len())
        && queue != "."
        && queue != ".."
        && !queue.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    if fits {
        Ok(queue.to_ascii_lowercase())
    } else {
        Err(CloudError::Rejected { fault: Fault::of(operation, "not sent: no queue can have this name") })
    }
}

#[cfg(test)]
mod tests;
