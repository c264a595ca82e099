//! Querying the users of a pool: `GET …/workload/queues/{queue_name}/users`.

use serde_json::{Value, json};

use super::{DEFAULT_POOL, DefaultPoolUsers, Place, bad_parameter, list, no_such_pool};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::paging::Paging;
use crate::world::World;

/// "The default value is 10."
const DEFAULT_LIMIT: usize = 10;

/// One page of a pool's users.
pub(super) struct ListWorkloadQueueUsers {
    place: Place,
    pool: String,
    limit: Option<String>,
    offset: Option<String>,
}

impl ListWorkloadQueueUsers {
    pub(super) fn read(place: Place, pool: &str, request: &Received) -> Self {
        Self { place, pool: pool.to_owned(), limit: request.query("limit"), offset: request.query("offset") }
    }

    fn answer(&self, world: &World) -> Result<Answer, Answer> {
        let switches = &world.switches.dws;
        let paging = Paging {
            unit: switches.offset_unit,
            default_limit: Some(DEFAULT_LIMIT),
            max_limit: switches.max_limit,
            over_limit: switches.over_limit,
        };
        let page = paging.page(self.limit.as_deref(), self.offset.as_deref());
        let page = page.map_err(|problem| bad_parameter(&problem))?;
        let cluster = self.place.cluster(world)?;
        if !cluster.has_pool(&self.pool) {
            return Err(no_such_pool(&self.pool));
        }
        let mut users = cluster.members(&self.pool, switches.visible_after_ms);
        if self.pool == DEFAULT_POOL {
            let shown = switches.default_pool_users == DefaultPoolUsers::Shown;
            users.retain(|user| shown && !world.iam.is_unknown(user, switches.user_names));
        }
        let count = users.len();
        let row = |user| json!({"user_name": user, "occupy_resource_list": []});
        let rows: Vec<Value> = page.of(users).into_iter().map(row).collect();
        let mut body = json!({"queue_name": self.pool, "user_list": rows});
        if switches.count_present {
            body["count"] = Value::from(count);
        }
        Ok(list(switches, body))
    }
}

impl Operation for ListWorkloadQueueUsers {
    fn summary(&self) -> Summary {
        self.place.summary("ListWorkloadQueueUsers", Some(&self.pool))
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.answer(world).unwrap_or_else(|refusal| refusal).into()
    }
}
