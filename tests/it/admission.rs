//! A wrong manifest is refused by the API server with a sentence that says what is allowed; a right one shows in columns.

use std::path::Path;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use crate::environment::{admin, environment};

const NAMESPACE: &str = "admission";

/// One kind: an object that is accepted, and what is not.
struct Case {
    kind: &'static str,
    plural: &'static str,
    spec: Value,
    /// Fields that cannot be changed, or not so, and what is said then.
    edits: Vec<(&'static str, Value, &'static str)>,
    /// What a new object cannot ask for, and what is said then.
    fresh: Vec<(&'static str, Value, &'static str)>,
    /// What the columns of the object show, among other things.
    shows: Vec<&'static str>,
}

impl Case {
    fn object(&self, name: &str) -> Value {
        json!({
            "apiVersion": "cloudaccess.dev/v1alpha1", "kind": self.kind, "metadata": {"name": name}, "spec": self.spec
        })
    }
}

/// What holds of every kind of access.
const OF_EVERY_KIND: [(&str, &str, &str); 3] = [
    ("/spec/accountRef/name", "other", "accountRef cannot be changed"),
    ("/spec/accountRef/kind", "Secret", "supported values"),
    ("/spec/accountRef/name", "../other", "should match"),
];

fn queue_grant() -> Case {
    Case {
        kind: "QueueGrant",
        plural: "queuegrants",
        spec: json!({
            "accountRef": {"kind": "CloudAccount", "name": "huawei"},
            "queueName": "etl", "userName": "alice", "privileges": ["SUBMIT_JOB"], "validUntil": "2999-01-01T00:00:00+23:59"
        }),
        edits: vec![
            ("/spec/privileges", json!(["FLY"]), "supported values: \"SUBMIT_JOB\""),
            ("/spec/privileges", json!(["SUBMIT_JOB", "SUBMIT_JOB"]), "duplicate"),
            ("/spec/privileges", json!([]), "Required value"),
            ("/spec/queueName", json!("other"), "queueName cannot be changed"),
            ("/spec/userName", json!("bob"), "userName cannot be changed"),
        ],
        fresh: vec![
            ("/spec/validUntil", json!("2999-01-01T00:00:00+99:00"), "should match"),
            ("/spec/queueName", json!("12345"), "must not start with an underscore nor consist of digits only"),
            ("/spec/queueName", json!("_etl"), "must not start with an underscore nor consist of digits only"),
            ("/spec/queueName", json!("a/../b"), "should match '^[A-Za-z0-9_]+$'"),
            ("/spec/userName", json!("alice/../bob"), "should match"),
            ("/spec/userName", json!(""), "at least 1 chars"),
        ],
        shows: vec!["alice", "etl", "[\"SUBMIT_JOB\"]"],
    }
}

fn pool_membership() -> Case {
    Case {
        kind: "PoolMembership",
        plural: "poolmemberships",
        spec: json!({
            "accountRef": {"kind": "CloudAccount", "name": "huawei"},
            "clusterId": "e59d6b86-9072-46eb-a996-13f8b44994c1", "poolName": "gold", "userName": "alice"
        }),
        edits: vec![
            ("/spec/clusterId", json!("e59d6b86-9072-46eb-a996-13f8b44994c2"), "clusterId cannot be changed"),
            ("/spec/userName", json!("bob"), "userName cannot be changed"),
            ("/spec/poolName", json!("Default_Pool"), "default_pool holds whoever is in no other pool"),
        ],
        fresh: vec![
            ("/spec/clusterId", json!("my-cluster-is-thirty-six-letters-lon"), "should match"),
            ("/spec/poolName", json!("gold/../tin"), "should match"),
            ("/spec/userName", json!("alice/../bob"), "should match"),
        ],
        shows: vec!["alice", "e59d6b86-9072-46eb-a996-13f8b44994c1", "gold"],
    }
}

fn workspace_member() -> Case {
    let spec = json!({
        "accountRef": {"kind": "CloudAccount", "name": "huawei"},
        "workspaceId": "3a1c0d6b2f4e4f5d8a7b9c0d1e2f3a4b",
        "group": {"id": "7c5f8e0b9a1d4c3e8f2a6b7d9e0c1f2a"}, "roles": ["Viewer", "r00002"]
    });
    let mut of_a_user = spec.clone();
    of_a_user["user"] = of_a_user["group"].take();
    of_a_user.as_object_mut().unwrap().remove("group");
    Case {
        kind: "WorkspaceMember",
        plural: "workspacemembers",
        spec,
        edits: vec![
            ("/spec", of_a_user, "a user cannot become a group, nor the other way round"),
            ("/spec/workspaceId", json!("00000000000000000000000000000000"), "workspaceId cannot be changed"),
            ("/spec/group/id", json!("00000000000000000000000000000000"), "group.id cannot be changed"),
            ("/spec/roles", json!(["Viewer", "Viewer"]), "duplicate"),
            ("/spec/roles", json!(["viewer"]), "should match '^(Admin|Developer|Operator|Viewer|"),
        ],
        fresh: vec![
            ("/spec/group/id", json!("analysts"), "should be at least 32 chars long"),
            ("/spec/group", json!(null), "exactly one of user and group must be given"),
        ],
        shows: vec!["7c5f8e0b9a1d4c3e8f2a6b7d9e0c1f2a", "3a1c0d6b2f4e4f5d8a7b9c0d1e2f3a4b", "[\"Viewer\",\"r00002\"]"],
    }
}

fn hpc_user() -> Case {
    Case {
        kind: "HpcUser",
        plural: "hpcusers",
        spec: json!({
            "accountRef": {"kind": "CloudAccount", "name": "alibaba"}, "clusterId": "ehpc-hz-FYUr32abcd",
            "userName": "alice01", "group": "users", "passwordSecretRef": {"name": "alice01", "key": "password"}
        }),
        edits: vec![
            ("/spec/clusterId", json!("ehpc-hz-other"), "clusterId cannot be changed"),
            ("/spec/userName", json!("bobby01"), "userName cannot be changed"),
            ("/spec/group", json!("root"), "supported values: \"users\", \"wheel\""),
        ],
        fresh: vec![
            ("/spec/userName", json!("alice"), "should be at least 6 chars long"),
            ("/spec/userName", json!("1alice"), "should match"),
            ("/spec/passwordSecretRef/name", json!("../other"), "should match"),
        ],
        shows: vec!["alice01", "ehpc-hz-FYUr32abcd", "users"],
    }
}

fn huawei_account() -> Case {
    Case {
        kind: "CloudAccount",
        plural: "cloudaccounts",
        spec: json!({"huawei": {
            "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef",
            "credentials": {"secretRef": {"name": "huawei-credentials"}}
        }}),
        edits: vec![
            ("/spec", json!({"requestsPerSecond": 5}), "exactly one vendor must be given: huawei or alibaba"),
            ("/spec", alibaba_account().spec, "the vendor cannot be changed"),
            ("/spec/huawei/region", json!("eu-west-101"), "region cannot be changed"),
            ("/spec/huawei/projectId", json!("ffffffffffffffffffffffffffffffff"), "projectId cannot be changed"),
            // The operator's own identity is nobody's who has but a namespace.
            ("/spec/huawei/credentials", json!({"podIdentity": {}}), ".spec.huawei.credentials.podIdentity"),
        ],
        fresh: vec![(
            "/spec/huawei/projectId",
            json!("My-project-is-thirty-two-letters"),
            "should match '^[0-9a-f]{32}$'",
        )],
        shows: vec!["cn-north-4", "0123456789abcdef0123456789abcdef"],
    }
}

fn alibaba_account() -> Case {
    Case {
        kind: "CloudAccount",
        plural: "cloudaccounts",
        spec: json!({"alibaba": {
            "region": "cn-hangzhou", "ehpcApiVersion": "2018-04-12",
            "credentials": {"secretRef": {"name": "alibaba-credentials"}}
        }}),
        edits: vec![
            ("/spec/alibaba/region", json!("cn-beijing"), "region cannot be changed"),
            ("/spec/alibaba/ehpcApiVersion", json!("2024-07-30"), "ehpcApiVersion cannot be changed"),
            ("/spec/alibaba/ehpcApiVersion", json!("2020-01-01"), "supported values: \"2018-04-12\", \"2024-07-30\""),
        ],
        fresh: vec![("/spec/alibaba/ehpcApiVersion", json!(null), "Required value")],
        shows: vec!["cn-hangzhou"],
    }
}

fn cluster_account() -> Case {
    let secret = json!({"secretRef": {"name": "huawei-credentials"}});
    let mut both = secret.clone();
    both["podIdentity"] = json!({});
    let unvalued = json!({"matchExpressions": [{"key": "cloud", "operator": "In"}]});
    Case {
        kind: "ClusterCloudAccount",
        plural: "clustercloudaccounts",
        spec: json!({
            "huawei": {
                "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef", "credentials": secret
            },
            "allowedNamespaces": {"matchLabels": {"cloud": "yes"}},
            "rules": [{"principals": ["dev-*"], "policies": ["Adopt"], "maxDuration": "8h"}]
        }),
        edits: vec![
            ("/spec/huawei/region", json!("eu-west-101"), "region cannot be changed"),
            ("/spec/huawei/credentials", both, "exactly one of secretRef and podIdentity must be given"),
            ("/spec/allowedNamespaces", unvalued, "values belong to the operators In and NotIn"),
            ("/spec/allowedNamespaces/matchLabels", json!({"cloud": "not a label"}), "should match"),
            ("/spec/rules", json!([]), "should have at least 1 items"),
            ("/spec/rules", json!([{"principals": []}]), "should have at least 1 items"),
            ("/spec/rules", json!([{"policies": ["Keep"]}]), "supported values: \"Adopt\", \"Retain\""),
            ("/spec/rules", json!([{"maxDuration": "8d"}]), "should match"),
        ],
        fresh: vec![
            ("/spec/rules", json!(null), "Required value"),
            ("/spec/huawei/credentials", json!({}), "exactly one of secretRef and podIdentity must be given"),
            ("/spec/allowedNamespaces", json!(null), "Required value"),
        ],
        shows: vec!["cn-north-4", "0123456789abcdef0123456789abcdef"],
    }
}

/// It has no namespace.
fn is_of_cluster(kind: &str) -> bool {
    matches!(kind, "Namespace" | "ClusterCloudAccount")
}

fn api(kind: &str, client: Client) -> Api<DynamicObject> {
    let (group, version) = if kind == "Namespace" { ("", "v1") } else { ("cloudaccess.dev", "v1alpha1") };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    if is_of_cluster(kind) {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, NAMESPACE, &resource)
    }
}

async fn apply(objects: &Api<DynamicObject>, object: &Value) -> Result<DynamicObject, String> {
    let name = object["metadata"]["name"].as_str().unwrap();
    let params = PatchParams::apply("admission").force();
    objects.patch(name, &params, &Patch::Apply(object)).await.map_err(|error| error.to_string())
}

/// Applies the object with one field changed, or left out for null, and expects these words of the API server.
async fn refused(objects: &Api<DynamicObject>, mut object: Value, field: &str, value: &Value, expected: &str) {
    let (parent, name) = field.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    let before = if value.is_null() { parent.remove(name) } else { parent.insert(name.to_owned(), value.clone()) };
    assert!(before.is_some(), "no {field}");
    let said = apply(objects, &object).await.err().unwrap_or_else(|| panic!("{field} = {value} was accepted"));
    assert!(said.contains(expected), "{field} = {value}: {said}");
}

/// The cells of an object's row, as `kubectl get` shows them.
async fn cells(client: &Client, case: &Case, name: &str) -> Vec<Value> {
    let place = if is_of_cluster(case.kind) { String::new() } else { format!("namespaces/{NAMESPACE}/") };
    let uri = format!("/apis/cloudaccess.dev/v1alpha1/{place}{}/{name}", case.plural);
    let request = http::Request::get(uri).header("accept", "application/json;as=Table;g=meta.k8s.io;v=v1");
    let table: Value = client.request(request.body(Vec::new()).unwrap()).await.unwrap();
    table["rows"][0]["cells"].as_array().unwrap().clone()
}

async fn check(case: &Case, environment: &Path) {
    let client = admin(environment).await;
    let objects = api(case.kind, client.clone());
    let new = apply(&objects, &case.object("known")).await.unwrap();
    let common: &[_] = if case.kind.ends_with("CloudAccount") { &[] } else { &OF_EVERY_KIND };
    assert_eq!(new.data["status"]["observedGeneration"], -1, "it was not looked at yet");
    for (field, value, expected) in common {
        refused(&objects, case.object("known"), field, &json!(value), expected).await;
    }
    for (field, value, expected) in &case.edits {
        refused(&objects, case.object("known"), field, value, expected).await;
    }
    for (field, value, expected) in &case.fresh {
        refused(&objects, case.object("fresh"), field, value, expected).await;
    }
    let cells = cells(&client, case, "known").await;
    for shown in &case.shows {
        assert!(cells.contains(&json!(shown)), "{shown}: {cells:?}");
    }
    objects.delete("known", &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_manifest_is_refused_with_a_sentence_on_a_real_api_server() {
    let environment = environment().await;
    let namespaces = api("Namespace", admin(&environment).await);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    apply(&namespaces, &namespace).await.unwrap();
    let accounts = [huawei_account(), alibaba_account(), cluster_account()];
    for case in [queue_grant(), pool_membership(), workspace_member(), hpc_user()].iter().chain(&accounts) {
        check(case, &environment).await;
    }
}
