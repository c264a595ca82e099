//! The actions that tell: ListUsers of both generations, DescribeCluster of 2018-04-12, GetCluster of 2024-07-30.

use serde_json::{Value, json};

use super::api::Generation;
use super::clusters::{Account, Cluster};
use super::parameters::Parameters;
use super::success;
use super::switches::{Switches, TotalCount, UsersWhenEmpty};
use crate::answer::Answer;

/// The largest `PageSize` that is documented.
const LARGEST_PAGE: usize = 50;

/// A page of a list, from 1.
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Answer> {
        let number = parameters.number("PageNumber", 1, usize::MAX)?;
        let size = parameters.number("PageSize", 10, LARGEST_PAGE)?;
        Ok(Self { number, size })
    }
}

/// ListUsers
pub(super) fn list(generation: Generation, switches: &Switches, cluster: &Cluster, page: &Page) -> Answer {
    let size = page.size.min(switches.page_size_max);
    let listed = cluster.listed(switches.visible_after_ms);
    let total = listed.len();
    let skipped = (page.number - 1).saturating_mul(size);
    let rows: Vec<Value> = listed.into_iter().skip(skipped).take(size).map(|user| row(generation, user)).collect();
    let mut body = json!({"PageNumber": page.number, "PageSize": size});
    match switches.total_count {
        TotalCount::Right => body["TotalCount"] = Value::from(total),
        TotalCount::Small => body["TotalCount"] = Value::from(total / 2),
        TotalCount::Absent => {}
    }
    match (rows.is_empty(), switches.users_when_empty) {
        (false, _) | (true, UsersWhenEmpty::EmptyList) => body["Users"] = json!({"UserInfo": rows}),
        (true, UsersWhenEmpty::Null) => body["Users"] = Value::Null,
        (true, UsersWhenEmpty::ObjectWithoutList) => body["Users"] = json!({}),
        (true, UsersWhenEmpty::Absent) => {}
    }
    success(body)
}

fn row(generation: Generation, (name, group, account): (String, String, Account)) -> Value {
    match generation {
        Generation::V2018 => {
            let added = account.added.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            json!({"Name": name, "Group": group, "AddTime": added})
        }
        Generation::V2024 => json!({
            "UserName": name,
            "Group": group,
            "UserId": account.id.to_string(),
            "GroupId": if group == "wheel" { "10" } else { "100" },
            "AddTime": account.added.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }),
    }
}

/// DescribeCluster, GetCluster
pub(super) fn show(generation: Generation, id: &str, cluster: &Cluster) -> Answer {
    let status = &cluster.status;
    success(match generation {
        Generation::V2018 => json!({"ClusterInfo": {"Id": id, "Name": id, "AccountType": "nis", "Status": status}}),
        Generation::V2024 => json!({"ClusterId": id, "ClusterName": id, "ClusterStatus": status}),
    })
}
