//! Objects whose strings try to lead to another namespace.

use serde_json::{Value, json};

use crate::script::Script;

/// What the other namespace has of interest: an account, and a Secret that no account there names.
pub const ACCOUNT: &str = "huawei";
pub const SECRET: &str = "treasure";

/// How a string may say NAME in the namespace NS.
const WAYS: [&str; 62] = [
    "NS/NAME",
    "/NS/NAME",
    "//NS/NAME",
    "NS//NAME",
    "NS/NAME/",
    "NAME/",
    "NS/",
    "NS/secrets/NAME",
    "../NS/NAME",
    "../NS/secrets/NAME",
    "../../NS/secrets/NAME",
    "./../../NS/secrets/NAME",
    "x/../../../NS/secrets/NAME",
    "NAME/../../../NS/secrets/NAME",
    "../../../namespaces/NS/secrets/NAME",
    "/api/v1/namespaces/NS/secrets/NAME",
    "api/v1/namespaces/NS/secrets/NAME",
    "../../NS/cloudaccounts/NAME",
    "https://kubernetes.default.svc/api/v1/namespaces/NS/secrets/NAME",
    "//kubernetes.default.svc/api/v1/namespaces/NS/secrets/NAME",
    "..%2fNS%2fsecrets%2fNAME",
    "..%2F..%2FNS%2Fsecrets%2FNAME",
    "%2e%2e%2f%2e%2e%2fNS%2fsecrets%2fNAME",
    "..%252f..%252fNS%252fsecrets%252fNAME",
    "..%c0%af..%c0%afNS%c0%afsecrets%c0%afNAME",
    "NS%2fNAME",
    "..\\..\\NS\\secrets\\NAME",
    "NS\\NAME",
    "..\u{2215}..\u{2215}NS\u{2215}secrets\u{2215}NAME",
    "..\u{2044}..\u{2044}NS\u{2044}secrets\u{2044}NAME",
    "\u{ff0e}\u{ff0e}\u{ff0f}\u{ff0e}\u{ff0e}\u{ff0f}NS\u{ff0f}secrets\u{ff0f}NAME",
    "\u{2024}\u{2024}/\u{2024}\u{2024}/NS/secrets/NAME",
    "NS\u{200b}/NAME",
    "NAME\u{202e}/NS",
    "NAME?namespace=NS",
    "NAME?watch=true&namespace=NS",
    "?namespace=NS",
    "?fieldSelector=metadata.namespace=NS",
    "NAME#NS",
    "#/namespaces/NS/secrets/NAME",
    "NAME;namespace=NS",
    "NAME&namespace=NS",
    "NAME,NS/NAME",
    "NS.NAME",
    "NAME.NS",
    "NAME.NS.svc",
    "NAME.NS.svc.cluster.local",
    "NS:NAME",
    "NS|NAME",
    "NS NAME",
    "NAME@NS",
    "system:serviceaccount:NS:NAME",
    "http://NAME.NS.svc",
    "https://NAME.NS.svc.cluster.local",
    "NAME\r\nX-Namespace: NS",
    "NAME HTTP/1.1\r\n\r\nGET /api/v1/namespaces/NS/secrets/NAME",
    "NAME\0/NS",
    "NS/NAME\0",
    "NAME%00NS",
    "\",\"namespace\":\"NS\",\"name\":\"NAME",
    "{\"namespace\":\"NS\",\"name\":\"NAME\"}",
    "*",
];

/// Every string to try, which leads to that name in that namespace if anything does.
pub fn attempts(namespace: &str, name: &str) -> Vec<String> {
    let written = |way: &&str| way.replace("NAME", name).replace("NS", namespace);
    let plain: Vec<_> = WAYS.iter().map(written).collect();
    let upper = plain.iter().take(3).map(|text| text.to_uppercase());
    let dots = ["", " ", ".", "..", "../..", "./.", "/"].map(str::to_owned);
    let long =
        [format!("{}{namespace}/secrets/{name}", "../".repeat(1000)), format!("{namespace}/{}", name.repeat(100))];
    plain.iter().cloned().chain(upper).chain(dots).chain(long).collect()
}

/// An object of each kind, with all strings that its spec may have, so that between them there is no other.
pub fn objects(endpoint: &str) -> Vec<Value> {
    let access = |kind: &str, account: &str, own: Value| {
        let mut spec = json!({
            "accountRef": {"kind": "CloudAccount", "name": account}, "mode": "Enforce", "adoptionPolicy": "Keep",
            "deletionPolicy": "Revoke", "validFrom": "2020-01-01T00:00:00Z", "validUntil": "2090-01-01T00:00:00Z"
        });
        spec.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        json!({"kind": kind, "metadata": {"name": "base"}, "spec": spec})
    };
    let account = |vendor: &str, own: Value| {
        let limits = json!({"driftInterval": "1h", "revocationLimit": {"count": 5, "window": "1h"}, (vendor): own});
        json!({"kind": "CloudAccount", "metadata": {"name": "base"}, "spec": limits})
    };
    let id = "a".repeat(32);
    let credentials = |vendor: &str| json!({"secretRef": {"name": format!("{vendor}-credentials")}});
    vec![
        access("QueueGrant", "huawei", json!({"queueName": "etl", "userName": "alice", "privileges": ["SUBMIT_JOB"]})),
        access(
            "PoolMembership",
            "huawei",
            json!({"clusterId": "e59d6b86-9072-46eb-a996-13f8b44994c1", "poolName": "gold", "userName": "alice"}),
        ),
        access(
            "WorkspaceMember",
            "huawei",
            json!({
                "workspaceId": id, "roles": ["Viewer"],
                "user": {"id": id, "name": "alice", "domainId": id, "domainName": "team"}
            }),
        ),
        access(
            "WorkspaceMember",
            "huawei",
            json!({"workspaceId": id, "roles": ["Viewer"], "group": {"id": id, "name": "analysts"}}),
        ),
        access(
            "HpcUser",
            "alibaba",
            json!({
                "clusterId": "ehpc-hz-FYUr32abcd", "userName": "alice01", "group": "users",
                "passwordSecretRef": {"name": "login", "key": "password"}
            }),
        ),
        account(
            "huawei",
            json!({
                "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef",
                "endpoints": {"dli": endpoint, "dws": endpoint, "dataArts": endpoint, "iam": endpoint},
                "credentials": credentials("huawei")
            }),
        ),
        account(
            "alibaba",
            json!({
                "region": "cn-hangzhou", "ehpcApiVersion": "2018-04-12", "endpoint": endpoint,
                "credentials": credentials("alibaba")
            }),
        ),
    ]
}

/// Where every string below a value is, as JSON pointers.
pub fn strings(value: &Value, pointer: &str) -> Vec<String> {
    match value {
        Value::String(_) => vec![pointer.to_owned()],
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(place, item)| strings(item, &format!("{pointer}/{place}"))).collect()
        }
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, field)| strings(field, &format!("{pointer}/{name}"))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The object with another name and another string there, and for an account an object that needs it.
pub fn with_string(object: &Value, pointer: &str, text: &str, number: usize) -> Vec<Value> {
    let mut object = object.clone();
    let name = format!("attempt-{number}");
    object["metadata"]["name"] = json!(name);
    *object.pointer_mut(pointer).unwrap() = json!(text);
    let needing = (object["kind"] == "CloudAccount").then(|| {
        let huawei = !object["spec"]["huawei"].is_null();
        let mut needing = objects("").swap_remove(if huawei { 0 } else { 4 });
        needing["metadata"]["name"] = json!(name);
        needing["spec"]["accountRef"]["name"] = json!(name);
        needing
    });
    [object].into_iter().chain(needing).collect()
}

/// What there is in the cloud for these objects, and their password.
pub fn stage() -> Script {
    let script = "
cloud queue etl
cloud cluster e59d6b86-9072-46eb-a996-13f8b44994c1 with gold
cloud workspace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
cloud hpc cluster ehpc-hz-FYUr32abcd
apply
  kind: Secret
  metadata: {name: login}
  stringData: {password: First-Passw0rd}
apply
  kind: Secret
  metadata: {name: treasure, namespace: elsewhere}
  stringData: {access-key-id: TREASUREACCESSKEY001, secret-access-key: treasureTreasureTreasureTreasure00000001}
";
    Script::parse("stage", script)
}
