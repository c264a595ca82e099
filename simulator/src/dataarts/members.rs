//! Querying the users of a workspace: `GET /v2/{project_id}/{workspace_id}/users`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{OwnerAs, Place, failed, roles};
use crate::access::{Row, Target};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::dataarts::Workspace;
use crate::iam::Kind;
use crate::paging::Paging;
use crate::signature::hex;
use crate::world::World;

/// One page of a workspace's members, users and groups.
pub(super) struct ListWorkspaceUsers {
    place: Place,
    limit: Option<String>,
    offset: Option<String>,
}

impl ListWorkspaceUsers {
    pub(super) fn read(place: Place, request: &Received) -> Self {
        Self { place, limit: request.query("limit"), offset: request.query("offset") }
    }

    fn answer(&self, world: &World) -> Result<Answer, Answer> {
        let switches = &world.switches.dataarts;
        let paging = Paging {
            unit: switches.offset_unit,
            default_limit: switches.default_limit,
            max_limit: switches.max_limit,
            over_limit: switches.over_limit,
        };
        let page = paging.page(self.limit.as_deref(), self.offset.as_deref());
        let page = page.map_err(|problem| failed(&problem))?;
        let rows = self.rows(world, self.place.workspace(world)?);
        let (count, pages) = (rows.len(), rows.len().div_ceil(page.limit));
        let mut body = json!({"data": page.of(rows)});
        if switches.count_present {
            body["count"] = Value::from(count);
            body["total_page"] = Value::from(pages);
        }
        Ok(Answer::ok(body))
    }

    /// Every row as it is written, the owner's first, the others by id.
    fn rows(&self, world: &World, workspace: &Workspace) -> Vec<Value> {
        let switches = &world.switches.dataarts;
        let mut visible = workspace.list.visible(switches.visible_after_ms, switches.visible_after_ms);
        let mut rows = Vec::new();
        if switches.owner_row {
            let owner = &world.settings.owner_id;
            visible.remove(owner);
            rows.push(self.row(world, workspace, owner, &Workspace::administrator()));
        }
        rows.extend(visible.iter().map(|(id, held)| self.row(world, workspace, id, held)));
        rows
    }

    /// `id` is the row's, `user_id` the member's.
    fn row(&self, world: &World, workspace: &Workspace, id: &str, held: &Row) -> Value {
        let settings = &world.settings;
        let (kind, name) = world.iam.person(id);
        let place = hex(&Sha256::digest(format!("{} {id}", self.place.workspace)));
        let roles: Vec<Value> = held.strings().iter().map(|role| roles::written(role)).collect();
        let owner = held.is_administrator();
        json!({
            "id": &place[..32],
            "user_id": id,
            "user_name": name,
            "display_user_name": name,
            "domain_id": settings.domain_id,
            "domain_name": settings.domain_name,
            "domain_owner": match world.switches.dataarts.owner_as {
                OwnerAs::Boolean => json!(owner),
                OwnerAs::String => json!(owner.to_string()),
            },
            "description": null,
            "workspace_id": self.place.workspace,
            "roles": roles,
            "create_time": workspace.created_ms,
            "create_user": settings.queue_owner,
            "update_time": workspace.created_ms,
            "update_user": settings.queue_owner,
            "type": match kind {
                Kind::User => 0,
                Kind::Group => 1,
            },
        })
    }
}

impl Operation for ListWorkspaceUsers {
    fn summary(&self) -> Summary {
        self.place.summary("ListWorkspaceUsers")
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}
