//! A caller of the simulator: signs as the vendor's clients do, and reads the answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{ConnectionClosed, QueueKind, Settings, Simulator, Switches, signature};
use tokio::time::Instant;
use tower::ServiceExt;

pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const KEY: &str = "SIMULATEDACCESSKEY01";
pub(crate) const SECRET: &str = "simulatedSecretKeySimulatedSecretKey0001";
pub(crate) const CLUSTER: &str = "e59d6b86-9072-46eb-a996-13f8b44994c1";
pub(crate) const WORKSPACE: &str = "2f3c7a0e9d5b4c18a6e0f1d2b3c4a596";
pub(crate) const START: &str = "2025-01-02T03:04:05Z";

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body broke off.
    pub(crate) broken: bool,
    /// There was no answer at all.
    pub(crate) closed: bool,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error_code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error_msg"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status == 200 && self.json()["is_success"] == json!(true)
    }

    /// User names of a user list.
    pub(crate) fn users(&self) -> Vec<String> {
        let rows = self.json()["privileges"].as_array().unwrap().clone();
        rows.iter().map(|row| row["user_name"].as_str().unwrap().to_owned()).collect()
    }

    /// What a user list says that a user holds.
    pub(crate) fn held(&self, user: &str) -> Vec<String> {
        let rows = self.json()["privileges"].as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["user_name"] == json!(user));
        row.map(|row| serde_json::from_value(row["privileges"].clone()).unwrap()).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// A simulated account with one queue, `queue1`, and a caller.
pub(crate) struct Cloud {
    pub(crate) simulator: Simulator,
    pub(crate) key: String,
    pub(crate) secret: String,
    start: Instant,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// With switches turned from the start.
    pub(crate) fn with(turn: impl FnOnce(&mut Switches)) -> Self {
        let start = Instant::now();
        let mut settings = Settings { clock: Arc::new(move || time_at(start)), ..Settings::default() };
        turn(&mut settings.switches);
        let simulator = Simulator::new(settings);
        simulator.create_queue("queue1", QueueKind::Sql);
        Self { simulator, key: KEY.to_owned(), secret: SECRET.to_owned(), start }
    }

    pub(crate) fn now(&self) -> Timestamp {
        time_at(self.start)
    }

    /// An unsigned request with the headers that every client sends.
    pub(crate) fn request(&self, method: &str, target: &str, body: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(target)
            .header("host", "cloud.test")
            .header("content-type", "application/json")
            .header("x-project-id", PROJECT)
            .header("x-sdk-date", self.now().strftime("%Y%m%dT%H%M%SZ").to_string())
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    /// The same, signed.
    pub(crate) fn signed(&self, method: &str, target: &str, body: &str) -> Request<Body> {
        self.sign(self.request(method, target, body), body)
    }

    /// Signs what will be sent, whatever it is.
    pub(crate) fn sign(&self, mut request: Request<Body>, body: &str) -> Request<Body> {
        let names = ["content-type", "host", "x-project-id", "x-sdk-date"];
        let (method, uri): (Method, Uri) = (request.method().clone(), request.uri().clone());
        let view = signature::Signed { method: &method, uri: &uri, headers: request.headers(), body: body.as_bytes() };
        let value = signature::authorization(view, &names, &self.key, &self.secret).unwrap();
        request.headers_mut().insert("authorization", value.parse().unwrap());
        request
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let closed = head.extensions.get::<ConnectionClosed>().is_some();
        let read = to_bytes(body, usize::MAX).await;
        let broken = read.is_err();
        let text = String::from_utf8(read.unwrap_or_default().to_vec()).unwrap();
        Reply { status: head.status.as_u16(), headers: head.headers, text, broken, closed }
    }

    pub(crate) async fn call(&self, method: &str, target: &str, body: &str) -> Reply {
        self.send(self.signed(method, target, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", &format!("/v1.0/{PROJECT}{path}"), "").await
    }

    /// "Querying Queue Users", without parameters.
    pub(crate) async fn list(&self) -> Reply {
        self.get("/queues/queue1/users").await
    }

    /// "Granting Users with the Queue Usage Permission", on `queue1`.
    pub(crate) async fn authorize(&self, action: &str, user: &str, privileges: &[&str]) -> Reply {
        let body = json!({
            "queue_name": "queue1", "user_name": user, "action": action, "privileges": privileges,
        });
        self.authorize_with(&body).await
    }

    pub(crate) async fn authorize_with(&self, body: &Value) -> Reply {
        let target = format!("/v1.0/{PROJECT}/queues/user-authorization");
        self.call("PUT", &target, &body.to_string()).await
    }

    /// A DWS cluster with two pools, `etl` and `reports`.
    pub(crate) fn with_cluster(turn: impl FnOnce(&mut Switches)) -> Self {
        let cloud = Self::with(turn);
        cloud.simulator.create_dws_cluster(CLUSTER);
        for pool in ["etl", "reports"] {
            cloud.simulator.create_pool(CLUSTER, pool).unwrap();
        }
        cloud
    }

    /// A call below `…/workload` of the DWS cluster.
    pub(crate) async fn dws(&self, method: &str, path: &str, body: &str) -> Reply {
        self.dws_at(CLUSTER, method, path, body).await
    }

    pub(crate) async fn dws_at(&self, cluster: &str, method: &str, path: &str, body: &str) -> Reply {
        self.call(method, &format!("/v2/{PROJECT}/clusters/{cluster}/workload{path}"), body).await
    }

    /// "Associating a User to a Resource Pool".
    pub(crate) async fn associate(&self, pool: &str, users: &[&str]) -> Reply {
        self.batch("batch-create", pool, users).await
    }

    /// Its opposite.
    pub(crate) async fn dissociate(&self, pool: &str, users: &[&str]) -> Reply {
        self.batch("batch-delete", pool, users).await
    }

    async fn batch(&self, verb: &str, pool: &str, users: &[&str]) -> Reply {
        let users: Vec<Value> = users.iter().map(|user| json!({"user_name": user})).collect();
        let body = json!({"queue_name": pool, "user_list": users});
        self.dws("POST", &format!("/queues/{pool}/users/{verb}"), &body.to_string()).await
    }

    /// A DataArts Studio workspace without members, and without the owner's row.
    pub(crate) fn with_workspace(turn: impl FnOnce(&mut Switches)) -> Self {
        let cloud = Self::with(|s| {
            s.dataarts.owner_row = false;
            turn(s);
        });
        cloud.simulator.create_workspace(WORKSPACE);
        cloud
    }

    /// A call below the DataArts Studio workspace.
    pub(crate) async fn workspace(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call(method, &format!("/v2/{PROJECT}/{WORKSPACE}{path}"), &body).await
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder().method(method).uri(format!("/_admin{path}"));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The truth about a user on `queue1`.
    pub(crate) fn truth(&self, user: &str) -> Vec<String> {
        self.simulator.users("queue1").unwrap().remove(user).unwrap_or_default()
    }
}

fn time_at(start: Instant) -> Timestamp {
    let base: Timestamp = START.parse().unwrap();
    base + start.elapsed()
}

pub(crate) async fn let_pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}
