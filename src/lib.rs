//! Keeps who may use which cloud data service in Git: a Kubernetes operator.

pub mod clock;
pub mod clouds;
pub mod plan;
