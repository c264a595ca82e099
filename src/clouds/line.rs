//! The calls that wait for a turn, and which of them is next: the most urgent; among those namespaces take turns, among
//! a namespace's calls its targets, and among a target's who came first is first.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Purpose, Urgency};

/// Of so many turns one is a class's that has waited all the while.
const SHARE: u32 = 10;

/// Calls that wait, each with its ticket and a `T` to call it by.
///
/// # Guarantees
///
/// - A class that waits gets every tenth turn at least. A revocation that comes goes before that, all but right after another.
/// - No namespace gets a second turn of a class before every other one that waits there had one, whatever it has waiting;
///   nor does a target of a namespace.
pub(super) struct Line<T> {
    classes: [Class<T>; Urgency::ALL.len()],
    /// The class that had the last turn.
    last: Option<Urgency>,
}

struct Class<T> {
    namespaces: Rotation<Rotation<Lane<T>>>,
    /// Turns that went to others while this one waited, since its own last one.
    passed_over: u32,
}

/// The calls about one target for one namespace, by ticket.
type Lane<T> = BTreeMap<u64, T>;

/// Those who take turns, and who had the last one.
struct Rotation<V> {
    all: BTreeMap<Arc<str>, V>,
    last: Option<Arc<str>>,
}

impl<V> Default for Rotation<V> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), last: None }
    }
}

impl<V> Rotation<V> {
    /// Whose turn it is.
    fn next(&self) -> Option<Arc<str>> {
        let after = self.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.all.range::<str, _>((after, Bound::Unbounded));
        later.next().or_else(|| self.all.first_key_value()).map(|(name, _)| Arc::clone(name))
    }
}

impl<T> Line<T> {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        let class = |_| Class { namespaces: Rotation::default(), passed_over: 0 };
        Self { classes: Urgency::ALL.map(class), last: None }
    }

    /// Gets in line. Later tickets are higher.
    pub(super) fn enter(&mut self, purpose: &Purpose, ticket: u64, waiting: T) {
        let targets = self.class(purpose.urgency).namespaces.all.entry(Arc::clone(&purpose.namespace)).or_default();
        targets.all.entry(Arc::clone(&purpose.target)).or_default().insert(ticket, waiting);
    }

    /// Leaves the line, if it is in it.
    pub(super) fn leave(&mut self, purpose: &Purpose, ticket: u64) -> Option<T> {
        let namespaces = &mut self.class(purpose.urgency).namespaces;
        let targets = namespaces.all.get_mut(&purpose.namespace)?;
        let lane = targets.all.get_mut(&purpose.target)?;
        let waiting = lane.remove(&ticket);
        if lane.is_empty() {
            targets.all.remove(&purpose.target);
        }
        if targets.all.is_empty() {
            namespaces.all.remove(&purpose.namespace);
        }
        waiting
    }

    /// Takes the next one out.
    pub(super) fn next(&mut self) -> Option<(u64, T)> {
        let urgency = self.next_class()?;
        let namespaces = &self.class(urgency).namespaces;
        let namespace = namespaces.next()?;
        let targets = namespaces.all.get(&namespace)?;
        let target = targets.next()?;
        let (&ticket, _) = targets.all.get(&target)?.first_key_value()?;
        let namespaces = &mut self.class(urgency).namespaces;
        namespaces.last = Some(Arc::clone(&namespace));
        if let Some(targets) = namespaces.all.get_mut(&namespace) {
            targets.last = Some(Arc::clone(&target));
        }
        self.count(urgency);
        let waiting = self.leave(&Purpose::new(urgency, namespace, target), ticket)?;
        Some((ticket, waiting))
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        for class in &mut self.classes {
            class.namespaces.all.clear();
        }
    }

    /// The class whose turn it is. One that was passed over too often is due, the last one first. A revocation goes before it
    /// all the same, unless the turn before was one's: what one comes upon is its like, and not what others left undone.
    fn next_class(&self) -> Option<Urgency> {
        let mut waiting = Urgency::ALL.into_iter().filter(|urgency| !self.classes[*urgency as usize].is_empty());
        let first = waiting.next()?;
        let due = waiting.rfind(|urgency| self.classes[*urgency as usize].passed_over >= SHARE - 1);
        let has_come = first == Urgency::Revocation && self.last != Some(first);
        Some(due.filter(|_| !has_come).unwrap_or(first))
    }

    /// This class has the turn.
    fn count(&mut self, urgency: Urgency) {
        for class in self.classes.iter_mut().filter(|class| !class.is_empty()) {
            class.passed_over = class.passed_over.saturating_add(1);
        }
        self.class(urgency).passed_over = 0;
        self.last = Some(urgency);
    }

    fn class(&mut self, urgency: Urgency) -> &mut Class<T> {
        &mut self.classes[urgency as usize]
    }
}

impl<T> Class<T> {
    fn is_empty(&self) -> bool {
        self.namespaces.all.is_empty()
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
