//! The operator may do what it does, and nothing else: every right of its role is missed when it is taken away, and told of in
//! `docs/security.md`. What a right cannot tell apart is forbidden by the policy: see `policy.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::environment::{admin, environment};
use crate::manifests::{operator_rules, root};
use crate::outcomes::{quoted, rows};
use crate::runner::Runner;
use crate::scenarios::all_scripts;
use crate::script::Script;
use crate::world::{Operation, World};

/// The scenario that takes every right.
const SCENARIO: &str = "every-right-is-used";

/// Operators at once, each without one right.
const AT_ONCE: usize = 6;

/// How often is looked at what an operator was refused.
const LOOK: Duration = Duration::from_millis(100);

/// How long the API server may take to know of a role.
const PATIENCE: Duration = Duration::from_secs(30);

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl Right {
    /// What the API server says of who lacks it.
    fn refusal(&self) -> String {
        format!("cannot {} resource \"{}\" in API group \"{}\"", self.verb, self.resource, self.group)
    }

    fn rule(&self) -> Value {
        json!({"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]})
    }
}

/// All that the operator's role holds.
fn rights() -> Vec<Right> {
    let texts = |rule: &Value, field: &str| -> Vec<String> { serde_json::from_value(rule[field].clone()).unwrap() };
    let mut rights = Vec::new();
    for rule in &operator_rules() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let right = |verb| Right { group: group.clone(), resource: resource.clone(), verb };
                rights.extend(texts(rule, "verbs").into_iter().map(right));
            }
        }
    }
    rights
}

/// What an operator was refused for want of a right or by a policy, by its log.
pub fn refusals(log: &str) -> BTreeSet<String> {
    // Quotes are escaped in a log, and escaped again in the line of the client that it cites.
    let log = log.replace('\\', "");
    let lacking = log.split("\" cannot ").skip(1).filter_map(|rest| {
        let (what, rest) = rest.split_once("\" in API group \"")?;
        let (group, _) = rest.split_once('"')?;
        let (verb, _) = what.split_once(" resource \"")?;
        (!verb.contains(' ')).then(|| format!("cannot {what}\" in API group \"{group}\""))
    });
    let denied = log.split("' denied request: ").skip(1).map(|rest| match rest.split_once(": the finalizer") {
        Some((cannot, _)) if cannot.starts_with("cannot release resource") => cannot.to_owned(),
        _ => rest.chars().take(80).collect(),
    });
    lacking.chain(denied).collect()
}

#[test]
fn every_right_is_told_of_and_no_other() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut told = Vec::new();
    for row in rows(&page, "resources") {
        let verbs = || quoted(row[1]).map(str::to_owned);
        told.extend(quoted(row[0]).flat_map(|resource| verbs().map(move |verb| (resource.to_owned(), verb))));
    }
    let held = rights().into_iter().map(|right| (right.resource, right.verb));
    assert_eq!(told, held.collect::<Vec<_>>());
}

#[test]
fn what_was_refused_is_found_in_a_log() {
    let told = r#"a patch failed error=forbidden: User \"it\" cannot patch resource \"hpcusers/status\" in API group \"cloudaccess.dev\" in the namespace \"n\""#;
    let right = Right { group: "cloudaccess.dev".into(), resource: "hpcusers/status".into(), verb: "patch".into() };
    assert_eq!(refusals(told), BTreeSet::from([right.refusal()]));
    assert_eq!(refusals("a user cannot be found: \"x\" cannot be a resource"), BTreeSet::new());
    assert_eq!(refusals("with binding 'b' denied request: no").len(), 1);
}

/// Somebody who may do all that the operator may, but for one right.
struct Lacking {
    name: String,
    kubeconfig: PathBuf,
}

impl Lacking {
    async fn new(name: String, missing: &Right, client: &Client, environment: &Path) -> Self {
        let left: Vec<_> = rights().into_iter().filter(|right| right != missing).collect();
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": left.iter().map(Right::rule).collect::<Vec<_>>()
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
        });
        let params = PatchParams::apply("privileges").force();
        let (roles, bindings) = (Api::<ClusterRole>::all(client.clone()), Api::all(client.clone()));
        roles.patch(&name, &params, &Patch::Apply(role)).await.unwrap();
        let _: ClusterRoleBinding = bindings.patch(&name, &params, &Patch::Apply(binding)).await.unwrap();
        let known = async {
            while !may(client, &name, &left[0], None).await {
                sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.unwrap();
        // The administrator's, in the name of this one.
        let (admins, kubeconfig) =
            (environment.join("admin.kubeconfig"), environment.join(format!("{name}.kubeconfig")));
        let mut content: Value = serde_saphyr::from_str(&fs::read_to_string(&admins).unwrap()).unwrap();
        content["users"][0]["user"]["as"] = json!(name);
        // Copied first: it stays as private as the other is.
        fs::copy(&admins, &kubeconfig).unwrap();
        fs::write(&kubeconfig, content.to_string()).unwrap();
        Self { name, kubeconfig }
    }

    async fn remove(self, client: &Client) {
        let params = DeleteParams::default();
        Api::<ClusterRoleBinding>::all(client.clone()).delete(&self.name, &params).await.unwrap();
        Api::<ClusterRole>::all(client.clone()).delete(&self.name, &params).await.unwrap();
    }
}

/// Waits until the API server knows that the operator may elect a leader in this namespace.
pub async fn may_lead(client: &Client, namespace: &str) {
    let operator = "system:serviceaccount:cloud-access-system:cloud-access-operator";
    let right = Right { group: "coordination.k8s.io".into(), resource: "leases".into(), verb: "create".into() };
    let known = async {
        while !may(client, operator, &right, Some(namespace)).await {
            sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
}

/// Whether the API server knows of somebody's right yet.
async fn may(client: &Client, user: &str, right: &Right, namespace: Option<&str>) -> bool {
    let attributes = ResourceAttributes {
        namespace: namespace.map(str::to_owned),
        group: Some(right.group.clone()),
        resource: Some(right.resource.clone()),
        verb: Some(right.verb.clone()),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(user.to_owned()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let review = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    review.status.is_some_and(|status| status.allowed)
}

/// Plays the scenario without this right until the operator is refused what takes it.
async fn is_missed(right: &Right, number: usize, script: &Script, environment: &Path) -> Result<(), String> {
    let client = admin(environment).await;
    let lacking = Lacking::new(format!("without-{number}"), right, &client, environment).await;
    let mut world = World::real(&lacking.name, &script.settings, environment).await;
    let Operation::Real { kubeconfig, log, .. } = &mut world.operation else { unreachable!("it is real") };
    kubeconfig.clone_from(&lacking.kubeconfig);
    let log = log.clone();
    let refused = || refusals(&fs::read_to_string(&log).unwrap_or_default());
    let mut runner = Runner::begin(world).await;
    let is_refused = async {
        while refused().is_empty() {
            sleep(LOOK).await;
        }
    };
    // Whether it went as expected says less: what is refused may be no more than an event.
    let played = tokio::select! {
        played = runner.play(script) => played.err().map(|broken| broken.0).unwrap_or_default(),
        () = is_refused => String::new(),
    };
    runner.world.kill_operator();
    runner.clean_up().await;
    lacking.remove(&client).await;
    let (refused, expected) = (refused(), BTreeSet::from([right.refusal()]));
    if refused == expected { Ok(()) } else { Err(format!("without {right:?}, refused was {refused:?}; {played}")) }
}

#[tokio::test]
async fn the_operator_needs_each_of_its_rights_on_a_real_api_server() {
    let environment = environment().await;
    let script = all_scripts().into_iter().find(|script| script.name == SCENARIO).unwrap();
    let rights = rights();
    let runs = stream::iter(rights.iter().enumerate())
        .map(|(number, right)| is_missed(right, number, &script, &environment))
        .buffer_unordered(AT_ONCE);
    let unused: Vec<_> = runs.collect::<Vec<_>>().await.into_iter().filter_map(Result::err).collect();
    assert!(unused.is_empty(), "rights that are not needed, or not found out:\n{}", unused.join("\n"));
}
