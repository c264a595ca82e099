//! "Adding a Workspace User": `POST /v2/{project_id}/{workspace_id}/users`, and replacing the roles of a user or
//! group: `PUT /v2/{project_id}/{workspace_id}/users/{user_id}`.

use std::collections::BTreeSet;

use super::parameters::{Member, Parameters};
use super::{EmptyRoles, MixedBatch, Place, Switches, UpdateAbsent, Workspace, done, failed, not_done, repeated};
use crate::access::Verdict;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;

/// The request of both.
struct Write {
    place: Place,
    parameters: Result<Parameters, String>,
}

impl Write {
    fn read(place: Place, request: &Received) -> Self {
        let parameters = serde_json::from_slice(&request.body).map_err(|error| error.to_string());
        Self { place, parameters }
    }

    /// The body, if it is of the form that the page gives and the workspace is there.
    fn parameters(&self, world: &World) -> Result<&Parameters, Answer> {
        let parameters = self.parameters.as_ref().map_err(|problem| failed(problem))?;
        parameters.check()?;
        self.place.workspace(world)?;
        parameters.check_roles(&world.switches.dataarts)?;
        Ok(parameters)
    }

    /// Gives each member what `becomes` says, unless IAM or the workspace is against it.
    fn execute(
        &self,
        world: &mut World,
        parameters: &Parameters,
        becomes: impl Fn(&Switches, BTreeSet<String>) -> Verdict,
    ) -> Result<Outcome, Answer> {
        let switches = world.switches.dataarts.clone();
        let members = parameters.members();
        let workspace = self.place.workspace(world)?;
        let verdict = |member: &Member| {
            member.check(world)?;
            refuse_owner(world, workspace, member.id)?;
            becomes(&switches, workspace.list.held(member.id))
        };
        let verdicts = members.iter().map(|member| (member.id.to_owned(), verdict(member))).collect();
        let workspace = self.place.workspace_mut(&mut world.dataarts, &switches)?;
        let outcome = workspace.list.apply(verdicts, switches.mixed_batch == MixedBatch::Partial, done(&switches));
        for member in members {
            if outcome.changed.iter().any(|change| change.principal == member.id) {
                world.iam.settle(member.kind, member.id);
            }
        }
        Ok(outcome)
    }

    fn summary(&self, operation: &'static str, action: &str) -> Summary {
        let summary = Summary { action: Some(action.to_owned()), ..self.place.summary(operation) };
        match &self.parameters {
            Ok(parameters) => Summary {
                principals: parameters.members().iter().map(|member| member.id.to_owned()).collect(),
                privileges: parameters.role_ids().map(str::to_owned).collect(),
                ..summary
            },
            Err(_) => summary,
        }
    }
}

/// The row of the domain's owner stays as it is.
pub(super) fn refuse_owner(world: &World, workspace: &Workspace, id: &str) -> Result<(), Answer> {
    let switches = &world.switches.dataarts;
    let owner = switches.owner_row && id == world.settings.owner_id;
    if owner || workspace.list.is_administrator(id) {
        return Err(not_done(switches, "the workspace belongs to this user"));
    }
    Ok(())
}

/// Makes members, each with the same roles.
pub(super) struct AddWorkspaceUsers(Write);

impl AddWorkspaceUsers {
    pub(super) fn read(place: Place, request: &Received) -> Self {
        Self(Write::read(place, request))
    }

    fn execute(&self, world: &mut World) -> Result<Outcome, Answer> {
        let parameters = self.0.parameters(world)?;
        let roles = parameters.roles();
        if roles.is_empty() {
            return Err(failed("roles_ids is empty"));
        }
        self.0.execute(world, parameters, |switches, held| {
            if !held.is_empty() {
                repeated(switches.duplicate_add, "the user is a member already")?;
            }
            Ok(held.union(&roles).cloned().collect())
        })
    }
}

impl Operation for AddWorkspaceUsers {
    fn summary(&self) -> Summary {
        self.0.summary("AddWorkspaceUsers", "grant")
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.0.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.execute(world).unwrap_or_else(Outcome::from)
    }
}

/// Replaces the roles of one member.
pub(super) struct UpdateWorkspaceUserOrGroup {
    write: Write,
    member: String,
}

impl UpdateWorkspaceUserOrGroup {
    pub(super) fn read(place: Place, member: &str, request: &Received) -> Self {
        Self { write: Write::read(place, request), member: member.to_owned() }
    }

    fn execute(&self, world: &mut World) -> Result<Outcome, Answer> {
        let parameters = self.write.parameters(world)?;
        let [Member { id, .. }] = parameters.members()[..] else {
            return Err(failed("more than one member is named"));
        };
        if id != self.member {
            return Err(failed("the member in the body is not the one in the URI"));
        }
        let roles = parameters.roles();
        self.write.execute(world, parameters, |switches, held| {
            if held.is_empty() && switches.update_absent == UpdateAbsent::Refused {
                return Err(failed("the user is no member"));
            }
            if roles.is_empty() && switches.empty_roles == EmptyRoles::Refused {
                return Err(failed("roles_ids is empty"));
            }
            Ok(roles.clone())
        })
    }
}

impl Operation for UpdateWorkspaceUserOrGroup {
    fn summary(&self) -> Summary {
        self.write.summary("UpdateWorkspaceUserOrGroup", "update")
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.write.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.execute(world).unwrap_or_else(Outcome::from)
    }
}
