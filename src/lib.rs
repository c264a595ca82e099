//! Keeps who may use which cloud data service in Git: a Kubernetes operator.
//!
//! | module | what for |
//! | --- | --- |
//! | [`plan`] | the planning rule: what may be done now. Pure |
//! | [`api`] | what users write: spec, status, accounts, CRDs |
//! | [`clouds`] | HTTP clients of the clouds; they know nothing of Kubernetes |
//! | [`engine`] | watches, passes, patches; it knows no kind and no vendor |
//! | [`kinds`] | one file per kind of access |
//! | [`lease`] | leader election: until when this process may act |
//! | [`api_server`] | the client for the API server |
//! | [`app`] | puts everything together |
//! | [`metrics`], [`server`] | what is counted, and who serves it to Prometheus |
//! | [`config`], [`telemetry`], [`clock`] | flags, logs, time |
//!
//! `ARCHITECTURE.md` tells how they work together, and `tests/architecture.rs` who may use whom.

pub mod api;
pub mod api_server;
pub mod app;
pub mod clock;
pub mod clouds;
pub mod config;
pub mod engine;
pub mod kinds;
pub mod lease;
pub mod metrics;
pub mod plan;
pub mod server;
pub mod telemetry;
