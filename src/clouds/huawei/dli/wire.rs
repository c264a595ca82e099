//! What DLI's answers look like, and what is believed of them.

use serde::Deserialize;

use super::QueueUser;
use crate::clouds::CloudError;
use crate::clouds::huawei::paging::Page;
use crate::clouds::huawei::reply::Answer;

/// What an administrator's row shows in place of privileges.
pub(super) const ALL: &str = "ALL";
/// An old spelling of a privilege, and today's.
const SHOW: [&str; 2] = ["SHOW_PRIVILEGE", "SHOW_PRIVILEGES"];

/// `GET /v1.0/{project_id}/queues/{queue_name}/users`: "Querying Queue Users".
#[derive(Deserialize)]
struct Users {
    is_success: Option<bool>,
    queue_name: Option<String>,
    privileges: Option<Vec<UserRow>>,
    /// How many users there are in all; not always there.
    count: Option<usize>,
}

#[derive(Deserialize)]
struct UserRow {
    is_admin: Option<bool>,
    user_name: Option<String>,
    privileges: Option<Vec<String>>,
}

/// `GET /v1.0/{project_id}/queues`: "Querying All Queues".
#[derive(Deserialize)]
struct Queues {
    is_success: Option<bool>,
    #[serde(rename = "queues")]
    rows: Option<Vec<QueueRow>>,
    #[serde(alias = "queue_count")]
    count: Option<usize>,
}

#[derive(Deserialize)]
struct QueueRow {
    #[serde(alias = "queueName")]
    queue_name: Option<String>,
}

/// One page of the users of `queue`. The vendor's page calls every field optional; a list that leaves out what it is
/// read for is none.
pub(super) fn users(answer: &Answer, queue: &str) -> Result<Page<QueueUser>, CloudError> {
    let body = answer.decode::<Users>("not a list of queue users")?;
    if body.queue_name.is_some_and(|name| !name.eq_ignore_ascii_case(queue)) {
        return Err(answer.unexpected("a list of another queue's users"));
    }
    let rows = body.privileges.ok_or_else(|| answer.unexpected("no list in the answer"))?;
    if rows.is_empty() && body.is_success != Some(true) {
        return Err(answer.unexpected("an empty list that is not said to be a success"));
    }
    let rows = rows.into_iter().map(|row| {
        let privileges = row.privileges.ok_or_else(|| answer.unexpected("a user without a list of privileges"))?;
        let name = row.user_name.filter(|name| !name.is_empty());
        Ok(QueueUser {
            name: name.ok_or_else(|| answer.unexpected("a user without a name"))?,
            admin: row.is_admin == Some(true) || privileges.iter().any(|privilege| privilege == ALL),
            privileges: privileges.into_iter().map(today).collect(),
        })
    });
    Ok(Page { rows: rows.collect::<Result<_, CloudError>>()?, total: body.count })
}

/// Does the list of all queues show `queue`?
pub(super) fn has_queue(answer: &Answer, queue: &str) -> Result<bool, CloudError> {
    let body = answer.decode::<Queues>("not a list of queues")?;
    let (Some(true), Some(rows)) = (body.is_success, body.rows) else {
        return Err(answer.unexpected("no list of queues in the answer"));
    };
    if body.count.is_some_and(|count| count != rows.len()) {
        return Err(answer.unexpected("an incomplete list of queues"));
    }
    let names: Option<Vec<String>> = rows.into_iter().map(|row| row.queue_name).collect();
    let names = names.ok_or_else(|| answer.unexpected("a queue without a name"))?;
    Ok(names.iter().any(|name| name.eq_ignore_ascii_case(queue)))
}

fn today(privilege: String) -> String {
    if privilege == SHOW[0] { SHOW[1].to_owned() } else { privilege }
}
