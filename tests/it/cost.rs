//! What a pass costs, counted: two complete lists and the writes, however many claims changed.

use std::cell::Cell;
use std::fmt::Write;

use crate::runner::Runner;
use crate::script::Script;
use crate::world::{World, in_virtual_time};

/// Calls of one complete list: the total is told, and more than a page is asked for at once. The owner has a row.
fn list(users: usize) -> String {
    "  ListQueueUsers etl\n".repeat(if users + 1 < 100 { 1 } else { 2 })
}

/// Grants to that many users, all at once; then all narrowed, then all deleted.
fn script(users: usize) -> String {
    let mut script = "cloud queue etl\ncloud switch count_present true\n".to_owned();
    let mut step = |before: usize, after: usize, action: &str, each: &dyn Fn(&mut String, &str)| {
        for user in 0..users {
            each(&mut script, &format!("user-{user:03}"));
        }
        write!(script, "expect calls\n{}", list(before)).unwrap();
        for user in 0..users {
            writeln!(script, "  AuthorizeQueueUser {} etl", action.replace("USER", &format!("user-{user:03}")))
                .unwrap();
        }
        script += &list(after);
    };
    step(0, users, "grant USER CANCEL_JOB SUBMIT_JOB", &|script, user| {
        let spec = format!("{{queueName: etl, userName: {user}, privileges: [SUBMIT_JOB, CANCEL_JOB]}}");
        write!(script, "apply\n  kind: QueueGrant\n  metadata: {{name: {user}}}\n  spec: {spec}\n").unwrap();
    });
    step(users, users, "revoke USER CANCEL_JOB", &|script, user| {
        write!(script, "patch QueueGrant {user}\n  spec: {{privileges: [SUBMIT_JOB]}}\n").unwrap();
    });
    step(users, 0, "revoke USER SUBMIT_JOB", &|script, user| {
        writeln!(script, "delete QueueGrant {user}").unwrap();
    });
    script + "expect access etl\n"
}

fn hold(name: &str, script: &str) {
    let settings = [("in-flight-window".to_owned(), "1s".to_owned())];
    let script = Script::parse(name, script);
    in_virtual_time(async { Runner::run(&script, World::pure(&settings)).await });
}

#[test]
fn a_pass_costs_two_lists_and_the_writes_however_many_claims_changed() {
    // The last takes several rounds.
    for users in [1, 9, 90, 300] {
        hold(&format!("{users} users"), &script(users));
    }
}

/// One kind whose service takes many principals in one call.
struct Batched {
    kind: &'static str,
    setup: &'static str,
    /// The principal and the spec of one object, by its number.
    object: fn(usize) -> (String, String),
    /// The calls of a complete list of so many.
    list: fn(usize) -> String,
    /// The calls that add, and those that take away, these; how many at most at once.
    add: fn(&[String]) -> String,
    remove: fn(&[String]) -> String,
    most: usize,
}

const BATCHED: [Batched; 3] = [
    Batched {
        kind: "PoolMembership",
        setup: "cloud cluster C with gold",
        object: |number| {
            let user = format!("user{number:03}");
            (user.clone(), format!("clusterId: C, poolName: gold, userName: {user}"))
        },
        list: |users| {
            let pages = if users < 100 { 1 } else { 2 };
            format!("  ListWorkloadQueues C\n{}", "  ListWorkloadQueueUsers gold C\n".repeat(pages))
        },
        add: |users| format!("  AddQueueUserList grant {} gold C\n", users.join(" ")),
        remove: |users| format!("  DeleteQueueUserList revoke {} gold C\n", users.join(" ")),
        most: 50,
    },
    Batched {
        kind: "WorkspaceMember",
        setup: "cloud workspace @w",
        object: |number| {
            let user = format!("@user{number:03}");
            let domain = "d0000000000000000000000000000001";
            let identity = format!("user: {{id: {user}, name: user-user{number:03}0, domainId: {domain}}}");
            (user, format!("workspaceId: @w, {identity}, roles: [Viewer]"))
        },
        // The owner has a row.
        list: |users| "  ListWorkspaceUsers @w\n".repeat(if users < 100 { 1 } else { 2 }),
        add: |users| format!("  AddWorkspaceUsers grant {} r00004 @w\n", users.join(" ")),
        remove: |users| format!("  DeleteWorkspaceUsers revoke {} @w\n", users.join(" ")),
        most: 100,
    },
    Batched {
        kind: "HpcUser",
        setup: "cloud hpc cluster H\ncloud switch ehpc.post_2018 accepted\napply\n  kind: Secret\n  metadata: {name: p}\n  \
                stringData: {password: First-Passw0rd}",
        object: |number| {
            let user = format!("user{number:03}");
            let secret = "passwordSecretRef: {name: p, key: password}";
            (user.clone(), format!("clusterId: H, group: users, {secret}, userName: {user}"))
        },
        // Two readings where there are several pages.
        list: |users| "  ListUsers H\n".repeat(if users < 50 { 1 } else { 2 * (users / 50 + 1) }),
        add: |users| format!("  AddUsers {} users H\n", users.join(" ")),
        remove: |users| format!("  DeleteUsers {} H\n", users.join(" ")),
        most: 20,
    },
];

/// All added at once, then all deleted.
fn batches(of: &Batched, count: usize) -> String {
    let Batched { kind, setup, object, list, add, remove, most } = of;
    let (users, specs): (Vec<String>, Vec<String>) = (0..count).map(object).unzip();
    let calls = |before, after, write: &dyn Fn(&[String]) -> String| {
        let writes: String = users.chunks(*most).map(write).collect();
        format!("expect calls\n{}{writes}{}", list(before), list(after))
    };
    let mut script = format!("{setup}\n");
    for (number, spec) in specs.iter().enumerate() {
        write!(script, "apply\n  kind: {kind}\n  metadata: {{name: object{number:03}}}\n  spec: {{{spec}}}\n").unwrap();
    }
    script += &calls(0, count, add);
    (0..count).for_each(|number| writeln!(script, "delete {kind} object{number:03}").unwrap());
    script + &calls(count, 0, remove)
}

#[test]
fn services_that_take_many_principals_in_a_call_are_called_with_as_many_as_they_take() {
    for of in BATCHED {
        for count in [1, 20, 90, 130] {
            hold(&format!("{count} of {}", of.kind), &batches(&of, count));
        }
    }
}

thread_local! {
    static SPREAD: Cell<f64> = const { Cell::new(0.0) };
}

/// Numbers that are well spread, and the same in each run.
fn spread() -> f64 {
    SPREAD.set((SPREAD.get() + 0.618_033_988_75).fract());
    SPREAD.get()
}

/// How often the queue is listed in an hour in which grants to that many unknown users are refused, each on its own.
fn lists_while_refused(users: usize) -> usize {
    let mut script = "cloud queue etl\n".to_owned();
    for user in 0..users {
        let spec = format!("{{queueName: etl, userName: ghost-{user:03}, privileges: [SUBMIT_JOB]}}");
        writeln!(script, "cloud unknown user ghost-{user:03}").unwrap();
        write!(script, "apply\n  kind: QueueGrant\n  metadata: {{name: g{user:03}}}\n  spec: {spec}\n").unwrap();
    }
    let script = Script::parse("refused", &(script + "wait 1h\n"));
    in_virtual_time(async {
        let mut world = World::pure(&[]);
        world.random = spread;
        let simulator = world.simulator.clone();
        Runner::run(&script, world).await;
        simulator.journal_after(0).iter().filter(|call| call.operation == "ListQueueUsers").count()
    })
}

#[test]
fn changes_that_are_refused_are_tried_again_together() {
    let (few, many) = (lists_while_refused(1), lists_while_refused(90));
    assert!(many <= 4 * few, "{many} lists instead of {few}");
}
