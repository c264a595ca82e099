//! Asks the rule about a world: translates there and back, checks the form of the answer, and remembers it.

use std::collections::HashMap;

use super::judge::{Invariant, Violation, check};
use super::world::{CLAIMS, Claim, Config, List, Mode, STRINGS, Set, World};
use crate::plan::{Access, ClaimState, Memory, Observed, Plan, Situation, Standing, Step as RuleStep};

/// One thing that the plan says, in the terms of the small world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Finalizer(usize),
    Own(usize, Set),
    Release(usize),
    Write { add: Set, remove: Set },
}

/// At most one step a claim and one write.
pub(crate) type Steps = [Option<Step>; CLAIMS + 1];

pub(crate) const NO_STEPS: Steps = [None; CLAIMS + 1];

/// The rule, with all that it was asked before.
pub(crate) struct Rule {
    config: Config,
    known: HashMap<u64, Steps>,
}

impl Rule {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, known: HashMap::new() }
    }

    /// How many different situations the rule was asked about.
    pub(crate) fn situations(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn ask(&mut self, world: &World) -> Result<Steps, Violation> {
        if !self.config.has_keys() {
            return ask(self.config, world);
        }
        let key = world.situation_key();
        if let Some(steps) = self.known.get(&key) {
            return Ok(*steps);
        }
        let steps = ask(self.config, world)?;
        self.known.insert(key, steps);
        Ok(steps)
    }
}

/// The youngest claim is handed over first: order must not matter, age must.
fn ask(config: Config, world: &World) -> Result<Steps, Violation> {
    let at: Vec<usize> = (0..CLAIMS).rev().filter(|&index| world.claims[index].is_some()).collect();
    let claims: Vec<ClaimState> =
        (at.iter()).filter_map(|&index| world.claims[index].map(|claim| claim_state(config, index, claim))).collect();
    let observed = match world.list {
        List::Complete => Observed::Access(access(world.cloud)),
        List::Fixed => Observed::Fixed(access(world.cloud)),
        List::Gone => Observed::TargetGone,
        List::Unreadable => Observed::Unknown,
    };
    let memory = Memory { pending: access(world.pending), removing: access(world.removing), sure: world.sure };
    let situation = Situation { exclusive: config.exclusive, claims: &claims, observed: &observed, memory: &memory };
    let plan = Plan::new(&situation);
    let context = || format!("{world:?}\n  {plan:?}");
    check(plan.verdicts.len() == claims.len(), Invariant::OneVerdictEach, context)?;
    let mut steps = NO_STEPS;
    for step in &plan.steps {
        let step = translate(step, &at);
        let index = step_claim(step);
        check(steps[index].is_none(), Invariant::OneStepEach, context)?;
        steps[index] = Some(step);
    }
    if let Some(change) = &plan.change {
        let (before, after) = (set(&change.before), set(&change.after));
        check(before == world.cloud && before != after, Invariant::ChangeFromList, context)?;
        let add = after.without(before);
        let supplier = change.supplier.and_then(|supplier| world.claims[at[supplier]]);
        let fits = supplier.map_or(add.is_empty(), |claim| may_supply(config, claim, add));
        let recorded = add.within(world.owned_if(|claim| claim.finalizer));
        check(fits || !recorded, Invariant::OneSupplier, context)?;
        steps[CLAIMS] = Some(Step::Write { add, remove: before.without(after) });
    }
    Ok(steps)
}

fn may_supply(config: Config, claim: Claim, add: Set) -> bool {
    let fits = if config.exclusive { claim.wanted == add } else { true };
    fits && claim.is_live() && claim.finalizer && claim.owned.meets(add)
}

fn step_claim(step: Step) -> usize {
    match step {
        Step::Finalizer(index) | Step::Own(index, _) | Step::Release(index) => index,
        Step::Write { .. } => CLAIMS,
    }
}

fn translate(step: &RuleStep, at: &[usize]) -> Step {
    match step {
        RuleStep::AddFinalizer { claim } => Step::Finalizer(at[*claim]),
        RuleStep::RecordOwned { claim, owned } => Step::Own(at[*claim], set(owned)),
        RuleStep::Release { claim } => Step::Release(at[*claim]),
    }
}

fn claim_state(config: Config, index: usize, claim: Claim) -> ClaimState {
    ClaimState {
        age: (0, format!("team/{index}")),
        wanted: access(claim.wanted),
        mode: match claim.mode {
            Mode::Live => Standing::Live,
            Mode::Frozen => Standing::Frozen,
            Mode::Ended => Standing::Ended,
        },
        deleting: claim.deleting,
        finalizer: claim.finalizer,
        owned: access(claim.owned),
        adopt: config.adopt[index],
        retain: config.retain[index],
        rotated: false,
    }
}

fn access(set: Set) -> Access {
    STRINGS.chars().enumerate().filter(|&(index, _)| set.meets(Set::one(index))).map(|(_, name)| name.into()).collect()
}

fn set(access: &Access) -> Set {
    access.iter().filter_map(|name| STRINGS.find(name)).fold(Set::EMPTY, |all, index| all.or(Set::one(index)))
}
