//! The admin API over HTTP, under `/_admin/`: each handler is one method of [`Simulator`].

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::console::NoSuchTarget;
use crate::dli::QueueKind;
use crate::ehpc;
use crate::faults::Fault;
use crate::settings::AccessKey;
use crate::simulator::Simulator;

/// The admin API.
pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/health", get(async || Json(json!({"status": "ok"}))))
        .route("/reset", post(reset))
        .route("/dli/queues", get(list_queues))
        .route("/dli/queues/{queue}", put(create_queue))
        .route("/dws/clusters/{cluster}", put(create_dws_cluster))
        .route("/dws/clusters/{cluster}/pools/{pool}", put(create_pool).delete(remove_pool))
        .route("/dataarts/workspaces/{workspace}", put(create_workspace))
        .route("/targets/{target}", delete(remove_target))
        .route("/targets/{target}/users", get(list_users).patch(set_users))
        .route("/targets/{target}/users/{user}", put(set_user).post(grant_user).delete(remove_user))
        .route("/iam/users/{id}", put(add_iam_user))
        .route("/iam/groups/{id}", put(add_iam_group))
        .route("/iam/unknown-users/{user}", put(add_unknown_user).delete(remove_unknown_user))
        .route("/iam/tokens", delete(revoke_tokens))
        .route("/iam/access-keys/{id}", put(set_key).delete(remove_key))
        .route("/pods/token", put(set_pod_token))
        .route("/pods/keys", delete(revoke_issued_keys))
        .merge(ehpc::admin::router())
        .route("/journal", get(journal))
        .route("/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/switches", get(switches).patch(patch_switches))
        // Without it, what is misspelt here would be answered, and journalled, by the gateway.
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is no such path in the admin API"))
}

/// The account whose admin API it is.
pub(crate) type Sim = State<Simulator>;
/// Done, with nothing to tell.
pub(crate) const DONE: StatusCode = StatusCode::NO_CONTENT;

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

/// Why a request is refused.
pub(crate) enum Refusal {
    Unreadable(serde_json::Error),
    NoSuchTarget,
}

impl From<NoSuchTarget> for Refusal {
    fn from(_: NoSuchTarget) -> Self {
        Self::NoSuchTarget
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unreadable(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
            Self::NoSuchTarget => refuse(StatusCode::NOT_FOUND, &NoSuchTarget.to_string()),
        }
    }
}

/// JSON, whatever the content type says: curl's default is fine.
pub(crate) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    Ok(serde_json::from_slice(body)?)
}

/// Done, unless the thing was not there.
pub(crate) fn done_if(found: bool, what: &str) -> Response {
    if found { DONE.into_response() } else { refuse(StatusCode::NOT_FOUND, what) }
}

fn created_if(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { DONE }
}

async fn reset(State(sim): Sim) -> StatusCode {
    sim.reset();
    DONE
}

async fn list_queues(State(sim): Sim) -> Json<Value> {
    Json(json!(sim.queues()))
}

#[derive(Deserialize)]
struct NewQueue {
    #[serde(default, rename = "type")]
    kind: QueueKind,
}

async fn create_queue(State(sim): Sim, Path(queue): Path<String>, Query(new): Query<NewQueue>) -> StatusCode {
    created_if(sim.create_queue(&queue, new.kind))
}

async fn create_dws_cluster(State(sim): Sim, Path(cluster): Path<String>) -> StatusCode {
    created_if(sim.create_dws_cluster(&cluster))
}

async fn create_pool(State(sim): Sim, Path((cluster, pool)): Path<(String, String)>) -> Result<StatusCode, Refusal> {
    Ok(created_if(sim.create_pool(&cluster, &pool)?))
}

async fn remove_pool(State(sim): Sim, Path((cluster, pool)): Path<(String, String)>) -> Result<Response, Refusal> {
    Ok(done_if(sim.remove_pool(&cluster, &pool)?, "there is no such pool"))
}

async fn create_workspace(State(sim): Sim, Path(workspace): Path<String>) -> StatusCode {
    created_if(sim.create_workspace(&workspace))
}

async fn remove_target(State(sim): Sim, Path(target): Path<String>) -> Result<StatusCode, Refusal> {
    if sim.remove_target(&target) { Ok(DONE) } else { Err(NoSuchTarget.into()) }
}

async fn list_users(State(sim): Sim, Path(target): Path<String>) -> Result<Json<Value>, Refusal> {
    let users = sim.users(&target).ok_or(NoSuchTarget)?;
    Ok(Json(json!(users)))
}

#[derive(Deserialize)]
struct NewUser {
    #[serde(default)]
    admin: bool,
}

async fn set_user(
    State(sim): Sim,
    Path((target, user)): Path<(String, String)>,
    Query(new): Query<NewUser>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    if new.admin {
        sim.outside_set_administrator(&target, &user)?;
    } else {
        let strings: Vec<String> = read(&body)?;
        sim.outside_set(&target, &user, &borrowed(&strings))?;
    }
    Ok(DONE)
}

async fn grant_user(
    State(sim): Sim,
    Path((target, user)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let strings: Vec<String> = read(&body)?;
    sim.outside_grant(&target, &user, &borrowed(&strings))?;
    Ok(DONE)
}

async fn set_users(State(sim): Sim, Path(target): Path<String>, body: Bytes) -> Result<StatusCode, Refusal> {
    for (user, strings) in read::<BTreeMap<String, Vec<String>>>(&body)? {
        sim.outside_set(&target, &user, &borrowed(&strings))?;
    }
    Ok(DONE)
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

async fn remove_user(State(sim): Sim, Path((target, user)): Path<(String, String)>) -> Result<StatusCode, Refusal> {
    sim.outside_remove(&target, &user)?;
    Ok(DONE)
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn add_iam_user(State(sim): Sim, Path(id): Path<String>, Query(named): Query<Named>) -> StatusCode {
    sim.add_iam_user(&id, &named.name);
    DONE
}

async fn add_iam_group(State(sim): Sim, Path(id): Path<String>, Query(named): Query<Named>) -> StatusCode {
    sim.add_iam_group(&id, &named.name);
    DONE
}

async fn add_unknown_user(State(sim): Sim, Path(user): Path<String>) -> StatusCode {
    sim.add_unknown_user(&user);
    DONE
}

async fn remove_unknown_user(State(sim): Sim, Path(user): Path<String>) -> StatusCode {
    sim.remove_unknown_user(&user);
    DONE
}

async fn revoke_tokens(State(sim): Sim) -> Json<Value> {
    Json(json!({"revoked": sim.revoke_tokens()}))
}

/// An access key without its id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    secret: String,
    security_token: Option<String>,
}

impl NewKey {
    /// The key of this id.
    pub(crate) fn of(self, id: String) -> AccessKey {
        AccessKey { id, secret: self.secret, security_token: self.security_token }
    }
}

async fn set_pod_token(State(sim): Sim, body: Bytes) -> Result<StatusCode, Refusal> {
    sim.set_pod_token(&read::<String>(&body)?);
    Ok(DONE)
}

async fn revoke_issued_keys(State(sim): Sim) -> Json<Value> {
    Json(json!({"revoked": sim.revoke_issued_keys()}))
}

async fn set_key(State(sim): Sim, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Refusal> {
    let key: NewKey = read(&body)?;
    sim.set_access_key(key.of(id));
    Ok(DONE)
}

async fn remove_key(State(sim): Sim, Path(id): Path<String>) -> Response {
    done_if(sim.remove_access_key(&id), "there is no such access key")
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
}

async fn journal(State(sim): Sim, Query(since): Query<Since>) -> Json<Value> {
    let entries = sim.journal_after(since.after);
    let last = entries.last().map_or(since.after, |entry| entry.sequence);
    Json(json!({"last": last, "entries": entries}))
}

/// One fault, or a list of them.
async fn add_faults(State(sim): Sim, body: Bytes) -> Result<Json<Value>, Refusal> {
    let several = body.trim_ascii_start().starts_with(b"[");
    let faults: Vec<Fault> = if several { read(&body)? } else { vec![read(&body)?] };
    let added = faults.len();
    for fault in faults {
        sim.add_fault(fault);
    }
    Ok(Json(json!({"added": added})))
}

async fn list_faults(State(sim): Sim) -> Json<Vec<Fault>> {
    Json(sim.faults())
}

async fn clear_faults(State(sim): Sim) -> StatusCode {
    sim.clear_faults();
    DONE
}

async fn switches(State(sim): Sim) -> Json<Value> {
    Json(json!(sim.switches()))
}

async fn patch_switches(State(sim): Sim, body: Bytes) -> Result<Json<Value>, Refusal> {
    sim.patch_switches(read(&body)?)?;
    Ok(Json(json!(sim.switches())))
}
