//! Data Warehouse Service: which database users are in which resource pool of a cluster.

mod place;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _, stream};

pub use place::Placement;

use super::Session;
use super::culprit::has_failed;
use super::paging::{Incomplete, Page, Pages, read_all};
use super::reading::Reading;
use super::request::{Service, is_id, is_segment, target};
use crate::clouds::budget::CALLS_AT_ONCE;
use crate::clouds::{CloudError, Fault, Purpose};

const LIST_POOLS: &str = "list resource pools";
const SHOW_POOL: &str = "show a resource pool";
const LIST_USERS: &str = "list resource pool users";
const SHOW_CLUSTER: &str = "show workload management";
/// Where users are who are in no other pool: nobody is placed there, and nobody is taken out. However it is spelled:
/// whether the cloud tells upper from lower case is unverified.
const DEFAULT_POOL: &str = "default_pool";

/// Who is in a cluster's pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterUsers {
    /// Every user of every pool but `default_pool`, read completely.
    Users {
        /// The pools that each user is in: one, as the vendor has it.
        users: BTreeMap<String, BTreeSet<String>>,
        /// The pools that were named and that do not exist, as two different calls agree.
        unknown_pools: BTreeSet<String>,
    },
    /// Two different calls agree that there is no such cluster.
    ClusterGone,
}

/// The DWS client of one account. It keeps which pools there are.
#[derive(Debug)]
pub struct Dws {
    session: Session,
    /// The pools of each cluster that its last list showed.
    pools: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Dws {
    /// A client that calls as `session`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session, pools: Mutex::default() }
    }

    /// Reads who is in the pools of `cluster`: completely, or not at all. Takes at most two and a half minutes.
    ///
    /// The pools are those of the cluster's list, and those `named`: the list leaves out pools of logical clusters. The
    /// vendor's pages are "Querying Resource Pools" and "Querying the List of Users Bound to a Resource Pool". `default_pool`
    /// is left out, whether listed or named; a name that differs from a listed one in case alone is unknown, and not asked for.
    ///
    /// DWS says of a pool that does not exist that the service has failed. So a pool is taken as absent only when it is not
    /// in the list of pools, and is not shown, and is twice found to have no list of users. In an outage that can happen to a
    /// pool of a logical cluster. That the cluster is not found is believed only when its workload management, another call,
    /// is not found either. A denial is never an absence.
    ///
    /// # Errors
    ///
    /// [`CloudError::UnexpectedReply`] for a list that is incomplete, contradicts itself or changed while it was read, and
    /// when calls disagree on whether the cluster exists. [`CloudError::Rejected`], without a call, for an id that no
    /// cluster can have.
    pub async fn users(
        &self,
        cluster: &str,
        named: &BTreeSet<String>,
        purpose: &Purpose,
    ) -> Result<ClusterUsers, CloudError> {
        let reading = Reading::new(&self.session, Service::Dws, purpose);
        let workload = Workload::new(self, reading, LIST_POOLS, cluster)?;
        match workload.users(named).await {
            Ok((pools, users)) => {
                self.pools.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.to_owned(), pools);
                Ok(users)
            }
            Err(CloudError::TargetNotFound { fault }) => workload.confirm_gone(fault).await,
            Err(error) => Err(error),
        }
    }

    /// Did the last list of the cluster show this pool?
    fn has_shown(&self, cluster: &str, pool: &str) -> bool {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.get(cluster).is_some_and(|pools| pools.contains(pool))
    }
}

/// How a pool came to be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The list of pools has just shown it.
    Listed,
    /// Somebody has written down its name.
    Named,
    /// A write is about it.
    Written,
}

/// The workload management of one cluster, as one reading sees it.
struct Workload<'a> {
    reading: Reading<'a>,
    project_id: &'a str,
    cluster: &'a str,
}

impl<'a> Workload<'a> {
    fn new(dws: &'a Dws, reading: Reading<'a>, operation: &'static str, cluster: &'a str) -> Result<Self, CloudError> {
        if is_id(cluster) {
            Ok(Self { reading, project_id: dws.session.project_id(), cluster })
        } else {
            Err(CloudError::Rejected { fault: Fault::of(operation, "not sent: no cluster can have this id") })
        }
    }

    /// Path and query of what belongs to the cluster's workload management.
    fn target(&self, below: &[&str], query: &[(&str, &str)]) -> String {
        target(&[&["v2", self.project_id, "clusters", self.cluster, "workload"], below].concat(), query)
    }

    /// The pools, and who is in them.
    async fn users(&self, named: &BTreeSet<String>) -> Result<(BTreeSet<String>, ClusterUsers), CloudError> {
        let listed = self.pools().await?;
        // Whether the cloud tells such names apart is unverified. If not, the users of the listed one would be in both.
        let respelled =
            |name: &String| !listed.contains(name) && listed.iter().any(|pool| pool.eq_ignore_ascii_case(name));
        let named = named.iter().filter(|name| !is_default(name)).cloned();
        let (mut unknown_pools, named): (BTreeSet<_>, BTreeSet<_>) = named.partition(respelled);
        let looks = listed.union(&named).map(|pool| async {
            let asked = if listed.contains(pool) { Asked::Listed } else { Asked::Named };
            Ok::<_, CloudError>((pool.clone(), self.members(pool, asked).await?))
        });
        // Collected first: what borrows by way of a closure cannot be sent between threads.
        let looks: Vec<_> = looks.collect();
        let looks: Vec<_> = stream::iter(looks).buffered(CALLS_AT_ONCE).try_collect().await?;
        let mut pools = BTreeSet::new();
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (pool, members) in looks {
            match members {
                Some(members) => {
                    for user in members {
                        users.entry(user).or_default().insert(pool.clone());
                    }
                    pools.insert(pool);
                }
                None if named.contains(&pool) => drop(unknown_pools.insert(pool)),
                None => {}
            }
        }
        Ok((pools, ClusterUsers::Users { users, unknown_pools }))
    }

    /// The pools of the cluster's list.
    async fn pools(&self) -> Result<BTreeSet<String>, CloudError> {
        let answer = self.reading.get(LIST_POOLS, self.target(&["queues"], &[])).await?;
        let mut pools = wire::pools(&answer)?;
        pools.retain(|pool| !is_default(pool));
        Ok(pools)
    }

    /// Who is in `pool`; `None` if there is no such pool.
    ///
    /// One that was listed has vanished only if a second list lacks it. One that was not listed may be any name that
    /// somebody has written down: what is refused about it says that there is none, and holds up nobody else; nor does a
    /// service that fails to show it. But a pool of a logical cluster cannot be shown either, so its users are asked for
    /// once more, in case the service had failed.
    async fn members(&self, pool: &str, asked: Asked) -> Result<Option<BTreeSet<String>>, CloudError> {
        let listed = asked == Asked::Listed;
        if !is_segment(pool) {
            let fault = Fault::of(LIST_USERS, "not sent: the name of a resource pool does not fit into a path");
            return if listed { Err(CloudError::UnexpectedReply { fault }) } else { Ok(None) };
        }
        let doubt = match self.list(pool).await {
            Ok(users) => return Ok(Some(users)),
            Err(error) if may_be_absent(&error) => error,
            Err(error) => return Err(error),
        };
        if listed && self.pools().await?.contains(pool) {
            return Err(doubt);
        }
        match self.shows(pool).await {
            Ok(true) => return Err(doubt),
            Ok(false) => {}
            Err(error) if asked == Asked::Named && has_failed(&error) => {}
            Err(error) => return Err(error),
        }
        if listed {
            return Ok(None);
        }
        match self.list(pool).await {
            Ok(users) => Ok(Some(users)),
            Err(error) if may_be_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The users of one pool, in pages.
    async fn list(&self, pool: &str) -> Result<BTreeSet<String>, CloudError> {
        match read_all(&UserList { workload: self, pool }).await {
            Ok(users) => Ok(users.into_iter().collect()),
            Err(Incomplete::Inconsistent(message)) => {
                Err(CloudError::UnexpectedReply { fault: Fault::of(LIST_USERS, message) })
            }
            Err(Incomplete::Failed(error)) => Err(error),
        }
    }

    /// Is the pool shown? One that does not exist is refused, by HTTP 500 with a code of the database.
    async fn shows(&self, pool: &str) -> Result<bool, CloudError> {
        match self.reading.get(SHOW_POOL, self.target(&["queues", pool], &[])).await {
            Ok(answer) => wire::shows(&answer, pool),
            Err(CloudError::Rejected { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One call has said that the cluster is not found. Asks for its workload management.
    async fn confirm_gone(&self, said: Fault) -> Result<ClusterUsers, CloudError> {
        match self.reading.get(SHOW_CLUSTER, self.target(&[], &[])).await {
            Ok(_) => {
                let message = format!("the cluster is said not to exist, and yet it is shown: {}", said.message);
                Err(CloudError::UnexpectedReply { fault: Fault { message, ..said } })
            }
            Err(CloudError::TargetNotFound { .. }) => Ok(ClusterUsers::ClusterGone),
            Err(error) => Err(error),
        }
    }
}

/// The users of one pool, in pages.
struct UserList<'a> {
    workload: &'a Workload<'a>,
    pool: &'a str,
}

impl Pages for UserList<'_> {
    type Row = String;

    fn key(row: &String) -> &str {
        row
    }

    async fn page(&self, limit: usize, offset: usize) -> Result<Page<String>, CloudError> {
        let query = [("limit", &*limit.to_string()), ("offset", &*offset.to_string())];
        let target = self.workload.target(&["queues", self.pool, "users"], &query);
        wire::users(&self.workload.reading.get(LIST_USERS, target).await?, self.pool)
    }

    fn largest_page(&self, rows: usize) -> usize {
        self.workload.reading.largest_page(rows)
    }
}

/// Does this answer to a list of users leave open whether there is such a pool?
fn may_be_absent(error: &CloudError) -> bool {
    match error {
        CloudError::Unavailable { .. } => has_failed(error),
        CloudError::Rejected { .. } | CloudError::TargetNotFound { .. } => true,
        CloudError::Throttled { .. }
        | CloudError::TurnMissed { .. }
        | CloudError::Unreachable { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::AccessDenied { .. }
        | CloudError::TargetNotReady { .. }
        | CloudError::PoolNotFound { .. }
        | CloudError::PrincipalNotFound { .. }
        | CloudError::UnexpectedReply { .. } => false,
    }
}

fn is_default(pool: &str) -> bool {
    pool.eq_ignore_ascii_case(DEFAULT_POOL)
}

#[cfg(test)]
mod tests;
