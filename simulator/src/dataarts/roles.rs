//! Querying roles: `GET /v2/{project_id}/users/role`.

use serde_json::{Value, json};

use super::{failed, no_such_workspace};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;

/// A role as lists write it.
struct Role {
    id: &'static str,
    code: &'static str,
    name: &'static str,
}

/// The four that every workspace has, and one that an account has made for itself.
const ROLES: [Role; 5] = [
    Role { id: "r00001", code: "admin", name: "Admin" },
    Role { id: "r00002", code: "developer", name: "Developer" },
    Role { id: "r00003", code: "operator", name: "Operator" },
    Role { id: "r00004", code: "viewer", name: "Viewer" },
    Role { id: "2b6ce3c35b1d4e6fa3c9d7a10f8e4b52", code: "custom", name: "Auditor" },
];

/// Whether there is a role of this id.
pub(super) fn exists(id: &str) -> bool {
    ROLES.iter().any(|role| role.id == id)
}

/// A role as lists write it; what somebody has put there from outside is written whatever it is.
pub(super) fn written(id: &str) -> Value {
    let role = ROLES.iter().find(|role| role.id == id);
    json!({
        "role_id": id,
        "role_code": role.map(|role| role.code),
        "role_name": role.map(|role| role.name),
        "description": "",
    })
}

/// All roles, in a bare array.
pub(super) struct ListWorkspaceRoles {
    project: String,
    instance: Option<String>,
    workspace: Option<String>,
}

impl ListWorkspaceRoles {
    pub(super) fn read(project: &str, request: &Received) -> Self {
        Self {
            project: project.to_owned(),
            instance: request.query("instance_id"),
            workspace: request.query("workspace_id"),
        }
    }

    fn answer(&self, world: &World) -> Result<Answer, Answer> {
        if self.instance.is_none() && self.workspace.is_none() {
            return Err(failed("instance_id or workspace_id is required"));
        }
        let absent = self.workspace.as_ref().filter(|id| world.dataarts.get(id).is_none());
        if let Some(id) = absent {
            return Err(no_such_workspace(&world.switches.dataarts, id));
        }
        Ok(Answer::ok(ROLES.iter().map(|role| written(role.id)).collect()))
    }
}

impl Operation for ListWorkspaceRoles {
    fn summary(&self) -> Summary {
        Summary {
            service: "dataarts",
            operation: "ListWorkspaceRoles",
            target: self.workspace.clone(),
            ..Summary::default()
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}
