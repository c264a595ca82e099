//! The published actions of both generations, and how each names its users.

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Deserialize;

use super::parameters::Parameters;
use super::{invalid, missing};
use crate::answer::Answer;
use crate::call::Received;

/// A generation of the API; the header `x-acs-version` tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// 2018-04-12
    V2018,
    /// 2024-07-30
    V2024,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Add,
    List,
    SetGroups,
    SetPasswords,
    Update,
    Delete,
    ShowCluster,
}

/// A published action.
pub(super) struct Api {
    pub(super) generation: Generation,
    pub(super) name: &'static str,
    pub(super) method: Method,
    pub(super) task: Task,
}

const fn api(generation: Generation, method: Method, name: &'static str, task: Task) -> Api {
    Api { generation, name, method, task }
}

/// With the methods that the vendor's metadata and SDKs give.
static PUBLISHED: [Api; 11] = [
    api(Generation::V2018, Method::GET, "AddUsers", Task::Add),
    api(Generation::V2018, Method::GET, "ListUsers", Task::List),
    api(Generation::V2018, Method::GET, "ModifyUserGroups", Task::SetGroups),
    api(Generation::V2018, Method::GET, "ModifyUserPasswords", Task::SetPasswords),
    api(Generation::V2018, Method::GET, "DeleteUsers", Task::Delete),
    api(Generation::V2018, Method::GET, "DescribeCluster", Task::ShowCluster),
    api(Generation::V2024, Method::POST, "CreateUsers", Task::Add),
    api(Generation::V2024, Method::GET, "ListUsers", Task::List),
    api(Generation::V2024, Method::POST, "UpdateUser", Task::Update),
    api(Generation::V2024, Method::GET, "DeleteUsers", Task::Delete),
    api(Generation::V2024, Method::POST, "GetCluster", Task::ShowCluster),
];

/// The action that a request asks for in its headers, if it is published.
pub(super) fn asked_for(request: &Received) -> Option<&'static Api> {
    let generation = match request.header("x-acs-version")? {
        "2018-04-12" => Generation::V2018,
        "2024-07-30" => Generation::V2024,
        _ => return None,
    };
    let name = request.header("x-acs-action")?;
    PUBLISHED.iter().find(|api| api.generation == generation && api.name == name)
}

/// A user as a request names it.
#[derive(Default, Deserialize)]
pub(super) struct Named {
    #[serde(rename = "UserName")]
    pub(super) name: Option<String>,
    #[serde(rename = "Group")]
    pub(super) group: Option<String>,
    #[serde(rename = "Password")]
    pub(super) password: Option<String>,
}

impl Api {
    /// The users that the parameters name, in the order of the request.
    pub(super) fn users(&self, parameters: &Parameters) -> Result<Vec<Named>, Answer> {
        let text = |name: &str| parameters.text(name).map(str::to_owned);
        match (self.task, self.generation) {
            (Task::List | Task::ShowCluster, _) => Ok(Vec::new()),
            (Task::Update, _) => {
                let name = Some(text("UserName").ok_or_else(|| missing("UserName"))?);
                Ok(vec![Named { name, group: text("Group"), password: text("Password") }])
            }
            (Task::Add | Task::SetGroups | Task::SetPasswords | Task::Delete, Generation::V2018) => flat(parameters),
            (Task::Add | Task::SetGroups | Task::SetPasswords | Task::Delete, Generation::V2024) => {
                let json = text("User").ok_or_else(|| missing("User"))?;
                serde_json::from_str(&json).map_err(|_| invalid("User"))
            }
        }
    }
}

/// `User.N.Field`, N from 1 without gaps.
fn flat(parameters: &Parameters) -> Result<Vec<Named>, Answer> {
    let mut users: BTreeMap<usize, Named> = BTreeMap::new();
    for (name, value) in parameters.starting_with("User.") {
        let (number, field) = name.split_once('.').ok_or_else(|| invalid("User"))?;
        let number = number.parse().map_err(|_| invalid("User"))?;
        let user = users.entry(number).or_default();
        let slot = match field {
            "Name" => &mut user.name,
            "Group" => &mut user.group,
            "Password" => &mut user.password,
            _ => continue,
        };
        slot.get_or_insert_with(|| value.to_owned());
    }
    if users.keys().copied().ne(1..=users.len()) {
        return Err(invalid("User"));
    }
    Ok(users.into_values().collect())
}
