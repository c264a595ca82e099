//! Writes a history down as a scenario: how it begins, what is mended when all is to come to rest, how it ends; and the
//! scenario of a fresh start that is to end alike.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::model::{Password, Scene, Spec, Strings};
use super::random::Random;
use super::stage::{HPC, POOL, QUEUE, Stage, WORKSPACE};
use super::steps;

/// Short, so that there is little to wait for; but no write lands later than the in-flight window allows.
const SETTINGS: &str = "settings drift-interval=2m in-flight-window=60s stalled-after=3m";

/// How long everything takes to come to rest: longer than any pause that a history can bring about.
const CALM: u64 = 10 * 60 * 1000;

/// How long a pool may be hidden at most: what does not show for minutes is believed to be gone.
const LONGEST_HIDDEN: u64 = 2 * 60 * 1000;

/// How long a fresh start takes.
const FRESH_CALM: u64 = 5 * 60 * 1000;

/// What is broken now.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each may be broken by itself")]
pub struct Broken {
    pub operator: bool,
    pub faults: bool,
    pub watches: bool,
    pub gets: bool,
    pub patches: bool,
    /// Vendors whose credentials are wrong.
    pub credentials: BTreeSet<&'static str>,
    pub accounts: BTreeSet<&'static str>,
    pub users: BTreeSet<&'static str>,
}

/// A history under way.
pub struct Story {
    pub random: Random,
    pub text: String,
    /// Milliseconds since the start, at least.
    pub now: u64,
    pub scenes: Vec<Scene>,
    pub broken: Broken,
    /// A write may still land late.
    pub late: bool,
    /// A write may be slow, or land late.
    pub in_doubt: bool,
    /// Since when a pool has not shown.
    pub hidden_since: Option<u64>,
    /// The object that the last step was about.
    pub last: Option<Actor>,
    /// Positions of switches, which a fresh start has too.
    switches: Vec<&'static str>,
    passwords: u64,
}

/// An object, by its scene and its place there.
pub type Actor = (usize, usize);

impl Story {
    /// The history of a seed; no longer than so many steps.
    pub fn of(seed: u64, longest: usize) -> Self {
        let mut random = Random::new(seed);
        let stages: [&'static Stage; 4] = [&QUEUE, &POOL, &WORKSPACE, &HPC];
        let first = random.index(stages.len());
        let mut scenes = vec![Scene::new(stages[first])];
        if random.chance(10) {
            scenes.push(Scene::new(stages[(first + 1) % stages.len()]));
        }
        let mut switches = Vec::new();
        for scene in &scenes {
            if random.chance(50) {
                switches.push(random.pick(scene.stage.switches));
            }
        }
        let (text, broken) = (String::new(), Broken::default());
        let (late, in_doubt, hidden_since, last) = (false, false, None, None);
        let mut story =
            Self { random, text, now: 0, scenes, broken, late, in_doubt, hidden_since, last, switches, passwords: 0 };
        story.begin();
        let length = 8 + story.random.index(18);
        for _ in 0..length.min(longest) {
            story.pause();
            steps::take(&mut story);
        }
        story.calm();
        story
    }

    /// A line of the scenario.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn begin(&mut self) {
        self.text = self.setup();
        for scene in 0..self.scenes.len() {
            let stage = self.scenes[scene].stage;
            for object in 0..stage.objects.len() {
                if stage.secrets {
                    self.new_password((scene, object));
                }
            }
            for user in stage.users() {
                if self.random.chance(35) {
                    let strings = [stage.wanted, stage.never_wanted].concat();
                    let strings = if stage.exclusive {
                        Strings::from([self.random.pick(&strings)])
                    } else {
                        self.random.some(&strings)
                    };
                    self.text.push_str(&granted_by_hand(stage, user, &strings));
                    self.scenes[scene].foreign.insert(user, strings);
                }
            }
        }
    }

    /// What a history and its fresh start begin with.
    fn setup(&self) -> String {
        let mut text = format!("only pure: time passes\n{SETTINGS}\n\n");
        for scene in &self.scenes {
            for account in scene.stage.accounts.iter().skip(1) {
                writeln!(text, "apply account {account} huawei-credentials").unwrap();
            }
            scene.stage.made_by.iter().for_each(|line| writeln!(text, "{line}").unwrap());
        }
        self.switches.iter().for_each(|switch| writeln!(text, "cloud switch {switch}").unwrap());
        text
    }

    /// Some time between two steps, or none.
    fn pause(&mut self) {
        let (kind, spread) = (self.random.below(10), self.random.below(90_000));
        match kind {
            0..3 => {}
            3..6 => self.wait(1 + spread % 200),
            6..9 => self.wait(1 + spread % 5_000),
            _ => self.wait(1 + spread),
        }
    }

    pub fn wait(&mut self, milliseconds: u64) {
        if self.hidden_since.is_some_and(|since| self.now + milliseconds > since + LONGEST_HIDDEN) {
            self.show_pools();
        }
        self.now += milliseconds;
        self.line(&format!("wait {milliseconds}ms"));
    }

    /// A call meets a fault. `late`: what it does may be done after its answer.
    pub fn fault(&mut self, fault: &str, late: bool) {
        self.broken.faults = true;
        self.in_doubt = true;
        self.late |= late;
        self.line(&format!("cloud fault {{{fault}}}"));
    }

    fn show_pools(&mut self) {
        if self.hidden_since.take().is_some() {
            self.line("cloud switch dws.pools_hidden []");
        }
    }

    /// Everything is mended, and comes to rest.
    pub fn calm(&mut self) {
        self.line("# Everything is mended, and has time to settle.");
        self.mend();
        self.wait(CALM);
        (self.late, self.in_doubt) = (false, false);
        for scene in &mut self.scenes {
            scene.settle(self.now);
        }
    }

    /// Mends whatever is broken, in the cloud, in the cluster and in the objects.
    pub fn mend(&mut self) {
        let broken = std::mem::take(&mut self.broken);
        self.show_pools();
        let mut lines = Vec::new();
        lines.extend(broken.faults.then(|| "cloud no faults".to_owned()));
        lines.extend(broken.users.iter().map(|user| format!("cloud known user {user}")));
        lines.extend(broken.credentials.iter().map(|vendor| credentials(vendor, true)));
        lines.extend(broken.accounts.iter().map(|account| account_applied(account)));
        lines.extend(broken.watches.then(|| "release watches".to_owned()));
        lines.extend(broken.gets.then(|| "objects can be read".to_owned()));
        lines.extend(broken.patches.then(|| "objects refuse patches".to_owned()));
        for line in lines {
            self.line(&line);
        }
        for scene in 0..self.scenes.len() {
            self.mend_target(scene);
            for object in 0..self.scenes[scene].objects.len() {
                self.mend_object((scene, object));
            }
        }
        if broken.operator {
            self.line("start operator");
        }
    }

    pub fn mend_target(&mut self, scene: usize) {
        let Scene { stage, there, removed, .. } = &mut self.scenes[scene];
        let (stage, there, removed) = (*stage, std::mem::replace(there, true), std::mem::take(removed));
        if there {
            for pool in removed {
                self.line(&format!("cloud pool {pool} on {}", stage.target));
            }
        } else {
            for line in stage.made_by {
                self.line(line);
            }
        }
    }

    fn mend_object(&mut self, actor: Actor) {
        let stage = self.scenes[actor.0].stage;
        let object = &mut self.scenes[actor.0].objects[actor.1];
        let (spoiled, password) = (std::mem::take(&mut object.spoiled), object.password);
        let Some(spec) = &mut object.spec else { return };
        let mut fields = Vec::new();
        fields.extend(spoiled.then(|| stage.access(&spec.wanted)));
        fields.extend(std::mem::take(&mut spec.suspended).then(|| "suspend: false".to_owned()));
        fields.extend(std::mem::take(&mut spec.observing).then(|| "mode: Enforce".to_owned()));
        if !fields.is_empty() {
            self.patch(actor, &fields.join(", "));
        }
        if password != Password::Good {
            self.new_password(actor);
        }
    }

    /// The Secret of an object gets a password that was never used before.
    pub fn new_password(&mut self, actor: Actor) {
        self.passwords += 1;
        let object = &mut self.scenes[actor.0].objects[actor.1];
        (object.password, object.password_number) = (Password::Good, self.passwords);
        let text = self.secret(actor);
        self.text.push_str(&text);
    }

    fn secret(&self, actor: Actor) -> String {
        let (name, number) = (self.name(actor), self.scenes[actor.0].objects[actor.1].password_number);
        secret_applied(name, &password(number))
    }

    /// The objects that are there in the end.
    pub fn actors(&self) -> Vec<Actor> {
        let all = self.scenes.iter().enumerate().flat_map(|(index, scene)| {
            let there = scene.objects.iter().enumerate().filter(|(_, object)| object.spec.is_some());
            there.map(move |(object, _)| (index, object))
        });
        all.collect()
    }

    pub fn name(&self, (scene, object): Actor) -> &'static str {
        self.scenes[scene].stage.objects[object].0
    }

    pub fn user(&self, (scene, object): Actor) -> &'static str {
        self.scenes[scene].stage.objects[object].1
    }

    pub fn spec(&mut self, (scene, object): Actor) -> Option<&mut Spec> {
        self.scenes[scene].objects[object].spec.as_mut()
    }

    pub fn patch(&mut self, actor: Actor, fields: &str) {
        let kind = self.scenes[actor.0].stage.kind;
        let name = self.name(actor);
        self.line(&format!("patch {kind} {name}\n  spec: {{{fields}}}"));
    }

    /// The manifest of an object, as kubectl applies it.
    pub fn manifest(&self, (scene, object): Actor) -> String {
        let Scene { stage, objects, .. } = &self.scenes[scene];
        let Some(spec) = &objects[object].spec else { return String::new() };
        let mut fields = vec![format!("accountRef: {{kind: CloudAccount, name: {}}}", spec.account)];
        fields.push(stage.spec(object, &spec.wanted));
        fields.extend(spec.adopt.then(|| "adoptionPolicy: Adopt".to_owned()));
        fields.extend(spec.retain.then(|| "deletionPolicy: Retain".to_owned()));
        fields.extend(spec.valid_from.map(|at| format!("validFrom: {}", time(at))));
        fields.extend(spec.valid_until.map(|at| format!("validUntil: {}", time(at))));
        let (kind, name) = (stage.kind, stage.objects[object].0);
        format!("apply\n  kind: {kind}\n  metadata: {{name: {name}}}\n  spec: {{{}}}\n", fields.join(", "))
    }

    /// The scenario that begins where this history has ended: only what others granted is there; then the objects are
    /// applied, in this order.
    pub fn fresh(&self, order: &[Actor]) -> String {
        let mut text = self.setup();
        for scene in &self.scenes {
            for (user, strings) in scene.foreign.iter().filter(|(_, strings)| !strings.is_empty()) {
                text.push_str(&granted_by_hand(scene.stage, user, strings));
            }
        }
        writeln!(text, "kill operator\nwait {}ms\nstart operator", self.now).unwrap();
        for &(scene, object) in order {
            if self.scenes[scene].stage.secrets {
                text.push_str(&self.secret((scene, object)));
            }
            text.push_str(&self.manifest((scene, object)));
            text.push_str("wait 2s\n");
        }
        writeln!(text, "wait {FRESH_CALM}ms").unwrap();
        text
    }
}

fn granted_by_hand(stage: &Stage, user: &str, strings: &Strings) -> String {
    let strings: Vec<_> = strings.iter().copied().collect();
    format!("cloud grant {user} {} on {}\n", strings.join(" "), stage.target)
}

fn password(number: u64) -> String {
    format!("Passw0rd-Number-{number}")
}

pub fn secret_applied(name: &str, password: &str) -> String {
    format!("apply\n  kind: Secret\n  metadata: {{name: {name}-password}}\n  stringData: {{password: {password}}}\n")
}

/// The credentials of an account are as they should be, or not.
pub fn credentials(vendor: &str, right: bool) -> String {
    let settings = simulator::Settings::default();
    let keys = if vendor == "huawei" { settings.access_keys } else { settings.alibaba_keys };
    let secret = if right { keys[0].secret.as_str() } else { "anotherSecretKeyAnotherSecretKey00000001" };
    format!("patch Secret {vendor}-credentials\n  stringData: {{secret-access-key: {secret}}}")
}

fn account_applied(account: &str) -> String {
    match account {
        "alibaba" => "apply account alibaba alibaba-credentials 2018-04-12".to_owned(),
        huawei => format!("apply account {huawei} huawei-credentials"),
    }
}

/// A time so many milliseconds after the start, as manifests write it: the second that follows.
pub fn time(milliseconds: u64) -> String {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let seconds = i64::try_from(milliseconds.div_ceil(1000)).unwrap();
    (start + SignedDuration::from_secs(seconds)).to_string()
}
