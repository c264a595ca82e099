//! Watches that end at once, stall, lose events, lag behind, or are too old; an API server that is slow, refuses, or is away.

use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use futures::future::join_all;
use simulator::Change;
use tokio::time::sleep;

use super::life::Life;
use super::rig::{Exchange, Harm, Peer};
use super::within_patience;
use crate::environment::environment;
use crate::runner::Broken;
use crate::script::Script;

const ALICE: &str = "apply
  kind: QueueGrant
  metadata: {name: alice}
  spec: {queueName: etl, userName: alice, privileges: [SUBMIT_JOB]}
";
const GRANTED: &str = "expect alice ready=True reason=Granted current=true
expect access etl
  alice: SUBMIT_JOB
";
const WIDENED: &str = "patch QueueGrant alice
  spec: {privileges: [SUBMIT_JOB, RESTART]}
expect alice ready=True current=true owned=RESTART,SUBMIT_JOB
expect access etl
  alice: RESTART SUBMIT_JOB
";
const BOB: &str = "apply
  kind: QueueGrant
  metadata: {name: bob}
  spec: {queueName: etl, userName: bob, privileges: [SUBMIT_JOB]}
";
const ADOPTER: &str = "apply
  kind: QueueGrant
  metadata: {name: adopter, namespace: other}
  spec: {queueName: etl, userName: alice, privileges: [RESTART], adoptionPolicy: Adopt}
";
const DELETED: &str = "delete QueueGrant alice
expect alice gone
expect access etl
";

const CAROL: &str = "apply
  kind: QueueGrant
  metadata: {name: carol}
  spec: {queueName: etl, userName: carol, privileges: [SUBMIT_JOB]}
expect carol ready=True reason=Granted
";

/// As a gateway may say it: the API server does by an event.
const TOO_OLD: Harm = Harm::Answer(410);

/// An operator behind the rig, and a queue.
async fn begin(name: &str, script: &str, environment: &Path) -> Life {
    let usual = if script.contains("drift-interval") { "" } else { "settings drift-interval=1s\n" };
    let script = Script::parse(name, &format!("{usual}cloud queue etl\n{script}"));
    let mut life = Life::begin(&script, name, environment).await;
    for step in &script.steps {
        life.runner.step(step).await.unwrap_or_else(|instead| panic!("{name}: {}: {instead}", step.rest));
    }
    life
}

impl Life {
    async fn go_on(&mut self, script: &str) {
        if let Err(Broken(what)) = self.runner.play(&Script::parse("watches", script)).await {
            panic!("{what}");
        }
    }

    async fn end(mut self) {
        self.rig.spare();
        self.rig.release();
        if let Err(Broken(what)) = self.runner.end().await {
            panic!("{what}");
        }
        self.runner.clean_up().await;
    }

    /// The operator is started anew, under this harm.
    fn restart_under(&mut self, rule: impl FnMut(&Exchange) -> Option<Harm> + Send + 'static) {
        self.runner.world.kill_operator();
        self.rig.harm(rule);
        self.runner.world.start_operator();
    }

    /// Waits until harm was done.
    async fn is_harmed(&self) {
        within_patience(|| !self.rig.harmed().is_empty()).await;
    }
}

fn is_of(exchange: &Exchange, resource: &str) -> bool {
    exchange.peer == Peer::ApiServer && exchange.method == Method::GET && exchange.path.ends_with(resource)
}

/// F2, P2: an operator whose view is old does not grant anew what was deleted meanwhile. Fails when nothing is read before a grant
/// that no step has fenced.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_unseen_is_not_granted_anew() {
    let environment = environment().await;
    let mut life = begin("watch-lags", &format!("{ALICE}{GRANTED}"), &environment).await;
    let looked = life.runner.world.simulator.journal_last();
    life.restart_under(|exchange| (exchange.is_watch && is_of(exchange, "/queuegrants")).then_some(Harm::Hold));
    life.is_harmed().await;
    let simulator = life.runner.world.simulator.clone();
    let looks = || simulator.journal_after(looked).len();
    within_patience(|| looks() >= 2).await;
    life.go_on("delete QueueGrant alice\ncloud revoke alice SUBMIT_JOB on etl").await;
    let seen = looks();
    within_patience(|| looks() > seen).await;
    // And for as long as three looks take.
    sleep(Duration::from_secs(3)).await;
    let written: Vec<_> = simulator.journal_after(looked).into_iter().filter(|entry| entry.action.is_some()).collect();
    assert!(written.iter().all(|entry| entry.operation == "OutsideEdit"), "{written:?}");
    life.rig.spare();
    life.rig.release();
    life.go_on("expect alice gone\nexpect access etl").await;
    life.end().await;
}

/// F2, P2, P4, P5: an operator that starts with a list as it was a while ago, as from an API server that has lost touch with its
/// store, and a watch that is told nothing, writes nothing to a cloud: not for who has gone since, nor for what was narrowed. Fails
/// when nothing is read before a grant that no step has fenced.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_starts_with_an_old_list_grants_nothing_anew() {
    let environment = environment().await;
    let script = format!("{ALICE}{GRANTED}{BOB}expect bob ready=True reason=Granted current=true");
    let mut life = begin("list-is-old", &script, &environment).await;
    life.restart_under(|exchange| (!exchange.is_watch && is_of(exchange, "/queuegrants")).then_some(Harm::Keep));
    life.is_harmed().await;
    life.rig.spare();
    life.go_on("delete QueueGrant alice\nexpect alice gone").await;
    life.go_on("patch QueueGrant bob\n  spec: {privileges: [RESTART]}\nexpect bob current=true owned=RESTART").await;
    let held = "expect access etl\n  bob: RESTART\n  carol: SUBMIT_JOB";
    life.go_on(&format!("{CAROL}{held}")).await;
    life.runner.world.kill_operator();
    let simulator = life.runner.world.simulator.clone();
    let last = simulator.journal_last();
    life.restart_under(|exchange| {
        let harm = if exchange.is_watch { Harm::Hold } else { Harm::Recall };
        is_of(exchange, "/queuegrants").then_some(harm)
    });
    let looks = || simulator.journal_after(last).iter().filter(|entry| entry.operation == "ListQueueUsers").count();
    within_patience(|| looks() >= 3).await;
    let written: Vec<_> = simulator.journal_after(last).into_iter().filter(|entry| entry.action.is_some()).collect();
    assert_eq!(written, []);
    life.rig.spare();
    life.rig.release();
    life.go_on(&format!("expect bob ready=True current=true owned=RESTART\n{held}")).await;
    life.go_on("delete QueueGrant bob\ndelete QueueGrant carol\nexpect bob gone\nexpect carol gone").await;
    life.end().await;
}

/// F3, P1: whichever event of a watch is lost, all is as asked for after the next list. Fails when nothing is listed anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_event_is_made_up_for_by_the_next_list() {
    let guard = environment().await;
    let environment: &Path = &guard;
    join_all((0..5).map(|number| async move {
        let mut life = begin(&format!("watch-loses-{number}"), "", environment).await;
        let mut first = true;
        life.restart_under(move |exchange| {
            let is_first = exchange.is_watch && is_of(exchange, "/queuegrants") && std::mem::take(&mut first);
            is_first.then_some(Harm::Lose(number))
        });
        life.is_harmed().await;
        life.go_on(&format!("{ALICE}{GRANTED}{WIDENED}{DELETED}")).await;
        assert_eq!(life.rig.harmed().len(), 1);
        life.end().await;
    }))
    .await;
}

/// F4, P1, P6: however a watch fails, what is asked for meanwhile is done, and nobody is asked over and over. Fails when a watch is
/// reopened without a pause, resumed for ever from a version that is too old, or waited for for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_fails_is_opened_anew_and_not_too_often() {
    let guard = environment().await;
    let environment: &Path = &guard;
    let cases = [("expires", Harm::Expire), ("is-gone", TOO_OLD), ("ends", Harm::End), ("stalls", Harm::Stall)];
    join_all(cases.map(|(name, harm)| async move {
        // What is listed anew is listed for this reason.
        let mut life = begin(&format!("watch-{name}"), "settings resync-interval=1h", environment).await;
        // One that stalls takes its time.
        let mut left = if harm == Harm::Stall { 1 } else { 4 };
        let mut is_listed_anew = false;
        life.restart_under(move |exchange| {
            if !is_of(exchange, "/queuegrants") {
                return None;
            }
            is_listed_anew |= !exchange.is_watch && left < 4;
            // A version that is too old stays so.
            let fails = exchange.is_watch && if harm == TOO_OLD { !is_listed_anew } else { left > 0 };
            left -= i32::from(fails);
            fails.then_some(harm)
        });
        life.is_harmed().await;
        life.go_on(&format!("{ALICE}{GRANTED}{DELETED}")).await;
        let hasty = life.rig.hasty_watches(2);
        assert!(hasty.is_empty(), "{name}: {hasty:?}");
        life.end().await;
    }))
    .await;
}

/// F5, P4: while objects cannot be listed nobody loses anything, and none of it is forgotten; nor does an object of another namespace
/// adopt what they own. Fails when a list that fails is taken for one of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_cannot_be_listed_for_a_while_lose_nothing() {
    let guard = environment().await;
    let environment: &Path = &guard;
    join_all([404, 429, 503].map(|status| async move {
        let script = format!("namespace other\n{ALICE}{GRANTED}");
        let mut life = begin(&format!("list-{status}"), &script, environment).await;
        let own = format!("/{}/queuegrants", life.runner.world.namespace);
        let fails = move |exchange: &Exchange| is_of(exchange, &own).then_some(Harm::Answer(status));
        life.rig.harm(fails.clone());
        let last = life.runner.world.simulator.journal_last();
        // Those that are open end, and are not opened anew; then one starts that has never seen anything.
        sleep(Duration::from_secs(8)).await;
        life.restart_under(fails);
        life.go_on(ADOPTER).await;
        sleep(Duration::from_secs(8)).await;
        let written = life.runner.world.simulator.journal_after(last).into_iter().find(|entry| entry.action.is_some());
        assert!(written.is_none(), "{status}: {written:?}");
        life.rig.spare();
        life.go_on("expect other/adopter ready=True reason=Granted owned=RESTART").await;
        life.go_on("delete QueueGrant other/adopter\nexpect other/adopter gone").await;
        life.go_on(&format!("{GRANTED}{WIDENED}{DELETED}")).await;
        life.end().await;
    }))
    .await;
}

/// F5, P1, P4: objects that a list has lost lose nothing, and are there again with the next one. Fails when what is missing in a list
/// is taken for deleted, and what it owned is taken away.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_a_list_has_lost_keep_their_access() {
    let environment = environment().await;
    let shared = "apply
  kind: QueueGrant
  metadata: {name: alice-too}
  spec: {queueName: etl, userName: alice, privileges: [SUBMIT_JOB, RESTART]}
expect alice-too ready=True reason=Granted
";
    let script = format!("settings resync-interval=2s\n{ALICE}{shared}");
    let mut life = begin("list-empty", &script, &environment).await;
    let last = life.runner.world.simulator.journal_last();
    life.rig.harm(|exchange| (!exchange.is_watch && is_of(exchange, "/queuegrants")).then_some(Harm::Empty));
    within_patience(|| life.rig.harmed().len() >= 2).await;
    // One that was not listed lately is seen by the watch, and has the target looked at.
    life.go_on(&format!("{BOB}expect access etl\n  alice: RESTART SUBMIT_JOB\n  bob: SUBMIT_JOB")).await;
    life.restart_under(|_| None);
    let lists = life.rig.harmed().len();
    within_patience(|| life.rig.harmed().len() >= lists + 2).await;
    let loses = |change: &Change| change.before.iter().any(|held| !change.after.contains(held));
    let mut journal = life.runner.world.simulator.journal_after(last).into_iter();
    let taken = journal.find(|entry| entry.changed.iter().any(loses));
    assert!(taken.is_none(), "{taken:?}");
    life.rig.spare();
    life.go_on("expect bob ready=True reason=Granted current=true\ndelete QueueGrant alice-too\nexpect alice-too gone")
        .await;
    life.go_on("delete QueueGrant bob\nexpect bob gone").await;
    life.go_on(&format!("{GRANTED}{WIDENED}{DELETED}")).await;
    life.end().await;
}

/// F6, P1, P4: an object whose spec a watch garbles keeps its access, says why it is not Ready, and is as before with the next list,
/// though that shows the same version. Fails when that version is passed over, as it was.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_garbled_on_its_way_keeps_its_access() {
    let environment = environment().await;
    let mut life = begin("watch-garbles", &format!("{ALICE}{GRANTED}"), &environment).await;
    life.restart_under(|exchange| {
        let is_told = exchange.is_watch && is_of(exchange, "/queuegrants");
        let is_answered = exchange.method == Method::PATCH && exchange.path.contains("/queuegrants/");
        (is_told || is_answered).then_some(Harm::Garble)
    });
    life.is_harmed().await;
    life.go_on(
        "patch QueueGrant alice
  metadata: {labels: {touched: please}}
expect alice ready=False reason=InvalidSpec stalled=True owned=SUBMIT_JOB
expect access etl
  alice: SUBMIT_JOB",
    )
    .await;
    life.rig.spare();
    let before = life.rig.exchanges().len();
    life.go_on(GRANTED).await;
    let listed = |exchange: &Exchange| !exchange.is_watch && is_of(exchange, "/queuegrants");
    assert!(life.rig.exchanges()[before..].iter().any(listed), "it was shown otherwise than by a list");
    life.go_on(&format!("{WIDENED}{DELETED}")).await;
    life.end().await;
}

/// F8, P1: a read before a grant that is refused, in whatever way, is tried again, though no event and no look is due. Fails when a
/// conflict is believed to bring an event, or one that is not found to be gone, as they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_before_a_grant_that_is_refused_is_tried_again() {
    let guard = environment().await;
    let environment: &Path = &guard;
    join_all([403, 404, 409, 500].map(|status| async move {
        let script = format!("settings drift-interval=1h\n{ALICE}{GRANTED}");
        let mut life = begin(&format!("read-{status}"), &script, environment).await;
        life.go_on("kill operator\ncloud revoke alice SUBMIT_JOB on etl").await;
        let mut left = 3;
        life.restart_under(move |exchange| {
            let fails = left > 0 && is_of(exchange, "/queuegrants/alice");
            left -= i32::from(fails);
            fails.then_some(Harm::Answer(status))
        });
        life.is_harmed().await;
        life.go_on("expect access etl\n  alice: SUBMIT_JOB").await;
        life.end().await;
    }))
    .await;
}

/// F8, P1, P6: an API server that is slow, overloaded or broken is not made worse, and all is done once it is well. Fails when
/// what is too much for it is sent again after 2 ms. The bound is wide: it catches a loop, not a retry too many.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_unwell_is_not_asked_over_and_over() {
    let cases = [
        ("slow", Harm::Delay(500)),
        ("busy", Harm::Answer(429)),
        ("away", Harm::Answer(503)),
        ("late", Harm::Answer(504)),
        ("broken", Harm::ResetAfter),
        ("cut", Harm::Truncate),
    ];
    let guard = environment().await;
    let environment: &Path = &guard;
    join_all(cases.map(|(name, harm)| async move {
        let mut life = begin(&format!("server-{name}"), &format!("{ALICE}{GRANTED}"), environment).await;
        life.rig.harm(move |exchange| (exchange.peer == Peer::ApiServer && exchange.number.is_some()).then_some(harm));
        // One whose account is at hand, and one to which something is to be written.
        life.go_on("patch QueueGrant alice\n  spec: {privileges: [SUBMIT_JOB, RESTART]}").await;
        life.go_on(BOB).await;
        let before = life.rig.numbered();
        sleep(Duration::from_secs(10)).await;
        let asked = life.rig.numbered() - before;
        assert!(asked < 200, "{name}: {asked} exchanges in ten seconds");
        life.rig.spare();
        life.go_on(&format!("delete QueueGrant bob\nexpect bob gone\n{WIDENED}{DELETED}")).await;
        life.end().await;
    }))
    .await;
}
