//! Alibaba E-HPC: clusters and their users, in both generations of the API.
//!
//! From the pages AddUsers, ListUsers, ModifyUserGroups, ModifyUserPasswords, DeleteUsers and DescribeCluster of
//! version 2018-04-12; CreateUsers, ListUsers, UpdateUser, DeleteUsers and GetCluster of 2024-07-30; the signature
//! from "V3 version of request structure and signature".

pub(crate) mod admin;
mod api;
mod clusters;
mod console;
mod gate;
mod parameters;
mod reads;
mod switches;
mod writes;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) use clusters::Cluster;
pub use clusters::VisibleTo;
pub(crate) use gate::{Gate, admit, claimed};
pub use switches::{
    AddExisting, Batch, DeleteAbsent, Form2024, ModifyAbsent, Post2018, SuccessAs, Switches, TotalCount, UpdateFailure,
    UsersWhenEmpty,
};

use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;
use api::{Api, Generation, Task, asked_for};
use parameters::Parameters;

/// All requests go to one path; a header names the action.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    if request.uri.path() != "/" {
        return None;
    }
    request.header("x-acs-action")?;
    Some(Box::new(Request { api: asked_for(request), parameters: Parameters::read(request) }))
}

struct Request {
    /// None for what is not published.
    api: Option<&'static Api>,
    parameters: Parameters,
}

impl Operation for Request {
    fn summary(&self) -> Summary {
        let summary = Summary { service: "ehpc", operation: "Unknown", ..Summary::default() };
        let Some(api) = self.api else {
            return summary;
        };
        let users = api.users(&self.parameters).unwrap_or_default();
        let groups: BTreeSet<&String> = users.iter().filter_map(|user| user.group.as_ref()).collect();
        let password =
            matches!(api.task, Task::SetPasswords | Task::Update) && users.iter().any(|user| user.password.is_some());
        Summary {
            operation: api.name,
            target: self.parameters.text("ClusterId").map(str::to_owned),
            privileges: groups.into_iter().cloned().collect(),
            action: password.then(|| "password".to_owned()),
            principals: users.into_iter().filter_map(|user| user.name).collect(),
            ..summary
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Alibaba
    }

    fn run(&self, world: &mut World) -> Outcome {
        self.handle(world).unwrap_or_else(Outcome::from)
    }
}

impl Request {
    fn handle(&self, world: &mut World) -> Result<Outcome, Answer> {
        let switches = world.switches.ehpc.clone();
        let api = self.api.ok_or_else(not_published)?;
        if switches.ram_denied.iter().any(|denied| denied == api.name) {
            return Err(error(407, "NotAuthorized", "You are not authorized by RAM for this request."));
        }
        let query_only = api.generation == Generation::V2024 && switches.form_2024 == Form2024::QueryOnly;
        let of_query = query_only.then(|| self.parameters.of_query());
        let parameters = of_query.as_ref().unwrap_or(&self.parameters);
        perform(api, &switches, parameters, world)
    }
}

/// An action, asked for by someone who may.
fn perform(api: &Api, switches: &Switches, parameters: &Parameters, world: &mut World) -> Result<Outcome, Answer> {
    let id = parameters.text("ClusterId").ok_or_else(|| missing("ClusterId"))?;
    match api.task {
        Task::ShowCluster => {
            let cluster = visible(world, api, id)?;
            Ok(reads::show(api.generation, id, cluster).into())
        }
        Task::List => {
            let page = reads::Page::read(parameters)?;
            let cluster = running(world, api, id)?;
            Ok(reads::list(api.generation, switches, cluster, &page).into())
        }
        Task::Add | Task::SetGroups | Task::SetPasswords | Task::Update | Task::Delete => {
            let unwelcome = |name: &str| world.iam.is_unknown(name, switches.names);
            let parts = writes::check(api, switches, api.users(parameters)?, unwelcome)?;
            let now = world.time_of_day();
            let cluster = running(world, api, id)?;
            Ok(writes::write(api.task, switches, cluster, &parts, now))
        }
    }
}

/// The cluster, if the action's generation sees it.
fn visible<'w>(world: &'w mut World, api: &Api, id: &str) -> Result<&'w mut Cluster, Answer> {
    let cluster = world.ehpc.get_mut(id).filter(|cluster| cluster.visible_to(api.generation));
    cluster.ok_or_else(|| error(404, "ClusterNotFound", "The specified cluster does not exist."))
}

/// The same, if it is in the status that users can be listed and changed in.
fn running<'w>(world: &'w mut World, api: &Api, id: &str) -> Result<&'w mut Cluster, Answer> {
    let cluster = visible(world, api, id)?;
    if cluster.status == "running" {
        return Ok(cluster);
    }
    let message = "The operation failed due to invalid cluster status.";
    Err(error(403, "InvalidClusterStatus", message))
}

/// Alibaba's error, of the gateway and of E-HPC; the request id is put in when it is sent.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({
        "RequestId": "",
        "HostId": "ehpc.aliyuncs.com",
        "Code": code,
        "Message": message,
        "Recommend": format!("https://api.alibabacloud.com/troubleshoot?q={code}&product=EHPC"),
    });
    Answer::error(status, Some(code), body)
}

/// 200 with this body and a request id.
fn success(mut body: Value) -> Answer {
    body["RequestId"] = Value::from("");
    Answer::ok(body)
}

fn not_published() -> Answer {
    error(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

fn missing(parameter: &str) -> Answer {
    error(400, &format!("Missing{parameter}"), &format!("{parameter} is mandatory for this action."))
}

/// Names the parameter, never its value.
fn invalid(parameter: &str) -> Answer {
    error(400, "InvalidParams", &format!("The specified parameter {parameter} is invalid."))
}
