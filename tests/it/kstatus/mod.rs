//! Whoever waits for an object, as Flux and Helm do, is told the truth at every moment: of every version of every object in
//! every scenario, as the library says it that both of them use.
//!
//! | module | what for |
//! | --- | --- |
//! | `record` | every version of every object, with what the cloud holds at that moment |
//! | `asked` | what an object asks for, and whether somebody holds it |
//! | `truth` | what `Current` promises, and whether it is so |
//! | `rules` | kstatus's rules once more, for properties of thousands of statuses |

pub mod asked;
pub mod record;
mod rules;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cloud_access_operator::app::crds;
use serde::Deserialize;
use serde_json::{Value, json};

use self::record::Version;
use self::rules::Status;
use self::truth::Told;
use crate::runner::KINDS;
use crate::scenarios::PLAYED;
use crate::tools::tool;

/// The kinds of accounts.
const ACCOUNTS: [&str; 2] = ["CloudAccount", "ClusterCloudAccount"];

/// What the program answers.
#[derive(Deserialize)]
struct Answer {
    status: Status,
}

/// What kstatus says of each object.
fn kstatus<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<Status> {
    let mut lines = String::new();
    objects.for_each(|object| writeln!(lines, "{object}").unwrap());
    let mut program = Command::new(tool("kstatus")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "kstatus cannot read what the operator wrote");
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str::<Answer>(line).unwrap().status).collect()
}

/// Somebody may wait for it.
fn is_waited_for(version: &Version) -> bool {
    !version.is_last && (KINDS.contains(&version.kind()) || ACCOUNTS.contains(&version.kind()))
}

/// What the scenarios come to, with what kstatus says.
fn told() -> Vec<Told<'static>> {
    let versions = PLAYED.iter().flat_map(|story| &story.versions).filter(|version| is_waited_for(version));
    let mut statuses = kstatus(versions.map(|version| &version.object)).into_iter();
    let told = PLAYED.iter().map(|story| {
        let of = |version: &Version| is_waited_for(version).then(|| statuses.next().unwrap());
        Told { story, statuses: story.versions.iter().map(of).collect() }
    });
    told.collect()
}

/// Failed exactly when stalled, and neither while it is being deleted or its status is about another spec.
fn says_what_is_written(version: &Version, status: Status) -> bool {
    if version.meta()["deletionTimestamp"].is_string() {
        return status == Status::Terminating;
    }
    if !version.is_observed() {
        return status == Status::InProgress;
    }
    status != Status::Terminating && (status == Status::Failed) == (version.condition("Stalled")["status"] == "True")
}

#[test]
fn whoever_waits_is_told_the_truth_at_every_step_of_every_scenario() {
    let told = told();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for told in &told {
        for (index, (version, status)) in told.story.versions.iter().zip(&told.statuses).enumerate() {
            let Some(status) = *status else { continue };
            seen.insert((version.kind(), status));
            let mut say = |why: &str| wrong.push(format!("{}: {status:?}, {why}: {}", told.story.name, version.object));
            if !says_what_is_written(version, status) {
                say("which its status does not say");
            }
            if status != rules::read(&version.object) {
                say("and the rules in Rust say otherwise");
            }
            told.check(index).unwrap_or_else(|instead| say(&instead));
        }
    }
    assert!(wrong.is_empty(), "{} of these:\n{}", wrong.len(), wrong.join("\n"));
    if std::env::var("SCENARIO").is_err() {
        let every = [Status::InProgress, Status::Current, Status::Failed, Status::Terminating];
        let kinds = KINDS.into_iter().chain(ACCOUNTS);
        let missing: Vec<_> =
            kinds.flat_map(|kind| every.map(|it| (kind, it))).filter(|it| !seen.contains(it)).collect();
        assert!(missing.is_empty(), "no scenario comes to these: {missing:?}");
    }
}

#[test]
fn nobody_takes_a_new_object_for_current() {
    let new = |crd: &Value| {
        let version = &crd["spec"]["versions"][0];
        let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"];
        json!({
            "apiVersion": format!("cloudaccess.dev/{}", version["name"].as_str().unwrap()),
            "kind": crd["spec"]["names"]["kind"],
            "metadata": {"name": "new", "generation": 1},
            "status": status
        })
    };
    let crds = crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect::<Vec<_>>();
    let objects: Vec<_> = crds.iter().map(new).collect();
    let kinds = objects.iter().map(|object| object["kind"].as_str().unwrap());
    let said: BTreeMap<_, _> = kinds.zip(kstatus(objects.iter())).collect();
    let expected = KINDS.into_iter().chain(ACCOUNTS).map(|kind| (kind, Status::InProgress));
    assert_eq!(said, expected.collect());
}
