//! What a pass costs, counted: two complete lists and the writes, however many claims changed.

use std::fmt::Write;

use crate::runner::Runner;
use crate::script::Script;
use crate::world::World;

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

#[test]
fn a_pass_costs_two_lists_and_the_writes_however_many_claims_changed() {
    // The last takes several rounds.
    for users in [1, 9, 90, 300] {
        let settings = [("in-flight-window".to_owned(), "1s".to_owned())];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let script = Script::parse(&format!("{users} users"), &script(users));
        runtime.block_on(async { Runner::run(&script, World::pure(&settings)).await });
    }
}
