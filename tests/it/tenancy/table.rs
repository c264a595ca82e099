//! Every pattern against every text: each pattern is the one rule of an account, and through each account one object asks for
//! something for the user that a text names. Then every account gets the pattern of the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::oracle;
use crate::runner::Runner;
use crate::world::World;

const PATTERNS: [&str; 24] = [
    "*", "?", "??", "", "dev", "DEV", "Dev", "dev*", "*dev", "de?", "d*v", "?*?", "dev-*", "*-*-*", "*é", "?\u{301}",
    "stra?e", "straße", "i", "a/*", "*/b", "a\\b", "[ab]", "%2f",
];

const TEXTS: [&str; 34] = [
    "dev", "Dev", "DEV", "dev ", " dev", "xdev", "devx", "de", "d", "dv", "dev-", "dev-a", "dev-a-b", "--", "é",
    "e\u{301}", "É", "straße", "strasse", "STRASSE", "i", "ı", "I", "ｄev", "a/b", "a/../b", "a%2fb", "%2f", "a\\b",
    "[ab]", "a", "*", "?", " ",
];

const PRIVILEGES: [&str; 8] = [
    "SUBMIT_JOB",
    "CANCEL_JOB",
    "DROP_QUEUE",
    "GRANT_PRIVILEGE",
    "REVOKE_PRIVILEGE",
    "SHOW_PRIVILEGES",
    "RESTART",
    "SCALE_QUEUE",
];

/// A queue lists no two users that differ in case only: the operator would not know them apart.
const QUEUES: [&str; 3] = ["etl", "jobs", "billing"];

/// How long is waited until everything is as it should, before each look.
const LOOKS: [u64; 4] = [2, 5, 20, 60];

/// Plays the table, and returns how often something was decided.
pub async fn play() -> Result<usize, String> {
    let mut runner = Runner::begin(World::pure(&[])).await;
    for queue in QUEUES {
        runner.cloud(&["queue", queue], "").unwrap();
    }
    for (account, pattern) in PATTERNS.iter().enumerate() {
        let rules = json!({"allowedNamespaces": {}, "rules": [{"principals": [pattern]}]});
        runner.apply_cluster_account(&format!("a{account}"), &["huawei-credentials"], &rules).await.unwrap();
        for (index, (text, queue)) in TEXTS.iter().zip(queues()).enumerate() {
            let name = format!("a{account}-{index}");
            let account_ref = json!({"kind": "ClusterCloudAccount", "name": format!("a{account}")});
            let privilege = PRIVILEGES[account % PRIVILEGES.len()];
            runner
                .apply(&json!({"kind": "QueueGrant", "metadata": {"name": name}, "spec": {
                    "accountRef": account_ref, "queueName": queue, "userName": text, "privileges": [privilege]
                }}))
                .await
                .unwrap();
        }
    }
    let before = settled(&runner).await?;
    for account in 0..PATTERNS.len() {
        let rules = json!([{"principals": [PATTERNS[(account + 1) % PATTERNS.len()]]}]);
        let patch = Patch::Merge(json!({"spec": {"rules": rules}}));
        let name = runner.world.cluster_name(&format!("a{account}"));
        runner.api("ClusterCloudAccount", "").patch(&name, &PatchParams::default(), &patch).await.unwrap();
    }
    Ok(before + settled(&runner).await?)
}

/// The queue that each text is asked for on.
fn queues() -> Vec<&'static str> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let queue = |text: &&str| {
        let known = seen.entry(text.to_lowercase()).or_default();
        *known += 1;
        QUEUES[*known - 1]
    };
    TEXTS.iter().map(queue).collect()
}

/// Waits until everything is as the oracle says.
async fn settled(runner: &Runner) -> Result<usize, String> {
    let mut looks = LOOKS.into_iter();
    loop {
        let wait = looks.next();
        tokio::time::sleep(Duration::from_secs(wait.unwrap_or_default())).await;
        let cluster = Cluster::of(runner, runner.world.now()).await;
        match (differs(runner, &cluster), wait) {
            (Ok(()), _) => return Ok(cluster.objects.len()),
            (Err(instead), None) => return Err(instead),
            (Err(_), Some(_)) => {}
        }
    }
}

fn differs(runner: &Runner, cluster: &Cluster) -> Result<(), String> {
    let mut expected: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for object in &cluster.objects {
        let allowed = cluster.allows(object);
        let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let reason = conditions.find(|condition| condition["type"] == "Ready").map(|ready| &ready["reason"]);
        let expects = if allowed { "Granted" } else { "NotAllowed" };
        if reason.and_then(Value::as_str) != Some(expects) {
            return Err(format!("{expects}, but: {object:#}"));
        }
        if allowed {
            expected.entry(oracle::row(object)).or_default().extend(oracle::access(object));
        }
    }
    for queue in QUEUES {
        for (user, held) in runner.world.simulator.users(queue).unwrap() {
            let row = (queue.to_owned(), user);
            let wanted = expected.remove(&row).unwrap_or_default();
            if !wanted.iter().eq(&held) {
                return Err(format!("{row:?} holds {held:?}, not {wanted:?}"));
            }
        }
    }
    if expected.is_empty() { Ok(()) } else { Err(format!("nobody holds {expected:?}")) }
}
