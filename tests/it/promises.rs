//! P2 to P5 of `docs/reliability.md` in every scenario: each entry of the clouds' journal, and each object that goes, is held against
//! the versions of all objects that there were.

use std::collections::{BTreeMap, BTreeSet};

use simulator::{Change, Entry};

use crate::kstatus::record::{Story, Version};
use crate::scenarios::PLAYED;

type Access<'a> = BTreeSet<&'a str>;

/// What a call did after its answer: it was sent at any time before.
const LATE: &str = "LateEffect";

/// A scenario that has been played, and what does not hold of it.
struct Judged<'a> {
    story: &'a Story,
    /// How far the journal had come when each version was followed by the next one of its object.
    ends: Vec<u64>,
    checked: BTreeMap<&'static str, usize>,
    broken: Vec<String>,
}

/// Whether a change is about whom this version is about.
fn is_about(version: &Version, entry: &Entry, change: &Change) -> bool {
    let asked = version.asked.as_ref();
    asked.is_some_and(|asked| Some(&asked.target) == entry.target.as_ref() && asked.principal == change.principal)
}

fn is_deleted(version: &Version) -> bool {
    version.is_last || version.meta()["deletionTimestamp"].is_string()
}

/// Its principals hold one thing at most.
fn is_exclusive(version: &Version) -> bool {
    ["PoolMembership", "HpcUser"].contains(&version.kind())
}

/// All that the principal holds is this object's, whoever granted it: by its policy, or because it is one thing at most, and the
/// object has it.
fn has_all(version: &Version) -> bool {
    version.spec()["adoptionPolicy"] == "Adopt" || is_exclusive(version) && !owned(version).is_empty()
}

/// What its status says is its own.
fn owned(version: &Version) -> Access<'_> {
    let owned = version.object["status"]["owned"].as_array().into_iter().flatten();
    owned.filter_map(|string| string.as_str()).collect()
}

fn asked(version: &Version) -> Access<'_> {
    version.asked.iter().flat_map(|asked| &asked.access).map(String::as_str).collect()
}

fn set(strings: &[String]) -> Access<'_> {
    strings.iter().map(String::as_str).collect()
}

/// How often this has come to be so of an object.
fn times(versions: &[&Version], is_so: impl Fn(&Version) -> bool) -> usize {
    let (mut times, mut now) = (0, BTreeSet::new());
    for version in versions {
        let uid = version.meta()["uid"].as_str();
        if !is_so(version) {
            now.remove(&uid);
        } else if now.insert(uid) {
            times += 1;
        }
    }
    times
}

fn by_others(entry: &Entry) -> bool {
    entry.operation == "OutsideEdit"
}

impl<'a> Judged<'a> {
    fn of(story: &'a Story) -> Self {
        let mut next: BTreeMap<&str, u64> = BTreeMap::new();
        let end = |version: &'a Version| {
            let uid = version.meta()["uid"].as_str().unwrap_or_default();
            next.insert(uid, version.journal).unwrap_or(u64::MAX)
        };
        let mut ends: Vec<_> = story.versions.iter().rev().map(end).collect();
        ends.reverse();
        let mut judged = Self { story, ends, checked: BTreeMap::new(), broken: Vec::new() };
        for entry in story.journal.iter().filter(|entry| !by_others(entry)) {
            for change in &entry.changed {
                judged.change(entry, change);
            }
        }
        for (index, version) in story.versions.iter().enumerate() {
            if version.is_last && version.by_operator {
                judged.gone(index);
            }
        }
        judged
    }

    fn check(&mut self, property: &'static str, wrong: &Access<'_>, what: impl FnOnce() -> String) {
        *self.checked.entry(property).or_default() += 1;
        if !wrong.is_empty() {
            self.broken.push(format!("{}: {property}: {wrong:?}: {}", self.story.name, what()));
        }
    }

    /// The versions that were there at some time between two places of the journal.
    fn between(&self, since: u64, until: u64) -> impl Iterator<Item = &'a Version> {
        let story = self.story;
        let there = self.ends.iter().zip(&story.versions).filter(move |(end, it)| **end >= since && it.journal < until);
        there.map(|(_, version)| version)
    }

    /// Where the target was listed last before an entry.
    fn looked_before(&self, entry: &Entry) -> u64 {
        if entry.operation == LATE {
            return 0;
        }
        let before = self.story.journal.iter().rev().skip_while(|it| it.sequence >= entry.sequence);
        let mut looks = before.filter(|it| it.operation.starts_with("List") && it.target == entry.target);
        looks.find(|it| it.succeeded).map_or(0, |look| look.sequence)
    }

    fn change(&mut self, entry: &'a Entry, change: &'a Change) {
        let (before, after) = (set(&change.before), set(&change.after));
        let (gained, lost) = (&after - &before, &before - &after);
        let looked = self.looked_before(entry);
        let about = |version: &&Version| is_about(version, entry, change);
        let asking = self.between(looked, entry.sequence).filter(about).filter(|it| !is_deleted(it));
        let wanted: Access<'_> = asking.flat_map(asked).collect();
        self.check("P2", &(&gained - &wanted), || format!("nobody asks for it: {entry:?}"));

        let ever: Vec<_> = self.between(0, entry.sequence).filter(about).collect();
        let own: Access<'_> = ever.iter().flat_map(|version| &asked(version) | &owned(version)).collect();
        if !ever.iter().any(|version| has_all(version)) {
            self.check("P4", &(&lost - &own), || format!("nobody ever asked for it: {entry:?}"));
        }
        for string in gained.into_iter().filter(|_| entry.operation != LATE) {
            self.once(entry, change, string);
        }
    }

    /// P5: what is granted once more was asked for, or recorded as somebody's own, once more, or taken away by others.
    fn once(&mut self, entry: &Entry, change: &Change, string: &str) {
        let until = self.story.journal.iter().filter(|it| it.sequence <= entry.sequence && it.target == entry.target);
        let changes = until.flat_map(|it| it.changed.iter().map(move |change| (it, change)));
        let (mut given, mut taken) = (0, 0);
        for (it, other) in changes.filter(|(_, other)| other.principal == change.principal) {
            let by_others = by_others(it);
            let (before, after) = (set(&other.before).contains(string), set(&other.after).contains(string));
            given += usize::from(!by_others && it.operation != LATE && after && !before);
            taken += usize::from(by_others && before && !after);
        }
        let about = |version: &&Version| is_about(version, entry, change);
        let versions: Vec<_> = self.between(0, entry.sequence).filter(about).collect();
        let recorded = times(&versions, |version| owned(version).contains(string));
        let wanted = times(&versions, |version| asked(version).contains(string) && !is_deleted(version));
        let wrong = if given > recorded.max(wanted) + taken { Access::from([string]) } else { Access::new() };
        let times =
            format!("granted {given} times, recorded {recorded} times, asked for {wanted} times, taken {taken} times");
        self.check("P5", &wrong, || format!("{times}: {entry:?}"));
    }

    /// P3: the operator lets an object go.
    fn gone(&mut self, index: usize) {
        let version = &self.story.versions[index];
        let Some(about) = version.asked.as_ref().filter(|_| version.spec()["deletionPolicy"] != "Retain") else {
            return;
        };
        let uid = &version.meta()["uid"];
        let own = self.between(0, u64::MAX).filter(|it| it.meta()["uid"] == *uid).flat_map(owned).collect();
        let mut left = &set_of(&version.held) & &own;
        let until = &self.story.journal[..usize::try_from(version.journal).unwrap()];
        for [_, after] in about.edits(until) {
            left = &left - &set(after);
        }
        let others = self.between(version.journal, version.journal + 1).filter(|it| !is_deleted(it));
        for other in others.filter_map(|it| it.asked.as_ref()) {
            if other.target == about.target && other.principal == about.principal {
                // Whoever takes over the one thing that can be held answers for what is there.
                left = if is_exclusive(version) { Access::new() } else { &left - &set_of(&other.access) };
            }
        }
        self.check("P3", &left, || format!("{} still holds it: {}", about.principal, version.object));
    }
}

fn set_of(strings: &BTreeSet<String>) -> Access<'_> {
    strings.iter().map(String::as_str).collect()
}

/// Fails when what one owned is granted anew (P2), an object goes before its access does (P3), what others granted is taken away by the
/// rule and by its parts for each account (P4), or a narrowed grant is taken away to be given again (P5).
#[test]
fn what_is_promised_holds_at_every_step_of_every_scenario() {
    let (mut checked, mut broken) = (BTreeMap::<_, usize>::new(), Vec::new());
    for judged in PLAYED.iter().map(Judged::of) {
        broken.extend(judged.broken);
        for (property, count) in judged.checked {
            *checked.entry(property).or_default() += count;
        }
    }
    assert!(broken.is_empty(), "{} of these:\n{}", broken.len(), broken.join("\n"));
    if std::env::var("SCENARIO").is_err() {
        let least = BTreeMap::from([("P2", 300), ("P3", 50), ("P4", 300), ("P5", 200)]);
        assert!(least.iter().all(|(property, least)| checked.get(property) >= Some(least)), "{checked:?}");
    }
}
