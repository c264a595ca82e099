//! The course of a pass, from the claims of its group to the next look.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures::future::poll_immediate;
use jiff::Timestamp;
use tokio::join;
use tokio::sync::watch as signal;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Engine;
use super::entry::{ObjectKey, Reading};
use super::gather::{Principal, Written, accounts_of, gather, named_by, refuse_alike};
use super::group::Group;
use super::kind::AccessKind;
use super::memory::Unserved;
use super::pass::{Pass, UNREAD_WAIT};
use super::standing::End;
use super::urgency::purpose_of_look;
use crate::clouds::{Purpose, Urgency};
use crate::metrics::PassResult;

/// Principals whose steps, changes and reports are carried out together: many enough to keep calls in flight, few
/// enough that results are not held up. Whole batches of every service.
const ROUND: usize = 300;
/// So many that wait are worth a first round of a few, and a list, so that there are results soon.
const MANY: usize = 1000;
const FIRST_ROUND: usize = 100;
const SHORT_LIST: Duration = Duration::from_secs(2);

/// How a pass ended.
pub(crate) struct Ended {
    /// When to look at the group again; `None` when nobody belongs to it any more.
    pub(crate) next: Option<Instant>,
    pub(crate) result: PassResult,
    /// How long it read claims and lists.
    pub(crate) read_for: Duration,
}

/// Runs one pass. While it only looks, `hurry` ends it: whoever needs it sooner begins anew, and waits for no list that nobody was
/// in a hurry for.
pub(crate) async fn run<K: AccessKind>(engine: &Engine<K>, group: &Group, hurry: signal::Receiver<()>) -> Ended {
    let began = Instant::now();
    let ended = |next, result| Ended { next, result, read_for: began.elapsed() };
    read_undecodable(engine, group).await;
    if matches!(group, Group::Target(_)) && engine.store.has_unread() {
        // One of them may own what looks free to be taken away.
        return ended(Some(Instant::now() + UNREAD_WAIT), PassResult::RequeueAfter);
    }
    let mut remaining: VecDeque<_> = gather(engine, group).await.into();
    if remaining.is_empty() {
        return ended(leave(engine, group).await, PassResult::Success);
    }
    let accounts = accounts_of(remaining.make_contiguous(), engine.clock.now());
    let mut pass = Pass::new(engine, group, remaining.make_contiguous(), &accounts, hurry);
    pass.wait_for_reading(remaining.make_contiguous());
    pass.try_again_what_is_asked_for(remaining.make_contiguous()).await;
    let started = Instant::now();
    let clock = engine.clock.now();
    let named = named_by(remaining.make_contiguous(), clock);
    let rests = |principal: &Principal<K>| principal.members.iter().all(|member| member.is_at_rest(clock));
    let all_rest = remaining.iter().all(rests);
    if all_rest {
        if let Some(key) = pass.target_key {
            engine.unmanaged.forget(key);
        }
    } else {
        let purpose = purpose_of_look(group, remaining.make_contiguous(), clock);
        // One that is for revocations is as soon as it can be.
        let may_hurry = purpose.as_ref().is_some_and(|purpose| purpose.urgency > Urgency::Revocation);
        let mut hurry = pass.hurry.clone();
        tokio::select! {
            biased;
            Ok(()) = hurry.changed(), if may_hurry => return ended(Some(Instant::now()), PassResult::RequeueAfter),
            () = pass.look_at_target(&accounts, named, purpose, remaining.make_contiguous()) => {}
        }
    }
    let has_looked = !all_rest && pass.target_key.is_some();
    let result = if has_looked && !pass.observation.is_known() { PassResult::Error } else { PassResult::RequeueAfter };
    refuse_alike(remaining.make_contiguous(), &pass.observation, clock);
    pass.read_for = began.elapsed();
    let is_cut = serve(&mut pass, remaining, &accounts, started.elapsed()).await;
    let next = if is_cut { Instant::now() } else { pass.look.when(Instant::now()) };
    Ended { next: Some(next), result, read_for: pass.read_for }
}

/// Nobody belongs to a group any more. Returns when to try again what could not be forgotten.
async fn leave<K: AccessKind>(engine: &Engine<K>, group: &Group) -> Option<Instant> {
    engine.forget_idle();
    let Group::Target(key) = group else { return None };
    engine.unmanaged.forget(key);
    let mut holding = engine.accounts.holding(key);
    holding.retain(|account| engine.accounts.sees_all_of(account));
    let forgotten = engine.brake.forget(&holding, key, engine.clock.now()).await;
    (!forgotten).then(|| Instant::now() + engine.settings.retry_after_refusal)
}

/// Serves the principals of a pass: first those that are to lose access and that no pass since the last complete one has tried
/// that for, then those that the last one had no time for, or none to report on. Returns whether this one was cut short, too.
async fn serve<K: AccessKind>(
    pass: &mut Pass<'_, K>,
    mut remaining: VecDeque<Principal<K>>,
    accounts: &BTreeSet<ObjectKey>,
    listed_in: Duration,
) -> bool {
    let now = pass.engine.clock.now();
    let Unserved { principals, mut tried, fenced } = std::mem::take(&mut pass.memory().unserved);
    // The first place of each.
    let places: BTreeMap<_, _> = principals.iter().enumerate().rev().map(|(at, name)| (name, at)).collect();
    for principal in &mut remaining {
        let is_untried = principal.given_up(now).any(|member| !tried.contains(&member.entry.uid));
        principal.goes_first = is_untried;
        for member in &mut principal.members {
            member.fenced_at = fenced.get(&member.entry.uid).copied();
        }
    }
    let place = |principal: &Principal<K>| places.get(&principal.name).copied().unwrap_or(usize::MAX);
    remaining.make_contiguous().sort_by_cached_key(|principal| (!principal.goes_first, place(principal)));
    let waiting = remaining.iter().filter(|principal| principal.members.iter().any(|member| !member.entry.is_served()));
    // The first few of many are worth a list of their own, if that is short.
    let is_first_of_many = principals.is_empty() && waiting.count() > MANY && listed_in < SHORT_LIST;
    let time = WritingTime::after(listed_in, is_first_of_many);
    let (mut served, is_hurried) = rounds(pass, &mut remaining, time).await;
    let is_cut = !remaining.is_empty();
    let is_followed = is_hurried || pass.is_hurried() || is_cut && !is_first_of_many;
    if is_cut || is_followed {
        let given_up = served.iter().flat_map(|principal| principal.given_up(now));
        tried.extend(given_up.map(|member| member.entry.uid.clone()));
        let written = served.iter().filter(|principal| principal.written.purpose().is_some());
        let principals = written.chain(&remaining).map(|principal| principal.name.clone()).collect();
        let fenced = remaining.iter().flat_map(Principal::fences).collect();
        pass.memory().unserved = Unserved { principals, tried, fenced };
    }
    served.extend(remaining);
    let is_concluded = conclude(pass, served, accounts, is_followed).await;
    if is_cut {
        // It goes on at once, and waits for nothing.
        pass.memory().waits = 0;
    }
    is_cut || !is_concluded
}

/// The rounds of a pass, as long as there is time. While one writes to the cloud, the Kubernetes steps of the next are carried
/// out. Returns the principals that were served, as they were left, and whether another pass is needed sooner.
async fn rounds<K: AccessKind>(
    pass: &Pass<'_, K>,
    remaining: &mut VecDeque<Principal<K>>,
    mut time: WritingTime,
) -> (Vec<Principal<K>>, bool) {
    let mut served = Vec::new();
    let mut ended = EndedClaims::among(remaining.iter(), pass.engine.clock.now());
    while !remaining.is_empty() {
        // What was not listed does not get old.
        if pass.observation.is_known() && time.is_up() {
            debug!(group = %pass.group, left = remaining.len(), "time is up; the rest follows in the next pass");
            break;
        }
        let (size, ahead) = if time.is_first_of_many && served.is_empty() { (FIRST_ROUND, 0) } else { (ROUND, ROUND) };
        let mut round = next_round(remaining, size, false);
        let mut following = next_round(remaining, ahead, true);
        time.spent += serve_round(pass, &mut round, &mut following).await;
        let (missed, done): (Vec<_>, Vec<_>) =
            round.into_iter().partition(|principal| matches!(principal.written, Written::TurnMissed));
        served.extend(done);
        for mut principal in missed.into_iter().chain(following).rev() {
            principal.written = Written::Nothing;
            remaining.push_front(principal);
        }
        let only_looks = pass.urgency == Urgency::Look;
        if !take_in_ended(pass, remaining, &mut served, &mut ended).await || only_looks && pass.is_hurried() {
            return (served, true);
        }
    }
    (served, false)
}

/// One round, and meanwhile the steps of the following one, if there is something to wait for. Returns how long the changes took.
async fn serve_round<K: AccessKind>(
    pass: &Pass<'_, K>,
    round: &mut [Principal<K>],
    following: &mut [Principal<K>],
) -> Duration {
    let mut serving = pin!(pass.round(round));
    match poll_immediate(&mut serving).await {
        Some(wrote) => wrote,
        None => join!(serving, pass.steps(following)).0,
    }
}

/// So many at most; those that go first by themselves, unless the others have to get a turn.
fn next_round<K: AccessKind>(
    remaining: &mut VecDeque<Principal<K>>,
    size: usize,
    with_others: bool,
) -> Vec<Principal<K>> {
    let first = remaining.front().is_some_and(|principal| principal.goes_first);
    let alone = |principal: &&Principal<K>| with_others || principal.goes_first == first;
    let size = remaining.iter().take(size).take_while(alone).count();
    remaining.drain(..size).collect()
}

/// How long a pass goes on writing: what was listed gets old, and who came meanwhile waits.
struct WritingTime {
    /// It is the first pass of many principals that wait: the first results are to come soon.
    is_first_of_many: bool,
    limit: Duration,
    since: Instant,
    /// Spent on writes to the cloud.
    spent: Duration,
}

impl WritingTime {
    /// No more than a round.
    const FIRST_OF_MANY: Duration = Duration::from_millis(20);
    /// All others may take so long, or so many times as long as the list took.
    const LONGEST: Duration = Duration::from_secs(5);
    const LISTS_WORTH: u32 = 4;
    /// The pass as a whole may take so many times as long as its writes: the list is no better for a slow API server.
    const STEPS_WORTH: u32 = 4;

    fn after(listed_in: Duration, is_first_of_many: bool) -> Self {
        let limit =
            if is_first_of_many { Self::FIRST_OF_MANY } else { Self::LONGEST.max(listed_in * Self::LISTS_WORTH) };
        Self { is_first_of_many, limit, since: Instant::now(), spent: Duration::ZERO }
    }

    fn is_up(&self) -> bool {
        self.spent >= self.limit || self.since.elapsed() >= self.limit * Self::STEPS_WORTH
    }
}

/// The claims that are known to have ended, and how long no other can have.
struct EndedClaims {
    /// By uid.
    known: BTreeSet<String>,
    /// The version of the store, and the times from and until which these are all; nothing before the first look.
    all: Option<(u64, Timestamp, Timestamp)>,
}

impl EndedClaims {
    /// Those that had ended when the pass began.
    fn among<'a, K: AccessKind>(principals: impl Iterator<Item = &'a Principal<K>>, now: Timestamp) -> Self {
        let members = principals.flat_map(|principal| &principal.members).filter(|member| member.has_ended(now));
        Self { known: members.map(|member| member.entry.uid.clone()).collect(), all: None }
    }

    /// Those that have ended since.
    fn fresh<K: AccessKind>(&mut self, pass: &Pass<'_, K>, now: Timestamp) -> BTreeSet<ObjectKey> {
        // Before the objects are looked at: what changes after counts as changed.
        let store = &pass.engine.store;
        let version = store.version();
        if self.all.is_some_and(|(at, from, until)| at == version && (from..until).contains(&now)) {
            return BTreeSet::new();
        }
        let entries = store.group(pass.group);
        let turns = entries.iter().filter_map(|entry| entry.validity().next_turn(now));
        self.all = Some((version, now, turns.min().unwrap_or(Timestamp::MAX)));
        let ended = entries.into_iter().filter(|entry| End::of(&**entry, now).is_some());
        ended.filter(|entry| self.known.insert(entry.uid.clone())).map(|entry| ObjectKey::clone(&entry.key)).collect()
    }
}

/// Claims that ended since the last round are taken in first: access that was taken away does not wait for what is
/// being granted. Returns whether this pass can serve all of them.
async fn take_in_ended<K: AccessKind>(
    pass: &Pass<'_, K>,
    remaining: &mut VecDeque<Principal<K>>,
    served: &mut Vec<Principal<K>>,
    ended: &mut EndedClaims,
) -> bool {
    let now = pass.engine.clock.now();
    let fresh = ended.fresh(pass, now);
    if fresh.is_empty() {
        return true;
    }
    let mut all = true;
    let is_affected =
        |principal: &Principal<K>| principal.members.iter().any(|member| fresh.contains(&member.entry.key));
    let mut principals = gather(pass.engine, pass.group).await;
    refuse_alike(&mut principals, &pass.observation, now);
    for mut principal in principals.into_iter().filter(is_affected) {
        let same = |other: &Principal<K>| other.name == principal.name;
        // What was written to the cloud in this pass is no longer what the list showed: it waits for the next list.
        if served.iter().any(|other| same(other) && other.written.purpose().is_some()) {
            all = false;
            continue;
        }
        served.retain(|other| !same(other));
        remaining.retain(|other| !same(other));
        principal.goes_first = true;
        remaining.push_front(principal);
    }
    all
}

/// One more list after the last write; then those that were written to are planned and reported again. Not if another pass
/// follows at once: that one's list tells of them. Returns whether all was done.
async fn conclude<K: AccessKind>(
    pass: &mut Pass<'_, K>,
    principals: Vec<Principal<K>>,
    accounts: &BTreeSet<ObjectKey>,
    is_followed: bool,
) -> bool {
    let (mut written, mut others): (Vec<_>, Vec<_>) =
        principals.into_iter().partition(|principal| principal.written.purpose().is_some());
    if !written.is_empty() {
        if is_followed {
            return false;
        }
        let clock = pass.engine.clock.now();
        let named = &named_by(&written, clock) | &named_by(&others, clock);
        let purpose = Purpose::most_urgent(written.iter().filter_map(|principal| principal.written.purpose())).cloned();
        let may_hurry = purpose.as_ref().is_some_and(|purpose| purpose.urgency > Urgency::Revocation);
        let mut hurry = pass.hurry.clone();
        hurry.mark_unchanged();
        let began = Instant::now();
        tokio::select! {
            biased;
            Ok(()) = hurry.changed(), if may_hurry => return false,
            () = pass.look_at_target(accounts, named, purpose, &[]) => {}
        }
        pass.read_for += began.elapsed();
        if !tell(pass, &mut written, &hurry).await {
            return false;
        }
    }
    others.append(&mut written);
    pass.count_unmanaged(&others, accounts);
    pass.wait_for(&others);
    !is_followed
}

/// Plans those that were written to again, and reports on them. Whoever is in a hurry does not wait for all of thousands: the
/// next pass reports on the others. Returns whether all was done.
async fn tell<K: AccessKind>(pass: &Pass<'_, K>, written: &mut [Principal<K>], hurry: &signal::Receiver<()>) -> bool {
    let mut rounds = written.chunks_mut(ROUND);
    while let Some(round) = rounds.next() {
        pass.steps(round).await;
        if pass.observation.is_known() {
            // What was released and is gone by now is listed no longer.
            drop(pass.brake(Vec::new(), round).await);
        }
        let all: Vec<_> = (0..round.len()).collect();
        pass.report(round, &all).await;
        if rounds.len() > 0 && hurry.has_changed().unwrap_or_default() {
            let (left, now) = (rounds.flatten(), pass.engine.clock.now());
            let mut memory = pass.memory();
            let Unserved { principals, tried, .. } = &mut memory.unserved;
            let mut names = Vec::new();
            for principal in left {
                tried.extend(principal.given_up(now).map(|member| member.entry.uid.clone()));
                names.push(principal.name.clone());
            }
            principals.splice(..0, names);
            return false;
        }
    }
    true
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
