//! The admin API of E-HPC and of Alibaba's access keys: each handler is one method of [`Simulator`].

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;

use super::VisibleTo;
use crate::admin::{DONE, NewKey, Refusal, Sim, done_if, read};
use crate::console::NoSuchTarget;
use crate::simulator::Simulator;

/// The paths under `/ehpc/` and `/alibaba/`.
pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/ehpc/clusters/{cluster}", put(create_cluster))
        .route("/ehpc/clusters/{cluster}/status", put(set_status))
        .route("/ehpc/clusters/{cluster}/users/{user}/password", get(password).put(set_password))
        .route("/alibaba/access-keys/{id}", put(set_key).delete(remove_key))
}

#[derive(Deserialize)]
struct NewCluster {
    #[serde(default)]
    visible_to: VisibleTo,
}

async fn create_cluster(State(sim): Sim, Path(cluster): Path<String>, Query(new): Query<NewCluster>) -> StatusCode {
    if sim.create_hpc_cluster_visible_to(&cluster, new.visible_to) { StatusCode::CREATED } else { DONE }
}

async fn set_status(State(sim): Sim, Path(cluster): Path<String>, body: Bytes) -> Result<StatusCode, Refusal> {
    let status: String = read(&body)?;
    sim.set_hpc_status(&cluster, &status)?;
    Ok(DONE)
}

async fn password(State(sim): Sim, Path((cluster, user)): Path<(String, String)>) -> Result<Json<String>, Refusal> {
    let password = sim.hpc_password(&cluster, &user).ok_or(NoSuchTarget)?;
    Ok(Json(password))
}

async fn set_password(
    State(sim): Sim,
    Path((cluster, user)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let password: String = read(&body)?;
    sim.outside_set_password(&cluster, &user, &password)?;
    Ok(DONE)
}

async fn set_key(State(sim): Sim, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Refusal> {
    let key: NewKey = read(&body)?;
    sim.set_alibaba_key(key.of(id));
    Ok(DONE)
}

async fn remove_key(State(sim): Sim, Path(id): Path<String>) -> Response {
    done_if(sim.remove_alibaba_key(&id), "there is no such access key")
}
