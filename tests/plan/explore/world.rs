//! A world small enough to visit every variant of it: one principal, a few claims, a few strings, what may still happen.

/// A set of strings: bit 0 is "a", bit 1 is "b", and so on.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Set(pub(crate) u8);

impl Set {
    pub(crate) const EMPTY: Self = Self(0);

    /// The set that holds this string alone.
    pub(crate) fn one(string: usize) -> Self {
        Self(1 << string)
    }
    /// The sets that hold one string alone, of so many strings.
    pub(crate) fn singles(strings: usize) -> impl Iterator<Item = Self> {
        (0..strings).map(Self::one)
    }
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub(crate) fn within(self, other: Self) -> bool {
        self.without(other).is_empty()
    }
    pub(crate) fn meets(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let strings: String =
            STRINGS.chars().enumerate().filter(|&(i, _)| self.meets(Self::one(i))).map(|(_, c)| c).collect();
        f.write_str(if strings.is_empty() { "-" } else { &strings })
    }
}

/// The strings there can be.
pub(crate) const STRINGS: &str = "abcde";

/// How many claims there can be.
pub(crate) const CLAIMS: usize = 6;

/// What a claim may do, deletion left aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Live,
    Frozen,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    pub(crate) wanted: Set,
    pub(crate) mode: Mode,
    pub(crate) deleting: bool,
    pub(crate) finalizer: bool,
    pub(crate) owned: Set,
}

impl Claim {
    /// What it may do now: a deletion ends it, whatever else holds.
    pub(crate) fn standing(self) -> Mode {
        if self.deleting { Mode::Ended } else { self.mode }
    }

    pub(crate) fn is_live(self) -> bool {
        self.standing() == Mode::Live
    }

    pub(crate) fn is_frozen(self) -> bool {
        self.standing() == Mode::Frozen
    }
}

/// What the operator can learn of the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum List {
    /// A complete list.
    Complete,
    /// None, or an incomplete one.
    Unreadable,
    /// The principal has become an administrator.
    Fixed,
    /// The target has been deleted.
    Gone,
}

/// How much may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Budget {
    /// Edits of the claims by users.
    pub(crate) users: u8,
    /// Edits of the cloud by others.
    pub(crate) outside: u8,
    /// Crashes of ours, lost answers, refusals, unreadable lists.
    pub(crate) faults: u8,
}

impl Budget {
    /// Three numbers with spaces between; what is missing is none.
    pub(crate) fn parse(text: &str) -> Self {
        let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self { users: next(), outside: next(), faults: next() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct World {
    /// What a complete list would show.
    pub(crate) cloud: Set,
    /// Adds of ours that have not landed, or are hidden from lists, and may land within the in-flight window.
    pub(crate) late: Set,
    /// Removals of ours that have not landed and may do so within the in-flight window.
    pub(crate) late_removals: Set,
    /// The truth: granted by others while nobody of ours owned it.
    pub(crate) foreign: Set,
    /// Granted by others on top of what we own, or left to them: keeping and removing are both right.
    pub(crate) either: Set,
    /// The first is the older.
    pub(crate) claims: [Option<Claim>; CLAIMS],
    /// Memory of the operator: adds of this process, not yet seen in a list.
    pub(crate) pending: Set,
    /// Memory of the operator: removals of this process whose answer was lost.
    pub(crate) removing: Set,
    /// Memory of the operator: the in-flight window has passed since it started.
    pub(crate) sure: bool,
    pub(crate) list: List,
    pub(crate) budget: Budget,
}

impl World {
    /// Nothing is there, and this may happen.
    pub(crate) fn empty(budget: Budget) -> Self {
        Self {
            cloud: Set::EMPTY,
            late: Set::EMPTY,
            late_removals: Set::EMPTY,
            foreign: Set::EMPTY,
            either: Set::EMPTY,
            claims: [None; CLAIMS],
            pending: Set::EMPTY,
            removing: Set::EMPTY,
            sure: true,
            list: List::Complete,
            budget,
        }
    }

    pub(crate) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().flatten()
    }

    pub(crate) fn owned(&self) -> Set {
        self.claims().fold(Set::EMPTY, |all, claim| all.or(claim.owned))
    }

    /// All that those claims own for which `holds`.
    pub(crate) fn owned_if(&self, holds: impl Fn(Claim) -> bool) -> Set {
        self.claims().filter(|claim| holds(**claim)).fold(Set::EMPTY, |all, claim| all.or(claim.owned))
    }

    pub(crate) fn wanted(&self) -> Set {
        self.claims().filter(|claim| claim.is_live()).fold(Set::EMPTY, |all, claim| all.or(claim.wanted))
    }

    pub(crate) fn with_claim(mut self, index: usize, claim: Option<Claim>) -> Self {
        self.claims[index] = claim;
        self
    }

    /// The operator has read a list: what it shows is not pending any more.
    pub(crate) fn seen(mut self) -> Self {
        if self.list == List::Complete {
            self.pending = self.pending.without(self.cloud);
        }
        self
    }

    /// What the operator is in the dark about, or will not forget until the in-flight window has passed.
    pub(crate) fn is_unsettled(&self) -> bool {
        let waiting = self.pending.0 | self.late.0 | self.removing.0 | self.late_removals.0;
        waiting != 0 || !self.sure
    }

    /// All that the rule may look at, in one number; of the first [`KEYED_CLAIMS`] claims and two strings.
    pub(crate) fn situation_key(&self) -> u64 {
        let claims = self.claims[..KEYED_CLAIMS].iter().fold(0, |key, claim| key << 10 | claim_key(*claim));
        let sets = u64::from(self.cloud.0 | self.pending.0 << 2 | self.removing.0 << 4);
        let flags = u64::from(self.sure) | (self.list as u64) << 1;
        claims | sets << 30 | flags << 36
    }

    /// All but the budget, in one number.
    pub(crate) fn key_without_budget(&self) -> u64 {
        let truth = u64::from(self.late.0 | self.late_removals.0 << 2 | self.foreign.0 << 4 | self.either.0 << 6);
        self.situation_key() | truth << 39
    }

    pub(crate) fn key(&self) -> u64 {
        let Budget { users, outside, faults } = self.budget;
        self.key_without_budget() | u64::from(users) << 47 | u64::from(outside) << 51 | u64::from(faults) << 55
    }
}

/// How many claims have room in a key.
pub(crate) const KEYED_CLAIMS: usize = 3;

fn claim_key(claim: Option<Claim>) -> u64 {
    claim.map_or(0, |claim| {
        let sets = claim.wanted.0 | claim.owned.0 << 2 | (claim.mode as u8) << 4;
        1 | u64::from(sets) << 1 | u64::from(claim.deleting) << 7 | u64::from(claim.finalizer) << 8
    })
}

/// What stays as it is during one exploration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// How many claims there are at most.
    pub(crate) claims: usize,
    /// How many strings there are.
    pub(crate) strings: usize,
    /// The kind is exclusive.
    pub(crate) exclusive: bool,
    /// Which claims say Adopt.
    pub(crate) adopt: [bool; CLAIMS],
    /// Which claims say Retain.
    pub(crate) retain: [bool; CLAIMS],
    pub(crate) reach: Reach,
}

impl Config {
    /// Small enough for every world to have a key of its own.
    pub(crate) fn has_keys(&self) -> bool {
        self.claims <= KEYED_CLAIMS && self.strings <= 2
    }

    pub(crate) fn adopts(&self) -> bool {
        self.adopt.contains(&true)
    }

    pub(crate) fn retains(&self) -> bool {
        self.retain.contains(&true)
    }
}

/// Which faults there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// User edits, outside edits, crashes, adds that are refused, lost or late, removals that are refused or lost.
    Core,
    /// Also: removals that land late, unreadable lists, targets that vanish and return, principals that become
    /// administrators, and the steps of one plan carried out together, in every order.
    Wide,
}
