//! The groups whose pass is due, and those whose pass runs: which one starts next. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::watch as signal;

use super::group::Group;
use crate::clouds::Urgency;

/// Passes of one realm and one urgency at once: a cloud that is slow, or asks to wait, holds up no other; nor do looks hold
/// up what somebody waits for.
const PASSES_PER_LANE: usize = 16;

/// An urgency, and what the targets belong to.
type Lane = (Urgency, Option<String>);

/// The groups whose pass is due, and those whose pass runs.
#[derive(Default)]
pub(crate) struct Ready {
    /// In the order in which they became due. Of a group that is in several lanes, the one in `due` counts.
    lanes: BTreeMap<Lane, VecDeque<Group>>,
    due: HashMap<Group, Due>,
    running: HashMap<Group, Running>,
}

/// A pass that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) urgency: Urgency,
    /// How many claims are to lose access.
    pub(crate) revocations: usize,
}

/// A pass that runs.
struct Running {
    /// As it was last due.
    due: Due,
    is_due_again: bool,
    hurry: signal::Sender<()>,
}

impl Ready {
    /// The pass of a group is due. While one runs the next one waits; if this is more urgent, or more is to be taken away, the
    /// running one is told to hurry.
    pub(crate) fn add(&mut self, group: Group, due: Due) {
        if let Some(running) = self.running.get_mut(&group) {
            running.is_due_again = true;
            if due.urgency < running.due.urgency || due.revocations > running.due.revocations {
                running.hurry.send_replace(());
            }
            running.due = Due { urgency: due.urgency.min(running.due.urgency), ..due };
            return;
        }
        let known = self.due.insert(group.clone(), due);
        if known.is_none_or(|known| due.urgency < known.urgency) {
            let lane = (due.urgency, group.realm().map(str::to_owned));
            self.lanes.entry(lane).or_default().push_back(group);
        } else if let Some(known) = known {
            self.due.insert(group, Due { urgency: known.urgency, ..due });
        }
    }

    /// The next pass to start, if there is room for one, and what tells it to hurry: the most urgent first.
    pub(crate) fn next(&mut self) -> Option<(Group, signal::Receiver<()>)> {
        let (group, due) = self.take()?;
        let (hurry, hurried) = signal::channel(());
        self.running.insert(group.clone(), Running { due, is_due_again: false, hurry });
        Some((group, hurried))
    }

    fn take(&mut self) -> Option<(Group, Due)> {
        let mut busy: HashMap<(Urgency, Option<&str>), usize> = HashMap::new();
        for (group, running) in &self.running {
            *busy.entry((running.due.urgency, group.realm())).or_default() += 1;
        }
        for ((urgency, realm), groups) in &mut self.lanes {
            if busy.get(&(*urgency, realm.as_deref())).is_some_and(|passes| *passes >= PASSES_PER_LANE) {
                continue;
            }
            while let Some(group) = groups.pop_front() {
                if self.due.get(&group).is_some_and(|due| due.urgency == *urgency) {
                    return self.due.remove_entry(&group);
                }
            }
        }
        None
    }

    /// The pass of a group has ended. Returns whether the next one is due already.
    pub(crate) fn finished(&mut self, group: &Group) -> bool {
        self.lanes.retain(|_, groups| !groups.is_empty());
        self.running.remove(group).is_some_and(|running| running.is_due_again)
    }

    /// How many passes run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(realm: &str, target: usize) -> Group {
        Group::Target(format!("huawei/cn-north-4/{realm}/dli/{target:03}").into())
    }

    fn due(urgency: Urgency) -> Due {
        Due { urgency, revocations: usize::from(urgency == Urgency::Revocation) }
    }

    fn started(ready: &mut Ready) -> Vec<Group> {
        std::iter::from_fn(|| ready.next()).map(|(group, _)| group).collect()
    }

    #[test]
    fn the_most_urgent_starts_first_and_then_who_has_waited_longest() {
        let mut ready = Ready::default();
        for (target, urgency) in
            [(1, Urgency::Look), (2, Urgency::Change), (3, Urgency::Revocation), (0, Urgency::Change)]
        {
            ready.add(group("a", target), due(urgency));
        }
        assert_eq!(started(&mut ready), [3, 2, 0, 1].map(|target| group("a", target)));
    }

    #[test]
    fn a_group_that_becomes_more_urgent_goes_ahead_and_starts_once() {
        let mut ready = Ready::default();
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
        let mut ready = Ready::default();
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
    fn never_two_passes_on_one_group() {
        let mut ready = Ready::default();
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready).len(), 1);
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready), []);
        assert!(ready.finished(&group("a", 0)), "it is due again");
        ready.add(group("a", 0), due(Urgency::Change));
        assert_eq!(started(&mut ready).len(), 1);
        assert!(!ready.finished(&group("a", 0)));
        assert_eq!(ready.running(), 0);
    }

    #[test]
    fn who_runs_is_told_to_hurry_when_more_is_urgent_and_only_then() {
        let mut ready = Ready::default();
        ready.add(group("a", 0), due(Urgency::Change));
        let Some((_, mut hurry)) = ready.next() else { panic!("nothing is due") };
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
        assert!(told(Due { urgency: Urgency::Revocation, revocations: 2 }), "one more");
    }
}
