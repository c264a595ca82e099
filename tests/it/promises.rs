//! P2 to P6 of `docs/reliability.md` in every scenario: each entry of the clouds' journal, and each object that goes, is held against
//! the versions of all objects that there were; and how much is done in how long is counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use simulator::{Change, Entry};

use crate::kstatus::asked::Asked;
use crate::kstatus::record::{Story, Version};
use crate::scenarios::PLAYED;

type Access<'a> = BTreeSet<&'a str>;

/// What a call did after its answer: it was sent at any time before.
const LATE: &str = "LateEffect";

/// In any so many seconds no target is called, and no object written by the operator, more often than that. The bounds are wide, for
/// scenarios in which much happens at once: they catch a loop, and what each needs is counted by its script.
const BURST: SignedDuration = SignedDuration::from_secs(10);
const MOST_CALLS: usize = 80;
const MOST_WRITES: usize = 20;

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

/// The operator's finalizer is on it.
fn is_held(version: &Version) -> bool {
    version.meta()["finalizers"]
        .as_array()
        .is_some_and(|names| names.iter().any(|name| name == "cloudaccess.dev/revoke"))
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

/// A time or rules take away what it asks for, and give it back.
fn comes_and_goes(version: &Version) -> bool {
    let spec = version.spec();
    let is_timed = ["validFrom", "validUntil"].iter().any(|field| spec[field].is_string());
    is_timed || spec["accountRef"]["kind"] == "ClusterCloudAccount"
}

/// What it owns and asks for, whatever becomes of others, and whatever rules come to say.
fn holds_on_to(version: &Version) -> Access<'_> {
    if is_deleted(version) || is_exclusive(version) || comes_and_goes(version) {
        return Access::new();
    }
    &owned(version) & &asked(version)
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

/// How often this has come to be so of any object, and of none before; where one is served at most, of each: another may have its turn.
fn times(versions: &[&Version], is_so: impl Fn(&Version) -> bool) -> usize {
    let (mut times, mut now) = (0, BTreeSet::new());
    for version in versions {
        let uid = version.meta()["uid"].as_str();
        if is_so(version) {
            let is_new = now.insert(uid);
            times += usize::from(is_new && (now.len() == 1 || is_exclusive(version)));
        } else {
            now.remove(&uid);
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
            let never = if version.is_last { version.journal } else { u64::MAX };
            next.insert(uid, version.journal).unwrap_or(never)
        };
        let mut ends: Vec<_> = story.versions.iter().rev().map(end).collect();
        ends.reverse();
        let mut judged = Self { story, ends, checked: BTreeMap::new(), broken: Vec::new() };
        for entry in story.journal.iter().filter(|entry| !by_others(entry)) {
            for change in &entry.changed {
                judged.change(entry, change);
            }
        }
        judged.is_bounded();
        for (index, version) in story.versions.iter().enumerate() {
            if version.by_operator && is_deleted(version) && !is_held(version) {
                judged.released(index);
            }
        }
        judged
    }

    /// Of these none may be wrong.
    fn check(&mut self, property: &'static str, of: &Access<'_>, wrong: &Access<'_>, what: impl FnOnce() -> String) {
        *self.checked.entry(property).or_default() += usize::from(!of.is_empty());
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

    /// Those that were there all the time between two places of the journal.
    fn throughout(&self, since: u64, until: u64) -> impl Iterator<Item = &'a Version> {
        let story = self.story;
        let there = self.ends.iter().zip(&story.versions);
        there.filter(move |(end, it)| **end >= until && it.journal <= since).map(|(_, version)| version)
    }

    /// This version asks for access when the cloud is called.
    fn asks(&self, version: &Version, entry: &Entry) -> bool {
        let spec = version.spec();
        // As late as this at least.
        let at = self.story.versions.iter().rfind(|it| it.journal < entry.sequence).map(|it| it.at);
        let until = spec["validUntil"].as_str().and_then(|time| time.parse().ok());
        let is_over = entry.operation != LATE && until.is_some() && until <= at;
        !(is_deleted(version) || is_over || spec["suspend"] == true || spec["mode"] == "Observe")
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
        let there: Vec<_> = self.between(looked, entry.sequence).filter(about).collect();
        let wanted: Access<'_> = there.iter().filter(|it| self.asks(it, entry)).flat_map(|it| asked(it)).collect();
        self.check("P2", &gained, &(&gained - &wanted), || format!("nobody asks for it: {entry:?}"));

        let own: Access<'_> = there.iter().flat_map(|version| &asked(version) | &owned(version)).collect();
        if !there.iter().any(|version| has_all(version)) {
            self.check("P4", &lost, &(&lost - &own), || format!("it is nobody's own: {entry:?}"));
        }
        let still: Access<'_> = self.throughout(looked, entry.sequence).filter(about).flat_map(holds_on_to).collect();
        self.check("P4", &lost, &(&lost & &still), || format!("it is asked for by another: {entry:?}"));
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
        let versions: Vec<_> = self.between(0, entry.sequence).filter(|it| is_about(it, entry, change)).collect();
        let wanted = times(&versions, |version| asked(version).contains(string) && !is_deleted(version));
        let recorded = times(&versions, |version| comes_and_goes(version) && owned(version).contains(string));
        let wrong = if given > recorded.max(wanted) + taken { Access::from([string]) } else { Access::new() };
        let times =
            format!("granted {given} times, recorded {recorded} times, asked for {wanted} times, taken {taken} times");
        self.check("P5", &Access::from([string]), &wrong, || format!("{times}: {entry:?}"));
    }

    /// P3: the operator lets an object go.
    fn released(&mut self, index: usize) {
        let version = &self.story.versions[index];
        let Some(about) = version.asked.as_ref().filter(|_| version.spec()["deletionPolicy"] != "Retain") else {
            return;
        };
        let uid = &version.meta()["uid"];
        let own: Access<'_> = self.between(0, u64::MAX).filter(|it| it.meta()["uid"] == *uid).flat_map(owned).collect();
        let mut left = &set_of(&version.held) & &own;
        let until = &self.story.journal[..usize::try_from(version.journal).unwrap()];
        for [before, after] in about.edits(until) {
            left = &left - &(&set(after) - &set(before));
        }
        let latest: BTreeMap<_, _> =
            self.story.versions[..index].iter().map(|it| (it.meta()["uid"].as_str(), it)).collect();
        for other in latest.into_values().filter(|it| it.meta()["uid"] != *uid) {
            let same = |it: &Asked| it.target == about.target && it.principal == about.principal;
            if !other.asked.as_ref().is_some_and(same) || is_deleted(other) && !is_held(other) {
                continue;
            }
            // Whoever owns it as well answers for it, and whoever takes over the one thing that can be held for what is there.
            let answers_for = &asked(other) | &owned(other);
            left = if is_exclusive(version) { Access::new() } else { &left - &answers_for };
        }
        self.check("P3", &own, &left, || format!("{} still holds it: {}", about.principal, version.object));
    }

    /// P6: there is no loop.
    fn is_bounded(&mut self) {
        let mut times: BTreeMap<(usize, String), Vec<Timestamp>> = BTreeMap::new();
        let calls = self.story.journal.iter().filter(|entry| !by_others(entry) && entry.operation != LATE);
        for (entry, target) in calls.filter_map(|entry| Some((entry, entry.target.as_ref()?))) {
            times.entry((MOST_CALLS, target.clone())).or_default().push(entry.timestamp);
        }
        for version in self.story.versions.iter().filter(|version| version.by_operator) {
            let object = format!("{} {}", version.kind(), version.meta()["uid"]);
            times.entry((MOST_WRITES, object)).or_default().push(version.at);
        }
        for ((most, what), times) in times {
            let count = densest(&times);
            let wrong = if count > most { Access::from([what.as_str()]) } else { Access::new() };
            self.check("P6", &Access::from([what.as_str()]), &wrong, || format!("{count} times in {BURST:#}"));
        }
    }
}

/// How many of these lie within the same seconds.
fn densest(times: &[Timestamp]) -> usize {
    let soon = |(index, first): (usize, &Timestamp)| {
        times[index..].iter().take_while(|time| time.duration_since(*first) < BURST).count()
    };
    times.iter().enumerate().map(soon).max().unwrap_or_default()
}

fn set_of(strings: &BTreeSet<String>) -> Access<'_> {
    strings.iter().map(String::as_str).collect()
}

/// Fails when what one owned is granted anew (P2), an object goes before its access does (P3), what others granted is taken away by the
/// rule and by its parts for each account (P4), a narrowed grant is taken away to be given again (P5), or nothing waits between two
/// looks (P6).
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
        let least = BTreeMap::from([("P2", 300), ("P3", 100), ("P4", 250), ("P5", 300), ("P6", 500)]);
        assert!(least.iter().all(|(property, least)| checked.get(property) >= Some(least)), "{checked:?}");
    }
}
