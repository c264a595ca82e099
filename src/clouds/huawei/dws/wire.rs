//! What DWS's answers look like, and what is believed of them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::clouds::CloudError;
use crate::clouds::huawei::paging::Page;
use crate::clouds::huawei::reply::{Answer, row_count};

/// `GET …/workload/queues`: "Querying Resource Pools". Names, or of late whole pools.
#[derive(Deserialize)]
struct Pools {
    #[serde(rename = "workload_queue_name_list")]
    names: Option<Vec<String>>,
    queue_list: Option<Vec<PoolRow>>,
}

/// A pool in the list of pools, or shown alone.
#[derive(Deserialize)]
struct PoolRow {
    queue_name: String,
}

/// `GET …/workload/queues/{queue_name}/users`: "Querying the List of Users Bound to a Resource Pool".
#[derive(Deserialize)]
struct Users {
    queue_name: Option<String>,
    user_list: Option<Vec<UserRow>>,
    /// How many users there are in all.
    count: Option<Value>,
}

#[derive(Deserialize)]
struct UserRow {
    user_name: String,
}

/// A success says 0, or nothing; a code of another kind says nothing that can be relied on.
pub(super) fn accepted(answer: &Answer) -> Result<(), CloudError> {
    let code = answer.json.get("workload_res_code").filter(|code| !code.is_null());
    if answer.json.is_object() && code.is_none_or(|code| *code == 0 || *code == "0") {
        Ok(())
    } else {
        Err(answer.unexpected("the answer does not say whether it was done"))
    }
}

/// The names of the cluster's pools.
pub(super) fn pools(answer: &Answer) -> Result<BTreeSet<String>, CloudError> {
    accepted(answer)?;
    let body = answer.decode::<Pools>("not a list of resource pools")?;
    let rows = body.queue_list.map(|rows| rows.into_iter().map(|row| row.queue_name));
    if body.names.is_none() && rows.is_none() {
        return Err(answer.unexpected("no list of resource pools in the answer"));
    }
    Ok(body.names.into_iter().flatten().chain(rows.into_iter().flatten()).collect())
}

/// Is `pool` shown? An answer that does not speak of any pool is none.
pub(super) fn shows(answer: &Answer, pool: &str) -> Result<bool, CloudError> {
    accepted(answer)?;
    match answer.json.get("workload_queue") {
        Some(Value::Null) => Ok(false),
        Some(shown) => match PoolRow::deserialize(shown) {
            Ok(row) if row.queue_name.eq_ignore_ascii_case(pool) => Ok(true),
            Ok(_) | Err(_) => Err(answer.unexpected("not the resource pool that was asked for")),
        },
        None => Err(answer.unexpected("no resource pool in the answer")),
    }
}

/// One page of the names of `pool`'s users. A list may be left out only if it is said to have no rows.
pub(super) fn users(answer: &Answer, pool: &str) -> Result<Page<String>, CloudError> {
    accepted(answer)?;
    let body = answer.decode::<Users>("not a list of resource pool users")?;
    if body.queue_name.is_some_and(|name| !name.eq_ignore_ascii_case(pool)) {
        return Err(answer.unexpected("a list of another resource pool's users"));
    }
    let total = match &body.count {
        Some(count) => Some(row_count(count).ok_or_else(|| answer.unexpected("the total is no number"))?),
        None => None,
    };
    let rows = body.user_list.or_else(|| (total == Some(0)).then(Vec::new));
    let rows: Vec<String> =
        rows.ok_or_else(|| answer.unexpected("no list in the answer"))?.into_iter().map(|row| row.user_name).collect();
    if rows.iter().any(String::is_empty) {
        return Err(answer.unexpected("a user without a name"));
    }
    Ok(Page { rows, total })
}
