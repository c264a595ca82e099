//! Runs the exploration. `PLAN_BUDGET="4 1 1"` (user edits, outside edits, faults), set when the test is built, makes
//! it go deeper; that takes a minute or two in an optimised build.

use crate::explore::{Budget, Config, Reach, configs, explore};

/// Every invariant holds in every world within these budgets, and each comes to rest within eight rounds.
fn check(configs: impl Iterator<Item = Config>, budgets: &[(u8, u8, u8)], least_transitions: usize) {
    let deeper = option_env!("PLAN_BUDGET").map(Budget::parse);
    let budgets = budgets.iter().map(|&(users, outside, faults)| Budget { users, outside, faults });
    let budgets: Vec<Budget> = deeper.map_or_else(|| budgets.collect(), |deeper| vec![deeper]);
    let mut transitions = 0;
    for config in configs {
        for &budget in &budgets {
            match explore(config, budget) {
                Ok(extent) => {
                    assert!(extent.rounds <= 8, "{config:?} {budget:?}: {extent:?}");
                    assert!(extent.situations <= extent.states, "{config:?} {budget:?}: {extent:?}");
                    transitions += extent.transitions;
                }
                Err(violation) => panic!("{config:?} {budget:?}\n{violation}"),
            }
        }
    }
    assert!(deeper.is_some() || transitions >= least_transitions, "went through {transitions} transitions only");
}

#[test]
fn additive_kinds_keep_every_promise_whatever_is_edited_and_lost() {
    check(configs(Reach::Core, false), &[(3, 1, 1), (4, 0, 0)], 1_300_000);
}

#[test]
fn exclusive_kinds_keep_every_promise_whatever_is_edited_and_lost() {
    check(configs(Reach::Core, true), &[(3, 1, 1), (4, 0, 0)], 350_000);
}

#[test]
fn additive_kinds_keep_every_promise_with_late_removals_and_lists_that_fail() {
    check(configs(Reach::Wide, false), &[(2, 1, 1), (4, 0, 0)], 600_000);
}

#[test]
fn exclusive_kinds_keep_every_promise_with_late_removals_and_lists_that_fail() {
    check(configs(Reach::Wide, true), &[(2, 1, 1), (4, 0, 0)], 200_000);
}

#[test]
fn three_claims_keep_every_promise() {
    let three = |exclusive| configs(Reach::Wide, exclusive).map(|config| Config { claims: 3, ..config });
    check(three(true).chain(three(false)), &[(3, 0, 0)], 100_000);
}
