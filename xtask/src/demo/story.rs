//! The scenes: what a platform team does, what happens in the cloud meanwhile, and what must hold after each.

use serde_json::json;

use super::stage::Stage;
use crate::failure::{Failure, Result};
use crate::kubectl::print_indented;
use crate::progress::say;

/// One scene.
type Scene = fn(&mut Stage) -> Result<()>;

/// The story, in order.
pub(super) const SCENES: [(&str, Scene); 6] = [
    ("A QueueGrant becomes access in the cloud", access_is_granted),
    ("Access revoked by hand comes back", drift_is_repaired),
    ("An edit adds a privilege", a_privilege_is_added),
    ("What somebody else granted is left alone", foreign_access_is_left_alone),
    ("A wrong manifest is refused with a sentence", a_wrong_manifest_is_refused),
    ("A deleted QueueGrant takes its access along", access_goes_with_its_object),
];

/// Works on the same queue with access that no object claims.
const OUTSIDER: &str = "oscar";
const OUTSIDERS_PRIVILEGE: &str = "CANCEL_JOB";

fn access_is_granted(stage: &mut Stage) -> Result<()> {
    let queue = stage.hero()?.queue;
    stage.grant_by_hand(&queue, OUTSIDER, OUTSIDERS_PRIVILEGE)?;
    stage.apply("deploy/samples/account.yaml  # pointed to the simulated cloud", &stage.environment.samples.account)?;
    let grants = stage.environment.samples.grants.clone();
    let manifests: Vec<_> = grants.iter().map(|grant| grant.manifest.clone()).collect();
    stage.apply("deploy/samples/queuegrant.yaml", &manifests)?;
    for grant in &grants {
        stage.claim(grant.clone());
    }
    for grant in &grants {
        stage.is_ready(&grant.name, "Granted")?;
    }
    stage.the_cloud_holds_what_it_should()?;
    stage.table()
}

fn drift_is_repaired(stage: &mut Stage) -> Result<()> {
    let hero = stage.hero()?;
    say(format!("    In the cloud's console, somebody removes {} from {}.", hero.user, hero.queue));
    // It fails unless the user was there, so the access is gone for a moment at least.
    stage.environment.simulator.remove_by_hand(&hero.queue, &hero.user)?;
    say("    Nobody tells the operator; it looks every 5 seconds here, every 5 minutes by default.");
    stage.the_cloud_holds_what_it_should()?;
    stage.is_ready(&hero.name, "Granted")?;
    stage.table()
}

fn a_privilege_is_added(stage: &mut Stage) -> Result<()> {
    let mut hero = stage.hero()?;
    let more =
        ["SHOW_PRIVILEGES", "CANCEL_JOB", "SUBMIT_JOB"].into_iter().find(|more| hero.privileges.insert((*more).into()));
    let more = more.ok_or_else(|| Failure::new(format!("{} has all privileges that the demo could add", hero.name)))?;
    let patch = json!({"spec": {"privileges": hero.privileges}}).to_string();
    stage.kubectl.show(&["patch", "queuegrant", &hero.name, "--type=merge", "--patch", &patch])?;
    stage.claim(hero.clone());
    stage.is_ready(&hero.name, "Granted")?;
    stage.the_cloud_holds_what_it_should()?;
    say(format!("    {} now also holds {more}.", hero.user));
    stage.table()
}

fn foreign_access_is_left_alone(stage: &mut Stage) -> Result<()> {
    let twin = stage.hero()?.like("outsider", OUTSIDER, &[OUTSIDERS_PRIVILEGE])?;
    say(format!("    {OUTSIDER} was there before us. Now an object asks for just what {OUTSIDER} holds."));
    stage.apply("outsider.yaml", std::slice::from_ref(&twin.manifest))?;
    stage.claim(twin.clone());
    let message = stage.is_ready(&twin.name, "AlreadyHeld")?;
    print_indented(&message);
    stage.table()?;
    stage.delete(&twin.name)?;
    stage.the_cloud_holds_what_it_should()?;
    say(format!("    {OUTSIDER} keeps what the operator never gave."));
    Ok(())
}

fn a_wrong_manifest_is_refused(stage: &mut Stage) -> Result<()> {
    let wrong = stage.hero()?.like("wrong", "mallory", &["GRANT_ALL"])?;
    say("    $ kubectl apply -f wrong.yaml  # it asks for the privilege GRANT_ALL");
    let Err(refused) = stage.kubectl.apply(&wrong.manifest)? else {
        return Err(Failure::new("the API server took a QueueGrant with the privilege GRANT_ALL"));
    };
    print_indented(&refused);
    if !(refused.contains("GRANT_ALL") && refused.contains("SUBMIT_JOB")) {
        return Err(Failure::new("the refusal does not say what is wrong and what is allowed").why(refused));
    }
    say("    ok: refused at once, saying what is wrong and what is allowed");
    stage.the_cloud_holds_what_it_should()
}

fn access_goes_with_its_object(stage: &mut Stage) -> Result<()> {
    let hero = stage.hero()?;
    stage.delete(&hero.name)?;
    stage.the_cloud_holds_what_it_should()?;
    say(format!("    {} is gone from {}; {OUTSIDER} is still there.", hero.user, hero.queue));
    stage.table()
}
