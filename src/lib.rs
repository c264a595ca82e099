//! Keeps who may use which cloud data service in Git: a Kubernetes operator.

pub mod plan;
