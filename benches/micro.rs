//! What pure work costs: planning, a signed call, reading lists. `cargo bench --bench micro` runs it.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloud_access_operator::clock::Clock;
use cloud_access_operator::clouds::alibaba::{self, Ehpc, Generation};
use cloud_access_operator::clouds::huawei::{self, DataArts, Dli, Dws};
use cloud_access_operator::clouds::{Keyring, Purpose, Transport, TransportError, Urgency};
use cloud_access_operator::kinds::QueueGrant;
use cloud_access_operator::plan::{Access, ClaimState, Memory, Observed, Plan, Situation, Standing};
use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::core::{DeserializeGuard, ObjectList};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const CLAIMS: usize = 10_000;

/// Rows in one answer: fewer than a full page, so that a single call is the whole list.
const ROWS: usize = 40;

/// So many settled claims on each of as many principals as it takes.
fn settled(claims_of_each: usize) -> Vec<(Vec<ClaimState>, Observed)> {
    let access = || Access::from(["SUBMIT_JOB", "CANCEL_JOB"].map(str::to_owned));
    let claim = |number: usize| ClaimState {
        age: (0, format!("team/grant-{number:05}")),
        wanted: access(),
        mode: Standing::Live,
        deleting: false,
        finalizer: true,
        owned: access(),
        adopt: false,
        retain: false,
        rotated: false,
    };
    let principal = |_| ((0..claims_of_each).map(claim).collect(), Observed::Access(access()));
    (0..CLAIMS / claims_of_each).map(principal).collect()
}

fn plan(bench: &mut Criterion) {
    let memory = Memory { sure: true, ..Memory::default() };
    for claims_of_each in [1, 5] {
        let principals = settled(claims_of_each);
        bench.bench_function(&format!("plan/10,000 claims, {claims_of_each} a principal"), |bench| {
            bench.iter(|| {
                for (claims, observed) in &principals {
                    black_box(Plan::new(&Situation { exclusive: false, claims, observed, memory: &memory }));
                }
            });
        });
    }
}

/// A cloud that answers what is written here, by what the path ends in.
struct Canned(Vec<(&'static str, Bytes)>);

impl Canned {
    fn new(answers: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<Self> {
        Arc::new(Self(answers.into_iter().map(|(end, body)| (end, body.to_string().into())).collect()))
    }
}

impl Transport for Canned {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let answer = self.0.iter().find(|(end, _)| request.uri().path().ends_with(end));
        let body = answer.map(|(_, body)| body.clone()).unwrap_or_default();
        std::future::ready(Ok(http::Response::new(body))).boxed()
    }
}

/// Time that passes as soon as nothing else is left to do: the pace of calls costs none.
fn virtual_time() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn clock() -> Clock {
    Clock::virtual_from("2025-01-02T03:04:05Z".parse().unwrap())
}

fn huawei(cloud: Arc<Canned>) -> huawei::Session {
    let settings = huawei::Settings {
        region: "cn-north-4".to_owned(),
        project_id: "89cd04f168b84af6be287f71730fdb4b".to_owned(),
        endpoints: huawei::Endpoints::default(),
        credentials: huawei::Credentials::AccessKey {
            id: "example-access-key-id".to_owned(),
            secret: "example-access-key-secret".into(),
            security_token: None,
        },
        requests_per_second: None,
    };
    huawei::Session::new(settings, &Keyring::default(), cloud, clock()).unwrap()
}

fn alibaba(cloud: Arc<Canned>) -> Ehpc {
    let settings = alibaba::Settings {
        region: "cn-hangzhou".to_owned(),
        endpoint: None,
        generation: Generation::V2024,
        credentials: alibaba::Credentials::AccessKey {
            id: "example-access-key-id".to_owned(),
            secret: "example-access-key-secret".into(),
            security_token: None,
        },
        requests_per_second: None,
    };
    Ehpc::new(alibaba::Session::new(settings, &Keyring::default(), cloud, clock()).unwrap())
}

fn queue_users(rows: usize) -> Value {
    let row =
        |number| json!({"is_admin": false, "user_name": format!("user-{number:05}"), "privileges": ["SUBMIT_JOB"]});
    let rows: Vec<_> = (0..rows).map(row).collect();
    json!({"is_success": true, "message": "", "queue_name": "etl", "count": rows.len(), "privileges": rows})
}

fn pool_users(rows: usize) -> Value {
    let row = |number| json!({"user_name": format!("user{number:05}"), "occupy_resource_list": []});
    let rows: Vec<_> = (0..rows).map(row).collect();
    json!({"queue_name": "gold", "count": rows.len(), "user_list": rows})
}

fn members(rows: usize) -> Value {
    let row = |number| {
        let id = format!("{number:032}");
        json!({"id": "1", "user_id": id, "domain_owner": false, "roles": [{"role_id": "r00004"}], "type": 0})
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    json!({"count": rows.len(), "total_page": 1, "data": rows})
}

fn cluster_users(rows: usize) -> Value {
    let row = |number| json!({"UserName": format!("user{number:05}"), "Group": "users", "UserId": "1001"});
    let rows: Vec<_> = (0..rows).map(row).collect();
    json!({"PageSize": 50, "RequestId": "1", "PageNumber": 1, "TotalCount": rows.len(), "Users": {"UserInfo": rows}})
}

/// With one row, nearly all of it is the signature; with more, the rest is parsing. DWS takes two calls.
fn calls(bench: &mut Criterion) {
    let time = virtual_time();
    for rows in [1, ROWS] {
        let title = |service: &str| format!("call and list of {rows}/{service}");
        let (dli, dws, data_arts, ehpc) = time.block_on(async {
            let pools = json!({"workload_queue_name_list": ["gold"]});
            (
                Dli::new(huawei(Canned::new([("", queue_users(rows))]))),
                Dws::new(huawei(Canned::new([("/users", pool_users(rows)), ("", pools)]))),
                DataArts::new(huawei(Canned::new([("", members(rows))]))),
                alibaba(Canned::new([("", cluster_users(rows))])),
            )
        });
        let (named, purpose) = (BTreeSet::new(), Purpose::new(Urgency::Look, "team", "target"));
        bench.bench_function(&title("DLI, SDK-HMAC-SHA256"), |bench| {
            bench.iter(|| time.block_on(dli.users("etl", &purpose)).unwrap());
        });
        bench.bench_function(&title("DWS, SDK-HMAC-SHA256"), |bench| {
            bench.iter(|| time.block_on(dws.users("cluster", &named, &purpose)).unwrap());
        });
        bench.bench_function(&title("DataArts, SDK-HMAC-SHA256"), |bench| {
            bench.iter(|| time.block_on(data_arts.members("workspace", &purpose)).unwrap());
        });
        bench.bench_function(&title("E-HPC, ACS3-HMAC-SHA256"), |bench| {
            bench.iter(|| time.block_on(ehpc.users("ehpc-hz-FYUr32abcd", &purpose)).unwrap());
        });
    }
}

/// Objects as a watch lists them: each on its own either decoded, or kept as what cannot be.
fn objects(bench: &mut Criterion) {
    let object = |number: usize| {
        let name = format!("grant-{number:05}");
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Granted", "message": "user holds SUBMIT_JOB on queue etl",
            "lastTransitionTime": "2025-01-02T03:04:05Z", "observedGeneration": 1,
        });
        json!({
            "apiVersion": "cloudaccess.dev/v1alpha1",
            "kind": "QueueGrant",
            "metadata": {
                "name": name, "namespace": "team", "uid": name, "resourceVersion": "1", "generation": 1,
                "finalizers": ["cloudaccess.dev/revoke"], "creationTimestamp": "2025-01-02T03:04:05Z",
            },
            "spec": {
                "accountRef": {"kind": "CloudAccount", "name": "huawei"},
                "queueName": "etl", "userName": name, "privileges": ["SUBMIT_JOB"],
            },
            "status": {
                "observedGeneration": 1, "conditions": [ready], "target": "huawei/cn-north-4/p/dli/etl",
                "principal": name, "observed": ["SUBMIT_JOB"], "owned": ["SUBMIT_JOB"],
                "grantedAt": "2025-01-02T03:04:05Z",
            },
        })
    };
    let items: Vec<_> = (0..CLAIMS).map(object).collect();
    let list = json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "QueueGrantList", "metadata": {"resourceVersion": "1"},
        "items": items,
    });
    let list = list.to_string();
    let read = || serde_json::from_str::<ObjectList<DeserializeGuard<QueueGrant>>>(&list).unwrap();
    assert!(read().items.iter().all(|object| object.0.is_ok()), "an object that does not decode costs something else");
    bench.bench_function("objects/10,000 QueueGrants", |bench| bench.iter(read));
}

criterion_group! {
    name = micro;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = plan, calls, objects
}
criterion_main!(micro);
