//! One reconcile of one target: list, plan, apply, report, in rounds of some hundred principals; one more list after the
//! last write, then the served principals are planned and reported again.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Engine;
use super::entry::ObjectKey;
use super::gather::{Member, Principal};
use super::group::Group;
use super::kind::{AccessKind, Target};
use super::memory::{NextLook, TargetMemory};
use super::observe::{Observation, observe};
use super::reaction::Trouble;
use super::steps::{Planned, instant_of};
use crate::clouds::{Purpose, Urgency};
use crate::plan::{Access, Change, Outcome};

/// The first and the longest wait for the cloud to show what was written.
const SHOWN_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The first and the longest wait for a target that is gone to come back.
const GONE_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// The first and the longest wait for a Secret, or for what a claim names on the target, to come.
const LACKING_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(5));

/// How long until a list is read again that shows nothing of what it showed before.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// How long until a pass that waits for undecodable objects to be read looks again.
pub(super) const UNREAD_WAIT: Duration = Duration::from_secs(1);

/// One pass.
pub(crate) struct Pass<'a, K: AccessKind> {
    pub(crate) engine: &'a Engine<K>,
    pub(crate) group: &'a Group,
    /// The key of the target, if there is one.
    pub(crate) target_key: Option<&'a str>,
    /// The target's id in its service.
    pub(crate) target: &'a str,
    pub(crate) observation: Observation<K>,
    /// How urgent it is.
    pub(crate) urgency: Urgency,
    /// There is something to write that was not tried before, in this pass or waiting for the next.
    pub(crate) has_news: AtomicBool,
    /// Every principal of the pass.
    pub(crate) names: BTreeSet<String>,
    pub(super) memory: Arc<Mutex<TargetMemory>>,
    /// Nothing sent by a predecessor of this process can land any more.
    pub(crate) sure: bool,
    /// Every object is known well enough to take foreign access for foreign.
    pub(crate) may_adopt: bool,
    /// Passes in a row that could not read the list through every account, this one included.
    pub(crate) failed_looks: u32,
    /// Such passes before this one.
    pub(super) failed_before: u32,
    pub(crate) look: NextLook,
    /// How long it has read claims and lists.
    pub(super) read_for: Duration,
    /// Tells when something has become more urgent than what the pass is about.
    pub(crate) hurry: signal::Receiver<()>,
}

impl<'a, K: AccessKind> Pass<'a, K> {
    /// A pass on a group with these principals, before the look at its target.
    pub(super) fn new(
        engine: &'a Engine<K>,
        group: &'a Group,
        principals: &[Principal<K>],
        accounts: &BTreeSet<ObjectKey>,
        hurry: signal::Receiver<()>,
    ) -> Self {
        let (target_key, target) = match group {
            Group::Target(key) => (Some(&**key), key.rsplit_once('/').map_or(&**key, |(_, id)| id)),
            Group::Alone(_) => (None, ""),
        };
        let pass = Self {
            engine,
            group,
            target_key,
            target,
            observation: Observation::nothing(),
            urgency: Urgency::Look,
            has_news: AtomicBool::new(false),
            names: principals.iter().map(|principal| principal.name.clone()).collect(),
            memory: engine.memory_of(group),
            sure: Instant::now() >= engine.sure_from(),
            may_adopt: !engine.store.has_unplaced(),
            failed_looks: 0,
            failed_before: 0,
            look: NextLook::at_latest(Instant::now(), engine.drift_interval(accounts)),
            read_for: Duration::ZERO,
            hurry,
        };
        let failed_before = {
            let mut memory = pass.memory();
            memory.keep_only(&pass.names.iter().map(String::as_str).collect(), Instant::now());
            memory.failed_looks
        };
        Self { failed_before, ..pass }
    }
}

impl<K: AccessKind> Pass<'_, K> {
    pub(crate) fn memory(&self) -> MutexGuard<'_, TargetMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the target through every account that has claims there. `named` is what claims name on it. Without a purpose
    /// there is no target. Once more if the list shows nothing at all of what these principals were last seen to hold: that is as
    /// likely to be the cloud's mistake, and whoever believed it would grant everything anew.
    pub(super) async fn look_at_target(
        &mut self,
        accounts: &BTreeSet<ObjectKey>,
        named: Access,
        purpose: Option<Purpose>,
        principals: &[Principal<K>],
    ) {
        let Some(purpose) = purpose else { return };
        self.urgency = self.urgency.min(purpose.urgency);
        let target = Target { id: self.target, named, purpose };
        // What lands while the list is read may be missing in it: the list speaks of its beginning.
        let mut began = Instant::now();
        self.observation = observe::<K>(&target, self.engine.clients(accounts).await).await;
        if self.has_lost_everything(principals) {
            warn!(group = %self.group, "the list shows nothing of what it showed before; it is read once more");
            sleep(SECOND_LOOK).await;
            began = Instant::now();
            self.observation = observe::<K>(&target, self.engine.clients(accounts).await).await;
        }
        let now = Instant::now();
        let troubled = self.observation.troubles().next().is_some();
        {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            self.observation.learn_case(&mut memory.tells_case);
            if self.observation.is_known() {
                memory.landing.saw(|principal| self.observation.access(principal), self.observation.unknown(), began);
            }
            memory.failed_looks = if troubled { self.failed_before.saturating_add(1) } else { 0 };
            self.failed_looks = memory.failed_looks;
        }
        for (account, trouble) in self.observation.troubles() {
            warn!(group = %self.group, %account, reason = trouble.outcome.reason(), "{}", trouble.message);
            let pause = trouble.pause(self.failed_looks.saturating_sub(1), (self.engine.settings.random)());
            self.look.at(Some(now + pause));
        }
        for account in accounts {
            self.tell_health(account);
        }
        self.doubt_rejected().await;
    }

    /// A complete list shows nothing of what settled claims own and were last seen to hold.
    fn has_lost_everything(&self, principals: &[Principal<K>]) -> bool {
        let held = |member: &Member<K>| {
            let status = member.entry.status();
            let is_seen = status.owned.iter().any(|string| status.observed.contains(string));
            member.entry.is_settled() && !member.entry.deleting && is_seen
        };
        let mut holders = principals.iter().filter(|principal| principal.members.iter().any(held)).peekable();
        let is_list = self.observation.is_known() && !self.observation.is_gone();
        is_list
            && holders.peek().is_some()
            && holders.all(|principal| self.observation.access(&principal.name).is_empty())
    }

    /// Something has become more urgent than what the pass is about.
    pub(super) fn is_hurried(&self) -> bool {
        self.hurry.has_changed().unwrap_or_default()
    }

    /// Whether the cloud knew who was calling, if it was called.
    fn tell_health(&self, account: &ObjectKey) {
        let (Some(connection), trouble) = (self.engine.accounts.connected(account), self.observation.trouble(account))
        else {
            return;
        };
        let rejected = trouble.filter(|trouble| trouble.outcome == Outcome::CredentialsRejected);
        let answered = trouble.is_none_or(|trouble| trouble.outcome == Outcome::AccessDenied);
        if rejected.is_some() || answered {
            self.engine.health.called(account, connection.version, rejected);
        }
    }

    async fn doubt_rejected(&self) {
        let rejected = |trouble: &Trouble| trouble.outcome == Outcome::CredentialsRejected;
        for (account, _) in self.observation.troubles().filter(|(_, trouble)| rejected(trouble)) {
            self.engine.accounts.doubt(account).await;
        }
    }

    /// Steps, changes and reports of some principals. Those with nothing to write do not wait for the others, and those written to
    /// are reported after the next list. Returns how long the changes took.
    pub(super) async fn round(&self, principals: &mut [Principal<K>]) -> Duration {
        let planned = self.steps(principals).await;
        let (settled, mut open) = self.open(principals, planned);
        self.report(principals, &settled).await;
        let started = Instant::now();
        if self.observation.is_known() {
            self.changes(principals, &open).await;
        }
        let wrote = started.elapsed();
        open.extend(settled);
        open.retain(|at| principals[*at].written.purpose().is_none());
        self.report(principals, &open).await;
        wrote
    }

    /// Who asks for a look now has what failed tried again, with the credentials as they are.
    pub(super) async fn try_again_what_is_asked_for(&self, principals: &[Principal<K>]) {
        for principal in principals {
            let members = || principal.members.iter().filter(|member| member.entry.is_requested());
            if members().next().is_none() || !self.memory().try_again(&principal.name, Instant::now()) {
                continue;
            }
            for account in members().filter_map(Member::account) {
                self.engine.accounts.doubt(account).await;
            }
        }
    }

    /// Something is left to do for a principal, and nothing but time is missing.
    fn is_unsettled(&self, principal: &Principal<K>, planned: &Planned) -> bool {
        let can_write = |change| self.next_part(principal, planned, change).is_ok();
        let open = !planned.plan.steps.is_empty() || planned.plan.change.as_ref().is_some_and(can_write);
        open && principal.members.iter().all(|member| !member.stale && !member.refused)
    }

    /// Schedules another try to read what could not be decoded. Others wait for the first tries, nobody for the later ones.
    pub(super) fn wait_for_reading(&self, principals: &[Principal<K>]) {
        let entries = || principals.iter().flat_map(|principal| &principal.members).map(|member| &member.entry);
        let now = Instant::now();
        if entries().any(|entry| entry.is_unread()) {
            self.look.at(Some(now + UNREAD_WAIT));
        } else if entries().any(|entry| entry.is_to_be_read()) {
            self.look.at(Some(now + self.engine.settings.retry_after_refusal));
        }
    }

    /// Tells the accounts that see the target how many entries of its list nobody answers for.
    pub(super) fn count_unmanaged(&self, principals: &[Principal<K>], accounts: &BTreeSet<ObjectKey>) {
        let owners = principals.iter().map(|principal| {
            (principal.name.as_str(), principal.members.iter().flat_map(|member| &member.entry.status().owned))
        });
        if let (Some(target), Some(count)) = (self.target_key, self.observation.unmanaged(owners)) {
            let sees = |account: &&ObjectKey| self.observation.client(account).is_some();
            self.engine.unmanaged.set(target, count, &accounts.iter().filter(sees).cloned().collect());
        }
    }

    /// Forgets what failed, and what was let go, of what is done.
    fn forgive(&self, principal: &Principal<K>, planned: &Planned) {
        let mut memory = self.memory();
        match &planned.plan.change {
            // What is on its way is not done yet.
            None if memory.landing.is_quiet(&principal.name) => memory.forgive(&principal.name),
            change => {
                let left = change.as_ref().map(Change::removed).unwrap_or_default();
                let removing = memory.landing.of(&principal.name, self.sure).removing;
                memory.holds.is_left(&principal.name, &(&(&left | &planned.leaving) | &removing));
            }
        }
    }

    /// Schedules what time alone will bring.
    pub(super) fn wait_for(&self, principals: &[Principal<K>]) {
        let (now, clock) = (Instant::now(), self.engine.clock.now());
        let mut unsettled = false;
        for principal in principals.iter().filter(|_| self.observation.is_known()) {
            let planned = self.plan(principal);
            self.forgive(principal, &planned);
            unsettled = unsettled || self.is_unsettled(principal, &planned);
        }
        let members = || principals.iter().flat_map(|principal| &principal.members);
        let waits_for_predecessor =
            !self.sure && members().any(|member| member.entry.deleting || member.gives_up(clock));
        let turns = members().filter_map(|member| member.entry.validity().next_turn(clock)).min();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // What is overdue by now is forgotten by the next list that begins after.
        self.look.at(turns.map(|turn| instant_of(turn, clock)));
        let awaited = self.observation.is_known() && memory.landing.awaits();
        let wait = if self.observation.is_gone() { GONE_WAIT } else { SHOWN_WAIT };
        let waits = unsettled || awaited || self.observation.is_gone();
        self.look.at(waits.then(|| now + growing(wait, memory.waits)));
        memory.waits = if waits { memory.waits + 1 } else { 0 };
        let lacking = members().filter(|member| member.lacks_something(&self.observation, clock));
        let passes = memory.lack(lacking.map(|member| member.entry.uid.clone()).collect());
        self.look.at(passes.map(|passes| now + growing(LACKING_WAIT, passes)));
        self.look.at(memory.landing.next_overdue(now));
        self.look.at(memory.landing.next_believed(self.engine.settings.stalled_after, now));
        self.look.at(memory.next_retry(now));
        // Also if that has come since the pass began.
        self.look.at(waits_for_predecessor.then_some(self.engine.sure_from()));
    }
}

/// A wait that doubles each time, from the first to the longest.
fn growing((first, longest): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(longest)
}
