//! Every interleaving, within a small budget, of edits, faults and our own steps, and where each comes to rest.
//!
//! One principal on one target, two claims, two strings; or, for random walks, more of them. Independent of the rule: it knows what is true in the cloud,
//! the rule only what a list shows and what it remembers. Uses nothing but the standard library and `crate::plan`, so
//! that the same source can also be compiled, by `rustc` alone, against a rule with a fault planted in it.

mod ask;
mod disturb;
mod judge;
mod perform;
mod rest;
mod walk;
mod world;

use std::collections::HashSet;

pub(crate) use self::judge::Violation;
pub(crate) use self::walk::walk;
pub(crate) use self::world::{Budget, CLAIMS, Config, Reach};

use self::ask::{Rule, Steps};
use self::disturb::disturb;
use self::perform::perform;
use self::rest::rest;
use self::world::World;

/// The eight kinds of small world: the older claim adopts or not, retains or not.
pub(crate) fn configs(reach: Reach, exclusive: bool) -> impl Iterator<Item = Config> {
    let first = |says: bool| std::array::from_fn::<bool, CLAIMS, _>(|index| says && index == 0);
    [(false, false), (false, true), (true, false), (true, true)].into_iter().map(move |(adopt, retain)| Config {
        claims: 2,
        strings: 2,
        exclusive,
        adopt: first(adopt),
        retain: first(retain),
        reach,
    })
}

/// How far an exploration went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// The most rounds it took to come to rest.
    pub(crate) rounds: u32,
    /// Different situations the rule was asked about.
    pub(crate) situations: usize,
}

/// Visits every world that can come about, and from each lets things come to rest.
pub(crate) fn explore(config: Config, budget: Budget) -> Result<Extent, Violation> {
    let mut walk = Walk::new(config, budget);
    let mut next = 0;
    while let Some(&(world, _)) = walk.worlds.get(next) {
        let violated = |violation: Violation, walk: &Walk| Violation {
            context: format!("{}\n  reached by{}", violation.context, walk.path(next)),
            ..violation
        };
        walk.visit(&world, next).map_err(|violation| violated(violation, &walk))?;
        next += 1;
    }
    let (states, situations) = (walk.worlds.len(), walk.rule.situations());
    Ok(Extent { states, transitions: walk.transitions, rounds: walk.rounds, situations })
}

struct Walk {
    config: Config,
    rule: Rule,
    /// In the order found, each with the one it was found from.
    worlds: Vec<(World, usize)>,
    known: HashSet<u64, Spread>,
    /// Where things come to rest does not depend on what might have happened.
    rested: HashSet<u64, Spread>,
    transitions: usize,
    rounds: u32,
}

impl Walk {
    fn new(config: Config, budget: Budget) -> Self {
        let start = World::empty(budget);
        let known = HashSet::from_iter([start.key()]);
        let (worlds, rested) = (vec![(start, 0)], HashSet::default());
        Self { config, rule: Rule::new(config), worlds, known, rested, transitions: 0, rounds: 0 }
    }

    fn visit(&mut self, world: &World, at: usize) -> Result<(), Violation> {
        let mut others = Vec::new();
        disturb(self.config, world, &mut others)?;
        for other in &others {
            self.reach(*other, at);
        }
        let steps = self.rule.ask(world)?;
        let mut after = Vec::new();
        for step in steps.into_iter().flatten() {
            perform(self.config, world, step, world, true, &mut after)?;
            // Something happens between the plan and its step.
            for other in &others {
                perform(self.config, other, step, world, false, &mut after)?;
            }
        }
        if self.config.reach == Reach::Wide {
            self.together(world, world, steps, &mut after)?;
        }
        for world in after {
            self.reach(world, at);
        }
        if self.rested.insert(world.key_without_budget()) {
            let rounds = rest(self.config, &mut self.rule, world)?;
            self.rounds = self.rounds.max(rounds);
        }
        Ok(())
    }

    fn reach(&mut self, world: World, from: usize) {
        self.transitions += 1;
        let world = world.seen();
        if self.known.insert(world.key()) {
            self.worlds.push((world, from));
        }
    }

    /// What was planned together is carried out together, or a part of it, in any order.
    fn together(&self, world: &World, base: &World, left: Steps, into: &mut Vec<World>) -> Result<(), Violation> {
        for (index, step) in left.iter().enumerate() {
            let Some(step) = step else { continue };
            let mut after = Vec::new();
            perform(self.config, world, *step, base, true, &mut after)?;
            let mut left = left;
            left[index] = None;
            for world in after {
                self.together(&world, base, left, into)?;
                self.interrupted(&world, base, left, into)?;
                into.push(world);
            }
        }
        Ok(())
    }

    /// Something happens between two steps of one plan.
    fn interrupted(&self, world: &World, base: &World, left: Steps, into: &mut Vec<World>) -> Result<(), Violation> {
        let mut others = Vec::new();
        disturb(self.config, world, &mut others)?;
        for other in &others {
            for step in left.into_iter().flatten() {
                perform(self.config, other, step, base, false, into)?;
            }
        }
        Ok(())
    }

    /// How a world came about, one line a world.
    fn path(&self, mut at: usize) -> String {
        let mut path = Vec::new();
        while at != 0 {
            let (world, from) = self.worlds[at];
            path.push(format!("\n    {world:?}"));
            at = from;
        }
        path.into_iter().rev().collect()
    }
}

/// Keys are numbers that are already distinct; they only have to be spread.
#[derive(Clone, Copy, Default)]
struct Spread(u64);

impl std::hash::BuildHasher for Spread {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        *self
    }
}

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}
