//! Access lists, the same for every service: what is true, and what lists show of it so soon after a change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Outcome;
use crate::journal::Change;
use crate::switches::Switches;

/// Something that has an access list, of some service: a queue, a cluster, a workspace.
pub(crate) trait Target {
    /// The journal's name of the service.
    const SERVICE: &'static str;

    /// Who holds what.
    fn list(&self) -> &AccessList;

    /// Who holds what, to be changed.
    fn list_mut(&mut self) -> &mut AccessList;

    /// The name under which the target stands.
    fn key(id: &str) -> String {
        id.to_owned()
    }

    /// The name under which a principal's row stands.
    fn principal(_switches: &Switches, principal: &str) -> String {
        principal.to_owned()
    }

    /// What someone holds after being given `given` in the console; where only one can be held, that one.
    fn joined(held: BTreeSet<String>, given: BTreeSet<String>) -> BTreeSet<String> {
        held.into_iter().chain(given).collect()
    }

    /// The row of someone who holds everything.
    fn administrator() -> Row {
        Row::Administrator("ALL")
    }

    /// Brings what goes with a row in line with it, after someone has edited it in the console.
    fn edited(&mut self, _principal: &str) {}
}

/// All targets of one kind, by their names.
pub(crate) struct Targets<T> {
    targets: BTreeMap<String, T>,
}

impl<T> Default for Targets<T> {
    fn default() -> Self {
        Self { targets: BTreeMap::new() }
    }
}

impl<T: Target> Targets<T> {
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.targets.get(&T::key(id))
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.targets.get_mut(&T::key(id))
    }

    /// Adds a target, or replaces the one of that name.
    pub(crate) fn insert(&mut self, id: &str, target: T) {
        self.targets.insert(T::key(id), target);
    }

    /// Names and targets, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &T)> {
        self.targets.iter()
    }
}

/// What someone does in the console, past all calls.
#[derive(Clone, Copy)]
pub(crate) enum Edit<'a> {
    /// Gives these, beside what is held.
    Grant(&'a [&'a str]),
    /// Replaces what is held.
    Set(&'a [&'a str]),
    /// Makes an administrator.
    Administrator,
    /// Takes everything.
    Remove,
}

impl Edit<'_> {
    /// As the journal names it.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::Grant(_) => "grant",
            Self::Set(_) | Self::Administrator => "update",
            Self::Remove => "revoke",
        }
    }
}

/// What an edit came to.
pub(crate) struct Edited {
    /// The name under which the principal's row stands.
    pub(crate) principal: String,
    /// What the row says now.
    pub(crate) holds: Vec<String>,
    /// The change, if it is one.
    pub(crate) changed: Option<Change>,
}

/// A service, as far as its targets are told apart by their names alone.
pub(crate) trait Service {
    /// The journal's name of the service.
    fn name(&self) -> &'static str;

    /// Whether there is such a target.
    fn has(&self, target: &str) -> bool;

    /// The name under which a target stands.
    fn key(&self, target: &str) -> String;

    /// The truth about a target.
    fn users(&self, target: &str) -> Option<BTreeMap<String, Vec<String>>>;

    /// Edits a principal's row; lists show it at once.
    fn edit(&mut self, switches: &Switches, target: &str, principal: &str, edit: Edit) -> Option<Edited>;

    /// Removes a target, and what everybody held there.
    fn remove(&mut self, target: &str) -> Option<Vec<Change>>;
}

impl<T: Target> Service for Targets<T> {
    fn name(&self) -> &'static str {
        T::SERVICE
    }

    fn has(&self, target: &str) -> bool {
        self.get(target).is_some()
    }

    fn key(&self, target: &str) -> String {
        T::key(target)
    }

    fn users(&self, target: &str) -> Option<BTreeMap<String, Vec<String>>> {
        self.get(target).map(|target| target.list().users())
    }

    fn edit(&mut self, switches: &Switches, target: &str, principal: &str, edit: Edit) -> Option<Edited> {
        let principal = T::principal(switches, principal);
        let target = self.get_mut(target)?;
        let list = target.list_mut();
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let row = match edit {
            Edit::Grant(names) => Row::Holds(T::joined(list.held(&principal), set(names))),
            Edit::Set(names) => Row::Holds(T::joined(BTreeSet::new(), set(names))),
            Edit::Administrator => T::administrator(),
            Edit::Remove => Row::default(),
        };
        let holds = row.strings();
        let changed = list.set_outside(&principal, row);
        target.edited(&principal);
        Some(Edited { principal, holds, changed })
    }

    fn remove(&mut self, target: &str) -> Option<Vec<Change>> {
        let target = self.targets.remove(&T::key(target))?;
        let gone = |(principal, before)| Change { principal, before, after: Vec::new() };
        Some(target.list().users().into_iter().map(gone).collect())
    }
}

/// What one principal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// Everything, written like this; it cannot be changed by a call.
    Administrator(&'static str),
    /// These; a row of none is no row.
    Holds(BTreeSet<String>),
}

impl Default for Row {
    /// Nothing.
    fn default() -> Self {
        Self::Holds(BTreeSet::new())
    }
}

impl Row {
    /// As lists and the journal write it.
    pub(crate) fn strings(&self) -> Vec<String> {
        match self {
            Self::Administrator(all) => vec![(*all).to_owned()],
            Self::Holds(set) => set.iter().cloned().collect(),
        }
    }

    /// Whether it can be changed by no call.
    pub(crate) fn is_administrator(&self) -> bool {
        matches!(self, Self::Administrator(_))
    }
}

/// What a call gives a principal to hold instead of everything, or why not.
pub(crate) type Verdict = Result<BTreeSet<String>, Answer>;

/// Who holds what on one target. An owner whom every target has is not in it.
#[derive(Default)]
pub(crate) struct AccessList {
    rows: BTreeMap<String, Row>,
    /// The last change that a call has made, per principal and string.
    recent: BTreeMap<(String, String), Recent>,
}

struct Recent {
    added: bool,
    at: Instant,
}

impl AccessList {
    /// The truth: principals and what they hold, sorted.
    pub(crate) fn users(&self) -> BTreeMap<String, Vec<String>> {
        let rows = self.rows.iter();
        rows.map(|(principal, row)| (principal.clone(), row.strings())).collect()
    }

    pub(crate) fn row(&self, principal: &str) -> Option<&Row> {
        self.rows.get(principal)
    }

    /// Whether this is an administrator, whom no call can change.
    pub(crate) fn is_administrator(&self, principal: &str) -> bool {
        self.row(principal).is_some_and(Row::is_administrator)
    }

    /// What a principal holds, apart from being an administrator.
    pub(crate) fn held(&self, principal: &str) -> BTreeSet<String> {
        match self.rows.get(principal) {
            Some(Row::Holds(set)) => set.clone(),
            Some(Row::Administrator(_)) | None => BTreeSet::new(),
        }
    }

    /// Replaces what a principal holds by a call: lists show it after a while.
    pub(crate) fn set_by_call(&mut self, principal: &str, wanted: BTreeSet<String>) -> Option<Change> {
        let held = self.held(principal);
        let at = Instant::now();
        for string in held.symmetric_difference(&wanted) {
            let added = wanted.contains(string);
            let place = (principal.to_owned(), string.clone());
            self.recent.insert(place, Recent { added, at });
        }
        self.set(principal, Row::Holds(wanted))
    }

    /// What a call about many principals does, and how it is answered. A refused one leaves the others undone
    /// as well, or they are done and the call is answered by the first refusal all the same (`partial`).
    pub(crate) fn apply(&mut self, verdicts: Vec<(String, Verdict)>, partial: bool, done: Answer) -> Outcome {
        let refusal = verdicts.iter().find_map(|(_, verdict)| verdict.as_ref().err().cloned());
        let mut changed = Vec::new();
        for (principal, verdict) in verdicts {
            if let Ok(wanted) = verdict
                && (partial || refusal.is_none())
            {
                changed.extend(self.set_by_call(&principal, wanted));
            }
        }
        Outcome { answer: refusal.unwrap_or(done), changed }
    }

    /// Replaces a row from outside: lists show it at once.
    pub(crate) fn set_outside(&mut self, principal: &str, row: Row) -> Option<Change> {
        self.recent.retain(|(who, _), _| who != principal);
        self.set(principal, row)
    }

    fn set(&mut self, principal: &str, row: Row) -> Option<Change> {
        let after = row.strings();
        let replaced =
            if after.is_empty() { self.rows.remove(principal) } else { self.rows.insert(principal.to_owned(), row) };
        let before = replaced.as_ref().map(Row::strings).unwrap_or_default();
        let principal = principal.to_owned();
        (before != after).then_some(Change { principal, before, after })
    }

    /// What lists show when they lag behind calls: without what was added a moment ago, with what was taken
    /// a moment ago. Milliseconds.
    pub(crate) fn visible(&self, added_after_ms: u64, taken_after_ms: u64) -> BTreeMap<String, Row> {
        let mut rows = self.rows.clone();
        for ((principal, string), recent) in &self.recent {
            let delay = if recent.added { added_after_ms } else { taken_after_ms };
            if recent.at.elapsed() >= Duration::from_millis(delay) {
                continue;
            }
            let shown = rows.entry(principal.clone()).or_default();
            if let Row::Holds(set) = shown {
                if recent.added {
                    set.remove(string);
                } else {
                    set.insert(string.clone());
                }
            }
        }
        rows.retain(|_, row| !row.strings().is_empty());
        rows
    }
}
