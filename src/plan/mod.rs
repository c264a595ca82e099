//! The planning rule: what may be done now for one principal on one target. Pure: no IO, no clock, no randomness.
//!
//! A [`Situation`] goes in: every claim on the principal, what the cloud shows, what this process remembers to have
//! sent. A [`Plan`] comes out: Kubernetes steps, at most one change in the cloud, and how each claim stands. The caller
//! carries out what it can and plans again; no step relies on another of the same plan.
//!
//! # Invariants
//!
//! Each is named in the exploration, which drives the rule through every interleaving of edits and faults:
//!
//! - nothing is written that no recorded owner with a finalizer owns;
//! - nothing foreign is removed under Keep;
//! - nothing is removed that a live claim wants or a frozen one owns;
//! - nothing is claimed that the list showed as others';
//! - once edits and faults stop, the list comes to rest at foreign ∪ wanted ∪ frozen-owned, with no deleted claim left
//!   and nothing left behind;
//! - nobody is let go while a write of ours may still land on what it owned;
//! - a principal of an exclusive kind is moved in one write, never taken away to be placed again;
//! - a password is set only for a recorded owner that is served;
//! - an unreadable list is never an empty one: nothing is written, and nobody released who owns
//!   something, but by Retain.

mod change;
mod names;
mod outcome;
mod parties;
mod rehearsal;
mod rule;
mod verdict;

pub use outcome::{Class, Outcome};

use std::collections::BTreeSet;

/// What a principal holds, wants or owns on a target: privileges, a pool, role ids, a group.
pub type Access = BTreeSet<String>;

/// What a claim may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It may add and remove.
    Live,
    /// It adds nothing and loses nothing that it owns: suspended, only observing, or something it depends on cannot be
    /// read.
    Frozen,
    /// It wants nothing any more: being deleted, expired, not yet valid, or denied.
    Ended,
}

/// One claim as the rule sees it: what it asks, what it may do now, what it owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one object, each with its own source")]
pub struct ClaimState {
    /// Age: creation time in seconds since the epoch, then `namespace/name`. The smaller is the older.
    pub age: (i64, String),
    /// The access its spec asks for. For an exclusive kind, one string.
    pub wanted: Access,
    /// What it may do now, deletion left aside: see [`ClaimState::standing`].
    pub mode: Standing,
    /// Its object has a deletion timestamp.
    pub deleting: bool,
    /// Its object carries our finalizer.
    pub finalizer: bool,
    /// What its status remembers to have granted; recorded before the cloud was touched.
    pub owned: Access,
    /// `adoptionPolicy: Adopt`: what others granted becomes its own.
    pub adopt: bool,
    /// `deletionPolicy: Retain`: deleting the object leaves its access in place.
    pub retain: bool,
    /// What it supplies beside the access, a password, is another than was last set for it.
    pub rotated: bool,
}

impl ClaimState {
    /// What the claim may do now. Deletion ends it whatever else holds: freezing never stops a deletion.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.deleting { Standing::Ended } else { self.mode }
    }
}

/// What the cloud shows of one principal on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// A complete list was read, and shows this access for the principal (empty: no row).
    Access(Access),
    /// A complete list was read; the principal's row is an administrator's: it satisfies every claim and is never
    /// changed. What it shows goes here.
    Fixed(Access),
    /// The target itself is gone, confirmed by a second, different call: everything on it counts as gone.
    TargetGone,
    /// No complete list could be read: nothing is known.
    Unknown,
}

/// What this process remembers of its own writes for one principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Added by this process, not yet seen in a list, and still within the in-flight window: it may land any moment.
    pub pending: Access,
    /// Removed by this process, but the answer was lost, and the in-flight window has not passed: it may land any
    /// moment, whatever lists show meanwhile. A list does not clear it, only time does.
    pub removing: Access,
    /// The in-flight window has passed since the start of this process, so that `pending` and `removing` are the whole
    /// truth: nothing sent by a predecessor can land any more.
    pub sure: bool,
}

/// Everything the rule looks at for one principal on one target.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The kind is exclusive: access holds at most one string, and a claim owns the principal rather than the string.
    pub exclusive: bool,
    /// Every claim on the principal, in any order.
    pub claims: &'a [ClaimState],
    /// What the cloud shows.
    pub observed: &'a Observed,
    /// What this process remembers to have sent.
    pub memory: &'a Memory,
}

/// One effect on one object. `claim` is an index into [`Situation::claims`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Add our finalizer.
    AddFinalizer {
        /// Which claim.
        claim: usize,
    },
    /// Record in status that the claim owns exactly this.
    RecordOwned {
        /// Which claim.
        claim: usize,
        /// All that it owns from now on.
        owned: Access,
    },
    /// Drop our finalizer; the claim owns nothing any more. Retain, and a claim whose access is gone, end with this. From
    /// then on a deleted claim counts for nothing, whatever its status still names and whoever else keeps its object.
    Release {
        /// Which claim.
        claim: usize,
    },
}

impl Step {
    /// Which claim.
    #[must_use]
    pub fn claim(&self) -> usize {
        match self {
            Self::AddFinalizer { claim } | Self::RecordOwned { claim, .. } | Self::Release { claim } => *claim,
        }
    }
}

/// One principal's access before → after, to be written to the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the list showed.
    pub before: Access,
    /// What it shall show. Strings of others are in both. The same as before when only what the supplier supplies is to
    /// be set anew.
    pub after: Access,
    /// The claim that supplies the details of the write (a password, identity fields): when something is added, the one
    /// that is served, or of an additive kind the oldest live one that has recorded some of what is added; none when
    /// access is only removed.
    pub supplier: Option<usize>,
}

impl Change {
    /// What it adds.
    #[must_use]
    pub fn added(&self) -> Access {
        &self.after - &self.before
    }

    /// What it takes away.
    #[must_use]
    pub fn removed(&self) -> Access {
        &self.before - &self.after
    }

    /// The access stays; what the supplier supplies is set anew.
    #[must_use]
    pub fn is_rotation(&self) -> bool {
        self.before == self.after && self.supplier.is_some()
    }
}

/// How one claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The cloud shows all it wants, some of it granted for this claim or another one of ours, or adopted.
    Granted,
    /// The cloud shows all it wants and all of it was granted by others (or the principal is an administrator):
    /// deleting the claim will not take it away.
    AlreadyHeld,
    /// Something it wants is not there yet.
    Progressing,
    /// Exclusive kinds: another claim serves the principal (or freezes it).
    Conflict {
        /// Index of the claim that does.
        with: usize,
    },
    /// Exclusive kinds under Keep: others placed the principal elsewhere.
    Occupied,
    /// It is frozen.
    Frozen,
    /// It has ended, and something it owns is not gone yet.
    Ending,
    /// It has ended, and nothing that it owned is left to take away.
    Ended,
    /// The target is gone.
    TargetGone,
    /// Nothing is known, because no complete list could be read.
    Unknown,
}

/// What may be done now, and how each claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Kubernetes steps, at most one a claim. Each is right whether or not the others, or the change, are carried out.
    pub steps: Vec<Step>,
    /// What to write to the cloud.
    pub change: Option<Change>,
    /// How each claim stands, in the order of [`Situation::claims`].
    pub verdicts: Vec<Verdict>,
}

impl Plan {
    /// Plans one principal.
    #[must_use]
    pub fn new(situation: &Situation<'_>) -> Self {
        rule::plan(situation)
    }

    /// The plan as it would be with every record written that comes before the cloud: what would be changed, if its claims
    /// were to go on.
    #[must_use]
    pub fn rehearsed(situation: &Situation<'_>) -> Self {
        rehearsal::rehearse(situation)
    }

    /// Nothing is left to do.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.change.is_none()
    }
}
