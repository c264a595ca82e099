//! The admin API over HTTP, under `/_admin/`: each handler is one method of [`Simulator`].

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::dli::QueueKind;
use crate::faults::Fault;
use crate::settings::AccessKey;
use crate::simulator::{NoSuchQueue, Simulator};

/// The admin API.
pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/health", get(async || Json(json!({"status": "ok"}))))
        .route("/reset", post(reset))
        .route("/dli/queues", get(list_queues))
        .route("/dli/queues/{queue}", put(create_queue).delete(remove_queue))
        .route("/dli/queues/{queue}/users", get(list_users))
        .route("/dli/queues/{queue}/users/{user}", put(set_user).post(grant_user).delete(remove_user))
        .route("/iam/unknown-users/{user}", put(add_unknown_user).delete(remove_unknown_user))
        .route("/iam/tokens", delete(revoke_tokens))
        .route("/iam/access-keys/{id}", put(set_key).delete(remove_key))
        .route("/journal", get(journal))
        .route("/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/switches", get(switches).patch(patch_switches))
        // Without it, what is misspelt here would be answered, and journalled, by the gateway.
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is no such path in the admin API"))
}

type Sim = State<Simulator>;
const DONE: StatusCode = StatusCode::NO_CONTENT;

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

/// Why a request is refused.
enum Refusal {
    Unreadable(serde_json::Error),
    NoSuchQueue,
}

impl From<NoSuchQueue> for Refusal {
    fn from(_: NoSuchQueue) -> Self {
        Self::NoSuchQueue
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
            Self::NoSuchQueue => refuse(StatusCode::NOT_FOUND, &NoSuchQueue.to_string()),
        }
    }
}

/// JSON, whatever the content type says: curl's default is fine.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    Ok(serde_json::from_slice(body)?)
}

fn done_if(found: bool, what: &str) -> Response {
    if found { DONE.into_response() } else { refuse(StatusCode::NOT_FOUND, what) }
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
    if sim.create_queue(&queue, new.kind) { StatusCode::CREATED } else { DONE }
}

async fn remove_queue(State(sim): Sim, Path(queue): Path<String>) -> Response {
    done_if(sim.remove_queue(&queue), "there is no such queue")
}

async fn list_users(State(sim): Sim, Path(queue): Path<String>) -> Result<Json<Value>, Refusal> {
    let users = sim.users(&queue).ok_or(NoSuchQueue)?;
    Ok(Json(json!(users)))
}

#[derive(Deserialize)]
struct NewUser {
    #[serde(default)]
    admin: bool,
}

async fn set_user(
    State(sim): Sim,
    Path((queue, user)): Path<(String, String)>,
    Query(new): Query<NewUser>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    if new.admin {
        sim.outside_set_administrator(&queue, &user)?;
    } else {
        let privileges: Vec<String> = read(&body)?;
        sim.outside_set(&queue, &user, &borrowed(&privileges))?;
    }
    Ok(DONE)
}

async fn grant_user(
    State(sim): Sim,
    Path((queue, user)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let privileges: Vec<String> = read(&body)?;
    sim.outside_grant(&queue, &user, &borrowed(&privileges))?;
    Ok(DONE)
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

async fn remove_user(State(sim): Sim, Path((queue, user)): Path<(String, String)>) -> Result<StatusCode, Refusal> {
    sim.outside_remove(&queue, &user)?;
    Ok(DONE)
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    secret: String,
    security_token: Option<String>,
}

async fn set_key(State(sim): Sim, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Refusal> {
    let key: NewKey = read(&body)?;
    sim.set_access_key(AccessKey { id, secret: key.secret, security_token: key.security_token });
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
