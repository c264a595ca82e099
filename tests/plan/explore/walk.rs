//! One random way through a world too large to visit all of it.

use super::ask::{Rule, Step};
use super::disturb::disturb;
use super::judge::Violation;
use super::perform::perform;
use super::rest::{carry_out, rest};
use super::world::{Budget, Config, World};

/// Goes the way that the choices say, and lets things come to rest at its end. Returns how many rounds that took.
pub(crate) fn walk(config: Config, budget: Budget, choices: &[usize]) -> Result<u32, Violation> {
    let mut rule = Rule::new(config);
    let mut world = World::empty(budget);
    for &choice in choices {
        let (kind, choice) = (choice % 4, choice / 4);
        let steps = rule.ask(&world)?;
        let step = pick(&steps.into_iter().flatten().collect::<Vec<Step>>(), choice);
        let mut after = Vec::new();
        let mut others = Vec::new();
        disturb(config, &world, &mut others)?;
        match (kind, step, pick(&others, choice)) {
            (0, ..) | (_, None, _) => after = others,
            (1, Some(step), _) => perform(config, &world, step, &world, true, &mut after)?,
            (2, Some(step), Some(other)) => perform(config, &other, step, &world, false, &mut after)?,
            (_, Some(_), _) => after.push(carry_out(config, &world, steps)?),
        }
        world = pick(&after, choice / 7).unwrap_or(world).seen();
    }
    rest(config, &mut rule, &world)
}

fn pick<T: Copy>(from: &[T], choice: usize) -> Option<T> {
    choice.checked_rem(from.len()).map(|index| from[index])
}
