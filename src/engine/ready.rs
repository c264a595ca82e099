//! The groups whose pass is due, and those whose pass runs: which one starts next. Pure, but for a count that all kinds share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch as signal;

use super::group::Group;
use crate::clouds::Urgency;

/// Passes of one realm and one urgency at once: a cloud that is slow, or asks to wait, holds up no other; nor do looks hold
/// up what somebody waits for.
const PASSES_PER_LANE: usize = 16;

/// Passes of large targets are fewer, because each keeps its objects in memory: no further one starts while those that run
/// have so many objects, unless they are very few, which would leave calls unused. Looks write little, and keep less.
const OBJECTS_PER_LANE: usize = 500;
const LOOKED_AT_PER_LANE: usize = 4 * OBJECTS_PER_LANE;
const FEWEST_PASSES: usize = 6;

/// Nor is memory short while the passes of all kinds have fewer than so many: then a kind by itself may have more.
const OBJECTS_OF_ALL_KINDS: usize = 2 * OBJECTS_PER_LANE;

/// How many objects the passes of all kinds have that run and do not only look.
#[derive(Default)]
pub(crate) struct InPasses(AtomicUsize);

/// The objects of a pass, as long as it runs.
struct Taken {
    objects: usize,
    of: Arc<InPasses>,
}

impl Taken {
    fn new(due: &Due, of: &Arc<InPasses>) -> Self {
        let objects = if due.urgency == Urgency::Look { 0 } else { due.objects };
        of.0.fetch_add(objects, Ordering::Relaxed);
        Self { objects, of: Arc::clone(of) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.objects, Ordering::Relaxed);
    }
}

/// An urgency, and what the targets belong to.
type Lane = (Urgency, Option<String>);

/// The groups whose pass is due, and those whose pass runs.
pub(crate) struct Ready {
    /// Passes of one urgency at once.
    most: usize,
    /// In the order in which they became due: by ticket. Each group is in one lane.
    lanes: BTreeMap<Lane, BTreeMap<u64, Group>>,
    due: HashMap<Group, (Due, u64)>,
    last_ticket: u64,
    running: HashMap<Group, Running>,
    in_passes: Arc<InPasses>,
}

/// A pass that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) urgency: Urgency,
    /// How many objects there are.
    pub(crate) objects: usize,
    /// The claims that are to lose access, by uid.
    pub(crate) revocations: BTreeSet<String>,
}

impl Due {
    /// It is more urgent than the other one, or takes away what that is not for.
    pub(crate) fn is_news_to(&self, other: &Self) -> bool {
        self.urgency < other.urgency || !self.revocations.is_subset(&other.revocations)
    }
}

/// A pass that starts.
pub(crate) struct Start {
    pub(crate) group: Group,
    pub(crate) due: Due,
    /// Tells it to hurry.
    pub(crate) hurry: signal::Receiver<()>,
}

/// A pass that runs.
struct Running {
    /// As it was last due.
    due: Due,
    is_due_again: bool,
    hurry: signal::Sender<()>,
    /// Held, and given back with the pass.
    _taken: Taken,
}

impl Ready {
    /// Nothing is due. So many passes of one urgency run at once.
    pub(crate) fn new(most: usize, in_passes: Arc<InPasses>) -> Self {
        Self { most, lanes: BTreeMap::new(), due: HashMap::new(), last_ticket: 0, running: HashMap::new(), in_passes }
    }

    /// The pass of a group is due. While one runs the next one waits; if this is more urgent, or takes away what that was not
    /// for, the running one is told to hurry. Returns whether it was not due yet.
    pub(crate) fn add(&mut self, group: Group, due: Due) -> bool {
        if let Some(running) = self.running.get_mut(&group) {
            let is_new = !std::mem::replace(&mut running.is_due_again, true);
            if due.is_news_to(&running.due) {
                running.hurry.send_replace(());
            }
            running.due = Due { urgency: due.urgency.min(running.due.urgency), ..due };
            return is_new;
        }
        let known = self.due.remove(&group);
        let is_new = known.is_none();
        if let Some((known, ticket)) = known {
            if known.urgency <= due.urgency {
                self.due.insert(group, (Due { urgency: known.urgency, ..due }, ticket));
                return is_new;
            }
            self.leave(&lane(&group, known.urgency), ticket);
        }
        self.last_ticket += 1;
        self.lanes.entry(lane(&group, due.urgency)).or_default().insert(self.last_ticket, group.clone());
        self.due.insert(group, (due, self.last_ticket));
        is_new
    }

    fn leave(&mut self, lane: &Lane, ticket: u64) -> Option<Group> {
        let groups = self.lanes.get_mut(lane)?;
        let group = groups.remove(&ticket);
        if groups.is_empty() {
            self.lanes.remove(lane);
        }
        group
    }

    /// The next pass to start, if there is room for one: the most urgent first, and of these the one that has waited longest.
    pub(crate) fn next(&mut self) -> Option<Start> {
        let mut busy: HashMap<(Urgency, Option<&str>), (usize, usize)> = HashMap::new();
        let mut in_all: HashMap<Urgency, usize> = HashMap::new();
        for (group, running) in &self.running {
            let (passes, objects) = busy.entry((running.due.urgency, group.realm())).or_default();
            *passes += 1;
            *objects += running.due.objects;
            *in_all.entry(running.due.urgency).or_default() += 1;
        }
        let few_in_all = self.in_passes.0.load(Ordering::Relaxed) < OBJECTS_OF_ALL_KINDS;
        let has_room = |(urgency, realm): &Lane| {
            let (passes, objects) = busy.get(&(*urgency, realm.as_deref())).copied().unwrap_or_default();
            let is_small = if *urgency == Urgency::Look {
                objects < LOOKED_AT_PER_LANE
            } else {
                objects < OBJECTS_PER_LANE || few_in_all
            };
            let of_realm = if is_small { PASSES_PER_LANE } else { FEWEST_PASSES };
            passes < of_realm && in_all.get(urgency).copied().unwrap_or_default() < self.most
        };
        let first =
            |(lane, groups): (&Lane, &BTreeMap<u64, Group>)| Some((lane.0, *groups.first_key_value()?.0, lane.clone()));
        let (_, ticket, lane) = self.lanes.iter().filter(|(lane, _)| has_room(lane)).filter_map(first).min()?;
        let group = self.leave(&lane, ticket)?;
        let (due, _) = self.due.remove(&group)?;
        let (hurry, hurried) = signal::channel(());
        let taken = Taken::new(&due, &self.in_passes);
        self.running.insert(group.clone(), Running { due: due.clone(), is_due_again: false, hurry, _taken: taken });
        Some(Start { group, due, hurry: hurried })
    }

    /// How many passes are due and have not begun.
    pub(crate) fn waiting(&self) -> usize {
        self.due.len()
    }

    /// The pass of a group has ended. Returns whether the next one is due already.
    pub(crate) fn finished(&mut self, group: &Group) -> bool {
        self.running.remove(group).is_some_and(|running| running.is_due_again)
    }
}

fn lane(group: &Group, urgency: Urgency) -> Lane {
    (urgency, group.realm().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(realm: &str, target: usize) -> Group {
        Group::Target(format!("vendor/region/{realm}/service/{target:03}").into())
    }

    fn due(urgency: Urgency) -> Due {
        let revocations = (urgency == Urgency::Revocation).then(|| "one".to_owned());
        Due { urgency, objects: 1, revocations: revocations.into_iter().collect() }
    }

    /// Passes of another kind that have so many objects, and none of this one.
    fn beside(objects: usize) -> (Taken, Ready) {
        let in_passes = Arc::default();
        let others = Taken::new(&Due { objects, ..due(Urgency::Change) }, &in_passes);
        (others, Ready::new(100, in_passes))
    }

    fn started(ready: &mut Ready) -> Vec<Group> {
        std::iter::from_fn(|| ready.next()).map(|start| start.group).collect()
    }

    #[test]
    fn the_most_urgent_starts_first_and_then_who_has_waited_longest() {
        let mut ready = Ready::new(100, Arc::default());
        for (target, urgency) in
            [(1, Urgency::Look), (2, Urgency::Change), (3, Urgency::Revocation), (0, Urgency::Change)]
        {
            ready.add(group("a", target), due(urgency));
        }
        assert_eq!(started(&mut ready), [3, 2, 0, 1].map(|target| group("a", target)));
    }

    #[test]
    fn a_group_that_becomes_more_urgent_goes_ahead_and_starts_once() {
        let mut ready = Ready::new(100, Arc::default());
        for target in 0..3 {
            ready.add(group("a", target), due(Urgency::Look));
        }
        ready.add(group("a", 2), due(Urgency::Change));
        ready.add(group("a", 2), due(Urgency::Look));
        ready.add(group("a", 1), due(Urgency::Look));
        assert_eq!(started(&mut ready), [2, 0, 1].map(|target| group("a", target)));
    }

    #[test]
    fn one_realm_holds_up_no_other_and_looks_hold_up_no_change() {
        let mut ready = Ready::new(100, Arc::default());
        for target in 0..100 {
            ready.add(group("a", target), due(Urgency::Look));
        }
        assert_eq!(started(&mut ready).len(), PASSES_PER_LANE);
        ready.add(group("a", 99), due(Urgency::Change));
        ready.add(group("b", 0), due(Urgency::Look));
        assert_eq!(started(&mut ready), [group("a", 99), group("b", 0)]);
        assert!(!ready.finished(&group("a", 0)));
        assert_eq!(started(&mut ready), [group("a", PASSES_PER_LANE)]);
    }

    #[test]
    fn few_passes_of_large_targets_run_at_once() {
        let (others, mut ready) = beside(OBJECTS_OF_ALL_KINDS);
        for (target, objects) in [(0, 100), (1, 399), (2, 1), (3, 10), (4, 10), (5, 10), (6, 10)] {
            ready.add(group("a", target), Due { objects, ..due(Urgency::Change) });
        }
        assert_eq!(started(&mut ready), (0..FEWEST_PASSES).map(|target| group("a", target)).collect::<Vec<_>>());
        ready.finished(&group("a", 4));
        assert_eq!(started(&mut ready), [group("a", 6)], "in place of one that is done");
        ready.add(group("a", 7), due(Urgency::Change));
        assert_eq!(started(&mut ready), []);
        ready.finished(&group("a", 1));
        ready.add(group("a", 8), due(Urgency::Change));
        assert_eq!(started(&mut ready), [7, 8].map(|target| group("a", target)), "few objects are left");
        drop(others);
    }

    #[test]
    fn more_passes_of_large_targets_run_at_once_while_other_kinds_have_few() {
        for (of_others, passes) in [(0, 10), (300, 7), (OBJECTS_OF_ALL_KINDS, FEWEST_PASSES)] {
            let (others, mut ready) = beside(of_others);
            for target in 0..30 {
                ready.add(group("a", target), Due { objects: 100, ..due(Urgency::Change) });
            }
            assert_eq!(started(&mut ready).len(), passes, "{of_others}");
            for target in 0..30 {
                ready.finished(&group("a", target));
            }
            assert_eq!(ready.in_passes.0.load(Ordering::Relaxed), of_others, "given back");
            drop(others);
            assert_eq!(started(&mut ready).len(), 10, "{of_others} are gone");
        }
    }

    #[test]
    fn more_passes_of_large_targets_run_at_once_while_they_only_look() {
        let mut ready = Ready::new(100, Arc::default());
        for target in 0..10 {
            ready.add(group("a", target), Due { objects: 250, ..due(Urgency::Look) });
        }
        assert_eq!(started(&mut ready).len(), 8);
    }

    #[test]
    fn never_two_passes_on_one_group() {
        let mut ready = Ready::new(100, Arc::default());
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready).len(), 1);
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready), []);
        assert!(ready.finished(&group("a", 0)), "it is due again");
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready).len(), 1);
        assert!(!ready.finished(&group("a", 0)));
        assert!(ready.running.is_empty() && ready.lanes.is_empty() && ready.due.is_empty());
    }

    #[test]
    fn who_runs_is_told_to_hurry_when_more_is_urgent_and_only_then() {
        let mut ready = Ready::new(100, Arc::default());
        ready.add(group("a", 0), due(Urgency::Change));
        let Some(Start { mut hurry, .. }) = ready.next() else { panic!("nothing is due") };
        let mut told = |due| {
            ready.add(group("a", 0), due);
            let told = hurry.has_changed().is_ok_and(|changed| changed);
            hurry.mark_unchanged();
            told
        };
        assert!(!told(due(Urgency::Look)));
        assert!(!told(due(Urgency::Change)));
        assert!(told(due(Urgency::Revocation)));
        assert!(!told(due(Urgency::Revocation)), "the same, still under way");
        let revocations = BTreeSet::from(["another".to_owned()]);
        assert!(told(Due { revocations, ..due(Urgency::Revocation) }), "another one, while the first is done");
    }

    #[test]
    fn realms_take_turns_when_there_is_room_for_few_and_what_is_urgent_has_room_of_its_own() {
        let mut ready = Ready::new(2, Arc::default());
        for (realm, target) in [("a", 0), ("a", 1), ("b", 0), ("a", 2), ("c", 0)] {
            ready.add(group(realm, target), due(Urgency::Look));
        }
        assert_eq!(started(&mut ready), [group("a", 0), group("a", 1)]);
        ready.add(group("d", 0), due(Urgency::Revocation));
        assert_eq!(started(&mut ready), [group("d", 0)]);
        for target in 0..2 {
            ready.finished(&group("a", target));
            ready.add(group("a", target), due(Urgency::Look));
        }
        assert_eq!(started(&mut ready), [group("b", 0), group("a", 2)]);
    }

    #[test]
    fn a_group_is_in_one_lane() {
        let mut ready = Ready::new(1, Arc::default());
        ready.add(group("a", 0), due(Urgency::Look));
        started(&mut ready);
        for _ in 0..10 {
            ready.add(group("a", 1), due(Urgency::Look));
            ready.add(group("a", 1), due(Urgency::Change));
            assert_eq!(started(&mut ready), [group("a", 1)]);
            ready.finished(&group("a", 1));
        }
        assert!(ready.lanes.is_empty() && ready.due.is_empty());
    }
}
