//! Writes to a cluster's users: what takes away goes first, in batches, one call at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::list::Look;
use super::{Ehpc, UserChange, check_password, v2018, v2024};
use crate::clouds::alibaba::Generation;
use crate::clouds::alibaba::reply::Answer;
use crate::clouds::alibaba::request::Call;
use crate::clouds::batch::{Refusal, in_chunks, not_sent_after};
use crate::clouds::transport::EXCHANGE_TIMEOUT;
use crate::clouds::{CloudError, Fault, IN_FLIGHT, Purpose};

/// Until when, after the changes were asked for, a call may be sent.
const SEND_WINDOW: Duration = Duration::from_secs(25);
const _: () = assert!(SEND_WINDOW.as_secs() + EXCHANGE_TIMEOUT.as_secs() < IN_FLIGHT.as_secs());
/// Users in one call. The smallest of the documented limits; a query with so many passwords is a short URL still.
const BATCH: usize = 20;

/// What one call does, in the order in which the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Deletes users. Their home directories stay.
    Delete,
    /// Moves users to another group.
    Regroup,
    /// Makes users. The only one that cannot be repeated.
    Add,
    /// Gives users another password.
    SetPassword,
}

/// How a generation says a step.
pub(super) struct Words {
    pub(super) action: &'static str,
    pub(super) method: Method,
    pub(super) parameters: Vec<(String, String)>,
    /// Whether a success says that it was done.
    pub(super) confirm: fn(&Answer) -> Result<(), CloudError>,
}

impl Step {
    const ALL: [Self; 4] = [Self::Delete, Self::Regroup, Self::Add, Self::SetPassword];

    fn operation(self) -> &'static str {
        match self {
            Self::Delete => "delete cluster users",
            Self::Regroup => "change the group of cluster users",
            Self::Add => "add cluster users",
            Self::SetPassword => "set the password of cluster users",
        }
    }

    /// Does the change take this step? The newer generation changes group and password at once.
    fn is_of(self, change: &UserChange, generation: Generation) -> bool {
        match (self, &change.before, &change.after) {
            (Self::Delete, Some(_), None) | (Self::Add, None, Some(_)) => true,
            (Self::Regroup, Some(before), Some(after)) => before != after,
            (Self::SetPassword, Some(before), Some(after)) => {
                change.password.is_some() && (generation == Generation::V2018 || before == after)
            }
            (Self::Delete | Self::Add | Self::Regroup | Self::SetPassword, _, _) => false,
        }
    }

    fn batch(self, generation: Generation) -> usize {
        match (self, generation) {
            (Self::Regroup | Self::SetPassword, Generation::V2024) => 1,
            (Self::Delete | Self::Add, Generation::V2024) | (_, Generation::V2018) => BATCH,
        }
    }
}

impl Ehpc {
    /// Makes the changes; the results are in the order of `changes`. Takes less than [`IN_FLIGHT`], and nothing that it
    /// sent lands later; changes whose turn does not come in time are not sent, and [`CloudError::TurnMissed`].
    ///
    /// Users are deleted first; then come changes of group, new users, and passwords. A change fails with the first of its
    /// calls that does.
    ///
    /// A user who turns out to exist when it is to be added may be ours from an earlier try whose answer was lost, or
    /// somebody else's. Either way its password is not known, so the result is [`CloudError::UnexpectedReply`], and a list
    /// has to tell. A user who turns out not to exist when it is to be deleted is deleted.
    ///
    /// # Errors
    ///
    /// [`CloudError::Rejected`], without a call, for a name or a password that no user can have, and for a new user
    /// without a password.
    pub async fn change(&self, cluster: &str, changes: &[UserChange]) -> Vec<Result<(), CloudError>> {
        let send_by = Instant::now() + SEND_WINDOW;
        let generation = self.session.generation();
        let mut results: Vec<Result<(), CloudError>> = changes.iter().map(|change| check(change, generation)).collect();
        // The changes of which a step was made.
        let mut begun = BTreeSet::new();
        for step in Step::ALL {
            let of_step =
                |(index, change): &(usize, &UserChange)| results[*index].is_ok() && step.is_of(change, generation);
            let (indexes, users): (Vec<_>, Vec<_>) = changes.iter().enumerate().filter(of_step).unzip();
            let done = match step {
                Step::Add => self.add(cluster, &users, send_by).await,
                Step::Delete | Step::Regroup | Step::SetPassword => {
                    self.write(cluster, step, &users, step.batch(generation), send_by).await
                }
            };
            for (index, result) in indexes.into_iter().zip(done) {
                results[index] = if begun.insert(index) { result } else { result.map_err(CloudError::partly) };
            }
        }
        results
    }

    /// A step in batches of at most `most`; one that fails because of a member is halved. Only for what may be repeated.
    async fn write(
        &self,
        cluster: &str,
        step: Step,
        users: &[&UserChange],
        most: usize,
        send_by: Instant,
    ) -> Vec<Result<(), CloudError>> {
        let results = in_chunks(users, most, |users| async move {
            match self.send(cluster, step, users, send_by).await {
                Err(Refusal { error: CloudError::PrincipalNotFound { .. }, .. })
                    if step == Step::Delete && users.len() == 1 =>
                {
                    Ok(())
                }
                result => result,
            }
        });
        results.await
    }

    /// Adds users. A batch that fails because of a member may have been carried out in part: a list shows who is missing. One
    /// that fails for another reason is the last.
    async fn add(&self, cluster: &str, users: &[&UserChange], send_by: Instant) -> Vec<Result<(), CloudError>> {
        let mut results = Vec::with_capacity(users.len());
        let mut ended = None;
        for users in users.chunks(BATCH) {
            let result = match &ended {
                Some(error) => Err(Refusal { error: CloudError::clone(error), blames_a_member: false }),
                None => self.send(cluster, Step::Add, users, send_by).await,
            };
            match result {
                Ok(()) => results.extend(users.iter().map(|_| Ok(()))),
                Err(Refusal { error, blames_a_member: true }) if users.len() > 1 => {
                    results.extend(self.add_missing(cluster, users, error, send_by).await);
                }
                Err(Refusal { error, blames_a_member }) => {
                    if !blames_a_member {
                        ended.get_or_insert_with(|| not_sent_after(&error));
                    }
                    results.extend(users.iter().map(|_| Err(error.clone())));
                }
            }
        }
        results
    }

    /// After `error`, adds one by one who is not there. Who is there has a password of which nothing is known: it may have
    /// been there before, and the reason of the failure.
    async fn add_missing(
        &self,
        cluster: &str,
        users: &[&UserChange],
        error: CloudError,
        send_by: Instant,
    ) -> Vec<Result<(), CloudError>> {
        let error = error.partly();
        let purpose = Purpose::most_urgent(users.iter().map(|user| &user.purpose));
        let Some(purpose) = purpose else { return Vec::new() };
        let Ok(shown) = self.read_users(&Look { cluster, purpose, send_by }).await else {
            return users.iter().map(|_| Err(error.clone())).collect();
        };
        let missing: Vec<&UserChange> = users.iter().copied().filter(|user| !shown.contains_key(&user.name)).collect();
        let mut added = self.write(cluster, Step::Add, &missing, 1, send_by).await.into_iter();
        let message = "the user exists now; with which password, is not known".to_owned();
        let there = CloudError::UnexpectedReply { fault: Fault { message, ..error.fault().clone() } };
        let result = |user: &&UserChange| {
            if shown.contains_key(&user.name) {
                return Err(there.clone());
            }
            added.next().unwrap_or_else(|| Err(error.clone())).map_err(CloudError::partly)
        };
        users.iter().map(result).collect()
    }

    async fn send(&self, cluster: &str, step: Step, users: &[&UserChange], send_by: Instant) -> Result<(), Refusal> {
        let generation = self.session.generation();
        let Words { action, method, mut parameters, confirm } = match generation {
            Generation::V2018 => v2018::words(step, users),
            Generation::V2024 => v2024::words(step, users),
        };
        let purpose = Purpose::of_write(users.iter().map(|user| &user.purpose));
        let Some(purpose) = purpose else { return Ok(()) };
        let purpose = purpose.doing(|asked| match step {
            Step::SetPassword => (asked.granted, asked.revoked) = (String::new(), String::new()),
            Step::Regroup if generation == Generation::V2018 => asked.secret_set = false,
            Step::Delete | Step::Regroup | Step::Add => {}
        });
        // Of some this is the second call.
        let goes_on = step == Step::SetPassword && users.iter().any(|user| user.before != user.after);
        let purpose = if goes_on { &purpose.kept() } else { &purpose };
        parameters.insert(0, ("ClusterId".to_owned(), cluster.to_owned()));
        let passwords = users.iter().filter_map(|user| user.password.clone()).collect();
        let operation = step.operation();
        let call = Call { operation, action, generation, method, parameters, passwords, send_by, confirm };
        let answer = match generation {
            Generation::V2018 if call.method == Method::POST => self.session.write_with_form(call, purpose).await,
            Generation::V2018 | Generation::V2024 => self.session.write(&call, purpose).await,
        };
        // What an update does not say was done is about its user.
        let is_of_one = step.batch(generation) == 1;
        answer.map(drop).map_err(|error| {
            let is_about_one = is_of_one && matches!(error, CloudError::UnexpectedReply { .. });
            if is_about_one { Refusal::of_a_member(error) } else { refusal(error) }
        })
    }
}

/// Refuses what the service would refuse, and a whole batch with it. Nothing keeps a user from being deleted.
fn check(change: &UserChange, generation: Generation) -> Result<(), CloudError> {
    let step = Step::ALL.into_iter().find(|step| step.is_of(change, generation));
    let Some(step) = step.filter(|step| *step != Step::Delete) else {
        return Ok(());
    };
    let refused = |why: &str| {
        let fault = Fault::of(step.operation(), format!("not sent: {why}"));
        Err(CloudError::Rejected { fault })
    };
    if !is_name(&change.name) {
        return refused("a user name has 6 to 30 letters, digits and dots, and begins with a letter");
    }
    match change.password.as_ref().map(|password| check_password(password.expose_secret())) {
        Some(Err(rule)) => refused(&rule.to_string()),
        None if step == Step::Add => refused("a new user needs a password"),
        Some(Ok(())) | None => Ok(()),
    }
}

/// What both generations take for a name.
fn is_name(name: &str) -> bool {
    (6..=30).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// The vendor has codes that blame some user, without saying which.
fn refusal(error: CloudError) -> Refusal {
    let blames = |code: &str| code == "PartFailure" || code.starts_with("AgentError.Account.User");
    if error.code().is_some_and(blames) { Refusal::of_a_member(error) } else { error.into() }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
