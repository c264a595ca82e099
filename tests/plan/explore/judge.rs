//! What must hold: of every step on its way, and of every world once it has come to rest.

use super::world::{Claim, Config, List, Mode, Set, World};

/// What the rule promises. The words are those of a failing test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Invariant {
    WrittenWithoutRecord,
    ForeignRemoved,
    UnownedRemoved,
    WantedRemoved,
    HolderMoved,
    MovedInTwo,
    FrozenRemoved,
    ForeignClaimed,
    OccupantClaimed,
    LateRemovalHitOthers,
    WrittenWithoutList,
    SteppedWithoutList,
    GoneTargetPrepared,
    OneStepEach,
    OneVerdictEach,
    ChangeFromList,
    OneSupplier,
    Settles,
    RetainWaits,
    DeletedStays,
    EndedOwns,
    WantedAbsent,
    OwnsUnwanted,
    LeftBehind,
    ForeignLost,
    TwoServed,
    ServedElsewhere,
    OccupantMoved,
}

impl Invariant {
    pub(crate) fn broken(self) -> &'static str {
        match self {
            Self::WrittenWithoutRecord => "wrote what no recorded owner with a finalizer owns",
            Self::ForeignRemoved => "removed what others granted",
            Self::UnownedRemoved => "removed what nobody owned",
            Self::WantedRemoved => "removed what a live claim wants",
            Self::HolderMoved => "exclusive: moved the holder",
            Self::MovedInTwo => "exclusive: took away a principal that is to be moved",
            Self::FrozenRemoved => "removed what a frozen claim owns",
            Self::ForeignClaimed => "claimed what others granted",
            Self::OccupantClaimed => "exclusive: claimed a principal others placed",
            Self::LateRemovalHitOthers => "let go while a removal could still land, which took what others granted",
            Self::WrittenWithoutList => "wrote without a list that allows it",
            Self::SteppedWithoutList => "let go of an owner without a list, and not for Retain",
            Self::GoneTargetPrepared => "prepared a write to what is gone or fixed",
            Self::OneStepEach => "planned two steps on one claim",
            Self::OneVerdictEach => "gave not one verdict a claim",
            Self::ChangeFromList => "planned a change that is none, or not from what the list shows",
            Self::OneSupplier => "details not supplied by exactly one recorded owner",
            Self::Settles => "does not settle",
            Self::RetainWaits => "Retain waits for a list",
            Self::DeletedStays => "a deleted claim stays",
            Self::EndedOwns => "an ended claim still owns",
            Self::WantedAbsent => "wanted but absent",
            Self::OwnsUnwanted => "owns what it no longer wants",
            Self::LeftBehind => "left behind",
            Self::ForeignLost => "foreign access lost",
            Self::TwoServed => "exclusive: two serve one principal",
            Self::ServedElsewhere => "exclusive: not what the server wants",
            Self::OccupantMoved => "exclusive: foreign occupant moved",
        }
    }
}

/// A promise that was broken, and where.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) context: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VIOLATION: {}\n  {}", self.invariant.broken(), self.context)
    }
}

pub(crate) fn check(holds: bool, invariant: Invariant, context: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, context: context() }) }
}

/// Whether the world that came to rest is right. `start` is the one from which on nothing more happened.
pub(crate) fn judge(config: Config, world: &World, start: &World) -> Result<(), Violation> {
    let context = || format!("from {start:?}\n  at rest {world:?}");
    let deleted = world.claims().any(|claim| claim.deleting);
    check(!deleted, Invariant::DeletedStays, context)?;
    let ended = world.claims().any(|claim| claim.standing() == Mode::Ended && !claim.owned.is_empty());
    check(!ended, Invariant::EndedOwns, context)?;
    match world.list {
        List::Complete if config.exclusive => judge_exclusive(config, world, start, context),
        List::Complete => judge_additive(config, world, context),
        List::Unreadable | List::Fixed | List::Gone => Ok(()),
    }
}

fn judge_additive(config: Config, world: &World, context: impl Fn() -> String + Copy) -> Result<(), Violation> {
    let wanted = world.wanted();
    check(wanted.within(world.cloud), Invariant::WantedAbsent, context)?;
    let unwanted = world.claims().any(|claim| claim.is_live() && !claim.owned.within(claim.wanted));
    check(!unwanted, Invariant::OwnsUnwanted, context)?;
    if !config.retains() {
        let frozen = world.owned_if(Claim::is_frozen);
        let explained = wanted.or(world.foreign).or(world.either).or(frozen);
        check(world.cloud.within(explained), Invariant::LeftBehind, context)?;
    }
    let lost = !config.adopts() && !world.foreign.within(world.cloud);
    check(!lost, Invariant::ForeignLost, context)
}

fn judge_exclusive(
    config: Config,
    world: &World,
    start: &World,
    context: impl Fn() -> String + Copy,
) -> Result<(), Violation> {
    let mut owners = world.claims().filter(|claim| claim.is_live() && !claim.owned.is_empty());
    let server = owners.next();
    check(owners.next().is_none(), Invariant::TwoServed, context)?;
    let frozen = world.owned_if(Claim::is_frozen);
    if let Some(server) = server.filter(|_| frozen.is_empty()) {
        check(world.cloud == server.wanted, Invariant::ServedElsewhere, context)?;
    }
    if world.claims().next().is_none() && !config.retains() {
        check(world.cloud.within(world.foreign.or(world.either)), Invariant::LeftBehind, context)?;
    }
    let undisturbed = start.late.is_empty() && world.foreign != Set::EMPTY && !config.adopts();
    check(!undisturbed || world.cloud == world.foreign, Invariant::OccupantMoved, context)
}
