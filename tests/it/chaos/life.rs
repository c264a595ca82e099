//! Plays the life of some objects while their operator is harmed, and checks what has to hold all the same.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use kube::api::{DeleteParams, ListParams};
use tokio::time::{Instant, sleep, timeout};

use super::ledger::Ledger;
use super::proxy::Proxy;
use super::rig::{Harm, Peer, Rig};
use crate::runner::{Broken, Runner, forget};
use crate::script::Script;
use crate::world::{Operation, World};

/// The lives, which are scenarios like others: `tests/scenarios/life-of-….txt`.
pub const LIVES: [&str; 4] =
    ["life-of-queue-grants", "life-of-pool-memberships", "life-of-workspace-members", "life-of-hpc-users"];

/// Shorter than in production, so that nobody waits: a lease, what a write may take to land, and how long nothing may happen
/// before all counts as quiet.
const SETTINGS: [(&str, &str); 6] = [
    ("lease-duration", "5s"),
    ("in-flight-window", "1s"),
    ("debounce", "10ms"),
    ("secret-interval", "200ms"),
    ("watch-timeout", "5s"),
    ("resync-interval", "20s"),
];
const QUIET: Duration = Duration::from_secs(3);
/// How long anything may take: pauses after failures, and calls that are never answered, add up.
const PATIENCE: Duration = Duration::from_mins(3);

/// How often is looked whether the operator has ended by itself.
const LOOK: Duration = Duration::from_millis(100);

/// An operator makes no more than so many times the exchanges of an undisturbed life, and so many for each start.
const MOST_TIMES: usize = 4;
const FOR_A_START: usize = 60;

/// How a life went.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Exchanges that could be harmed.
    pub exchanges: usize,
    /// Harm that was done.
    pub harmed: usize,
    /// How often the operator ended by itself.
    pub ended: usize,
    /// Checks that were made of each property.
    pub checked: BTreeMap<&'static str, usize>,
    /// From the first harm to the end of the step that was under way.
    pub recovery: Duration,
}

/// A life, and all that is between it and the operator.
pub struct Life {
    pub rig: Rig,
    pub ledger: Ledger,
    pub runner: Runner,
    script: Script,
    /// How much of the journal has been judged.
    judged: Cell<u64>,
}

impl Life {
    /// Everything is there, and the operator runs.
    pub async fn begin(script: &Script, name: &str, environment: &Path) -> Self {
        let (rig, ledger) = (Rig::default(), Ledger::default());
        let mut script = script.clone();
        let said = script.settings.clone();
        let own = SETTINGS.into_iter().filter(|(name, _)| said.iter().all(|(other, _)| other != name));
        script.settings.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let proxy = Proxy::start(&rig, name, environment).await;
        let around = |router| rig.around(Peer::Cloud, router);
        let mut world = World::real_with(name, &script.settings, environment, around).await;
        let Operation::Real { kubeconfig, running, .. } = &mut world.operation else { unreachable!("it is real") };
        *kubeconfig = proxy.kubeconfig;
        rig.aim_at(running);
        world.others.clone_from(&script.others);
        let (simulator, heeding) = (world.simulator.clone(), ledger.clone());
        rig.show(move |exchange| heeding.heed(exchange, &simulator));
        let mut runner = Runner::begin(world).await;
        runner.patience = PATIENCE;
        Self { rig, ledger, runner, script, judged: Cell::default() }
    }

    /// Plays the script step by step, and checks everything that has to hold.
    async fn play(&mut self) -> Result<Course, String> {
        let mut course = Course::default();
        for step in &self.script.steps {
            // What has come by now is judged by what was asked for until now.
            self.judge();
            self.ledger.begin(step);
            let played = match step.words().as_slice() {
                ["expect", "quiet", _] => self.comes_to_rest().await,
                _ => self.runner.step(step).await,
            };
            self.judge();
            played.map_err(|instead| format!("line {}: `{}`: {instead}", step.line, step.words.join(" ")))?;
            self.ledger.end(step);
            if let Some((first, ..)) = self.rig.harmed().first().filter(|_| course.recovery.is_zero()) {
                course.recovery = first.elapsed();
            }
        }
        (course.harmed, course.exchanges) = (self.rig.harmed().len(), self.rig.numbered());
        self.rig.spare();
        self.comes_to_rest().await?;
        self.judge();
        Ok(Course { checked: self.ledger.verdict()?, ..course })
    }

    /// P2, P4 and P5 on what the clouds have done since the last time.
    fn judge(&self) {
        let entries = self.runner.world.simulator.journal_after(self.judged.get());
        self.judged.set(entries.last().map_or(self.judged.get(), |entry| entry.sequence));
        self.ledger.take(&entries);
    }

    /// Thousands of lives leave nothing behind.
    async fn forget(self) {
        self.runner.clean_up().await;
        let world = &self.runner.world;
        for namespace in world.namespaces().into_iter().chain([world.own_namespace()]) {
            // Nobody is left to take their finalizers off, and without that the namespace would never go.
            let accounts = self.runner.api("CloudAccount", &namespace);
            for account in accounts.list(&ListParams::default()).await.unwrap() {
                drop(forget(&accounts, &account.metadata.name.unwrap()).await);
            }
            drop(self.runner.api("Namespace", "").delete(&namespace, &DeleteParams::default()).await);
        }
        let launch = world.launch();
        drop(std::fs::remove_file(launch.log));
        drop(std::fs::remove_file(launch.kubeconfig));
    }

    /// P1: sooner or later all is quiet.
    async fn comes_to_rest(&self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.quiet().await {
                Err(_) if Instant::now() < until => {}
                quiet => return quiet,
            }
        }
    }

    async fn leads(&self) -> bool {
        self.runner.world.metrics().await.is_ok_and(|metrics| metrics.contains("cloud_access_leader 1"))
    }

    /// Nothing is written for a while, neither to a cloud nor to Kubernetes.
    async fn quiet(&self) -> Result<(), String> {
        let comes_to_lead = async {
            while !self.leads().await {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, comes_to_lead).await.map_err(|_| "nobody leads")?;
        let (since, harmed) = (Instant::now(), self.rig.harmed().len());
        let calls = self.runner.world.simulator.journal_last();
        sleep(QUIET).await;
        // Who stands still, or has ended, writes nothing either.
        let leads = timeout(Duration::from_secs(1), self.leads()).await.unwrap_or_default();
        if !leads || self.rig.harmed().len() > harmed {
            return Err("P1: not at rest, but harmed".to_owned());
        }
        // The statuses of accounts are gathered for a while; what is about them may still be on its way.
        let about_objects = |path: &str| !path.contains("accounts/") && !path.contains("/events");
        let exchanges = self.rig.exchanges();
        let mut written = exchanges.iter().filter(|exchange| exchange.at > since && exchange.writes());
        if let Some(written) = written.find(|exchange| about_objects(&exchange.path)) {
            return Err(format!("P1: at rest, {} {} is sent", written.method, written.path));
        }
        let journal = self.runner.world.simulator.journal_after(calls);
        match journal.into_iter().find(|entry| entry.action.is_some()) {
            Some(entry) => Err(format!("P1: at rest, a cloud is written to: {entry:?}")),
            None => Ok(()),
        }
    }
}

/// Lives it under harm. `usual` is how many exchanges it takes without, if that is known.
pub async fn live(
    script: &Script,
    name: &str,
    harm: &[(usize, Harm)],
    usual: Option<usize>,
    environment: &Path,
) -> Result<Course, String> {
    let lived = AssertUnwindSafe(async {
        let mut life = Life::begin(script, name, environment).await;
        for (number, harm) in harm {
            life.rig.harm_at(*number, *harm);
        }
        let process = life.runner.world.process().clone();
        let ended = Cell::new(0);
        let supervise = async {
            while ended.get() < 20 {
                sleep(LOOK).await;
                ended.set(ended.get() + usize::from(process.revive()));
            }
            "the operator ends over and over".to_owned()
        };
        let played = tokio::select! {
            played = life.play() => played,
            broken = supervise => Err(broken),
        };
        let course = Course { ended: ended.get(), ..played? };
        let crashes = course.ended + harm.iter().filter(|(_, harm)| harm.is_crash()).count();
        if let Some(usual) = usual {
            let most = MOST_TIMES * usual + FOR_A_START * (1 + crashes);
            if course.exchanges > most {
                return Err(format!("P6: {} exchanges, and {usual} without harm", course.exchanges));
            }
        }
        let hasty = life.rig.hasty_watches(1 + crashes);
        if !hasty.is_empty() {
            return Err(format!("P6: watches are opened too often: {hasty:?}"));
        }
        life.runner.end().await.map_err(|Broken(what)| format!("P8: {what}"))?;
        life.forget().await;
        Ok(course)
    });
    let lived = lived.catch_unwind().await.unwrap_or_else(|_| Err("it panicked, as told above".to_owned()));
    lived.map_err(|why| format!("{name} with {harm:?}: {why}"))
}
