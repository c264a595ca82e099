//! How kstatus reads an object that exists, written from its documentation. `tests/it/kstatus` compares it with kstatus itself,
//! and the property of `src/engine/waiting_tests.rs` relies on it.

use serde::Deserialize;
use serde_json::Value;

/// What kstatus says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Status {
    /// Whoever waits goes on waiting.
    InProgress,
    /// What was waited for has come.
    Current,
    /// Nobody needs to wait any longer.
    Failed,
    /// It is being deleted.
    Terminating,
}

/// Deletion comes first, then whether the status is about this generation, then what says that more is to come or that nothing
/// will, then Ready.
pub fn read(object: &Value) -> Status {
    let (meta, status) = (&object["metadata"], &object["status"]);
    if meta["deletionTimestamp"].is_string() {
        return Status::Terminating;
    }
    if status["observedGeneration"].is_i64() && status["observedGeneration"] != meta["generation"] {
        return Status::InProgress;
    }
    let conditions = || status["conditions"].as_array().into_iter().flatten();
    let decides = |condition: &Value| match (condition["type"].as_str()?, condition["status"].as_str()?) {
        ("Reconciling", "True") => Some(Status::InProgress),
        ("Stalled", "True") => Some(Status::Failed),
        _ => None,
    };
    conditions().find_map(decides).unwrap_or_else(|| {
        let ready = conditions().find(|condition| condition["type"] == "Ready");
        if ready.is_none_or(|ready| ready["status"] == "True") { Status::Current } else { Status::InProgress }
    })
}
