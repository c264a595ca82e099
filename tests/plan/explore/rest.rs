//! Quiet: nothing more happens but our own steps and the passing of time, until nothing is left to do.

use super::ask::{NO_STEPS, Rule, Step, Steps};
use super::disturb::{late_adds_landed, late_removals_landed, window_passed};
use super::judge::{Invariant, Violation, check, judge};
use super::perform::perform;
use super::world::{Budget, Config, List, World};

/// Far more rounds than anything needs.
const TOO_MANY: u32 = 30;

/// Lets things come to rest, and judges where they did. Returns how many rounds it took.
pub(crate) fn rest(config: Config, rule: &mut Rule, start: &World) -> Result<u32, Violation> {
    let mut world = World { budget: Budget::default(), ..*start };
    for rounds in 0..TOO_MANY {
        world = world.seen();
        let steps = rule.ask(&world)?;
        if steps != NO_STEPS {
            world = carry_out(config, &world, steps)?;
        } else if world.list == List::Unreadable {
            let retained = |(claim, retain): (&Option<_>, &bool)| *retain && is_deleting(claim.as_ref());
            let waits = world.claims.iter().zip(&config.retain).any(retained);
            check(!waits, Invariant::RetainWaits, || format!("from {start:?}\n  at {world:?}"))?;
            world.list = List::Complete;
        } else if world.is_unsettled() {
            // The worst that may be under way lands.
            let landed = late_removals_landed(config, &world, world.late_removals)?;
            world = window_passed(&late_adds_landed(config, &landed));
        } else {
            judge(config, &world, start)?;
            return Ok(rounds);
        }
    }
    Err(Violation { invariant: Invariant::Settles, context: format!("from {start:?}\n  at {world:?}") })
}

fn is_deleting(claim: Option<&super::world::Claim>) -> bool {
    claim.is_some_and(|claim| claim.deleting)
}

/// A whole plan, without faults: what prepares the write, the write, what cleans up.
pub(crate) fn carry_out(config: Config, base: &World, steps: Steps) -> Result<World, Violation> {
    let prepares = |step: &Step| match *step {
        Step::Finalizer(_) => true,
        Step::Own(index, owned) => base.claims[index].is_some_and(|claim| !owned.within(claim.owned)),
        Step::Release(_) | Step::Write { .. } => false,
    };
    let order = |step: &Step| {
        if prepares(step) { 0 } else { 1 + u8::from(!matches!(step, Step::Write { .. })) }
    };
    let mut steps: Vec<Step> = steps.into_iter().flatten().collect();
    steps.sort_by_key(order);
    let mut world = *base;
    for step in steps {
        let mut after = Vec::new();
        perform(config, &world, step, base, true, &mut after)?;
        world = after[0];
    }
    Ok(world)
}
