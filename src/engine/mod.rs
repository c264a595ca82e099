//! The engine: watches objects, groups their claims by target, and runs passes. It knows no kind and no vendor.
//!
//! | module | what for |
//! | --- | --- |
//! | [`kind`](AccessKind) | the seam for a kind |
//! | `watch`, `renewal` | brings objects and accounts into the store; a watch that begins anew |
//! | `entry`, `recorded`, `store`, `group` | the objects, as newest known, what one says that cannot be decoded, and which target each belongs to |
//! | `accounts`, `account_objects`, `guard`, `secrets` | accounts and connections; their objects, and what keeps them; the Secrets that these and claims name |
//! | `health`, `shared` | how accounts stand, told in their statuses; by whom, where operators share one |
//! | `policy`, `tenants` | what a ClusterCloudAccount lets whom ask for; the labels of namespaces, which decide that too |
//! | `tally` | how objects use accounts |
//! | `tasks` | what runs: the watches and passes of each kind, and what keeps accounts |
//! | `queue`, `ready` | runs a pass per target: one at a time, bounded, contained; which one starts next |
//! | `context` | what the engines of all kinds share, and what of it comes from outside |
//! | `calls`, `objects` | calls to the API server: so many at once; the patches and reads of one kind |
//! | `urgency` | what a pass's calls are for: what is urgent goes first |
//! | `pass`, `course` | list, plan, apply, report; in which order |
//! | `gather`, `observe` | what a pass works on: its claims, and what the cloud shows |
//! | `steps`, `changes`, `parts`, `asked` | carry out what was planned: Kubernetes first, then the cloud; through which account; who asked |
//! | `brake`, `ledger` | what an account's revocationLimit lets go, and what it holds back |
//! | `standing` | what a claim may do now, and why: validity, suspension, mode |
//! | `unmanaged`, `figures` | counts what nobody asked for; and objects and accounts for the metrics |
//! | `report`, `wording`, `status`, `events` | how claims rest, in words, conditions and events |
//! | `memory`, `landing`, `reaction` | what is remembered between passes; writes as lists show them; patience with failures |
//! | [`problem`](Problem) | why something that a claim needs cannot be used |

mod account_objects;
mod accounts;
mod asked;
mod brake;
mod calls;
mod changes;
mod context;
mod course;
mod entry;
mod events;
mod figures;
mod gather;
mod group;
mod guard;
mod health;
mod holds;
mod kind;
mod landing;
mod ledger;
mod memory;
mod objects;
mod observe;
mod parts;
mod pass;
mod policy;
mod problem;
mod queue;
mod reaction;
mod ready;
mod received;
mod recorded;
mod renewal;
mod report;
mod secrets;
mod shared;
mod standing;
mod status;
mod steps;
mod store;
mod tally;
mod tasks;
mod tenants;
mod unmanaged;
mod urgency;
mod watch;
mod wording;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use kube::runtime::scheduler::ScheduleRequest;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::info;

pub use accounts::ResolveAccount;
pub use context::{Context, Outside};
pub use entry::ObjectKey;
pub use events::{EventPublisher, Events};
pub use kind::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
pub use problem::Problem;
pub use secrets::SecretData;
pub use tasks::{AccountUse, KindTasks, Task, kind_tasks, watch_accounts};

use crate::api::AccountKind;
use crate::clock::Clock;
use crate::clouds::Urgency;
use crate::lease::Leadership;
use crate::metrics::KindMetrics;
use crate::plan::Outcome;
use accounts::{Accounts, Connection};
use brake::Brake;
use entry::Entry;
use group::Group;
use guard::Guard;
use health::Health;
use memory::{Rest, TargetMemory};
use objects::Objects;
use reaction::Trouble;
use ready::{Due, InPasses};
use secrets::Secrets;
use store::Store;
use unmanaged::Unmanaged;

/// How often the clock is compared with the time that has passed, and the least difference that somebody has made.
const CLOCK_INTERVAL: Duration = Duration::from_secs(2);
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(1);

/// The longest rest of a target after a pass: whoever edits an object meanwhile waits for its end.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How the engine paces itself. Every interval is an operator flag, or follows from one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Namespaces to watch; empty: all.
    pub namespaces: Vec<String>,
    /// The operator's own namespace, where ClusterCloudAccounts have their Secrets.
    pub own_namespace: String,
    /// How often a target is looked at when nothing happens, unless its account says otherwise.
    pub drift_interval: Duration,
    /// How long a write may take to land: longer than any request may take.
    pub in_flight_window: Duration,
    /// How long what is missing is waited for before a claim counts as stalled.
    pub stalled_after: Duration,
    /// How long events are gathered before their target is looked at.
    pub debounce: Duration,
    /// How long a Secret is believed to be as it was read.
    pub secret_interval: Duration,
    /// How long a watch lasts before it is opened anew.
    pub watch_timeout: Duration,
    /// How often everything is listed anew, for what a watch may have lost.
    pub resync_interval: Duration,
    /// The longest that one Kubernetes call may take.
    pub call_timeout: Duration,
    /// The longest that one pass may take.
    pub pass_timeout: Duration,
    /// When to try again after the API server refused a patch, or a pass failed as a whole.
    pub retry_after_refusal: Duration,
    /// Passes of one urgency at once.
    pub concurrent_passes: usize,
    /// How long running passes may go on after the order to stop.
    pub grace: Duration,
    /// A number in 0..1, different each time: spreads retries and looks.
    pub random: fn() -> f64,
}

/// The engine of one kind.
struct Engine<K: AccessKind> {
    settings: Settings,
    clock: Clock,
    accounts: Arc<Accounts>,
    secrets: Arc<Secrets>,
    brake: Arc<Brake>,
    guard: Arc<Guard>,
    health: Arc<Health>,
    unmanaged: Arc<Unmanaged>,
    in_passes: Arc<InPasses>,
    metrics: KindMetrics,
    store: Store<K::Object>,
    objects: Objects<K::Object>,
    clients: Mutex<HashMap<ObjectKey, VersionedClient<K>>>,
    memories: Mutex<HashMap<Group, Arc<Mutex<TargetMemory>>>>,
    requests: mpsc::UnboundedSender<ScheduleRequest<Group>>,
    events: Events,
    leadership: Leadership,
}

/// The version of the account that a client was made for, and the client.
type VersionedClient<K> = (Arc<str>, Arc<<K as AccessKind>::Client>);

/// A client of an account, and why it serves revocations only, if so; or why there is none.
type Reach<K> = Result<(Arc<<K as AccessKind>::Client>, Option<Trouble>), Trouble>;

impl<K: AccessKind> Engine<K> {
    /// From then on nothing that a predecessor sent can land any more. Passes run while this process leads.
    fn sure_from(&self) -> Instant {
        self.leadership.since().unwrap_or_else(Instant::now) + self.settings.in_flight_window
    }

    /// Looks at groups as soon as events have had time to gather.
    fn schedule_all(&self, groups: BTreeSet<Group>) {
        self.schedule_in(self.settings.debounce, groups);
    }

    /// Looks at groups after so long at the latest.
    fn schedule_in(&self, wait: Duration, groups: BTreeSet<Group>) {
        let run_at = Instant::now() + wait;
        for group in groups {
            self.schedule_at(run_at, group);
        }
    }

    /// Looks at a group then at the latest.
    fn schedule_at(&self, run_at: Instant, message: Group) {
        // Fails only when the queue has stopped, and then nothing is to be looked at any more.
        drop(self.requests.send(ScheduleRequest { message, run_at }));
    }

    /// How urgent the next pass of a group is: as its most urgent object.
    fn due(&self, group: &Group) -> Due {
        let (now, entries) = (self.clock.now(), self.store.group(group));
        let mut due = Due { urgency: Urgency::Look, objects: entries.len(), revocations: BTreeSet::new() };
        for entry in entries {
            let urgency = entry.urgency(now);
            due.urgency = due.urgency.min(urgency);
            if urgency == Urgency::Revocation {
                due.revocations.insert(entry.uid.clone());
            }
        }
        due
    }

    /// A pass that was `due` has ended. One that goes on at once was cut short; after any other one the target rests, but not for
    /// long, so that a stream of events has it read for no more than half of the time.
    fn rest(&self, group: &Group, due: Due, started: Instant, ended: &course::Ended) {
        let now = Instant::now();
        let Some(next) = ended.next else { return };
        let time = (2 * ended.read_for).saturating_sub(now - started).min(LONGEST_REST);
        let rest = (next > now).then(|| Rest { until: now + time, next, due });
        self.memory_of(group).lock().unwrap_or_else(PoisonError::into_inner).rest = rest;
    }

    /// Until when a target rests, though a pass is due.
    fn rests_until(&self, group: &Group, due: &Due) -> Option<Instant> {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memories.get(group)?.lock().unwrap_or_else(PoisonError::into_inner);
        memory.rest.as_ref()?.holds(due, Instant::now())
    }

    /// Looks at all whose access begins or ends at some time when somebody has set the clock: what was waited for may have
    /// come.
    async fn heed_clock(&self) {
        let (mut clock, mut instant) = (self.clock.now(), Instant::now());
        loop {
            tokio::time::sleep(CLOCK_INTERVAL).await;
            let before = (clock, instant);
            (clock, instant) = (self.clock.now(), Instant::now());
            let passed = SignedDuration::try_from(instant - before.1).unwrap_or(SignedDuration::MAX);
            if (clock.duration_since(before.0) - passed).abs() >= CLOCK_STEP {
                info!(from = %(before.0 + passed), to = %clock, "the clock was set");
                self.schedule_all(self.store.groups_of(|entry| entry.validity().is_bounded()));
            }
        }
    }

    /// Looks again at the claims of an account.
    fn account_changed(&self, account: &ObjectKey) {
        // Made anew if it is still there; the connection behind it keeps what it has learned.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
        for memory in self.memories.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.holds.ask_again(|_, through| through == account, Instant::now());
        }
        self.schedule_all(self.store.place_again(|entry| entry.account().as_ref() == Some(account)));
    }

    /// Looks again at the claims of a namespace whose accounts have rules.
    fn tenant_changed(&self, namespace: &str) {
        let has_rules = |account: ObjectKey| account.account_kind() == AccountKind::ClusterCloudAccount;
        let concerns =
            |entry: &Entry<K::Object>| entry.key.namespace == namespace && entry.account().is_some_and(has_rules);
        self.schedule_all(self.store.place_again(concerns));
    }

    /// A client for each of the accounts, or why there is none.
    async fn clients(&self, accounts: &BTreeSet<ObjectKey>) -> BTreeMap<ObjectKey, Reach<K>> {
        let connect = |account: ObjectKey| async move {
            let connection = self.accounts.connect(&account, self.settings.secret_interval).await;
            let client = connection.and_then(|(connection, problem)| {
                self.client(&account, connection).map(|client| (client, problem.map(Trouble::from)))
            });
            (account, client.map_err(Trouble::from))
        };
        join_all(accounts.iter().cloned().map(connect)).await.into_iter().collect()
    }

    /// The client of an account, made anew when its connection is another.
    fn client(&self, account: &ObjectKey, connection: Connection) -> Result<Arc<K::Client>, Problem> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, client)) = clients.get(account)
            && *version == connection.version
        {
            return Ok(Arc::clone(client));
        }
        let unfit = |invalid| Problem::new(Outcome::InvalidSpec, format!("{}: {invalid}", account.account()));
        let client = Arc::new(K::connect(&connection.account).map_err(unfit)?);
        clients.insert(account.clone(), (connection.version, Arc::clone(&client)));
        Ok(client)
    }

    /// How long until targets of these accounts are looked at again when nothing happens. Spread by a tenth, so that
    /// targets do not stay in step. Beside a ClusterCloudAccount, accounts of namespaces have no say in how often that is
    /// used: whoever writes one needs no credentials for it.
    fn drift_interval(&self, accounts: &BTreeSet<ObjectKey>) -> Duration {
        let is_of_cluster = |account: &ObjectKey| account.account_kind() == AccountKind::ClusterCloudAccount;
        let has_say = |account: &&ObjectKey| is_of_cluster(account) || !accounts.iter().any(is_of_cluster);
        let own = accounts.iter().filter(has_say).filter_map(|account| self.accounts.drift_interval(account)).min();
        own.unwrap_or(self.settings.drift_interval).mul_f64(0.9 + 0.2 * (self.settings.random)())
    }

    fn memory_of(&self, group: &Group) -> Arc<Mutex<TargetMemory>> {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(memories.entry(group.clone()).or_default())
    }

    /// Nobody belongs to the group any more. What may still land in it is remembered until it cannot.
    fn forget_idle(&self) {
        let now = Instant::now();
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.retain(|group, memory| {
            let running = Arc::strong_count(memory) > 1;
            let idle = memory.lock().unwrap_or_else(PoisonError::into_inner).landing.is_idle(now);
            running || !idle || !self.store.is_empty(group)
        });
    }
}
