//! Deleting users: `POST /v2/{project_id}/{workspace_id}/delete-users`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::parameters::MOST;
use super::writes::refuse_owner;
use super::{MixedBatch, Place, done, failed, repeated};
use crate::access::Verdict;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::iam::is_id;
use crate::world::World;

/// The request body: ids of users, or of groups.
#[derive(Deserialize)]
struct Parameters {
    user_ids: Vec<String>,
}

/// Members are members no more.
pub(super) struct DeleteWorkspaceUsers {
    place: Place,
    parameters: Result<Parameters, String>,
}

impl DeleteWorkspaceUsers {
    pub(super) fn read(place: Place, request: &Received) -> Self {
        let parameters = serde_json::from_slice(&request.body).map_err(|error| error.to_string());
        Self { place, parameters }
    }

    fn execute(&self, world: &mut World) -> Result<Outcome, Answer> {
        let Parameters { user_ids } = self.parameters.as_ref().map_err(|problem| failed(problem))?;
        if user_ids.is_empty() || user_ids.len() > MOST || !user_ids.iter().all(|id| is_id(id)) {
            return Err(failed("user_ids must be 1 to 100 ids"));
        }
        let switches = world.switches.dataarts.clone();
        let workspace = self.place.workspace(world)?;
        let verdict = |id: &String| -> Verdict {
            refuse_owner(world, workspace, id)?;
            if workspace.list.row(id).is_none() {
                repeated(switches.delete_absent, "the user is no member")?;
            }
            Ok(BTreeSet::new())
        };
        let verdicts = user_ids.iter().map(|id| (id.clone(), verdict(id))).collect();
        let workspace = self.place.workspace_mut(&mut world.dataarts, &switches)?;
        Ok(workspace.list.apply(verdicts, switches.mixed_batch == MixedBatch::Partial, done(&switches)))
    }
}

impl Operation for DeleteWorkspaceUsers {
    fn summary(&self) -> Summary {
        let ids = self.parameters.as_ref().map(|parameters| parameters.user_ids.clone());
        Summary {
            principals: ids.unwrap_or_default(),
            action: Some("revoke".to_owned()),
            ..self.place.summary("DeleteWorkspaceUsers")
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.execute(world).unwrap_or_else(Outcome::from)
    }
}
