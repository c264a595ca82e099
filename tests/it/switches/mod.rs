//! What the vendors leave open, both ways: one life of each kind, whatever position the simulator's switches are in.

mod hpc;
mod pools;
mod queues;
mod workspaces;

use std::fmt::Write;

use crate::runner::Runner;
use crate::script::Script;
use crate::world::{World, in_virtual_time};

/// Switches and their positions.
type Positions = &'static [(&'static str, &'static str)];

/// Users whom others put on the target: three pages of a hundred.
const OTHERS: usize = 230;

/// A line for each of the others.
fn others(line: impl Fn(usize) -> String) -> String {
    (0..OTHERS).map(line).collect()
}

/// The steps that turn the switches.
fn turn(positions: Positions) -> String {
    positions.iter().fold(String::new(), |mut steps, (switch, position)| {
        writeln!(steps, "cloud switch {switch} {position}").unwrap();
        steps
    })
}

/// The step that applies an object.
fn apply(kind: &str, name: &str, spec: &str) -> String {
    format!("apply\n  kind: {kind}\n  metadata: {{name: {name}}}\n  spec: {{{spec}}}\n")
}

/// Lives the life in each of the positions.
fn check(positions: &[Positions], life: impl Fn(Positions) -> String + Sync) {
    let holds = |positions: &Positions| {
        let script = Script::parse(&format!("{positions:?}"), &life(positions));
        let run = || in_virtual_time(async { Runner::run(&script, World::pure(&[])).await });
        std::thread::scope(|scope| scope.spawn(run).join().is_ok())
    };
    let failed: Vec<_> = positions.iter().filter(|positions| !holds(positions)).collect();
    assert!(failed.is_empty(), "these did not hold, as told above: {failed:?}");
}

#[test]
fn one_life_of_grants_holds_whatever_the_vendor_leaves_open() {
    check(queues::POSITIONS, queues::life);
}

#[test]
fn one_life_of_pool_memberships_holds_whatever_the_vendor_leaves_open() {
    check(pools::POSITIONS, pools::life);
    check(pools::ABSENT, pools::end);
}

#[test]
fn one_life_of_workspace_members_holds_whatever_the_vendor_leaves_open() {
    check(workspaces::POSITIONS, workspaces::life);
    check(workspaces::ABSENT, workspaces::end);
}

#[test]
fn one_life_of_hpc_users_holds_on_both_generations_whatever_the_vendor_leaves_open() {
    for version in ["2018-04-12", "2024-07-30"] {
        check(hpc::POSITIONS, |positions| hpc::life(positions, version));
    }
}
