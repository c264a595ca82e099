//! Tests that cross module borders: scenarios in both worlds, the shipped CRDs and manifests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "tests start servers and read their environment")]

mod account_steps;
mod admission;
mod alerts;
mod argo;
mod audit;
mod borders;
mod canaries;
mod chaos;
mod chart;
mod cloud;
mod contained;
mod cost;
mod dashboard;
mod docs;
mod environment;
mod exchanges;
mod expectations;
mod fifth_kind;
mod histories;
mod in_process;
mod kstatus;
mod kubectl;
mod launch;
mod manifests;
mod metrics;
mod object_path;
mod object_store;
mod outcomes;
mod policy;
mod pressure;
mod privileges;
mod promises;
mod promql;
mod rest;
mod runner;
mod scenarios;
mod script;
mod start;
mod switches;
mod tenancy;
mod threats;
mod tools;
mod wire;
mod world;
