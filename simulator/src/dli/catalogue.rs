//! "Querying All Queues" and "Viewing Details of a Queue": which queues there are.

use serde_json::{Value, json};

use super::queues::{Queue, QueueKind};
use super::{bad_parameter, no_such_queue};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::paging::{Page, number};
use crate::world::World;

/// `GET /v1.0/{project_id}/queues`: SQL queues only, unless `queue_type` says otherwise.
pub(super) struct ListQueues {
    project: String,
    queue_type: Option<String>,
    page_size: Option<String>,
    current_page: Option<String>,
    order: Option<String>,
}

impl ListQueues {
    pub(super) fn read(project: String, request: &Received) -> Self {
        Self {
            project,
            queue_type: request.query("queue_type"),
            page_size: request.query("page-size"),
            current_page: request.query("current-page"),
            order: request.query("order"),
        }
    }

    fn answer(&self, world: &World) -> Result<Answer, Answer> {
        let switches = &world.switches;
        let kinds: &[QueueKind] = match self.queue_type.as_deref() {
            None | Some("sql") => &[QueueKind::Sql],
            Some("general") => &[QueueKind::General],
            Some("all") => &[QueueKind::Sql, QueueKind::General],
            Some(other) => {
                let message = format!("The parameter queue_type is invalid: {other}.");
                return Err(bad_parameter(switches, &message));
            }
        };
        let number = |name, text: &Option<String>| {
            number(name, text.as_deref()).map_err(|problem| bad_parameter(switches, &problem))
        };
        let limit = number("page-size", &self.page_size)?.unwrap_or(usize::MAX);
        let page = number("current-page", &self.current_page)?.unwrap_or(1);
        if limit == 0 || page == 0 {
            let message = "The parameters page-size and current-page must be positive.";
            return Err(bad_parameter(switches, message));
        }
        let found = world.dli.iter().filter(|(_, q)| kinds.contains(&q.kind));
        let mut rows: Vec<Value> = found.map(|(name, q)| summary(world, name, q)).collect();
        if self.order.as_deref() == Some("queue_name_desc") {
            rows.reverse();
        }
        let page = Page { skipped: (page - 1).saturating_mul(limit), limit };
        let body = json!({"is_success": true, "message": "", "queues": page.of(rows)});
        Ok(Answer::ok(body))
    }
}

impl Operation for ListQueues {
    fn summary(&self) -> Summary {
        Summary { service: "dli", operation: "ListQueues", ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}

/// `GET /v1.0/{project_id}/queues/{queue_name}`: a queue of any type. Some fields are in camel case.
pub(super) struct ShowQueue {
    pub(super) project: String,
    pub(super) queue: String,
}

impl Operation for ShowQueue {
    fn summary(&self) -> Summary {
        Summary { service: "dli", operation: "ShowQueue", target: Some(self.queue.clone()), ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        let Some(queue) = world.dli.get(&self.queue) else {
            return no_such_queue(&world.switches, &self.queue).into();
        };
        let body = json!({
            "is_success": true,
            "message": "",
            "queueName": self.queue,
            "description": "",
            "owner": world.settings.queue_owner,
            "create_time": queue.created_ms,
            "queueType": queue.kind.name(),
            "cuCount": 16,
            "chargingMode": 1,
            "resource_id": resource_id(queue),
            "resource_mode": 1,
            "enterprise_project_id": "0",
        });
        Answer::ok(body).into()
    }
}

fn summary(world: &World, name: &str, queue: &Queue) -> Value {
    json!({
        "queue_id": queue.id,
        "queue_name": name,
        "description": "",
        "owner": world.settings.queue_owner,
        "create_time": queue.created_ms,
        "queue_type": queue.kind.name(),
        "cu_count": 16,
        "charging_mode": 1,
        "resource_id": resource_id(queue),
        "resource_mode": 1,
        "enterprise_project_id": "0",
    })
}

fn resource_id(queue: &Queue) -> String {
    format!("26afb850-d3c9-42c1-81c0-{:012x}", queue.id)
}
