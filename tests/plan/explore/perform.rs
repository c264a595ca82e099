//! Carries out one step of a plan: all worlds that it can lead to.

use super::ask::Step;
use super::judge::{Invariant, Violation, check};
use super::world::{Claim, Config, List, Reach, Set, World};

/// One step of a plan that was made for `base`, carried out in `world`.
///
/// `strict`: nothing was edited in between, so that what is checked against the truth must hold exactly. Steps on
/// objects are fenced by `resourceVersion` and come to nothing when the object changed; writes to the cloud are not.
/// What the step leads to if nothing fails comes first.
pub(crate) fn perform(
    config: Config,
    world: &World,
    step: Step,
    base: &World,
    strict: bool,
    into: &mut Vec<World>,
) -> Result<(), Violation> {
    let index = match step {
        Step::Write { add, remove } => {
            check_write(config, world, (add, remove), base, strict)?;
            write(config, world, add, remove, into);
            return Ok(());
        }
        Step::Finalizer(index) | Step::Own(index, _) | Step::Release(index) => index,
    };
    check_step(config, step, base)?;
    let mut world = *world;
    if let Some(claim) = world.claims[index].filter(|claim| base.claims[index] == Some(*claim)) {
        if let Step::Own(_, owned) = step {
            claim_foreign(config, &mut world, index, owned.without(claim.owned), base)?;
        }
        world.claims[index] = patch(claim, step);
    }
    into.push(world);
    Ok(())
}

/// What is left of a claim after a step on it. The API server takes no finalizer on what is being deleted.
fn patch(claim: Claim, step: Step) -> Option<Claim> {
    match step {
        Step::Finalizer(_) => Some(Claim { finalizer: claim.finalizer || !claim.deleting, ..claim }),
        Step::Own(_, owned) => Some(Claim { owned, ..claim }),
        Step::Release(_) => (!claim.deleting).then_some(Claim { finalizer: false, ..claim }),
        Step::Write { .. } => Some(claim),
    }
}

/// A record makes its own what nobody of ours owned. Under Keep nothing that the list showed may be among it; what
/// others granted between the list and the record cannot be told from ours.
fn claim_foreign(config: Config, world: &mut World, index: usize, new: Set, base: &World) -> Result<(), Violation> {
    let shown = world.foreign.and(base.cloud);
    let context = || format!("{world:?}\n  {new:?} for {index}");
    if !config.exclusive {
        let taken = !config.adopt[index] && new.meets(shown);
        check(!taken, Invariant::ForeignClaimed, context)?;
        world.either = world.either.or(world.foreign.and(new));
        world.foreign = world.foreign.without(new);
    } else if !new.is_empty() {
        let taken = !config.adopt[index] && !shown.is_empty();
        check(!taken, Invariant::OccupantClaimed, context)?;
        world.either = world.either.or(world.foreign);
        world.foreign = Set::EMPTY;
    }
    Ok(())
}

fn check_step(config: Config, step: Step, base: &World) -> Result<(), Violation> {
    let context = || format!("{base:?}\n  {step:?}");
    let claim = |index: usize| base.claims[index];
    let (free, prepares) = match step {
        Step::Release(index) => {
            let free = |claim: &Claim| claim.deleting && (config.retain[index] || claim.owned.is_empty());
            (claim(index).is_some_and(|claim| free(&claim)), false)
        }
        Step::Own(index, owned) => (false, claim(index).is_some_and(|claim| !owned.within(claim.owned))),
        Step::Finalizer(_) => (false, true),
        Step::Write { .. } => (false, false),
    };
    check(base.list != List::Unreadable || free, Invariant::SteppedWithoutList, context)?;
    let untouchable = matches!(base.list, List::Gone | List::Fixed);
    check(!(untouchable && prepares), Invariant::GoneTargetPrepared, context)
}

fn check_write(
    config: Config,
    world: &World,
    (add, remove): (Set, Set),
    base: &World,
    strict: bool,
) -> Result<(), Violation> {
    let context = || format!("{world:?}\n  planned for {base:?}\n  add {add:?} remove {remove:?}");
    check(base.list == List::Complete, Invariant::WrittenWithoutList, context)?;
    let recorded = base.owned_if(|claim| claim.finalizer);
    check(add.within(recorded), Invariant::WrittenWithoutRecord, context)?;
    let adopts = config.adopts();
    if strict {
        check(adopts || !remove.meets(world.foreign), Invariant::ForeignRemoved, context)?;
    }
    if strict && !config.exclusive {
        check(adopts || remove.within(base.owned()), Invariant::UnownedRemoved, context)?;
        check(!remove.meets(base.wanted()), Invariant::WantedRemoved, context)?;
    }
    let holds = |claim: &Claim| claim.is_live() && !claim.owned.is_empty() && claim.wanted == base.cloud;
    if config.exclusive && base.claims().any(holds) {
        check(remove.is_empty(), Invariant::HolderMoved, context)?;
    }
    let frozen = base.owned_if(Claim::is_frozen);
    if config.exclusive && frozen.is_empty() && add.is_empty() && remove == base.cloud {
        let owner = base.claims().any(|claim| claim.is_live() && !claim.owned.is_empty());
        check(!owner, Invariant::MovedInTwo, context)?;
    }
    check(!strict || !remove.meets(frozen), Invariant::FrozenRemoved, context)
}

fn write(config: Config, world: &World, add: Set, remove: Set, into: &mut Vec<World>) {
    if world.list == List::Gone || world.list == List::Fixed {
        into.push(*world);
        return;
    }
    let lost = World { foreign: world.foreign.without(remove), either: world.either.without(remove), ..*world };
    let pending = world.pending.without(remove).or(add);
    let (with, without) = (world.cloud.or(add), world.cloud.without(remove));
    let both = with.without(remove);
    into.push(World { cloud: both, pending, ..lost });
    if world.budget.faults == 0 {
        return;
    }
    let mut budget = world.budget;
    budget.faults -= 1;
    let crashed = World { pending: Set::EMPTY, removing: Set::EMPTY, sure: false, budget, ..lost };
    let late = world.late.or(add.without(world.cloud));
    // Adds land later or are hidden; the same, and a crash; applied, and a crash; removals refused or lost for good;
    // adds refused.
    into.push(World { cloud: without, late, pending, budget, ..lost });
    into.push(World { cloud: without, late, ..crashed });
    into.push(World { cloud: both, ..crashed });
    into.push(World { cloud: with, pending: world.pending.or(add), budget, ..*world });
    into.push(World { cloud: without, budget, ..lost });
    if config.reach == Reach::Wide && !remove.is_empty() {
        removals_land_later(&World { budget, ..*world }, add, remove, into);
    }
}

/// The answer is lost, and the removals are still on their way: with the adds applied or late, without and with a crash.
fn removals_land_later(world: &World, add: Set, remove: Set, into: &mut Vec<World>) {
    let late_removals = world.late_removals.or(remove);
    let (pending, removing) = (world.pending.or(add), world.removing.or(remove));
    let applied = World { cloud: world.cloud.or(add), late_removals, pending, removing, ..*world };
    let late = World { late: world.late.or(add.without(world.cloud)), late_removals, pending, removing, ..*world };
    for world in [applied, late] {
        into.push(world);
        into.push(World { pending: Set::EMPTY, removing: Set::EMPTY, sure: false, ..world });
    }
}
