//! What may happen to the world besides our own steps: edits by users and others, crashes, and time.

use super::judge::{Invariant, Violation, check};
use super::world::{Budget, Claim, Config, List, Mode, Reach, Set, World};

/// Appends all worlds that one event can make of this one.
pub(crate) fn disturb(config: Config, world: &World, into: &mut Vec<World>) -> Result<(), Violation> {
    let mut world = *world;
    if world.budget.users > 0 {
        world.budget.users -= 1;
        edit_claims(config, &world, into);
        world.budget.users += 1;
    }
    if world.budget.outside > 0 && matches!(world.list, List::Complete | List::Unreadable) {
        world.budget.outside -= 1;
        edit_cloud(config, &world, into);
        world.budget.outside += 1;
    }
    pass_time(config, &world, into);
    if world.budget.faults > 0 {
        world.budget.faults -= 1;
        into.push(World { pending: Set::EMPTY, removing: Set::EMPTY, sure: false, ..world });
        world.budget.faults += 1;
    }
    if config.reach == Reach::Wide {
        land_removals(config, &world, into)?;
        change_list(&world, into);
    }
    Ok(())
}

/// Users create, delete, widen, narrow, freeze, thaw, end and renew.
fn edit_claims(config: Config, world: &World, into: &mut Vec<World>) {
    let wants: Vec<Set> = if config.exclusive {
        Set::singles(config.strings).collect()
    } else {
        (1..1 << config.strings).map(Set).collect()
    };
    for (index, claim) in world.claims.iter().enumerate().take(config.claims) {
        let mut put = |claim: Option<Claim>| into.push(world.with_claim(index, claim));
        let Some(claim) = *claim else {
            for &wanted in &wants {
                let (mode, owned) = (Mode::Live, Set::EMPTY);
                put(Some(Claim { wanted, mode, deleting: false, finalizer: false, owned }));
            }
            continue;
        };
        if claim.deleting {
            continue;
        }
        put(claim.finalizer.then_some(Claim { deleting: true, ..claim }));
        for &wanted in wants.iter().filter(|&&wanted| wanted != claim.wanted) {
            put(Some(Claim { wanted, ..claim }));
        }
        for mode in [Mode::Live, Mode::Frozen, Mode::Ended] {
            if mode != claim.mode {
                put(Some(Claim { mode, ..claim }));
            }
        }
    }
}

/// Others grant and revoke in the console.
fn edit_cloud(config: Config, world: &World, into: &mut Vec<World>) {
    let owned = world.owned();
    for string in Set::singles(config.strings) {
        if world.cloud.meets(string) {
            let without = |set: Set| set.without(string);
            let (cloud, foreign, either) = (without(world.cloud), without(world.foreign), without(world.either));
            into.push(World { cloud, foreign, either, ..*world });
        } else if world.late.meets(string) {
            // The same entry twice in flight, once by us and once by others: nobody could tell whose it is.
        } else if config.exclusive {
            let (foreign, either) = if owned.is_empty() { (string, Set::EMPTY) } else { (Set::EMPTY, string) };
            into.push(World { cloud: string, foreign, either, ..*world });
        } else {
            let (mut foreign, mut either) = (world.foreign, world.either);
            let whose = if owned.meets(string) { &mut either } else { &mut foreign };
            *whose = whose.or(string);
            into.push(World { cloud: world.cloud.or(string), foreign, either, ..*world });
        }
    }
}

/// Late adds land; or the in-flight window passes, when they have landed or never will.
fn pass_time(config: Config, world: &World, into: &mut Vec<World>) {
    if world.is_unsettled() {
        into.push(window_passed(world));
        if !world.late.is_empty() {
            let landed = window_passed(&late_adds_landed(config, world));
            // An add of ours that displaces whoever came meanwhile: both of them are right there.
            let either = if config.exclusive { world.either.or(world.foreign) } else { world.either };
            into.push(World { either, ..landed });
        }
    }
    if !world.late.is_empty() {
        into.push(late_adds_landed(config, world));
    }
}

pub(crate) fn window_passed(world: &World) -> World {
    let none = Set::EMPTY;
    World { late: none, late_removals: none, pending: none, removing: none, sure: true, ..*world }
}

pub(crate) fn late_adds_landed(config: Config, world: &World) -> World {
    if world.late.is_empty() {
        return *world;
    }
    let (cloud, foreign) =
        if config.exclusive { (world.late, Set::EMPTY) } else { (world.cloud.or(world.late), world.foreign) };
    World { cloud, foreign, late: Set::EMPTY, ..*world }
}

/// Late removals land. Of an exclusive kind, one may take the principal away wherever it is by now.
fn land_removals(config: Config, world: &World, into: &mut Vec<World>) -> Result<(), Violation> {
    if !world.late_removals.is_empty() {
        into.push(late_removals_landed(config, world, world.late_removals)?);
        if config.exclusive {
            into.push(late_removals_landed(config, world, world.cloud.or(world.late_removals))?);
        }
    }
    Ok(())
}

pub(crate) fn late_removals_landed(config: Config, world: &World, removed: Set) -> Result<World, Violation> {
    // What Retain left became foreign while the removal was under way; that cannot be helped.
    let hit = removed.meets(world.foreign) && !config.adopts() && !config.retains();
    check(!hit, Invariant::LateRemovalHitOthers, || format!("{world:?}"))?;
    let without = |set: Set| set.without(removed);
    let (cloud, foreign, either) = (without(world.cloud), without(world.foreign), without(world.either));
    Ok(World { cloud, foreign, either, late_removals: Set::EMPTY, ..*world })
}

/// Lists fail and recover, targets vanish and return empty, principals become administrators and cease to be.
fn change_list(world: &World, into: &mut Vec<World>) {
    if world.list != List::Complete {
        into.push(World { list: List::Complete, ..*world });
        return;
    }
    let budget = world.budget;
    if budget.faults > 0 {
        let budget = Budget { faults: budget.faults - 1, ..budget };
        into.push(World { list: List::Unreadable, budget, ..*world });
    }
    if budget.outside > 0 {
        let none = Set::EMPTY;
        let budget = Budget { outside: budget.outside - 1, ..budget };
        let gone = World { cloud: none, late: none, late_removals: none, foreign: none, either: none, ..*world };
        into.push(World { list: List::Gone, budget, ..gone });
        // Writes that reach an administrator come to nothing; what it is left with when it ceases to be one may stay.
        let either = world.either.or(world.cloud);
        into.push(World { list: List::Fixed, either, late: none, late_removals: none, budget, ..*world });
    }
}
