//! Moves users between a cluster's pools. The vendor's pages are "Associating a User to a Resource Pool" and
//! "Deleting a User Bound to a Resource Pool".

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Asked, Dws, Workload, is_default, wire};
use crate::clouds::batch::{Refusal, in_chunks};
use crate::clouds::budget::CALLS_AT_ONCE;
use crate::clouds::huawei::culprit::{about_the_principal, as_bad_as_the_look, explained, is_worth_a_look, refusal};
use crate::clouds::huawei::difference::Difference;
use crate::clouds::huawei::reading::Reading;
use crate::clouds::huawei::request::{Call, FIRST_WINDOW, REPAIR_WINDOW, Service, is_segment};
use crate::clouds::{CloudError, Fault, Purpose};

/// Users in one call. The vendor's pages say of no maximum.
const MOST_USERS: usize = 50;

/// One user's pools, before and after: one at most, as the vendor has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The database user's name.
    pub user: String,
    /// Where the list showed the user.
    pub before: BTreeSet<String>,
    /// Where it shall show the user.
    pub after: BTreeSet<String>,
    /// What the change is made for.
    pub purpose: Purpose,
}

/// A user is in one pool at a time, so leaving comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Leave,
    Join,
}

impl Action {
    fn operation(self) -> &'static str {
        match self {
            Self::Leave => "take users out of a resource pool",
            Self::Join => "put users into a resource pool",
        }
    }

    /// The last segment of the path.
    fn name(self) -> &'static str {
        match self {
            Self::Leave => "batch-delete",
            Self::Join => "batch-create",
        }
    }

    fn pools(self, difference: &Difference) -> &BTreeSet<String> {
        match self {
            Self::Leave => &difference.removed,
            Self::Join => &difference.added,
        }
    }
}

impl Dws {
    /// Makes the changes; the results are in the order of `changes`. Takes less than [`IN_FLIGHT`](crate::clouds::IN_FLIGHT),
    /// and nothing that it sent lands later; changes whose turn does not come in time are not sent, and
    /// [`CloudError::TurnMissed`].
    ///
    /// Users leave before others join, in batches per pool. A user moves only to a pool that exists, else stays
    /// ([`CloudError::PoolNotFound`]), and joins only after having left. In between the user is in `default_pool`. A pool
    /// exists if the last [`Dws::users`] of the cluster showed it, whether listed or named; any other is asked for first.
    ///
    /// DWS refuses to take out a user that does not exist, and says in no documented way why it refuses. So after refusals
    /// the pools concerned are read once: where they show what was wanted, all is well.
    pub async fn place(&self, cluster: &str, changes: &[Placement]) -> Vec<Result<(), CloudError>> {
        let start = Instant::now();
        let Some(purpose) = Purpose::most_urgent(changes.iter().map(|change| &change.purpose)) else {
            return Vec::new();
        };
        let workload = |window| {
            let reading = Reading::until(&self.session, Service::Dws, purpose, start + window);
            Workload::new(self, reading, Action::Join.operation(), cluster)
        };
        let (first, repair) = match (workload(FIRST_WINDOW), workload(REPAIR_WINDOW)) {
            (Ok(first), Ok(repair)) => (first, repair),
            (Err(error), _) | (_, Err(error)) => return changes.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut placing = Placing {
            dws: self,
            send_by: start + FIRST_WINDOW,
            differences: changes.iter().map(|change| Difference::new(&change.before, &change.after)).collect(),
            results: changes.iter().map(sendable).collect(),
            doubtful: BTreeSet::new(),
            changes,
        };
        placing.verify(&first).await;
        placing.write(Action::Leave, &first).await;
        placing.write(Action::Join, &first).await;
        placing.look(&repair).await;
        placing.results
    }
}

/// The changes of one cluster under way.
struct Placing<'a> {
    dws: &'a Dws,
    send_by: Instant,
    changes: &'a [Placement],
    differences: Vec<Difference>,
    /// So far; only what has met no error goes on.
    results: Vec<Result<(), CloudError>>,
    /// The changes whose errors may hide that all is well.
    doubtful: BTreeSet<usize>,
}

impl Placing<'_> {
    /// Makes sure that those who move have somewhere to go.
    async fn verify(&mut self, workload: &Workload<'_>) {
        let movers: Vec<usize> = (0..self.changes.len())
            .filter(|&index| self.results[index].is_ok())
            .filter(|&index| !self.differences[index].added.is_empty() && !self.differences[index].removed.is_empty())
            .collect();
        let pools = movers.iter().flat_map(|&index| &self.differences[index].added);
        let pools = pools.filter(|pool| !self.dws.has_shown(workload.cluster, pool)).collect();
        let looks = look_at(workload, pools).await;
        for index in movers {
            for pool in &self.differences[index].added {
                match looks.get(pool) {
                    Some(Ok(None)) => {
                        let fault = Fault::of(Action::Join.operation(), format!("there is no pool `{pool}`"));
                        self.results[index] = Err(CloudError::PoolNotFound { fault });
                    }
                    Some(Err(error)) => self.results[index] = Err(error.clone()),
                    Some(Ok(Some(_))) | None => {}
                }
            }
        }
    }

    /// Makes one half of the changes, pool by pool.
    async fn write(&mut self, action: Action, workload: &Workload<'_>) {
        let mut pools: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, difference) in self.differences.iter().enumerate() {
            if self.results[index].is_ok() {
                action.pools(difference).iter().for_each(|pool| pools.entry(pool).or_default().push(index));
            }
        }
        let this = &*self;
        let calls = pools.into_iter().map(|(pool, indexes)| async move {
            let send = |chunk| this.send(action, workload, pool, chunk);
            let results = in_chunks(&indexes, MOST_USERS, send).await;
            indexes.into_iter().zip(results).collect::<Vec<_>>()
        });
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).concat().await;
        for (index, result) in done {
            if let Err(error) = result {
                let has_left = action == Action::Join && !self.differences[index].removed.is_empty();
                let error = if has_left { error.after_a_call() } else { error };
                if is_worth_a_look(&error) {
                    self.doubtful.insert(index);
                }
                self.results[index] = Err(error);
            }
        }
    }

    /// One call. Path and body name the same pool: which of them counts is unverified.
    async fn send(
        &self,
        action: Action,
        workload: &Workload<'_>,
        pool: &str,
        indexes: &[usize],
    ) -> Result<(), Refusal> {
        let users: Vec<&str> = indexes.iter().map(|&index| self.changes[index].user.as_str()).collect();
        let list: Vec<Value> = users.iter().map(|user| json!({"user_name": user})).collect();
        let body = json!({"queue_name": pool, "user_list": list});
        let target = workload.target(&["queues", pool, "users", action.name()], &[]);
        let call = Call::get(Service::Dws, action.operation(), target, self.send_by);
        let call = call.with_body(Method::POST, &body).confirmed_by(wire::accepted);
        let purpose = Purpose::of_write(indexes.iter().map(|&index| &self.changes[index].purpose));
        let Some(purpose) = purpose else { return Ok(()) };
        let purpose = purpose.doing(|asked| match action {
            Action::Leave => asked.granted.clear(),
            Action::Join => asked.revoked.clear(),
        });
        // Whoever has left is in no pool until this has gone.
        let moves = |index: &usize| !self.differences[*index].removed.is_empty();
        let is_second = action == Action::Join && indexes.iter().any(moves);
        let purpose = if is_second { &purpose.kept() } else { &purpose };
        let written = self.dws.session.write(&call, purpose).await;
        written.map(drop).map_err(|error| {
            let error = explained(error, "");
            refusal(if let [user] = users[..] { about_the_principal(error, pool, user) } else { error })
        })
    }

    /// Looks into what is doubtful.
    async fn look(&mut self, workload: &Workload<'_>) {
        let concerned = self.doubtful.iter().map(|&index| &self.differences[index]);
        let pools = concerned.flat_map(|difference| difference.added.iter().chain(&difference.removed));
        let looks = look_at(workload, pools.collect()).await;
        for &index in &self.doubtful {
            let Err(refusal) = &self.results[index] else { continue };
            self.results[index] = judge(&self.changes[index].user, &self.differences[index], refusal, &looks);
        }
    }
}

/// What a look at a pool shows: its users, or that there is no such pool.
type Look = Result<Option<BTreeSet<String>>, CloudError>;

/// Reads who is in these pools.
async fn look_at<'a>(workload: &Workload<'_>, pools: BTreeSet<&'a String>) -> BTreeMap<&'a String, Look> {
    let looks = pools.into_iter().map(|pool| async move { (pool, workload.members(pool, Asked::Written).await) });
    let looks: Vec<_> = looks.collect();
    stream::iter(looks).buffer_unordered(CALLS_AT_ONCE).collect().await
}

/// What comes of a change that was refused, after a look at its pools. Where no user has the very name, one that differs from
/// it in case alone counts: whether the cloud tells such names apart is unverified.
fn judge(
    user: &str,
    difference: &Difference,
    refusal: &CloudError,
    looks: &BTreeMap<&String, Look>,
) -> Result<(), CloudError> {
    let mut shown = looks.values().flatten().flatten();
    let exactly = shown.any(|users| users.contains(user));
    let is_in = |users: &BTreeSet<String>| {
        users.contains(user) || !exactly && users.iter().any(|other| other.eq_ignore_ascii_case(user))
    };
    let mut now = BTreeSet::new();
    let mut unknown = false;
    for (pool, look) in looks {
        let joins = difference.added.contains(*pool);
        match look {
            Ok(Some(users)) if is_in(users) => drop(now.insert((*pool).clone())),
            Ok(None) => unknown |= joins,
            Err(error) if joins || difference.removed.contains(*pool) => {
                return Err(as_bad_as_the_look(refusal, error));
            }
            Ok(Some(_)) | Err(_) => {}
        }
    }
    if difference.holds(&now) {
        Ok(())
    } else if unknown {
        Err(CloudError::PoolNotFound { fault: refusal.fault().clone() })
    } else {
        Err(refusal.clone())
    }
}

/// Refuses what must never be sent.
fn sendable(change: &Placement) -> Result<(), CloudError> {
    let pools = || change.before.symmetric_difference(&change.after);
    let refused = |message| Err(CloudError::Rejected { fault: Fault::of(Action::Join.operation(), message) });
    if change.before == change.after {
        Ok(())
    } else if change.user.is_empty() {
        refused("not sent: no user is named")
    } else if pools().any(|pool| is_default(pool)) {
        refused("not sent: nobody is put into the default pool, or taken out of it")
    } else if !pools().all(|pool| is_segment(pool)) {
        refused("not sent: no resource pool can have this name")
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
