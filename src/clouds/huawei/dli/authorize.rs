//! Writes to a queue's list of users. The vendor's page is "Granting Users with the Queue Usage Permission".

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream;
use http::Method;
use serde_json::json;
use tokio::time::Instant;

use super::{Authorization, Dli, QueueUser, QueueUsers, queue_name, wire};
use crate::clouds::budget::CALLS_AT_ONCE;
use crate::clouds::huawei::culprit::about_the_principal;
use crate::clouds::huawei::difference::Difference;
use crate::clouds::huawei::reading::Reading;
use crate::clouds::huawei::reply::Answer;
use crate::clouds::huawei::request::{Call, FIRST_WINDOW, REPAIR_WINDOW, REPLACE_WINDOW, Service, target};
use crate::clouds::{CloudError, Fault, Purpose};

/// What one call does to the privileges that a user has on a queue. In the order in which the calls are made: what takes
/// away goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    /// Takes these away and leaves others alone.
    Revoke,
    /// Replaces all. The only one that may be repeated by definition, and the only one that overwrites what others did.
    Update,
    /// Adds these and leaves others alone.
    Grant,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Update => "update",
            Self::Grant => "grant",
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Revoke => "revoke queue privileges",
            Self::Update => "update queue privileges",
            Self::Grant => "grant queue privileges",
        }
    }
}

impl Authorization {
    fn difference(&self) -> Difference {
        Difference::new(&self.before, &self.after)
    }

    /// The call that makes the change, and the privileges it names; none if there is nothing to change.
    fn action(&self) -> Option<(Action, BTreeSet<String>)> {
        let Difference { added, removed } = self.difference();
        match (added.is_empty(), removed.is_empty()) {
            (true, true) => None,
            (false, true) => Some((Action::Grant, added)),
            (true, false) => Some((Action::Revoke, removed)),
            (false, false) => Some((Action::Update, self.after.clone())),
        }
    }
}

impl Dli {
    /// Makes the changes; the results are in the order of `changes`. Takes less than [`IN_FLIGHT`], and nothing that it
    /// sent lands later; changes whose turn does not come in time are not sent, and [`CloudError::TurnMissed`].
    ///
    /// Call it right after [`Dli::users`]: a change that both adds and removes replaces the user's privileges, and would
    /// erase what was granted since. Removals are sent first.
    ///
    /// Whether the cloud refuses to grant what is held, or to revoke what is not, is unverified. So after a refusal the
    /// list is read once: where it shows what was wanted, all is well; else the user's privileges, as they are now, with
    /// the change made, are sent as a replacement. An administrator's row is never written.
    pub async fn authorize(&self, queue: &str, changes: &[Authorization]) -> Vec<Result<(), CloudError>> {
        let start = Instant::now();
        let mut results: Vec<Result<(), CloudError>> = vec![Ok(()); changes.len()];
        let mut writes = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            match (change.action(), sendable(queue, change)) {
                (None, _) => {}
                (Some(_), Err(error)) => results[index] = Err(error),
                (Some((action, privileges)), Ok(queue)) => {
                    writes.push(Write {
                        index,
                        queue,
                        user: change.user.clone(),
                        purpose: change.purpose.clone(),
                        action,
                        privileges,
                    });
                }
            }
        }
        writes.sort_by_key(|write| write.action);
        let mut refused = Vec::new();
        for (index, result) in self.write_all(writes, start, start + FIRST_WINDOW).await {
            if let Err(CloudError::Rejected { .. } | CloudError::PrincipalNotFound { .. }) = result {
                refused.push(index);
            }
            results[index] = result;
        }
        if !refused.is_empty() {
            refused.sort_unstable();
            self.repair(queue, changes, &refused, &mut results, start + REPAIR_WINDOW).await;
        }
        results
    }

    /// Looks again after a refusal, and replaces the privileges where it was not for nothing.
    async fn repair(
        &self,
        queue: &str,
        changes: &[Authorization],
        refused: &[usize],
        results: &mut [Result<(), CloudError>],
        send_by: Instant,
    ) {
        let Ok(queue) = queue_name(Action::Update.operation(), queue) else {
            return;
        };
        let Some(purpose) = Purpose::most_urgent(refused.iter().map(|&index| &changes[index].purpose)) else { return };
        let reading = Reading::until(&self.session, Service::Dli, purpose, send_by);
        let users = match self.read_users(&reading, &queue).await {
            Ok(QueueUsers::Users(users)) => users,
            Ok(QueueUsers::QueueGone) => {
                for &index in refused {
                    let fault = Fault::of(Action::Update.operation(), "the queue is gone");
                    results[index] = Err(CloudError::TargetNotFound { fault });
                }
                return;
            }
            Err(error) => {
                for &index in refused {
                    results[index] = Err(error.clone().after_a_call());
                }
                return;
            }
        };
        let listed = Instant::now();
        let mut writes = Vec::new();
        for &index in refused {
            let change = &changes[index];
            let difference = change.difference();
            let nothing = BTreeSet::new();
            let now = users.iter().find(|row| row.name == change.user).map_or(&nothing, |row| &row.privileges);
            if difference.holds(now) {
                results[index] = Ok(());
            } else if may_replace(&users, &change.user) && matches!(results[index], Err(CloudError::Rejected { .. })) {
                let privileges = &(now - &difference.removed) | &difference.added;
                let (user, purpose) = (change.user.clone(), change.purpose.clone());
                writes.push(Write { index, queue: queue.clone(), user, purpose, action: Action::Update, privileges });
            }
        }
        // Those that only remove go first, again.
        writes.sort_by_key(|write| !changes[write.index].difference().added.is_empty());
        for (index, result) in self.write_all(writes, listed, send_by).await {
            results[index] = result.map_err(CloudError::after_a_call);
        }
    }

    /// Makes the calls, some at a time, starting them in order; those that replace soon after the list was read, or not.
    async fn write_all(
        &self,
        writes: Vec<Write>,
        listed: Instant,
        send_by: Instant,
    ) -> Vec<(usize, Result<(), CloudError>)> {
        let calls = writes.into_iter().map(|write| async move {
            let replace_by = send_by.min(listed + REPLACE_WINDOW);
            let send_by = if write.action == Action::Update { replace_by } else { send_by };
            (write.index, self.write(&write, send_by).await)
        });
        stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await
    }

    async fn write(&self, write: &Write, send_by: Instant) -> Result<(), CloudError> {
        let segments = ["v1.0", self.session.project_id(), "queues", "user-authorization"];
        let body = json!({
            "queue_name": write.queue,
            "user_name": write.user,
            "action": write.action.name(),
            "privileges": write.privileges,
        });
        let call = Call::get(Service::Dli, write.action.operation(), target(&segments, &[]), send_by);
        let call = call.with_body(Method::PUT, &body).confirmed_by(Answer::confirmed);
        let written = self.session.write(&call, &write.purpose).await;
        written.map(drop).map_err(|error| about_the_principal(error, &write.queue, &write.user))
    }
}

/// One call to make.
struct Write {
    /// Of the change that it makes.
    index: usize,
    queue: String,
    user: String,
    purpose: Purpose,
    action: Action,
    privileges: BTreeSet<String>,
}

/// Refuses what must never be sent; returns the queue's name as the cloud stores it.
fn sendable(queue: &str, change: &Authorization) -> Result<String, CloudError> {
    let operation = change.action().map_or(Action::Update, |(action, _)| action).operation();
    let refused = |message| Err(CloudError::Rejected { fault: Fault::of(operation, message) });
    if change.before.contains(wire::ALL) || change.after.contains(wire::ALL) {
        return refused("not sent: an administrator's privileges cannot be changed");
    }
    if change.user.is_empty() {
        return refused("not sent: no user is named");
    }
    queue_name(operation, queue)
}

/// A user's privileges may be replaced as a whole. Whether the cloud tells `Ann` from `ann` is unverified: an
/// administrator's row protects every spelling, and what another spelling holds is not in the replacement.
fn may_replace(users: &[QueueUser], user: &str) -> bool {
    let mut alike = users.iter().filter(|row| row.name.eq_ignore_ascii_case(user));
    alike.all(|row| row.name == user && !row.admin)
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
