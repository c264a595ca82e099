//! Random worlds: tenants ask for what rules allow, or almost; then rules, labels and objects are edited. After each round
//! every object rests as the oracle says, and who holds what in the clouds is what the allowed objects want and others gave.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp, Unit};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::alphabet::{KINDS, Kind, SHARED};
use super::cluster::{Access, Cluster};
use super::objects::{Made, edit, is_shared};
use super::{Tally, oracle, rules};
use crate::histories::random::Random;
use crate::runner::Runner;
use crate::world::World;

const OBJECTS: usize = 24;
const ROUNDS: usize = 10;

/// The accounts of Huawei Cloud and Alibaba Cloud.
const HUAWEI: [&str; 2] = ["one", "two"];
const ALIBABA: &str = "hpc";

/// The namespaces besides the scenario's own.
const OTHERS: [&str; 2] = ["a", "b"];

/// How long is waited until everything is as it should, before each look but the first.
pub(super) const LOOKS: [u64; 7] = [1, 2, 5, 15, 60, 240, 600];

/// One world under way.
pub struct Matrix {
    pub(super) runner: Runner,
    random: Random,
    made: usize,
    /// Targets and principals that objects were ever about.
    used: BTreeSet<(String, String)>,
    /// What others hold.
    pub(super) foreign: Access,
    /// What was allowed at any moment.
    pub(super) ever: Access,
    /// Objects that were deleted in this round, as they were then.
    pub(super) deleted: Vec<Value>,
    /// All that was done, to be told when it goes wrong.
    pub told: String,
    pub tally: Tally,
}

impl Matrix {
    pub async fn begin(seed: u64) -> Self {
        let settings = [("secret-interval".to_owned(), "1h".to_owned())];
        let mut world = World::pure(&settings);
        world.others = OTHERS.map(str::to_owned).to_vec();
        let runner = Runner::begin(world).await;
        let (foreign, ever) = (Access::new(), Access::new());
        let (used, deleted, told) = (BTreeSet::new(), Vec::new(), String::new());
        let (random, tally) = (Random::new(seed), Tally::default());
        let mut matrix = Self { runner, random, made: 0, used, foreign, ever, deleted, told, tally };
        matrix.prepare_clouds();
        matrix.prepare_cluster().await;
        matrix
    }

    /// Plays and checks the world.
    pub async fn play(&mut self) -> Result<(), String> {
        for _ in 0..OBJECTS {
            self.create().await;
        }
        self.check().await?;
        for _ in 0..ROUNDS {
            let rest = self.random.pick(&[0, 2, 20, 89, 300, 600]);
            writeln!(self.told, "wait {rest}s").unwrap();
            self.rest(rest).await;
            for _ in 0..=self.random.below(5) {
                self.edit().await;
                self.remember().await;
            }
            self.check().await?;
        }
        self.check_calls()
    }

    /// Time passes; what adopts meanwhile, adopts.
    async fn rest(&mut self, seconds: i64) {
        let mut left = SignedDuration::from_secs(seconds);
        while left.is_positive() {
            let cluster = self.cluster().await;
            cluster.adopt(&mut self.foreign);
            // Whoever begins or ends is given a second for it.
            let next = cluster.next_turn(left).map_or(left, |turn| turn + SignedDuration::from_secs(1));
            tokio::time::sleep(next.unsigned_abs()).await;
            left -= next;
        }
    }

    /// Targets, and what others have granted on them.
    fn prepare_clouds(&mut self) {
        let [_, pools, ..] = &KINDS;
        for kind in &KINDS {
            for target in kind.targets {
                let what: &[&str] = match kind.name {
                    "QueueGrant" => &["queue", target],
                    "PoolMembership" => &["cluster", target, "with", pools.access[0], pools.access[1], pools.access[2]],
                    "WorkspaceMember" => &["workspace", target],
                    _ => &["hpc", "cluster", target],
                };
                self.runner.cloud(what, "").unwrap();
                for user in &kind.users[..SHARED] {
                    if kind.adds_up && self.random.chance(25) {
                        let granted = oracle_id(kind, self.random.pick(kind.access));
                        self.runner.cloud(&["grant", user, &granted, "on", target], "").unwrap();
                        self.foreign.entry((target.to_string(), user.to_string())).or_default().insert(granted);
                    }
                }
            }
        }
    }

    async fn prepare_cluster(&mut self) {
        let password = json!({"password": "First-Passw0rd"});
        for namespace in [None, Some(OTHERS[0]), Some(OTHERS[1])] {
            let metadata = json!({"name": "password", "namespace": namespace});
            self.runner.apply(&json!({"kind": "Secret", "metadata": metadata, "stringData": password})).await.unwrap();
            self.label(namespace).await;
        }
        let (huawei, hpc) = KINDS.split_at(3);
        for name in HUAWEI {
            let kinds: Vec<_> = huawei.iter().collect();
            let rules = self.account(&kinds);
            writeln!(self.told, "account {name} {rules}").unwrap();
            self.runner.apply_cluster_account(name, &["huawei-credentials"], &rules).await.unwrap();
        }
        let mut spec = self.account(&hpc.iter().collect::<Vec<_>>());
        writeln!(self.told, "account {ALIBABA} {spec}").unwrap();
        spec["alibaba"] = json!({
            "region": "cn-hangzhou", "ehpcApiVersion": "2018-04-12", "endpoint": self.runner.world.endpoint,
            "credentials": {"secretRef": {"name": "alibaba-credentials"}}
        });
        let account = json!({"kind": "ClusterCloudAccount", "metadata": {"name": ALIBABA}, "spec": spec});
        self.runner.apply(&account).await.unwrap();
    }

    fn account(&mut self, kinds: &[&'static Kind]) -> Value {
        json!({"allowedNamespaces": rules::selector(&mut self.random), "rules": rules::rules(&mut self.random, kinds)})
    }

    /// The time, as objects that are created now have it.
    fn now(&self) -> Timestamp {
        self.runner.world.now().round(Unit::Second).unwrap()
    }

    pub(super) async fn cluster(&self) -> Cluster {
        Cluster::of(&self.runner, self.runner.world.now()).await
    }

    /// Creates an object, about a user that none was about before, unless several may be.
    async fn create(&mut self) {
        let kind = &KINDS[self.random.pick(&[0, 0, 0, 1, 2, 2, 3])];
        let no_target = self.random.chance(12);
        let target = self.random.pick(if no_target { kind.no_targets } else { kind.targets });
        let user = match self.random.below(100) {
            0..30 => self.random.pick(&kind.users[..SHARED]),
            30..36 if !kind.no_users.is_empty() => self.random.pick(kind.no_users),
            _ => self.random.pick(kind.users),
        };
        let shared = kind.adds_up && kind.users[..SHARED].contains(&user);
        if !self.used.insert((target.to_lowercase(), user.to_owned())) && !shared {
            return;
        }
        let upper = target.to_ascii_uppercase();
        let target = if kind.name == "QueueGrant" && self.random.chance(20) { &upper } else { target };
        self.made += 1;
        let account = if kind.name == "HpcUser" { ALIBABA } else { self.random.pick(&HUAWEI) };
        let namespace = self.random.pick(&[None, Some(OTHERS[0]), Some(OTHERS[1])]);
        let made = Made { kind, name: &format!("object-{}", self.made), namespace, account, target, user };
        let now = self.now();
        let manifest = made.manifest(&mut self.random, now);
        writeln!(self.told, "apply {manifest}").unwrap();
        self.runner.apply(&manifest).await.unwrap();
    }

    /// Somebody edits something.
    async fn edit(&mut self) {
        match self.random.below(20) {
            0..7 => self.edit_account().await,
            7..9 => {
                let namespace = self.random.pick(&[None, Some(OTHERS[0]), Some(OTHERS[1])]);
                self.label(namespace).await;
            }
            9..11 => self.create().await,
            11..13 => self.delete().await,
            _ => {
                let cluster = self.cluster().await;
                let object = &cluster.objects[self.random.index(cluster.objects.len())];
                if object["metadata"]["deletionTimestamp"].is_null() {
                    let now = self.now();
                    let patch = edit(&mut self.random, object, now);
                    self.patch(object, &patch).await;
                }
            }
        }
    }

    async fn edit_account(&mut self) {
        let (huawei, hpc) = KINDS.split_at(3);
        let name = self.random.pick(&[HUAWEI[0], HUAWEI[0], HUAWEI[1], ALIBABA]);
        let kinds: Vec<_> = if name == ALIBABA { hpc } else { huawei }.iter().collect();
        let full_name = self.runner.world.cluster_name(name);
        let patch = match self.random.below(10) {
            0..2 => {
                // A merge patch would leave what was there before.
                let mut selector = rules::selector(&mut self.random);
                for field in ["matchLabels", "matchExpressions"] {
                    selector.as_object_mut().unwrap().entry(field).or_insert(Value::Null);
                }
                json!({"spec": {"allowedNamespaces": selector}})
            }
            2..4 => json!({"spec": {"rules": rules::rules(&mut self.random, &kinds)}}),
            _ => {
                let cluster = self.cluster().await;
                let rules = rules::changed(&mut self.random, &cluster.account(&full_name)["rules"], &kinds);
                json!({"spec": {"rules": rules}})
            }
        };
        let account = json!({"kind": "ClusterCloudAccount", "metadata": {"name": full_name, "namespace": ""}});
        self.patch(&account, &patch).await;
    }

    async fn label(&mut self, namespace: Option<&str>) {
        let label = self.random.pick(&[
            "cloud=yes",
            "cloud=yes",
            "cloud=yes",
            "cloud=Yes",
            "cloud=no",
            "cloud-",
            "stage=",
            "stage-",
        ]);
        writeln!(self.told, "label namespace {namespace:?} {label}").unwrap();
        let words: Vec<_> = namespace.into_iter().chain([label]).collect();
        self.runner.label_namespace(&words).await.unwrap();
    }

    async fn patch(&mut self, object: &Value, patch: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
        writeln!(self.told, "patch {kind} {}/{} {patch}", meta["namespace"], meta["name"]).unwrap();
        let objects = self.runner.api(&kind, &text(&meta["namespace"]));
        objects.patch(&text(&meta["name"]), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// An object is deleted, perhaps right after it was edited so that its access stays.
    async fn delete(&mut self) {
        let cluster = self.cluster().await;
        let mut object = cluster.objects[self.random.index(cluster.objects.len())].clone();
        if !object["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        if !is_shared(&object) && self.random.chance(60) {
            self.patch(&object, &json!({"spec": {"deletionPolicy": "Retain"}})).await;
            object["spec"]["deletionPolicy"] = json!("Retain");
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
        writeln!(self.told, "delete {kind} {}/{}", meta["namespace"], meta["name"]).unwrap();
        let objects = self.runner.api(&kind, &text(&meta["namespace"]));
        objects.delete(&text(&meta["name"]), &kube::api::DeleteParams::default()).await.unwrap();
        self.deleted.push(object);
    }

    /// Notes what is allowed at this moment.
    pub(super) async fn remember(&mut self) {
        let cluster = self.cluster().await;
        for object in cluster.objects.iter().chain(&self.deleted).filter(|object| cluster.allows(object)) {
            self.ever.entry(oracle::row(object)).or_default().extend(oracle::access(object));
        }
    }
}

/// The id of what a kind may ask for.
fn oracle_id(kind: &Kind, access: &str) -> String {
    let object = json!({"kind": kind.name, "spec": {"roles": [access]}});
    oracle::access(&object).pop_first().unwrap()
}
