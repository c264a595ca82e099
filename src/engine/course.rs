//! The course of a pass, from the claims of its group to the next look.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Engine;
use super::entry::{ObjectKey, Reading};
use super::gather::{Principal, accounts_of, gather, named_by, refuse_alike};
use super::group::Group;
use super::kind::AccessKind;
use super::memory::NextLook;
use super::observe::Observation;
use super::pass::{Pass, UNREAD_WAIT};
use super::standing::End;

/// Principals whose steps, changes and reports are carried out together: many enough to keep calls in flight, few
/// enough that results are not held up.
const ROUND: usize = 256;

/// A pass stops writing when its writes have taken this long and [`LISTS_WORTH`] times as long as its list: what was
/// listed would be old, and who came meanwhile would wait.
const WRITING_TIME: Duration = Duration::from_secs(5);
const LISTS_WORTH: u32 = 4;

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
