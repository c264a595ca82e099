//! "Using Pod Identity" of CCE and "AssumeRoleWithOIDC" of STS: what a pod's token is exchanged for.

use serde_json::{Value, json};
use simulator::{Action, Fault, StsDate};

use crate::ehpc_caller::Hpc;
use crate::harness::{Cloud, PROJECT, Reply, let_pass};

const TOKEN: &str = "simulated.pod.token";
const ROLE: &str = "acs:ram::113511544585:role/sim-role";
const PROVIDER: &str = "acs:ram::113511544585:oidc-provider/sim-provider";

async fn exchange(cloud: &Cloud, token: &str, body: &str) -> Reply {
    let mut request = cloud.request("POST", "/v1/credentials", body);
    request.headers_mut().insert("authorization", token.parse().unwrap());
    cloud.send(request).await
}

/// A call of Huawei's, signed with an issued key.
async fn list_with(cloud: &mut Cloud, credentials: &Value) -> Reply {
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    (cloud.key, cloud.secret) = (text("accessKeyId"), text("secretAccessKey"));
    let mut request = cloud.signed("GET", &format!("/v1.0/{PROJECT}/queues/queue1/users"), "");
    request.headers_mut().insert("x-security-token", text("securityToken").parse().unwrap());
    cloud.send(request).await
}

async fn assume(cloud: &Cloud, changed: &[(&str, &str)]) -> Reply {
    let date = cloud.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let usual = [
        ("RoleArn", ROLE),
        ("OIDCProviderArn", PROVIDER),
        ("OIDCToken", TOKEN),
        ("RoleSessionName", "operator"),
        ("DurationSeconds", "900"),
        ("Timestamp", &date),
        ("Version", "2015-04-01"),
    ];
    let value = |(name, value): &(&str, &str)| {
        let changed = changed.iter().find(|(changed, _)| changed == name).map(|(_, value)| *value);
        format!("{name}={}", changed.unwrap_or(value))
    };
    let (form, query) = usual.split_at(5);
    let written = |pairs: &[_]| pairs.iter().map(value).collect::<Vec<_>>().join("&");
    let target = format!("/?Action=AssumeRoleWithOIDC&Format=JSON&{}", written(query));
    let mut request = cloud.request("POST", &target, &written(form));
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    cloud.send(request).await
}

/// A call of Alibaba's, signed with an issued key.
async fn users_with(hpc: &mut Hpc, credentials: &Value) -> Reply {
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    (hpc.key, hpc.secret, hpc.token) = (text("AccessKeyId"), text("AccessKeySecret"), Some(text("SecurityToken")));
    hpc.v2018("ListUsers", &[("PageNumber", "1"), ("PageSize", "50")]).await
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["Code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_pods_token_gives_a_key_that_signs_with_its_security_token_until_it_ends() {
    let mut cloud = Cloud::new();
    let reply = exchange(&cloud, TOKEN, "{}").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let credentials = reply.json()["credentials"].clone();
    assert_eq!(credentials["expiration"], "2025-01-02T04:04:05.000000Z");
    assert!(list_with(&mut cloud, &credentials).await.succeeded());
    assert_eq!(cloud.list().await.refusal(), (401, "APIGW.0301".to_owned()), "without the token");
    let_pass(3599).await;
    assert!(list_with(&mut cloud, &credentials).await.succeeded());
    let_pass(1).await;
    assert_eq!(list_with(&mut cloud, &credentials).await.refusal(), (401, "APIGW.0301".to_owned()));
    let other = exchange(&cloud, TOKEN, "{}").await.json()["credentials"].clone();
    assert_ne!(other["accessKeyId"], credentials["accessKeyId"]);
    assert!(list_with(&mut cloud, &other).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn another_token_or_body_gives_nothing() {
    let cloud = Cloud::new();
    assert_eq!(exchange(&cloud, "other", "{}").await.status, 401);
    assert_eq!(exchange(&cloud, TOKEN, "").await.status, 400);
    assert_eq!(cloud.send(cloud.request("POST", "/v1/credentials", "{}")).await.status, 401);
    cloud.simulator.set_pod_token("next");
    assert_eq!(exchange(&cloud, TOKEN, "{}").await.status, 401);
    assert_eq!(exchange(&cloud, "next", "{}").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_for_as_long_as_was_asked() {
    let mut hpc = Hpc::new();
    let reply = assume(&hpc.cloud, &[]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let credentials = reply.json()["Credentials"].clone();
    assert_eq!(credentials["Expiration"], "2025-01-02T03:19:05Z");
    assert_ne!(reply.json()["RequestId"], "");
    assert_eq!(users_with(&mut hpc, &credentials).await.status, 200);
    let_pass(899).await;
    assert_eq!(users_with(&mut hpc, &credentials).await.status, 200);
    let_pass(1).await;
    let refusal = (400, "InvalidSecurityToken.Expired".to_owned());
    assert_eq!(code(&users_with(&mut hpc, &credentials).await), refusal);
    hpc.token = None;
    let reply = hpc.v2018("ListUsers", &[]).await;
    assert_eq!(code(&reply), (400, "InvalidSecurityToken.Malformed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_role_is_not_assumed_by_whoever_says_something_else() {
    let cloud = Cloud::new();
    for (name, value, status, refusal) in [
        ("RoleArn", "acs:ram::1:role/other", 404, "EntityNotExist.Role"),
        ("RoleArn", "", 400, "MissingRoleArn"),
        ("OIDCProviderArn", "acs:ram::1:oidc-provider/other", 404, "EntityNotExist.OIDCProvider"),
        ("OIDCToken", "other", 400, "AuthenticationFail.OIDCToken.Invalid"),
        ("RoleSessionName", "", 400, "MissingRoleSessionName"),
        ("DurationSeconds", "899", 400, "InvalidParameter.DurationSeconds"),
        ("DurationSeconds", "3601", 400, "InvalidParameter.DurationSeconds"),
        ("DurationSeconds", "x", 400, "InvalidParameter.DurationSeconds"),
        ("Version", "2018-04-12", 404, "InvalidAction.NotFound"),
        ("Timestamp", "2025-01-02T03:20:06Z", 400, "InvalidTimeStamp.Expired"),
        ("Timestamp", "", 400, "InvalidTimeStamp.Expired"),
    ] {
        assert_eq!(code(&assume(&cloud, &[(name, value)]).await), (status, refusal.to_owned()), "{name}={value}");
    }
    cloud.simulator.set_switches(|switches| switches.sts_date = StsDate::Ignored);
    assert_eq!(assume(&cloud, &[("Timestamp", "")]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn exchanges_are_journalled_without_a_secret_and_meet_faults() {
    let cloud = Cloud::new();
    for service in ["cce", "sts"] {
        let reply = json!({"status": 403, "code": "X.1", "message": "no"});
        let fault = Fault::next(Action::Answer(serde_json::from_value(reply).unwrap()));
        cloud.simulator.add_fault(Fault { service: Some(service.to_owned()), ..fault });
    }
    let refused = exchange(&cloud, TOKEN, "{}").await;
    assert_eq!(refused.refusal(), (403, "X.1".to_owned()));
    assert_eq!(code(&assume(&cloud, &[]).await), (403, "X.1".to_owned()));
    assert!(exchange(&cloud, TOKEN, "{}").await.status == 200 && assume(&cloud, &[]).await.status == 200);
    // The first one is the queue.
    let journal = cloud.simulator.journal_after(1);
    let told: Vec<_> = journal.iter().map(|entry| (entry.operation.as_str(), entry.succeeded)).collect();
    let (pod, role) = ("ExchangePodIdentity", "AssumeRoleWithOIDC");
    assert_eq!(told, [(pod, false), (role, false), (pod, true), (role, true)]);
    assert_eq!((journal[3].target.as_deref(), &journal[3].principals[..]), (Some(ROLE), &["operator".to_owned()][..]));
    let written = serde_json::to_string(&journal).unwrap();
    assert!(!written.contains(TOKEN) && !written.contains("simulatedTemporarySecret"), "{written}");
}

#[tokio::test(start_paused = true)]
async fn issued_keys_can_die_early_and_others_stay() {
    let mut cloud = Cloud::new();
    let credentials = exchange(&cloud, TOKEN, "{}").await.json()["credentials"].clone();
    assert_eq!(assume(&cloud, &[]).await.status, 200);
    assert!(cloud.list().await.succeeded());
    assert_eq!(cloud.simulator.revoke_issued_keys(), 2);
    assert!(cloud.list().await.succeeded());
    assert_eq!(list_with(&mut cloud, &credentials).await.refusal(), (401, "APIGW.0301".to_owned()));
}
