//! Querying all pools, one pool, and whether resource management is on.

use serde_json::{Value, json};

use super::{Place, list};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Summary};
use crate::world::World;

/// `GET …/workload`: whether resource management is on, which it is.
pub(super) struct ShowWorkload {
    pub(super) place: Place,
}

impl Operation for ShowWorkload {
    fn summary(&self) -> Summary {
        self.place.summary("ShowWorkload", None)
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        if let Err(absent) = self.place.cluster(world) {
            return absent.into();
        }
        let body = json!({
            "workload_res_code": 0,
            "workload_res_str": "",
            "workload_status": {"workload_switch": "on", "max_concurrency_num": "60"},
        });
        Answer::ok(body).into()
    }
}

/// `GET …/workload/queues`: the names of the pools, all at once.
pub(super) struct ListWorkloadQueues {
    pub(super) place: Place,
    /// A logical cluster was named.
    pub(super) logical_cluster: bool,
}

impl Operation for ListWorkloadQueues {
    fn summary(&self) -> Summary {
        self.place.summary("ListWorkloadQueues", None)
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        let cluster = match self.place.cluster(world) {
            Ok(cluster) => cluster,
            Err(absent) => return absent.into(),
        };
        let told = cluster.pools().filter(|pool| shown(world, pool, self.logical_cluster));
        let names: Vec<&str> = told.collect();
        list(&world.switches.dws, json!({"workload_queue_name_list": names})).into()
    }
}

/// `GET …/workload/queues/{queue_name}`.
pub(super) struct ShowWorkloadQueue {
    pub(super) place: Place,
    pub(super) pool: String,
    /// A logical cluster was named.
    pub(super) logical_cluster: bool,
}

impl Operation for ShowWorkloadQueue {
    fn summary(&self) -> Summary {
        self.place.summary("ShowWorkloadQueue", Some(&self.pool))
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        let cluster = match self.place.cluster(world) {
            Ok(cluster) => cluster,
            Err(absent) => return absent.into(),
        };
        if !cluster.has_pool(&self.pool) || !shown(world, &self.pool, self.logical_cluster) {
            let mut answer = Answer::workload(500, 1, "Failed to query the resource pool.");
            answer.body["workload_queue"] = Value::Null;
            return answer.into();
        }
        let body = json!({
            "workload_res_code": 0,
            "workload_res_str": "",
            "workload_queue": {"queue_name": self.pool, "short_query_optimize": "true"},
        });
        Answer::ok(body).into()
    }
}

/// Pools of a logical cluster are told to those who name it.
fn shown(world: &World, pool: &str, logical_cluster: bool) -> bool {
    logical_cluster || !world.switches.dws.pools_hidden.iter().any(|hidden| hidden == pool)
}
