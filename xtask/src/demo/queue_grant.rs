//! QueueGrant: the whole life of an object, with drift, foreign access and a wrong manifest.

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::json;

use super::Story;
use super::stage::Stage;
use crate::failure::{Failure, Result};
use crate::kubectl::print_indented;
use crate::progress::say;
use crate::samples::Kind;

/// The whole life of a grant.
pub(super) static STORY: Story = Story {
    kind: Kind {
        name: "QueueGrant",
        target: "/queueName",
        principal: &["/userName"],
        access: "/privileges",
        in_cloud: |privilege| privilege,
        make: |simulator, claim| simulator.make(&format!("dli/queues/{}", claim.target)),
    },
    scenes: &[
        ("A QueueGrant becomes access in the cloud", access_is_granted),
        ("Access revoked by hand comes back", drift_is_repaired),
        ("An edit adds a privilege", a_privilege_is_added),
        ("What somebody else granted is left alone", foreign_access_is_left_alone),
        ("An object says what it would do, and then holds for a while", access_is_previewed_and_ends),
        ("A wrong manifest is refused with a sentence", a_wrong_manifest_is_refused),
        ("A deleted QueueGrant takes its access along", access_goes_with_its_object),
    ],
};

/// Works on the same queue with access that no object claims.
const OUTSIDER: &str = "oscar";
const OUTSIDERS_PRIVILEGE: &str = "CANCEL_JOB";

fn access_is_granted(stage: &mut Stage<'_>) -> Result<()> {
    stage.grant_by_hand(OUTSIDER, OUTSIDERS_PRIVILEGE)?;
    stage.apply_samples()
}

fn drift_is_repaired(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    say(format!("    In the cloud's console, somebody removes {} from {}.", hero.principal, hero.target));
    // It fails unless the user was there, so the access is gone for a moment at least.
    stage.environment.simulator.remove_by_hand(&hero.target, &hero.principal)?;
    say("    Nobody tells the operator; it looks every 5 seconds here, every 5 minutes by default.");
    stage.the_cloud_holds_what_it_should()?;
    stage.is_ready(&hero.name, "Granted")?;
    stage.table()
}

fn a_privilege_is_added(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    let mut privileges = hero.access.clone();
    let more =
        ["SHOW_PRIVILEGES", "CANCEL_JOB", "SUBMIT_JOB"].into_iter().find(|more| privileges.insert((*more).into()));
    let more = more.ok_or_else(|| Failure::new(format!("{} has all privileges that the demo could add", hero.name)))?;
    stage.edit(&hero, &json!({"privileges": privileges}))?;
    say(format!("    {} now also holds {more}.", hero.principal));
    stage.table()
}

fn foreign_access_is_left_alone(stage: &mut Stage<'_>) -> Result<()> {
    let twin = stage.hero()?.like("outsider", &json!({"userName": OUTSIDER, "privileges": [OUTSIDERS_PRIVILEGE]}))?;
    say(format!("    {OUTSIDER} was there before us. Now an object asks for just what {OUTSIDER} holds."));
    stage.kubectl.show_apply("outsider.yaml", std::slice::from_ref(&twin.manifest))?;
    stage.claim(twin.clone());
    let message = stage.is_ready(&twin.name, "AlreadyHeld")?;
    print_indented(&message);
    stage.table()?;
    stage.delete(&twin.name)?;
    say(format!("    {OUTSIDER} keeps what the operator never gave."));
    Ok(())
}

fn access_is_previewed_and_ends(stage: &mut Stage<'_>) -> Result<()> {
    let preview = json!({"userName": "carol", "privileges": ["SUBMIT_JOB"], "mode": "Observe"});
    let guest = stage.hero()?.like("guest", &preview)?;
    say("    In mode Observe an object writes nothing.");
    stage.kubectl.show_apply("guest.yaml", std::slice::from_ref(&guest.manifest))?;
    let message = stage.is_ready(&guest.name, "Drifted")?;
    print_indented(&message);
    stage.the_cloud_holds_what_it_should()?;
    stage.edit(&guest, &json!({"mode": "Enforce"}))?;
    stage.patch(&guest.name, &json!({"validUntil": in_a_moment()}))?;
    let message = stage.is_ready(&guest.name, "Expired")?;
    print_indented(&message);
    stage.ended(&guest.name)?;
    stage.table()?;
    stage.delete(&guest.name)
}

#[expect(clippy::disallowed_methods, reason = "what is seen here happens in real time")]
fn in_a_moment() -> String {
    let moment = Timestamp::now() + SignedDuration::from_secs(3);
    moment.round(Unit::Second).unwrap_or(moment).to_string()
}

fn a_wrong_manifest_is_refused(stage: &mut Stage<'_>) -> Result<()> {
    let wrong = stage.hero()?.like("wrong", &json!({"userName": "mallory", "privileges": ["GRANT_ALL"]}))?;
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

fn access_goes_with_its_object(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.delete(&hero.name)?;
    say(format!("    {} is gone from {}; {OUTSIDER} is still there.", hero.principal, hero.target));
    stage.table()
}
