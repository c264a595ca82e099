//! What is counted of the objects and accounts when somebody asks for the metrics.

use std::sync::Arc;

use kube::Resource;

use super::accounts::Accounts;
use super::entry::Entry;
use super::kind::AccessKind;
use super::{Context, Engine};
use crate::api::{AccessObject, ConditionStatus, ConditionType};
use crate::metrics::Metrics;
use crate::plan::Outcome;

/// What an object counts as that nobody has looked at yet, and one whose outcome is from another version of the operator.
const NEW: &str = "New";
const OTHER: &str = "Other";

/// Has the objects of a kind counted whenever somebody asks.
pub(crate) fn count_objects<K: AccessKind>(context: &Context, engine: &Arc<Engine<K>>) {
    let kind = K::Object::kind(&()).into_owned();
    // Not kept alive by what counts it.
    let engine = Arc::downgrade(engine);
    context.metrics.ask(move |snapshot| {
        let Some(engine) = engine.upgrade() else { return };
        let now = engine.clock.now();
        engine.store.sweep(|entry| {
            snapshot.add_claim(&kind, outcome(entry), is_stalled(entry));
            let until = entry.validity().until.filter(|until| *until > now && entry.may_own());
            if let Some(until) = until {
                snapshot.add_expiry(&kind, &entry.key.namespace, until.as_second());
            }
        });
    });
}

/// Has the accounts whose credentials are temporary told whenever somebody asks.
pub(crate) fn count_accounts(metrics: &Metrics, accounts: &Arc<Accounts>) {
    let accounts = Arc::downgrade(accounts);
    metrics.ask(move |snapshot| {
        let Some(accounts) = accounts.upgrade() else { return };
        for (key, status) in accounts.statuses() {
            // Those of an account that nobody uses are not renewed, and need not be.
            let ends = status.credentials_expire_at.filter(|_| !status.claims.is_empty());
            if let Some(ends) = ends {
                snapshot.set_credential_expiry(&key.namespace, &key.name, ends.as_second());
            }
        }
    });
}

fn outcome<O: AccessObject>(entry: &Entry<O>) -> &'static str {
    let Some(ready) = entry.status().condition(ConditionType::Ready) else { return NEW };
    // What a status says is a label only if it is one of ours.
    Outcome::from_reason(&ready.reason).map_or(OTHER, Outcome::reason)
}

fn is_stalled<O: AccessObject>(entry: &Entry<O>) -> bool {
    let stalled = entry.status().condition(ConditionType::Stalled);
    stalled.is_some_and(|stalled| stalled.status == ConditionStatus::True)
}
