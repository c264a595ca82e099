//! "Granting Users with the Queue Usage Permission": `PUT /v1.0/{project_id}/queues/user-authorization`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::queues::Queue;
use super::{PRIVILEGES, bad_parameter, caller_needs, no_such_queue};
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::switches::{AdministratorRefusal, Repetition, Switches, UnknownGrantee};
use crate::world::World;

/// The request body; all fields are mandatory.
#[derive(Deserialize)]
struct Parameters {
    queue_name: String,
    user_name: String,
    action: String,
    privileges: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Grant,
    Revoke,
    Update,
}

/// A grant, revoke or update of one user's privileges on one queue.
pub(super) struct Authorize {
    project: String,
    parameters: Result<Parameters, String>,
}

impl Authorize {
    pub(super) fn read(project: String, request: &Received) -> Self {
        let parameters = serde_json::from_slice(&request.body).map_err(|error| error.to_string());
        Self { project, parameters }
    }

    fn execute(&self, world: &mut World) -> Result<Outcome, Answer> {
        let switches = world.switches.clone();
        let parameters = self.parameters.as_ref().map_err(|problem| bad_parameter(&switches, problem))?;
        let verb = parameters.check(&switches)?;
        let user = switches.user_names.key(&parameters.user_name);
        let unknown = world.iam.is_unknown(&parameters.user_name, switches.user_names);
        let owner = switches.owner_row && user == switches.user_names.key(&world.settings.queue_owner);
        let queue = world
            .dli
            .get_mut(&parameters.queue_name)
            .ok_or_else(|| no_such_queue(&switches, &parameters.queue_name.to_lowercase()))?;
        caller_needs(&switches, verb.needs())?;
        if owner || queue.list.is_administrator(&user) {
            return Err(administrator(&switches, &user));
        }
        let adds = verb != Verb::Revoke && !parameters.privileges.is_empty();
        if unknown && (adds || queue.list.row(&user).is_none()) {
            return Err(unknown_grantee(&switches, &user));
        }
        let wanted = verb.apply(&switches, queue, &user, &parameters.set())?;
        let changed = queue.list.set_by_call(&user, wanted);
        Ok(Outcome {
            answer: Answer::ok(json!({"is_success": true, "message": ""})),
            changed: changed.into_iter().collect(),
        })
    }
}

impl Operation for Authorize {
    fn summary(&self) -> Summary {
        let summary = Summary { service: "dli", operation: "AuthorizeQueueUser", ..Summary::default() };
        match &self.parameters {
            Ok(parameters) => Summary {
                target: Some(parameters.queue_name.to_lowercase()),
                principals: vec![parameters.user_name.clone()],
                action: Some(parameters.action.clone()),
                privileges: parameters.privileges.clone(),
                ..summary
            },
            Err(_) => summary,
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::HuaweiProject(&self.project)
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.execute(world).unwrap_or_else(Outcome::from)
    }
}

impl Parameters {
    fn set(&self) -> BTreeSet<String> {
        self.privileges.iter().cloned().collect()
    }

    /// What the page allows; `ALL` is in lists only.
    fn check(&self, switches: &Switches) -> Result<Verb, Answer> {
        let verb = match self.action.as_str() {
            "grant" => Verb::Grant,
            "revoke" => Verb::Revoke,
            "update" => Verb::Update,
            other => {
                let message = format!("The parameter action is invalid: {other}.");
                return Err(bad_parameter(switches, &message));
            }
        };
        if self.queue_name.is_empty() || self.user_name.is_empty() {
            let message = "The parameters queue_name and user_name must not be empty.";
            return Err(bad_parameter(switches, message));
        }
        if verb != Verb::Update && self.privileges.is_empty() {
            let message = "The parameter privileges must not be empty.";
            return Err(bad_parameter(switches, message));
        }
        let unknown = |privilege: &&String| !PRIVILEGES.contains(&privilege.as_str());
        match self.privileges.iter().find(unknown) {
            Some(privilege) => {
                let message = format!("The privilege {privilege} is invalid for queues.");
                Err(bad_parameter(switches, &message))
            }
            None => Ok(verb),
        }
    }
}

impl Verb {
    /// "Users can perform the update operation only when they have been granted with the grant and
    /// revoke permissions."
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Grant => &["GRANT_PRIVILEGE"],
            Self::Revoke => &["REVOKE_PRIVILEGE"],
            Self::Update => &["GRANT_PRIVILEGE", "REVOKE_PRIVILEGE"],
        }
    }

    /// What the user holds afterwards.
    fn apply(
        self,
        switches: &Switches,
        queue: &Queue,
        user: &str,
        named: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Answer> {
        let held = queue.list.held(user);
        match self {
            Self::Grant => {
                let again = named.intersection(&held).next();
                refuse_repetition(switches, switches.grant_held, "DLI.0006", again, |p| {
                    format!("The privilege {p} of user {user} already exists.")
                })?;
                Ok(held.union(named).cloned().collect())
            }
            Self::Revoke => {
                let absent = named.difference(&held).next();
                refuse_repetition(switches, switches.revoke_absent, "DLI.0002", absent, |p| {
                    format!("The object does not exist: privilege {p} of user {user}.")
                })?;
                Ok(held.difference(named).cloned().collect())
            }
            Self::Update => Ok(named.clone()),
        }
    }
}

fn refuse_repetition(
    switches: &Switches,
    habit: Repetition,
    code: &str,
    privilege: Option<&String>,
    message: impl Fn(&str) -> String,
) -> Result<(), Answer> {
    let Some(privilege) = privilege else {
        return Ok(());
    };
    match habit {
        Repetition::Ok => Ok(()),
        Repetition::Refused => Err(Answer::dli(switches, 400, code, &message(privilege))),
        Repetition::NotSuccess => Err(Answer::not_success("dli", &message(privilege))),
    }
}

fn administrator(switches: &Switches, user: &str) -> Answer {
    let message = format!("The privileges of administrator {user} cannot be changed.");
    match switches.administrator_refusal {
        AdministratorRefusal::NotSuccess => Answer::not_success("dli", &message),
        AdministratorRefusal::Permission => Answer::dli(switches, 400, "DLI.0003", &message),
    }
}

fn unknown_grantee(switches: &Switches, user: &str) -> Answer {
    let message = format!("The object does not exist: user named {user}.");
    match switches.unknown_grantee {
        UnknownGrantee::UnknownCode => Answer::dli(switches, 400, "DLI.2909", &message),
        UnknownGrantee::ObjectMissing => Answer::dli(switches, 400, "DLI.0002", &message),
        UnknownGrantee::NotSuccess => Answer::not_success("dli", &message),
    }
}
