//! Data Warehouse Service: resource pools, and which database users run in them.
//!
//! From the page "Associating a User to a Resource Pool" and its siblings: dissociating, querying the users of
//! a pool, querying all pools, querying a pool, querying whether resource management is on.

mod associate;
mod clusters;
mod pools;
mod switches;
mod users;

use axum::http::Method;
use serde_json::Value;

pub(crate) use clusters::Cluster;
pub use switches::{
    Batch, BusySpelling, ClusterAbsent, DefaultPoolUsers, PlacedAlready, PlacedElsewhere, Switches, UnknownUser,
};

use crate::access::Targets;
use crate::answer::Answer;
use crate::call::{Operation, Received, Summary};
use crate::switches::Presence;
use crate::world::World;
use associate::Verb;

/// The pool of whoever is in no other.
pub(crate) const DEFAULT_POOL: &str = "default_pool";

/// What all operations are about.
struct Place {
    project: String,
    cluster: String,
}

impl Place {
    /// What the journal and the faults get to see of an operation on a pool here.
    fn summary(&self, operation: &'static str, pool: Option<&str>) -> Summary {
        Summary {
            service: "dws",
            operation,
            target: Some(self.cluster.clone()),
            privileges: pool.map(str::to_owned).into_iter().collect(),
            ..Summary::default()
        }
    }

    fn cluster<'a>(&self, world: &'a World) -> Result<&'a Cluster, Answer> {
        world.dws.get(&self.cluster).ok_or_else(|| no_such_cluster(&world.switches.dws, &self.cluster))
    }

    fn cluster_mut<'a>(
        &self,
        clusters: &'a mut Targets<Cluster>,
        switches: &Switches,
    ) -> Result<&'a mut Cluster, Answer> {
        clusters.get_mut(&self.cluster).ok_or_else(|| no_such_cluster(switches, &self.cluster))
    }
}

/// The paths under `/v2/{project_id}/clusters/{cluster_id}/workload`.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v2", project, "clusters", cluster, "workload", rest @ ..] = path.as_slice() else {
        return None;
    };
    let place = Place { project: (*project).to_owned(), cluster: (*cluster).to_owned() };
    let logical_cluster = request.query("logical_cluster_name").is_some();
    Some(match (&request.method, rest) {
        (&Method::GET, []) => Box::new(pools::ShowWorkload { place }),
        (&Method::GET, ["queues"]) => Box::new(pools::ListWorkloadQueues { place, logical_cluster }),
        (&Method::GET, ["queues", pool]) => {
            Box::new(pools::ShowWorkloadQueue { place, pool: (*pool).to_owned(), logical_cluster })
        }
        (&Method::GET, ["queues", pool, "users"]) => {
            Box::new(users::ListWorkloadQueueUsers::read(place, pool, request))
        }
        (&Method::POST, ["queues", pool, "users", "batch-create"]) => {
            Box::new(associate::Associate::read(place, pool, Verb::Create, request))
        }
        (&Method::POST, ["queues", pool, "users", "batch-delete"]) => {
            Box::new(associate::Associate::read(place, pool, Verb::Delete, request))
        }
        _ => return None,
    })
}

/// A list, with a code or without.
fn list(switches: &Switches, mut body: Value) -> Answer {
    if switches.code_when_ok == Presence::Shown {
        body["workload_res_code"] = Value::from(0);
        body["workload_res_str"] = Value::from("");
    }
    Answer::ok(body)
}

fn bad_parameter(message: &str) -> Answer {
    Answer::dws(400, "DWS.0001", message)
}

/// "The value must be a valid DWS cluster ID": what is none is told at once.
fn no_such_cluster(switches: &Switches, id: &str) -> Answer {
    let uuid = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    if id.len() != 36 || !id.bytes().enumerate().all(uuid) {
        return bad_parameter("The cluster ID is not a UUID.");
    }
    let (status, code) = match switches.cluster_absent {
        ClusterAbsent::NotFound0047 => (404, "DWS.0047"),
        ClusterAbsent::NotFound3027 => (404, "DWS.3027"),
        ClusterAbsent::Unauthorized0047 => (401, "DWS.0047"),
        ClusterAbsent::Forbidden0015 => (403, "DWS.0015"),
    };
    Answer::dws(status, code, &format!("Cluster {id} does not exist or is not yours."))
}

fn server_error(message: &str) -> Answer {
    Answer::dws(500, "DWS.9999", message)
}

/// Told as any fault of the server would be.
fn no_such_pool(pool: &str) -> Answer {
    server_error(&format!("Failed to find the resource pool {pool}."))
}
