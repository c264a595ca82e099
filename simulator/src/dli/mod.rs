//! Data Lake Insight: queues, and who may use them.
//!
//! From the pages "Granting Users with the Queue Usage Permission", "Querying Queue Users", "Querying All
//! Queues" and "Viewing Details of a Queue".

mod authorize;
mod catalogue;
mod queues;
mod users;

use axum::http::Method;

pub(crate) use queues::Queue;
pub use queues::QueueKind;

use crate::answer::Answer;
use crate::call::{Operation, Received};
use crate::switches::Switches;

/// What can be held on a queue.
pub(crate) const PRIVILEGES: [&str; 8] = [
    "SUBMIT_JOB",
    "CANCEL_JOB",
    "DROP_QUEUE",
    "GRANT_PRIVILEGE",
    "REVOKE_PRIVILEGE",
    "SHOW_PRIVILEGES",
    "RESTART",
    "SCALE_QUEUE",
];

/// The paths under `/v1.0/{project_id}/queues`.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [version, project, "queues", rest @ ..] = path.as_slice() else {
        return None;
    };
    if *version != "v1.0" {
        return None;
    }
    let project = (*project).to_owned();
    let queue = |name: &str| name.to_lowercase();
    Some(match (&request.method, rest) {
        (&Method::PUT, ["user-authorization"]) => Box::new(authorize::Authorize::read(project, request)),
        (&Method::GET, []) => Box::new(catalogue::ListQueues::read(project, request)),
        (&Method::GET, [name]) => Box::new(catalogue::ShowQueue { project, queue: queue(name) }),
        (&Method::GET, [name, "users"]) => Box::new(users::ListQueueUsers::read(project, queue(name), request)),
        _ => return None,
    })
}

fn bad_parameter(switches: &Switches, message: &str) -> Answer {
    Answer::dli(switches, 400, "DLI.0001", message)
}

fn no_such_queue(switches: &Switches, name: &str) -> Answer {
    let message = format!("The object does not exist: queue named {name}.");
    Answer::dli(switches, 400, "DLI.0002", &message)
}

/// Refuses a caller whose user lacks one of these on queues.
fn caller_needs(switches: &Switches, needed: &[&str]) -> Result<(), Answer> {
    let lacking = needed.iter().find(|name| !switches.caller_privileges.iter().any(|held| held == **name));
    lacking.map_or(Ok(()), |name| {
        let message = format!("The permission check failed: the user does not hold {name}.");
        Err(Answer::dli(switches, 400, "DLI.0003", &message))
    })
}
