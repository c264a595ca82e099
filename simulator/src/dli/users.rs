//! "Querying Queue Users": `GET /v1.0/{project_id}/queues/{queue_name}/users`.

use serde_json::{Value, json};

use super::queues::{Queue, Row};
use super::{bad_parameter, caller_needs, no_such_queue};
use crate::answer::Answer;
use crate::call::{Operation, Outcome, Received, Summary};
use crate::switches::{OffsetUnit, OverLimit, ShowSpelling, Switches};
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
        let (limit, offset) = self.page(switches)?;
        let queue = world.dli.get(&self.queue).ok_or_else(|| no_such_queue(switches, &self.queue))?;
        caller_needs(switches, &["SHOW_PRIVILEGES"])?;
        let rows = rows(queue, switches, &world.settings.queue_owner);
        let count = rows.len();
        let page: Vec<Value> = rows.into_iter().skip(offset).take(limit).collect();
        let mut body = json!({
            "is_success": true,
            "message": "",
            "queue_name": self.queue,
            "privileges": page,
        });
        if switches.count_present {
            body["count"] = Value::from(count);
        }
        Ok(Answer::ok(body))
    }

    /// How many rows, after how many.
    fn page(&self, switches: &Switches) -> Result<(usize, usize), Answer> {
        let limit = number(switches, "limit", self.limit.as_deref())?;
        let offset = number(switches, "offset", self.offset.as_deref())?;
        if switches.paging_required && (limit.is_none() || offset.is_none()) {
            let message = "The parameters limit and offset are mandatory.";
            return Err(bad_parameter(switches, message));
        }
        let limit = limit.or(switches.default_limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Err(bad_parameter(switches, "The parameter limit must be positive."));
        }
        let largest = switches.max_limit.unwrap_or(usize::MAX);
        let asked_too_much = limit > largest && self.limit.is_some();
        if asked_too_much && switches.over_limit == OverLimit::Refuse {
            let message = format!("The parameter limit must not exceed {largest}.");
            return Err(bad_parameter(switches, &message));
        }
        let limit = limit.min(largest);
        let offset = offset.unwrap_or(0);
        let skipped = match switches.offset_unit {
            OffsetUnit::Rows => offset,
            OffsetUnit::Pages => offset.saturating_mul(limit),
            OffsetUnit::Ignored => 0,
        };
        Ok((limit, skipped))
    }
}

impl Operation for ListQueueUsers {
    fn summary(&self) -> Summary {
        Summary { service: "dli", operation: "ListQueueUsers", target: Some(self.queue.clone()), ..Summary::default() }
    }

    fn project(&self) -> Option<&str> {
        Some(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}

/// Every row as it is written, the owner's first, the others by name.
fn rows(queue: &Queue, switches: &Switches, owner: &str) -> Vec<Value> {
    let mut visible = queue.visible(switches);
    let mut rows = Vec::new();
    if switches.owner_row {
        visible.remove(owner);
        rows.push(row(switches, owner, &Row::Administrator));
    }
    rows.extend(visible.iter().map(|(user, held)| row(switches, user, held)));
    rows
}

fn row(switches: &Switches, user: &str, held: &Row) -> Value {
    let spelled = |privilege: String| match switches.show_spelling {
        ShowSpelling::Singular if privilege == "SHOW_PRIVILEGES" => "SHOW_PRIVILEGE".to_owned(),
        ShowSpelling::Singular | ShowSpelling::Plural => privilege,
    };
    let privileges: Vec<String> = held.privileges().into_iter().map(spelled).collect();
    json!({
        "is_admin": *held == Row::Administrator,
        "user_name": user,
        "privileges": privileges,
    })
}

/// A parameter that is a number from 0.
pub(super) fn number(switches: &Switches, name: &str, text: Option<&str>) -> Result<Option<usize>, Answer> {
    let refuse = |_| {
        let message = format!("The parameter {name} is not a valid number.");
        bad_parameter(switches, &message)
    };
    text.map(|text| text.parse().map_err(refuse)).transpose()
}
