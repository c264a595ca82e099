//! The actions that change users: AddUsers, ModifyUserGroups, ModifyUserPasswords, DeleteUsers of 2018-04-12;
//! CreateUsers, UpdateUser, DeleteUsers of 2024-07-30.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{Api, Generation, Named, Task};
use super::clusters::Cluster;
use super::switches::{AddExisting, Batch, DeleteAbsent, ModifyAbsent, SuccessAs, Switches, UpdateFailure};
use super::{error, invalid, success};
use crate::answer::Answer;
use crate::call::Outcome;
use crate::journal::Change;

/// What a password may hold beside letters and digits.
const SPECIAL: &str = "()~!@#$%^&*-_+=|{}[]:;'/<>,.?";
const LONGEST: usize = 30;

/// One user's part of a write, checked.
pub(super) struct Part {
    /// Under which the user's row stands.
    user: String,
    group: Option<String>,
    password: Option<String>,
    /// The cluster's domain takes no such user.
    unwelcome: bool,
}

/// Checks what a request names against the documented rules. `unwelcome`: whom the cluster's domain does not take.
pub(super) fn check(
    api: &Api,
    switches: &Switches,
    users: Vec<Named>,
    unwelcome: impl Fn(&str) -> bool,
) -> Result<Vec<Part>, Answer> {
    let largest = if api.task == Task::Add && api.generation == Generation::V2024 { 20 } else { 100 };
    if !(1..=largest).contains(&users.len()) {
        return Err(invalid("User"));
    }
    let part = |user| part(api, switches, user, &unwelcome);
    let parts: Vec<Part> = users.into_iter().map(part).collect::<Result<_, _>>()?;
    let names: BTreeSet<&String> = parts.iter().map(|part| &part.user).collect();
    if names.len() == parts.len() { Ok(parts) } else { Err(invalid("User.Name")) }
}

fn part(api: &Api, switches: &Switches, named: Named, unwelcome: impl Fn(&str) -> bool) -> Result<Part, Answer> {
    let (shortest_name, shortest_password) = match api.generation {
        Generation::V2018 => (6, 8),
        Generation::V2024 => (switches.name_minimum_2024, switches.password_minimum_2024),
    };
    let name = named.name.filter(|name| !name.is_empty()).ok_or_else(|| invalid("User.Name"))?;
    // Users who were made in other ways may be changed and deleted whatever their names are.
    if api.task == Task::Add && !is_name(&name, shortest_name) {
        return Err(invalid("User.Name"));
    }
    let (takes_group, takes_password) = takes(api.task);
    let is_password = |text: &str| is_password(text, shortest_password);
    Ok(Part {
        unwelcome: unwelcome(&name),
        user: switches.names.key(&name),
        group: field(takes_group, "User.Group", named.group, is_group)?,
        password: field(takes_password, "User.Password", named.password, is_password)?,
    })
}

/// Whether an action has a parameter.
#[derive(Clone, Copy)]
enum Takes {
    No,
    Optionally,
    Always,
}

/// Whether an action takes the group and the password of a user.
fn takes(task: Task) -> (Takes, Takes) {
    match task {
        Task::Add => (Takes::Always, Takes::Always),
        Task::SetGroups => (Takes::Always, Takes::No),
        Task::SetPasswords => (Takes::No, Takes::Always),
        Task::Update => (Takes::Optionally, Takes::Optionally),
        Task::Delete | Task::List | Task::ShowCluster => (Takes::No, Takes::No),
    }
}

/// What counts of a parameter, unless it is wrong or lacking.
fn field(
    takes: Takes,
    name: &str,
    value: Option<String>,
    is_good: impl Fn(&str) -> bool,
) -> Result<Option<String>, Answer> {
    match (takes, value) {
        (Takes::No, _) | (Takes::Optionally, None) => Ok(None),
        (Takes::Optionally | Takes::Always, Some(value)) if is_good(&value) => Ok(Some(value)),
        (Takes::Optionally | Takes::Always, _) => Err(invalid(name)),
    }
}

fn is_group(text: &str) -> bool {
    ["users", "wheel"].contains(&text)
}

fn is_name(text: &str, shortest: usize) -> bool {
    (shortest..=LONGEST).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}

fn is_password(text: &str, shortest: usize) -> bool {
    let classes: [fn(char) -> bool; 4] =
        [|c| c.is_ascii_uppercase(), |c| c.is_ascii_lowercase(), |c| c.is_ascii_digit(), |c| SPECIAL.contains(c)];
    (shortest..=LONGEST).contains(&text.len())
        && text.chars().all(|c| classes.iter().any(|class| class(c)))
        && classes.iter().filter(|class| text.contains(**class)).count() >= 3
}

/// Does what can be done, or all, or nothing.
pub(super) fn write(task: Task, switches: &Switches, cluster: &mut Cluster, parts: &[Part], now: Timestamp) -> Outcome {
    let (mut good, mut culprits) = (Vec::new(), Vec::new());
    for part in parts {
        match refusal(task, switches, cluster, part) {
            None => good.push(part),
            Some(own) => culprits.push(own),
        }
    }
    let answer = match culprits.into_iter().next() {
        None => done(task, switches),
        Some(own) if good.is_empty() || switches.batch == Batch::Atomic => return own.into(),
        Some(_) => error(409, "PartFailure", "Part of the batch operation failed."),
    };
    let changed = good.into_iter().filter_map(|part| apply(task, cluster, part, now)).collect();
    Outcome { answer, changed }
}

/// Why one user's part cannot be done.
fn refusal(task: Task, switches: &Switches, cluster: &Cluster, part: &Part) -> Option<Answer> {
    let user = &part.user;
    let there = cluster.group(user).is_some();
    match task {
        Task::Add if part.unwelcome => Some(account("UserAddFailure", "Failed to add user to domain", user)),
        Task::Add if there && switches.add_existing == AddExisting::UserAlreadyExist => {
            Some(account("UserAlreadyExist", "The specified user already exists in domain", user))
        }
        Task::SetGroups | Task::SetPasswords if !there => Some(modify_absent(switches, part)),
        Task::Update if !there => Some(match switches.update_failure {
            UpdateFailure::Code => modify_absent(switches, part),
            UpdateFailure::SuccessFalse => Answer::error(200, None, updated(switches, false)),
        }),
        Task::Delete if !there => match switches.delete_absent {
            DeleteAbsent::UserNotExist => Some(not_exist(user)),
            DeleteAbsent::DeleteFailure => {
                Some(account("UserDeleteFailure", "Failed to delete user from domain", user))
            }
            DeleteAbsent::Ok => None,
        },
        Task::Add
        | Task::SetGroups
        | Task::SetPasswords
        | Task::Update
        | Task::Delete
        | Task::List
        | Task::ShowCluster => None,
    }
}

fn modify_absent(switches: &Switches, part: &Part) -> Answer {
    match (switches.modify_absent, &part.group) {
        (ModifyAbsent::UserNotExist, _) => not_exist(&part.user),
        (ModifyAbsent::ModifyFailure, Some(_)) => {
            account("UserModifyGroupFailure", "Failed to modify the group of user", &part.user)
        }
        (ModifyAbsent::ModifyFailure, None) => {
            account("UserChangePasswordFailure", "Failed to change the password of user", &part.user)
        }
    }
}

fn not_exist(user: &str) -> Answer {
    account("UserNotExist", "The specified user does not exist in domain", user)
}

fn account(code: &str, message: &str, user: &str) -> Answer {
    error(406, &format!("AgentError.Account.{code}"), &format!("{message}: {user}."))
}

fn apply(task: Task, cluster: &mut Cluster, part: &Part, now: Timestamp) -> Option<Change> {
    let Part { user, group, password, .. } = part;
    match (task, group, password) {
        (Task::Add, Some(group), Some(password)) => cluster.add(user, group, password, now),
        (Task::Delete, _, _) => cluster.delete(user),
        (_, group, password) => {
            if let Some(password) = password {
                cluster.set_password(user, password);
            }
            group.as_ref().and_then(|group| cluster.set_group(user, group))
        }
    }
}

fn done(task: Task, switches: &Switches) -> Answer {
    if task == Task::Update { Answer::ok(updated(switches, true)) } else { success(json!({})) }
}

fn updated(switches: &Switches, success: bool) -> Value {
    let told = match switches.success_as {
        SuccessAs::String => Value::from(success.to_string()),
        SuccessAs::Boolean => Value::from(success),
    };
    json!({"RequestId": "", "Success": told})
}
