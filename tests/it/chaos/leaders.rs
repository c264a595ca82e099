//! Two replicas: one acts. When it dies, is cut off, freezes or stops, the other takes over, and nothing is done twice.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::proxy::Proxy;
use super::rig::{Harm, Peer, Rig};
use super::{PATIENCE, within_patience};
use crate::environment::environment;
use crate::launch::{Launch, Process};
use crate::metrics::is_ready;
use crate::runner::{Broken, Runner};
use crate::script::Script;
use crate::world::{Operation, World};

/// A lease that is short, but not too short for a machine that is busy.
const SHORT: Duration = Duration::from_secs(6);
/// As it is where nobody says otherwise.
const USUAL: Duration = Duration::from_secs(12);

/// One of the replicas, with its own way to the API server.
struct Replica {
    rig: Rig,
    process: Process,
    log: std::path::PathBuf,
}

impl Replica {
    fn has_led(&self) -> bool {
        std::fs::read_to_string(&self.log).unwrap_or_default().contains("this replica leads")
    }

    async fn leads(&self) {
        within_patience(|| self.has_led()).await;
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // Also if the test fails.
        self.process.kill();
    }
}

/// Two replicas, of which the first leads.
struct Pair {
    runner: Runner,
    first: Replica,
    second: Replica,
}

impl Pair {
    async fn begin(name: &str, lease: Duration, environment: &Path) -> Self {
        let settings =
            [("lease-duration".to_owned(), format!("{}s", lease.as_secs())), ("in-flight-window".into(), "1s".into())];
        let (rig, other) = (Rig::default(), Rig::default());
        let around = |router| rig.around(Peer::Cloud, router);
        let mut world = World::real_with(name, &settings, environment, around).await;
        let ways = [
            Proxy::start(&rig, name, environment).await,
            Proxy::start(&other, &format!("{name}-2"), environment).await,
        ];
        let Operation::Real { kubeconfig, running, log } = &mut world.operation else { unreachable!("it is real") };
        kubeconfig.clone_from(&ways[0].kubeconfig);
        let first = Replica { rig, process: running.clone(), log: log.clone() };
        let log = environment.join(format!("scenario-{name}-2.log"));
        drop(std::fs::remove_file(&log));
        let second = Replica { rig: other, process: Process::default(), log: log.clone() };
        let runner = Runner::begin(world).await;
        first.leads().await;
        second.process.start(Launch { kubeconfig: ways[1].kubeconfig.clone(), log, ..runner.world.launch() });
        let mut pair = Self { runner, first, second };
        pair.play("cloud queue etl").await;
        pair
    }

    async fn play(&mut self, script: &str) {
        if let Err(Broken(what)) = self.runner.play(&Script::parse("leaders", script)).await {
            panic!("{what}");
        }
    }

    /// Waits until the second one has all objects in its store.
    async fn follows(&self) {
        let log = || std::fs::read_to_string(&self.second.log).unwrap_or_default();
        let until = Instant::now() + PATIENCE;
        while !is_ready(&log()).await {
            assert!(Instant::now() < until, "it does not become ready: {}", log());
            sleep(Duration::from_millis(50)).await;
        }
        assert!(!self.second.has_led());
        let written = self.second.rig.exchanges().into_iter().find(|exchange| exchange.method != Method::GET);
        assert!(written.is_none(), "who follows only watches: {written:?}");
    }

    async fn end(mut self) {
        self.second.process.kill();
        // What it logged is looked through with what the first one did.
        let mut log = std::fs::OpenOptions::new().append(true).open(&self.first.log).unwrap();
        log.write_all(&std::fs::read(&self.second.log).unwrap()).unwrap();
        if let Err(Broken(what)) = self.runner.end().await {
            panic!("{what}");
        }
        self.runner.clean_up().await;
    }
}

/// A step for each of them.
fn for_each(users: &[String], step: &str) -> String {
    users.iter().map(|user| step.replace("USER", user) + "\n").collect()
}

fn grant(user: &str) -> String {
    format!(
        "apply\n  kind: QueueGrant\n  metadata: {{name: {user}}}\n  spec: {{queueName: etl, userName: {user}, \
         privileges: [SUBMIT_JOB]}}\n"
    )
}

/// F9, P1, P5: the lease of who dies runs out, and the other one goes on. Fails when a lease is taken before it has.
#[tokio::test(flavor = "multi_thread")]
async fn who_dies_is_followed_when_its_lease_is_over() {
    let environment = environment().await;
    let mut pair = Pair::begin("leader-dies", USUAL, &environment).await;
    pair.play(&(grant("alice") + "expect alice ready=True reason=Granted")).await;
    pair.follows().await;
    pair.first.process.kill();
    let died = Instant::now();
    pair.play(&grant("bob")).await;
    pair.second.leads().await;
    let took = died.elapsed();
    pair.play("expect bob ready=True reason=Granted\nexpect access etl\n  alice: SUBMIT_JOB\n  bob: SUBMIT_JOB").await;
    println!("followed after {took:?}");
    assert!(took > USUAL / 2, "the lease had not run out: {took:?}");
    pair.end().await;
}

/// F9, F22: who is told to stop gives the lease back. Fails when it is not given back.
#[tokio::test(flavor = "multi_thread")]
async fn who_stops_is_followed_at_once() {
    let environment = environment().await;
    let mut pair = Pair::begin("leader-stops", USUAL, &environment).await;
    pair.play(&(grant("alice") + "expect alice ready=True reason=Granted")).await;
    pair.follows().await;
    let told = Instant::now();
    pair.first.process.signal("TERM").unwrap();
    assert!(pair.first.process.ended(PATIENCE).await.unwrap().success());
    let ended = told.elapsed();
    pair.second.leads().await;
    let took = told.elapsed();
    println!("ended after {ended:?}, followed after {took:?}");
    assert!(took < USUAL * 3 / 4, "no faster than if it had died: {took:?}");
    pair.play(&(grant("bob") + "expect bob ready=True reason=Granted")).await;
    pair.end().await;
}

/// F8, F9: who cannot reach the API server ends before its lease is over, whatever the clouds would still let it do. Fails when
/// the deadline is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_from_the_api_server_ends_before_another_leads() {
    let environment = environment().await;
    for (name, harm) in
        [("leader-hangs", Harm::Hang), ("leader-fails", Harm::Answer(500)), ("leader-cut", Harm::ResetBefore)]
    {
        let mut pair = Pair::begin(name, SHORT, &environment).await;
        pair.play(&(grant("alice") + "expect alice ready=True reason=Granted")).await;
        pair.follows().await;
        pair.first.rig.harm(move |exchange| (exchange.peer == Peer::ApiServer).then_some(harm));
        let status = pair.first.process.ended(PATIENCE).await.unwrap();
        assert!(!status.success() && !pair.second.has_led(), "{name}: {status}, and the other one leads already");
        pair.first.rig.spare();
        pair.play(&(grant("bob") + "expect bob ready=True reason=Granted")).await;
        assert!(pair.second.has_led());
        pair.end().await;
    }
}

/// F9, P1, P3: who was frozen while it granted, and wakes when another has taken over and revoked, does nothing more. The fence, the
/// deadline and the other's name in the Lease each see to that: it holds without any one of them. Fails without all three.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_frozen_calls_nobody_when_it_wakes() {
    let environment = environment().await;
    let mut pair = Pair::begin("leader-freezes", SHORT, &environment).await;
    pair.follows().await;
    pair.runner.world.simulator.set_switches(|switches| switches.latency_ms = 200);
    let users: Vec<_> = (0..60).map(|user| format!("u{user:02}")).collect();
    pair.play(&users.iter().map(|user| grant(user)).collect::<String>()).await;
    let simulator = pair.runner.world.simulator.clone();
    let granted = || simulator.users("etl").unwrap().len();
    within_patience(|| granted() > 0).await;
    pair.first.process.signal("STOP").unwrap();
    assert!(granted() < users.len(), "it was done before it froze");
    pair.second.leads().await;
    pair.play(&(for_each(&users, "delete QueueGrant USER") + &for_each(&users, "expect USER gone"))).await;
    pair.play("expect access etl").await;
    // Until the second one is done, too.
    let mut last = 0;
    while last != simulator.journal_last() {
        last = simulator.journal_last();
        sleep(Duration::from_secs(2)).await;
    }
    pair.first.process.signal("CONT").unwrap();
    let status = pair.first.process.ended(PATIENCE).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(!status.success());
    assert_eq!(simulator.journal_after(last), [], "after it woke");
    pair.end().await;
}

/// F22: told to stop while it grants, it gives the lease back once its last call has ended. Fails when it is given back first.
#[tokio::test(flavor = "multi_thread")]
async fn the_lease_is_given_back_after_the_last_call() {
    let environment = environment().await;
    let mut pair = Pair::begin("leader-leaves", USUAL, &environment).await;
    pair.follows().await;
    pair.runner.world.simulator.set_switches(|switches| switches.latency_ms = 300);
    let users: Vec<_> = (0..40).map(|user| format!("u{user:02}")).collect();
    pair.play(&users.iter().map(|user| grant(user)).collect::<String>()).await;
    let simulator = pair.runner.world.simulator.clone();
    within_patience(|| !simulator.users("etl").unwrap().is_empty()).await;
    pair.first.process.signal("TERM").unwrap();
    assert!(pair.first.process.ended(PATIENCE).await.unwrap().success());
    let exchanges = pair.first.rig.exchanges();
    let gives_back = |exchange: &super::rig::Exchange| exchange.body["spec"]["holderIdentity"] == "";
    let returned = exchanges.iter().find(|exchange| gives_back(exchange)).expect("the lease was kept");
    assert_eq!(returned.calls_under_way, 0);
    pair.play(&for_each(&users, "expect USER ready=True reason=Granted")).await;
    pair.end().await;
}

/// F9: whoever finds another name in the Lease ends. Fails when a lost Lease is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_another_holder_ends() {
    let environment = environment().await;
    let mut pair = Pair::begin("leader-robbed", USUAL, &environment).await;
    pair.play(&(grant("alice") + "expect alice ready=True reason=Granted")).await;
    let lease = ApiResource::from_gvk(&GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease"));
    let world = &pair.runner.world;
    let leases: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.own_namespace(), &lease);
    let robbed = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
    leases.patch("cloud-access-operator", &PatchParams::default(), &robbed).await.unwrap();
    assert!(!pair.first.process.ended(PATIENCE).await.unwrap().success());
    let log = std::fs::read_to_string(&pair.first.log).unwrap();
    assert!(log.contains("somebody holds the Lease"), "it does not say why");
    pair.play(&(grant("bob") + "expect bob ready=True reason=Granted")).await;
    pair.end().await;
}
