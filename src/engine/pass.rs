//! One reconcile of one target: list, plan, apply, report, in rounds of some hundred principals; one more list after the
//! last write, then the served principals are planned and reported again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Engine;
use super::entry::{ObjectKey, Reading};
use super::gather::{Member, Principal, accounts_of, gather, named_by, refuse_alike};
use super::group::Group;
use super::kind::{AccessKind, Target};
use super::memory::{NextLook, TargetMemory};
use super::observe::{Observation, observe};
use super::reaction::Trouble;
use super::standing::End;
use super::steps::{Planned, instant_of};
use crate::plan::{Access, Outcome};

/// Principals whose steps, changes and reports are carried out together: many enough to keep calls in flight, few
/// enough that results are not held up.
const ROUND: usize = 256;

/// A pass stops writing when its writes have taken this long and [`LISTS_WORTH`] times as long as its list: what was
/// listed would be old, and who came meanwhile would wait.
const WRITING_TIME: Duration = Duration::from_secs(5);
const LISTS_WORTH: u32 = 4;

/// The first and the longest wait for the cloud to show what was written.
const SHOWN_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The first and the longest wait for a target that is gone to come back.
const GONE_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// The first and the longest wait for a Secret, or for what a claim names on the target, to come.
const LACKING_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(5));

/// How long until a pass that waits for undecodable objects to be read looks again.
const UNREAD_WAIT: Duration = Duration::from_secs(1);

/// One pass.
pub(crate) struct Pass<'a, K: AccessKind> {
    pub(crate) engine: &'a Engine<K>,
    pub(crate) group: &'a Group,
    /// The key of the target, if there is one.
    pub(crate) target_key: Option<&'a str>,
    /// The target's id in its service.
    pub(crate) target: &'a str,
    pub(crate) observation: Observation<K>,
    /// Every principal of the pass.
    pub(crate) names: BTreeSet<String>,
    memory: Arc<Mutex<TargetMemory>>,
    /// Nothing sent by a predecessor of this process can land any more.
    pub(crate) sure: bool,
    /// Every object is known well enough to take foreign access for foreign.
    pub(crate) may_adopt: bool,
    /// Passes in a row that could not read the list through every account, this one included.
    pub(crate) failed_looks: u32,
    /// Such passes before this one.
    failed_before: u32,
    pub(crate) look: NextLook,
}

impl<K: AccessKind> Pass<'_, K> {
    pub(crate) fn memory(&self) -> MutexGuard<'_, TargetMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the target through every account that has claims there. `named` is what claims name on it.
    async fn look_at_target(&mut self, accounts: &BTreeSet<ObjectKey>, named: Access) {
        let Some(_) = self.target_key else { return };
        // What lands while the list is read may be missing in it: the list speaks of its beginning.
        let began = Instant::now();
        let target = Target { id: self.target, named };
        self.observation = observe::<K>(&target, self.engine.clients(accounts).await).await;
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

    /// Steps, changes and reports of some principals. Those written to are reported after the next list.
    async fn round(&mut self, principals: &mut [Principal<K>], may_write: bool) {
        self.steps(principals).await;
        if may_write && self.observation.is_known() {
            self.changes(principals).await;
        }
        self.report(principals, |principal| !principal.written).await;
    }

    /// Who asks for a look now has what failed tried again, with the credentials as they are.
    async fn try_again_what_is_asked_for(&self, principals: &[Principal<K>]) {
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
    fn is_unsettled(&self, principal: &Principal<K>) -> bool {
        let planned = self.plan(principal);
        let can_write = |change| self.next_part(principal, &planned, change).is_ok();
        let open = !planned.plan.steps.is_empty() || planned.plan.change.as_ref().is_some_and(can_write);
        open && principal.members.iter().all(|member| !member.stale && !member.refused)
    }

    /// Schedules another try to read what could not be decoded. Others wait for the first tries, nobody for the later ones.
    fn wait_for_reading(&mut self, principals: &[Principal<K>]) {
        let entries = || principals.iter().flat_map(|principal| &principal.members).map(|member| &member.entry);
        let now = Instant::now();
        if entries().any(|entry| entry.is_unread()) {
            self.look.at(Some(now + UNREAD_WAIT));
        } else if entries().any(|entry| entry.is_to_be_read()) {
            self.look.at(Some(now + self.engine.settings.retry_after_refusal));
        }
    }

    /// Tells how many entries of the target's list nobody answers for.
    fn count_unmanaged(&self, principals: &[Principal<K>], accounts: &BTreeSet<ObjectKey>) {
        let owned = |principal: &Principal<K>| -> Access {
            principal.members.iter().flat_map(|member| &member.entry.status().owned).cloned().collect()
        };
        let owners = principals.iter().map(|principal| (principal.name.as_str(), owned(principal)));
        if let (Some(target), Some(count)) = (self.target_key, self.observation.unmanaged(owners)) {
            self.engine.unmanaged.set(target, count, accounts);
        }
    }

    /// Forgets what failed, and what was let go, of what is done.
    fn forgive(&self, principal: &Principal<K>) {
        let Planned { plan, leaving, .. } = self.plan(principal);
        let mut memory = self.memory();
        match plan.change {
            // What is on its way is not done yet.
            None if memory.landing.is_quiet(&principal.name) => memory.forgive(&principal.name),
            change => {
                let left = change.map(|change| change.removed()).unwrap_or_default();
                let removing = memory.landing.of(&principal.name, self.sure).removing;
                memory.holds.is_left(&principal.name, &(&(&left | &leaving) | &removing));
            }
        }
    }

    /// Schedules what time alone will bring.
    fn wait_for(&mut self, principals: &[Principal<K>]) {
        let (now, clock) = (Instant::now(), self.engine.clock.now());
        if self.observation.is_known() {
            for principal in principals {
                self.forgive(principal);
            }
        }
        let unsettled = self.observation.is_known() && principals.iter().any(|principal| self.is_unsettled(principal));
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
        if waits_for_predecessor && self.engine.sure_from > now {
            self.look.at(Some(self.engine.sure_from));
        }
    }
}

/// A wait that doubles each time, from the first to the longest.
fn growing((first, longest): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(longest)
}

/// Runs one pass. Returns when to look at the group again; `None` when nobody belongs to it any more.
pub(crate) async fn run<K: AccessKind>(engine: &Engine<K>, group: &Group) -> Option<Instant> {
    read_undecodable(engine, group).await;
    if matches!(group, Group::Target(_)) && engine.store.has_unread() {
        // One of them may own what looks free to be taken away.
        return Some(Instant::now() + UNREAD_WAIT);
    }
    let mut remaining: VecDeque<_> = gather(engine, group).await.into();
    if remaining.is_empty() {
        engine.forget_idle();
        if let Group::Target(key) = group {
            engine.unmanaged.forget(key);
            let mut holding = engine.accounts.holding(key);
            holding.retain(|account| engine.accounts.sees_all_of(account));
            if !engine.brake.forget(&holding, key, engine.clock.now()).await {
                return Some(Instant::now() + engine.settings.retry_after_refusal);
            }
        }
        return None;
    }
    let accounts = accounts_of(remaining.make_contiguous(), engine.clock.now());
    let (target_key, target) = match group {
        Group::Target(key) => (Some(&**key), key.rsplit_once('/').map_or(&**key, |(_, id)| id)),
        Group::Alone(_) => (None, ""),
    };
    let mut pass = Pass {
        engine,
        group,
        target_key,
        target,
        observation: Observation::nothing(),
        names: remaining.iter().map(|principal| principal.name.clone()).collect(),
        memory: engine.memory_of(group),
        sure: Instant::now() >= engine.sure_from,
        may_adopt: !engine.store.has_unplaced(),
        failed_looks: 0,
        failed_before: 0,
        look: NextLook::at_latest(Instant::now(), engine.drift_interval(&accounts)),
    };
    pass.wait_for_reading(remaining.make_contiguous());
    let failed_before = pass.memory().failed_looks;
    pass.failed_before = failed_before;
    let served = remaining.iter().map(|principal| principal.name.as_str()).collect();
    pass.memory().keep_only(&served, Instant::now());
    pass.try_again_what_is_asked_for(remaining.make_contiguous()).await;
    let started = Instant::now();
    let clock = engine.clock.now();
    let named = named_by(remaining.make_contiguous(), clock);
    let rests = |principal: &Principal<K>| principal.members.iter().all(|member| member.is_at_rest(clock));
    if remaining.iter().all(rests) {
        if let Some(key) = target_key {
            engine.unmanaged.forget(key);
        }
    } else {
        pass.look_at_target(&accounts, named).await;
    }
    refuse_alike(remaining.make_contiguous(), &pass.observation, clock);
    let budget = WRITING_TIME.max(started.elapsed() * LISTS_WORTH);
    let served = rounds(&mut pass, remaining, budget).await;
    conclude(&mut pass, served, &accounts).await;
    Some(pass.look.when(Instant::now()))
}

/// All rounds of a pass. Returns every principal as it was left.
async fn rounds<K: AccessKind>(
    pass: &mut Pass<'_, K>,
    mut remaining: VecDeque<Principal<K>>,
    budget: Duration,
) -> Vec<Principal<K>> {
    let writing_since = Instant::now();
    let mut served = Vec::new();
    let mut ended = ended_claims(remaining.iter(), pass.engine.clock.now());
    while !remaining.is_empty() {
        let may_write = writing_since.elapsed() < budget;
        if !may_write {
            debug!(group = %pass.group, left = remaining.len(), "time is up; the rest follows in the next pass");
            pass.look.again();
        }
        let mut round: Vec<_> = remaining.drain(..remaining.len().min(ROUND)).collect();
        pass.round(&mut round, may_write).await;
        served.append(&mut round);
        take_in_ended(pass, &mut remaining, &mut served, &mut ended).await;
    }
    served
}

/// The claims that have ended by now, by uid.
fn ended_claims<'a, K: AccessKind>(
    principals: impl Iterator<Item = &'a Principal<K>>,
    now: Timestamp,
) -> BTreeSet<String> {
    let members = principals.flat_map(|principal| &principal.members);
    members.filter(|member| member.has_ended(now)).map(|member| member.entry.uid.clone()).collect()
}

/// Claims that ended since the last round are taken in first: access that was taken away does not wait for what is
/// being granted.
async fn take_in_ended<K: AccessKind>(
    pass: &Pass<'_, K>,
    remaining: &mut VecDeque<Principal<K>>,
    served: &mut Vec<Principal<K>>,
    known: &mut BTreeSet<String>,
) {
    let (entries, now) = (pass.engine.store.group(pass.group), pass.engine.clock.now());
    let fresh: BTreeSet<_> = entries
        .iter()
        .filter(|entry| End::of(entry, now).is_some() && known.insert(entry.uid.clone()))
        .map(|entry| &entry.key)
        .collect();
    if fresh.is_empty() {
        return;
    }
    let is_affected =
        |principal: &Principal<K>| principal.members.iter().any(|member| fresh.contains(&member.entry.key));
    let mut principals = gather(pass.engine, pass.group).await;
    refuse_alike(&mut principals, &pass.observation, now);
    for principal in principals.into_iter().filter(is_affected) {
        let same = |other: &Principal<K>| other.name == principal.name;
        // What was written to the cloud in this pass is no longer what the list showed: it waits for the next list.
        if served.iter().any(|other| same(other) && other.written) {
            continue;
        }
        served.retain(|other| !same(other));
        remaining.retain(|other| !same(other));
        remaining.push_front(principal);
    }
}

/// One more list after the last write; then those that were written to are planned and reported again.
async fn conclude<K: AccessKind>(
    pass: &mut Pass<'_, K>,
    principals: Vec<Principal<K>>,
    accounts: &BTreeSet<ObjectKey>,
) {
    let (mut written, mut others): (Vec<_>, Vec<_>) = principals.into_iter().partition(|principal| principal.written);
    if !written.is_empty() {
        let clock = pass.engine.clock.now();
        let named = &named_by(&written, clock) | &named_by(&others, clock);
        pass.look_at_target(accounts, named).await;
        pass.steps(&mut written).await;
        if pass.observation.is_known() {
            // What was released and is gone by now is listed no longer.
            drop(pass.brake(Vec::new(), &written).await);
        }
        pass.report(&mut written, |_| true).await;
    }
    others.append(&mut written);
    pass.count_unmanaged(&others, accounts);
    pass.wait_for(&others);
}

/// Reads what an object that cannot be decoded says about itself, and moves it to the target that it names.
async fn read_undecodable<K: AccessKind>(engine: &Engine<K>, group: &Group) {
    for entry in engine.store.group(group).into_iter().filter(|entry| entry.is_to_be_read()) {
        match engine.objects.read(&entry).await {
            Ok(reading) => {
                if reading == Reading::Unclear {
                    warn!(
                        object = %entry.key,
                        "the object cannot be read, and may own access on any target: nothing that others granted is \
                         removed until its status is repaired"
                    );
                }
                engine.schedule_all(engine.store.read(&entry, reading));
            }
            Err(error) => {
                warn!(object = %entry.key, %error, "an object cannot be decoded, nor be read by other means yet");
                if let Some(reading) = entry.reading_after_failure() {
                    // This pass looks again by itself.
                    drop(engine.store.read(&entry, reading));
                }
            }
        }
    }
}
