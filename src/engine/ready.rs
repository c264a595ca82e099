//! The groups whose pass is due, and those whose pass runs: which one starts next. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

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
    due: HashMap<Group, Urgency>,
    running: HashMap<Group, Running>,
}

/// A pass that runs.
struct Running {
    urgency: Urgency,
    is_due_again: bool,
    hurry: Arc<Notify>,
}

impl Ready {
    /// The pass of a group is due. While one runs the next one waits; if this is more urgent, the running one is told to hurry.
    pub(crate) fn add(&mut self, group: Group, urgency: Urgency) {
        if let Some(running) = self.running.get_mut(&group) {
            running.is_due_again = true;
            if urgency < running.urgency {
                running.urgency = urgency;
                running.hurry.notify_one();
            }
            return;
        }
        if self.due.get(&group).is_some_and(|known| *known <= urgency) {
            return;
        }
        let lane = (urgency, group.realm().map(str::to_owned));
        self.lanes.entry(lane).or_default().push_back(group.clone());
        self.due.insert(group, urgency);
    }

    /// The next pass to start, if there is room for one, and what tells it to hurry: the most urgent first.
    pub(crate) fn next(&mut self) -> Option<(Group, Arc<Notify>)> {
        let (group, urgency) = self.take()?;
        let hurry = Arc::new(Notify::new());
        let running = Running { urgency, is_due_again: false, hurry: Arc::clone(&hurry) };
        self.running.insert(group.clone(), running);
        Some((group, hurry))
    }

    fn take(&mut self) -> Option<(Group, Urgency)> {
        let mut busy: HashMap<(Urgency, Option<&str>), usize> = HashMap::new();
        for (group, running) in &self.running {
            *busy.entry((running.urgency, group.realm())).or_default() += 1;
        }
        for ((urgency, realm), groups) in &mut self.lanes {
            if busy.get(&(*urgency, realm.as_deref())).is_some_and(|passes| *passes >= PASSES_PER_LANE) {
                continue;
            }
            while let Some(group) = groups.pop_front() {
                if self.due.get(&group) == Some(urgency) {
                    self.due.remove(&group);
                    return Some((group, *urgency));
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

    fn started(ready: &mut Ready) -> Vec<Group> {
        std::iter::from_fn(|| ready.next()).map(|(group, _)| group).collect()
    }

    #[test]
    fn the_most_urgent_starts_first_and_then_who_has_waited_longest() {
        let mut ready = Ready::default();
        for (target, urgency) in
            [(1, Urgency::Look), (2, Urgency::Change), (3, Urgency::Revocation), (0, Urgency::Change)]
        {
            ready.add(group("a", target), urgency);
        }
        assert_eq!(started(&mut ready), [3, 2, 0, 1].map(|target| group("a", target)));
    }

    #[test]
    fn a_group_that_becomes_more_urgent_goes_ahead_and_starts_once() {
        let mut ready = Ready::default();
        for target in 0..3 {
            ready.add(group("a", target), Urgency::Look);
        }
        ready.add(group("a", 2), Urgency::Change);
        ready.add(group("a", 2), Urgency::Look);
        ready.add(group("a", 1), Urgency::Look);
        assert_eq!(started(&mut ready), [2, 0, 1].map(|target| group("a", target)));
    }

    #[test]
    fn one_realm_holds_up_no_other_and_looks_hold_up_no_change() {
        let mut ready = Ready::default();
        for target in 0..100 {
            ready.add(group("a", target), Urgency::Look);
        }
        assert_eq!(started(&mut ready).len(), PASSES_PER_LANE);
        ready.add(group("a", 99), Urgency::Change);
        ready.add(group("b", 0), Urgency::Look);
        assert_eq!(started(&mut ready), [group("a", 99), group("b", 0)]);
        assert!(!ready.finished(&group("a", 0)));
        assert_eq!(started(&mut ready), [group("a", PASSES_PER_LANE)]);
    }

    #[test]
    fn never_two_passes_on_one_group() {
        let mut ready = Ready::default();
        ready.add(group("a", 0), Urgency::Change);
        assert_eq!(started(&mut ready).len(), 1);
        ready.add(group("a", 0), Urgency::Change);
        assert_eq!(started(&mut ready), []);
        assert!(ready.finished(&group("a", 0)), "it is due again");
        ready.add(group("a", 0), Urgency::Change);
        assert_eq!(started(&mut ready).len(), 1);
        assert!(!ready.finished(&group("a", 0)));
        assert_eq!(ready.running(), 0);
    }

    #[tokio::test]
    async fn who_runs_is_told_to_hurry_when_it_becomes_more_urgent_and_only_then() {
        let mut ready = Ready::default();
        ready.add(group("a", 0), Urgency::Change);
        let Some((running, hurry)) = ready.next() else { panic!("nothing is due") };
        ready.add(running.clone(), Urgency::Look);
        let told = tokio::time::timeout(std::time::Duration::from_millis(1), hurry.notified()).await;
        assert!(told.is_err());
        ready.add(running, Urgency::Revocation);
        hurry.notified().await;
    }
}
