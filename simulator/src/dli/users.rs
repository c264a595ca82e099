//! "Querying Queue Users": `GET /v1.0/{project_id}/queues/{queue_name}/users`.

use serde_json::{Value, json};

use super::queues::Queue;
use super::{bad_parameter, caller_needs, no_such_queue};
use crate::access::{Row, Target};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::paging::{Page, Paging};
use crate::switches::{ShowSpelling, Switches};
use crate::world::World;

/// One page of a queue's users.
pub(super) struct ListQueueUsers {
    project: String,
    queue: String,
    limit: Option<String>,
    offset: Option<String>,
}

impl ListQueueUsers {
    pub(super) fn read(project: String, queue: String, request: &Received) -> Self {
        Self { project, queue, limit: request.query("limit"), offset: request.query("offset") }
    }

    fn answer(&self, world: &World) -> Result<Answer, Answer> {
        let switches = &world.switches;
        let page = self.page(switches)?;
        let queue = world.dli.get(&self.queue).ok_or_else(|| no_such_queue(switches, &self.queue))?;
        caller_needs(switches, &["SHOW_PRIVILEGES"])?;
        let rows = rows(queue, switches, &world.settings.queue_owner);
        let count = rows.len();
        let mut body = json!({
            "is_success": true,
            "message": "",
            "queue_name": self.queue,
            "privileges": page.of(rows),
        });
        if switches.count_present {
            body["count"] = Value::from(count);
        }
        Ok(Answer::ok(body))
    }

    fn page(&self, switches: &Switches) -> Result<Page, Answer> {
        if switches.paging_required && (self.limit.is_none() || self.offset.is_none()) {
            let message = "The parameters limit and offset are mandatory.";
            return Err(bad_parameter(switches, message));
        }
        let paging = Paging {
            unit: switches.offset_unit,
            default_limit: switches.default_limit,
            max_limit: switches.max_limit,
            over_limit: switches.over_limit,
        };
        let page = paging.page(self.limit.as_deref(), self.offset.as_deref());
        page.map_err(|problem| bad_parameter(switches, &problem))
    }
}

impl Operation for ListQueueUsers {
    fn summary(&self) -> Summary {
        Summary { service: "dli", operation: "ListQueueUsers", target: Some(self.queue.clone()), ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}

/// Every row as it is written, the owner's first, the others by name.
fn rows(queue: &Queue, switches: &Switches, owner: &str) -> Vec<Value> {
    let mut visible = queue.list.visible(switches.grant_visible_after_ms, switches.revoke_visible_after_ms);
    let mut rows = Vec::new();
    if switches.owner_row {
        visible.remove(owner);
        rows.push(row(switches, owner, &Queue::administrator()));
    }
    rows.extend(visible.iter().map(|(user, held)| row(switches, user, held)));
    rows
}

fn row(switches: &Switches, user: &str, held: &Row) -> Value {
    let spelled = |privilege: String| match switches.show_spelling {
        ShowSpelling::Singular if privilege == "SHOW_PRIVILEGES" => "SHOW_PRIVILEGE".to_owned(),
        ShowSpelling::Singular | ShowSpelling::Plural => privilege,
    };
    let privileges: Vec<String> = held.strings().into_iter().map(spelled).collect();
    json!({
        "is_admin": held.is_administrator(),
        "user_name": user,
        "privileges": privileges,
    })
}
