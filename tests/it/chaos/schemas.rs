//! Objects of another version: what this one cannot decode, and fields that it does not know.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures::FutureExt;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::environment::environment_alone;
use crate::runner::{Broken, Runner};
use crate::script::Script;
use crate::world::World;

const CRD: &str = "queuegrants.cloudaccess.dev";

/// The CRD of QueueGrants, which everybody sees.
struct Schema {
    crds: Api<DynamicObject>,
}

impl Schema {
    fn of(world: &World) -> Self {
        let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        Self { crds: Api::all_with(world.client.clone(), &ApiResource::from_gvk(&gvk)) }
    }

    async fn read(&self) -> DynamicObject {
        self.crds.get(CRD).await.unwrap()
    }

    /// Replaces what is specified, and waits until the API server has heeded it.
    async fn write(&self, spec: &Value) {
        let mut crd = self.read().await;
        crd.data["spec"] = spec.clone();
        self.crds.replace(CRD, &PostParams::default(), &crd).await.unwrap();
        sleep(Duration::from_secs(2)).await;
    }
}

/// The schema of a version to come: one more privilege, and a field in spec and in status.
fn of_tomorrow(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let schema = &mut spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let privileges = schema["spec"]["properties"]["privileges"]["items"]["enum"].as_array_mut().unwrap();
    privileges.push(json!("TIME_TRAVEL"));
    let field = json!({"type": "string", "maxLength": 10});
    schema["spec"]["properties"]["flavour"] = field.clone();
    schema["status"]["properties"]["novelty"] = field;
    spec
}

async fn play(runner: &mut Runner, script: &str) {
    if let Err(Broken(what)) = runner.play(&Script::parse("schemas", script)).await {
        panic!("{what}");
    }
}

/// F6, F21, P1, P7: an object of a version to come holds up nobody, keeps what it owns and every field, and is revoked when it is
/// deleted, also once the API server itself would not take it any more. Fails when an object that cannot be decoded is skipped,
/// and when it is taken to own nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_version_is_kept_as_it_is_and_revoked_when_it_is_deleted() {
    let environment = environment_alone().await;
    let settings = [("in-flight-window".to_owned(), "1s".to_owned())];
    let world = World::real("schemas", &settings, &environment).await;
    let schema = Schema::of(&world);
    let today = schema.read().await.data["spec"].clone();
    let told = AssertUnwindSafe(story(world, &schema, &today)).catch_unwind().await;
    // Others see it, too.
    schema.write(&today).await;
    if let Err(why) = told {
        resume_unwind(why);
    }
}

async fn story(world: World, schema: &Schema, today: &Value) {
    schema.write(&of_tomorrow(today)).await;
    let mut runner = Runner::begin(world).await;
    play(
        &mut runner,
        "cloud queue etl
apply
  kind: QueueGrant
  metadata: {name: alice}
  spec: {queueName: etl, userName: alice, privileges: [SUBMIT_JOB], flavour: plain}
expect alice ready=True reason=Granted
status QueueGrant alice
  novelty: shiny
patch QueueGrant alice
  spec: {privileges: [SUBMIT_JOB, RESTART]}
expect alice ready=True reason=Granted current=true owned=RESTART,SUBMIT_JOB
patch QueueGrant alice
  spec: {privileges: [SUBMIT_JOB, TIME_TRAVEL]}
apply
  kind: QueueGrant
  metadata: {name: bob}
  spec: {queueName: etl, userName: bob, privileges: [SUBMIT_JOB]}
expect bob ready=True reason=Granted
expect alice ready=False reason=InvalidSpec stalled=True owned=RESTART,SUBMIT_JOB",
    )
    .await;
    let alice = runner.get("alice").await.unwrap().unwrap();
    assert_eq!((&alice["spec"]["flavour"], &alice["status"]["novelty"]), (&json!("plain"), &json!("shiny")));

    // The version of tomorrow goes; what it stored stays.
    schema.write(today).await;
    play(
        &mut runner,
        "kill operator
start operator
apply
  kind: QueueGrant
  metadata: {name: carol}
  spec: {queueName: etl, userName: carol, privileges: [SUBMIT_JOB]}
expect carol ready=True reason=Granted
expect access etl
  alice: RESTART SUBMIT_JOB
  bob: SUBMIT_JOB
  carol: SUBMIT_JOB
delete QueueGrant alice
expect alice gone
expect access etl
  bob: SUBMIT_JOB
  carol: SUBMIT_JOB",
    )
    .await;
    if let Err(Broken(what)) = runner.end().await {
        panic!("{what}");
    }
    runner.clean_up().await;
}
