//! "Associating a User to a Resource Pool" and its opposite: `POST …/workload/queues/{queue_name}/users/batch-create`
//! and `…/batch-delete`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    Batch, BusySpelling, Cluster, DEFAULT_POOL, Place, PlacedAlready, PlacedElsewhere, Switches, UnknownUser,
    bad_parameter, no_such_pool, server_error,
};
use crate::access::Verdict;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;

/// The request body.
#[derive(Deserialize)]
struct Parameters {
    queue_name: String,
    user_list: Vec<User>,
}

/// The page calls the name optional, and says nothing of what a user without one would be.
#[derive(Deserialize)]
struct User {
    user_name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Delete,
}

/// Users enter a pool, or leave it.
pub(super) struct Associate {
    place: Place,
    pool: String,
    verb: Verb,
    parameters: Result<Parameters, String>,
}

impl Associate {
    pub(super) fn read(place: Place, pool: &str, verb: Verb, request: &Received) -> Self {
        let parameters = serde_json::from_slice(&request.body).map_err(|error| error.to_string());
        Self { place, pool: pool.to_owned(), verb, parameters }
    }

    fn users(&self) -> impl Iterator<Item = &str> {
        let users = self.parameters.as_ref().map(|parameters| parameters.user_list.as_slice()).unwrap_or_default();
        users.iter().map(|user| user.user_name.as_str())
    }

    fn check(&self) -> Result<(), Answer> {
        let parameters = self.parameters.as_ref().map_err(|problem| bad_parameter(problem))?;
        if parameters.queue_name != self.pool {
            return Err(bad_parameter("The queue_name in the body is not the one in the URI."));
        }
        if self.users().next().is_none() || self.users().any(str::is_empty) {
            return Err(bad_parameter("The parameter user_list must name users."));
        }
        Ok(())
    }

    fn execute(&self, world: &mut World) -> Result<Outcome, Answer> {
        self.check()?;
        let switches = &world.switches.dws;
        let unknown: BTreeSet<&str> =
            self.users().filter(|user| world.iam.is_unknown(user, switches.user_names)).collect();
        let cluster = self.place.cluster_mut(&mut world.dws, switches)?;
        if switches.busy {
            return Err(busy(switches));
        }
        let done = Answer::ok(json!({"workload_res_code": 0, "workload_res_str": ""}));
        if !cluster.has_pool(&self.pool) {
            return match self.verb {
                Verb::Create => Err(no_such_pool(&self.pool)),
                Verb::Delete => Ok(done.into()),
            };
        }
        let verdict = |user: &str| {
            let key = switches.user_names.key(user);
            let verdict = match self.verb {
                Verb::Create => self.enters(switches, cluster, &key, unknown.contains(user)),
                Verb::Delete => self.leaves(cluster, &key),
            };
            (key, verdict)
        };
        let verdicts: Vec<(String, Verdict)> = self.users().map(verdict).collect();
        let outcome = cluster.list.apply(verdicts, switches.batch == Batch::Partial, done);
        for change in &outcome.changed {
            cluster.see(&change.principal);
        }
        Ok(outcome)
    }

    fn enters(&self, switches: &Switches, cluster: &Cluster, user: &str, unknown: bool) -> Verdict {
        let refuse = |message: &str| Err(Answer::workload(switches.refusal_status, 1, message));
        if self.pool == DEFAULT_POOL {
            return refuse("Users cannot be associated to default_pool.");
        }
        if unknown {
            let message = format!("User {user} does not exist.");
            return match switches.unknown_user {
                UnknownUser::Code => refuse(&message),
                UnknownUser::ServerError => Err(server_error(&message)),
            };
        }
        if cluster.list.is_administrator(user) {
            return refuse(&format!("User {user} is an administrator."));
        }
        let held = cluster.list.held(user);
        if held.contains(&self.pool) {
            if switches.placed_already == PlacedAlready::Refused {
                return refuse(&format!("User {user} is in this resource pool."));
            }
        } else if !held.is_empty() && switches.placed_elsewhere == PlacedElsewhere::Refused {
            return refuse(&format!("User {user} is in another resource pool."));
        }
        Ok(BTreeSet::from([self.pool.clone()]))
    }

    fn leaves(&self, cluster: &Cluster, user: &str) -> Verdict {
        if cluster.list.held(user).contains(&self.pool) {
            return Ok(BTreeSet::new());
        }
        Err(Answer { body: json!({"workload_res_code": 1}), ..Answer::workload(500, 1, "") })
    }
}

impl Operation for Associate {
    fn summary(&self) -> Summary {
        let (operation, action) = match self.verb {
            Verb::Create => ("AddQueueUserList", "grant"),
            Verb::Delete => ("DeleteQueueUserList", "revoke"),
        };
        Summary {
            principals: self.users().map(str::to_owned).collect(),
            action: Some(action.to_owned()),
            ..self.place.summary(operation, Some(&self.pool))
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.place.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.execute(world).unwrap_or_else(Outcome::from)
    }
}

fn busy(switches: &Switches) -> Answer {
    match switches.busy_spelling {
        BusySpelling::Plain => Answer::dws(403, "DWS.7023", "The cluster is busy: another operation is running."),
        BusySpelling::Wrapped => server_error("The request failed: DWS.7023, the cluster is busy."),
    }
}
