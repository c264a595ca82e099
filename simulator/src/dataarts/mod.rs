//! DataArts Studio: workspaces, and which users and user groups have which roles there.
//!
//! From the page "Adding a Workspace User" and its siblings: querying the users of a workspace, replacing the
//! roles of a user or group, deleting users, querying roles.

mod members;
mod parameters;
mod removal;
mod roles;
mod switches;
mod workspaces;
mod writes;

use axum::http::Method;
use serde_json::{Value, json};

pub use switches::{EmptyRoles, FailureAs, MixedBatch, OwnerAs, Switches, UpdateAbsent, WorkspaceAbsent};
pub(crate) use workspaces::Workspace;

use crate::access::Targets;
use crate::answer::Answer;
use crate::call::{Operation, Received, Summary};
use crate::switches::{Presence, Repetition};
use crate::world::World;

/// What all operations are about.
struct Place {
    project: String,
    workspace: String,
}

impl Place {
    /// What the journal and the faults get to see of an operation here.
    fn summary(&self, operation: &'static str) -> Summary {
        Summary { service: "dataarts", operation, target: Some(self.workspace.clone()), ..Summary::default() }
    }

    fn workspace<'a>(&self, world: &'a World) -> Result<&'a Workspace, Answer> {
        world.dataarts.get(&self.workspace).ok_or_else(|| no_such_workspace(&world.switches.dataarts, &self.workspace))
    }

    fn workspace_mut<'a>(
        &self,
        workspaces: &'a mut Targets<Workspace>,
        switches: &Switches,
    ) -> Result<&'a mut Workspace, Answer> {
        workspaces.get_mut(&self.workspace).ok_or_else(|| no_such_workspace(switches, &self.workspace))
    }
}

/// The paths under `/v2/{project_id}`.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v2", project, rest @ ..] = path.as_slice() else {
        return None;
    };
    let place = |workspace: &str| Place { project: (*project).to_owned(), workspace: workspace.to_owned() };
    Some(match (&request.method, rest) {
        (&Method::GET, ["users", "role"]) => Box::new(roles::ListWorkspaceRoles::read(project, request)),
        (&Method::GET, [id, "users"]) => Box::new(members::ListWorkspaceUsers::read(place(id), request)),
        (&Method::POST, [id, "users"]) => Box::new(writes::AddWorkspaceUsers::read(place(id), request)),
        (&Method::PUT, [id, "users", member]) => {
            Box::new(writes::UpdateWorkspaceUserOrGroup::read(place(id), member, request))
        }
        (&Method::POST, [id, "delete-users"]) => Box::new(removal::DeleteWorkspaceUsers::read(place(id), request)),
        _ => return None,
    })
}

/// "The operation failed, detail msg {0}.": the only code that the page gives to bad requests of any kind.
fn failed(detail: &str) -> Answer {
    Answer::plain(400, "DAYU.4402", &format!("The operation failed, detail msg {detail}."))
}

/// A call that was understood but is not carried out.
fn not_done(switches: &Switches, detail: &str) -> Answer {
    match switches.failure_as {
        FailureAs::IsSuccessFalse => Answer::not_success("dataarts", ""),
        FailureAs::Dayu4402 => failed(detail),
    }
}

/// A call that asks for what is so already.
fn repeated(habit: Repetition, detail: &str) -> Result<(), Answer> {
    match habit {
        Repetition::Ok => Ok(()),
        Repetition::Refused => Err(failed(detail)),
        Repetition::NotSuccess => Err(Answer::not_success("dataarts", "")),
    }
}

fn no_such_workspace(switches: &Switches, id: &str) -> Answer {
    let message = format!("Workspace {id} does not exist.");
    match switches.workspace_absent {
        WorkspaceAbsent::Dls6036 => {
            let body = json!({"errorCode": "DLS.6036", "errorMsg": message});
            Answer::error(400, Some("DLS.6036"), body)
        }
        WorkspaceAbsent::Dayu3601 => {
            let error = json!({"error_code": "DAYU.3601", "error_msg": "No permission in asset."});
            Answer::error(400, Some("DAYU.3601"), json!({"errors": [error]}))
        }
        WorkspaceAbsent::Dayu4402 => failed(&message),
    }
}

/// The answer to a write that was carried out.
fn done(switches: &Switches) -> Answer {
    let mut body = json!({"message": null});
    if switches.success_flag == Presence::Shown {
        body["is_success"] = Value::from(true);
    }
    Answer::ok(body)
}
