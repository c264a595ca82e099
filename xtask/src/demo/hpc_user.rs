//! HpcUser: an account with a password, which is rotated, and of which no trace is left.

use std::fs;

use serde_json::{Value, json};

use super::Story;
use super::stage::Stage;
use crate::failure::{Failure, Result};
use crate::places::cannot;
use crate::progress::{Attempt, say};
use crate::samples::{Claim, Kind};

/// An account and its password.
pub(super) static STORY: Story = Story {
    kind: Kind {
        name: "HpcUser",
        target: "/clusterId",
        principal: &["/userName"],
        access: "/group",
        in_cloud: |group| group,
        make: |simulator, claim| simulator.make(&format!("ehpc/clusters/{}", claim.target)),
    },
    scenes: &[
        ("An HpcUser becomes an account on a cluster, with a password from a Secret", an_account_is_made),
        ("A changed Secret rotates the password, which shows nowhere", a_password_is_rotated),
        ("A deleted HpcUser takes its account along", an_account_goes_with_its_object),
    ],
};

/// An account that somebody else has made.
const OUTSIDER: &str = "oscar01";
const NEW_PASSWORD: &str = "Rotated-Passw0rd";

fn an_account_is_made(stage: &mut Stage<'_>) -> Result<()> {
    stage.grant_by_hand(OUTSIDER, "wheel")?;
    stage.apply_samples()?;
    let hero = stage.hero()?;
    let password = Secret::of(stage, &hero)?.password()?;
    the_password_is(stage, &hero, "the one in the Secret", &password)
}

fn a_password_is_rotated(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    let outsiders = password(stage, &hero.target, OUTSIDER)?;
    let secret = Secret::of(stage, &hero)?;
    let mut passwords = vec![secret.password()?, secret.encoded(stage)?];
    let key = &secret.key;
    let patch = |password: &str| json!({"stringData": {key: password}}).to_string();
    let (shown, patch) = (patch("…"), patch(NEW_PASSWORD));
    let [shown, patch] = [&shown, &patch].map(|patch| ["patch", "secret", &secret.name, "--patch", patch]);
    stage.kubectl.show_as(&shown, &patch)?;
    say("    The operator watches no Secret; it reads this one again when it next looks at the cluster.");
    the_password_is(stage, &hero, "the new one", NEW_PASSWORD)?;
    the_version_is_noted(stage, &hero, &secret.version(stage)?)?;
    stage.is_ready(&hero.name, "Granted")?;
    stage.the_cloud_holds_what_it_should()?;
    if password(stage, &hero.target, OUTSIDER)? != outsiders {
        return Err(Failure::new(format!("the password of {OUTSIDER} is another one now")));
    }
    passwords.extend([NEW_PASSWORD.to_owned(), secret.encoded(stage)?]);
    no_trace_is_left(stage, &hero, &passwords)?;
    stage.table()
}

fn an_account_goes_with_its_object(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.delete(&hero.name)?;
    say(format!("    {} is gone from {}; {OUTSIDER} is still there.", hero.principal, hero.target));
    Ok(())
}

/// Where the password of an HpcUser is.
struct Secret {
    name: String,
    key: String,
    /// As the sample has it.
    object: Value,
}

impl Secret {
    /// The Secret that the object names, which is among the samples.
    fn of(stage: &Stage<'_>, claim: &Claim) -> Result<Self> {
        let reference = &claim.manifest["spec"]["passwordSecretRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let (name, key) = (text("name"), text("key"));
        let is_it = |object: &&Value| object["kind"] == "Secret" && object["metadata"]["name"] == name;
        let object = stage.sample.objects.iter().find(is_it).cloned();
        let object = object.ok_or_else(|| Failure::new(format!("the samples have no Secret {name}")))?;
        Ok(Self { name, key, object })
    }

    /// The password that the sample gives.
    fn password(&self) -> Result<String> {
        let password = self.object["stringData"][&self.key].as_str().map(str::to_owned);
        password.ok_or_else(|| Failure::new(format!("the Secret {} of the samples has no {}", self.name, self.key)))
    }

    /// The password that the API server has, in Base64.
    fn encoded(&self, stage: &Stage<'_>) -> Result<String> {
        self.ask(stage, &format!("{{.data.{}}}", self.key))
    }

    /// Which version the API server has, as objects note it.
    fn version(&self, stage: &Stage<'_>) -> Result<String> {
        self.ask(stage, &format!("{{.metadata.uid}}/{{.metadata.resourceVersion}}/{}", self.key))
    }

    fn ask(&self, stage: &Stage<'_>, path: &str) -> Result<String> {
        stage.kubectl.run(&["get", "secret", &self.name, &format!("--output=jsonpath={path}")])
    }
}

/// The password that somebody has in the cloud.
fn password(stage: &Stage<'_>, cluster: &str, user: &str) -> Result<Value> {
    stage.environment.simulator.look_up(&format!("ehpc/clusters/{cluster}/users/{user}/password"))
}

/// Waits until the cloud has this password.
fn the_password_is(stage: &mut Stage<'_>, hero: &Claim, what: &str, expected: &str) -> Result<()> {
    let user = &hero.principal;
    stage.wait_for(&format!("the password of {user} to be {what}"), |stage| {
        let found = password(stage, &hero.target, user)? == expected;
        Ok(if found { Attempt::Done(()) } else { Attempt::NotYet("the cloud has another one".into()) })
    })?;
    say(format!("    ok: in the cloud, the password of {user} is {what}"));
    Ok(())
}

/// Waits until the object's status tells this version of the Secret, and not the password: a rotation ends with that.
fn the_version_is_noted(stage: &mut Stage<'_>, hero: &Claim, version: &str) -> Result<()> {
    stage.wait_for(&format!("{} to tell the Secret's version", hero.name), |stage| {
        let path = "--output=jsonpath={.status.secretVersion}";
        let noted = stage.kubectl.run(&["get", &stage.sample.kind.resource(), &hero.name, path])?;
        Ok(if noted == version { Attempt::Done(()) } else { Attempt::NotYet(format!("it tells {noted}")) })
    })?;
    say(format!("    ok: {} tells which version of the Secret the cloud has", hero.name));
    Ok(())
}

/// Looks for the passwords wherever the operator may have left them; each place must also know the hero, or it was not the
/// right one.
fn no_trace_is_left(stage: &Stage<'_>, hero: &Claim, passwords: &[String]) -> Result<()> {
    let admin = stage.environment.control_plane.admin();
    let everything = |resource: &str| admin.run(&["get", resource, "--all-namespaces", "--output=json"]);
    let log = stage.environment.operator_log();
    let log = fs::read_to_string(log).map_err(|error| cannot("read", log, error))?;
    let places = [
        ("the objects of all kinds", everything("cloudaccess")?),
        ("the Events", everything("events.events.k8s.io")?),
        ("the operator's log", log),
        ("the cloud's journal", stage.environment.simulator.look_up("journal")?.to_string()),
    ];
    for (place, text) in places {
        if !text.contains(&hero.principal) {
            return Err(Failure::new(format!("{place} should tell of {}, and does not", hero.principal)));
        }
        if passwords.iter().any(|password| text.contains(password)) {
            return Err(Failure::new(format!("a password shows in {place}")));
        }
        say(format!("    ok: neither the old nor the new password is in {place}"));
    }
    Ok(())
}
