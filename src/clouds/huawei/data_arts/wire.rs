//! What DataArts Studio's answers look like, and what is believed of them.

use serde::Deserialize;
use serde_json::Value;

use super::Member;
use super::identity::Facts;
use crate::clouds::CloudError;
use crate::clouds::huawei::paging::Page;
use crate::clouds::huawei::reply::{Answer, row_count};

/// `GET /v2/{project_id}/{workspace_id}/users`: "Obtaining Workspace User Information".
#[derive(Deserialize)]
struct Members {
    data: Option<Vec<MemberRow>>,
    /// How many members there are in all; a number, or one in quotes.
    count: Option<Value>,
}

#[derive(Deserialize)]
struct MemberRow {
    /// Of the user or the group; `id` is the row's own.
    user_id: String,
    user_name: Option<String>,
    domain_id: Option<String>,
    domain_name: Option<String>,
    domain_owner: Option<Value>,
    roles: Option<Vec<RoleRow>>,
    #[serde(rename = "type")]
    kind: Option<Value>,
}

#[derive(Deserialize)]
struct RoleRow {
    role_id: String,
}

/// A member, and what else the list says about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) member: Member,
    pub(super) facts: Facts,
}

/// One page of the members of a workspace.
pub(super) fn members(answer: &Answer) -> Result<Page<Row>, CloudError> {
    let body = answer.decode::<Members>("not a list of workspace members")?;
    let total = match &body.count {
        Some(count) => Some(row_count(count).ok_or_else(|| answer.unexpected("the total is no number"))?),
        None => None,
    };
    let rows = body.data.ok_or_else(|| answer.unexpected("no list in the answer"))?;
    let rows = rows.into_iter().map(|row| member(answer, row));
    Ok(Page { rows: rows.collect::<Result<_, _>>()?, total })
}

fn member(answer: &Answer, row: MemberRow) -> Result<Row, CloudError> {
    if row.user_id.is_empty() {
        return Err(answer.unexpected("a member without an id"));
    }
    let owner = match row.domain_owner {
        None | Some(Value::Null) => Some(false),
        Some(Value::Bool(owner)) => Some(owner),
        Some(Value::String(owner)) => owner.parse().ok(),
        Some(Value::Number(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let owner = owner.ok_or_else(|| answer.unexpected("it is not clear whether a member is the owner"))?;
    // An owner's roles are nobody's business.
    let roles = row.roles.or_else(|| owner.then(Vec::new));
    let roles = roles.ok_or_else(|| answer.unexpected("a member without a list of roles"))?;
    let facts = Facts {
        group: match row.kind.as_ref().and_then(row_count) {
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) | None => None,
        },
        name: said(row.user_name),
        domain_id: said(row.domain_id),
        domain_name: said(row.domain_name),
        domain_owner: owner,
    };
    let roles = roles.into_iter().map(|role| role.role_id).collect();
    Ok(Row { member: Member { id: row.user_id, roles, owner }, facts })
}

/// `GET /v3.0/OS-USER/users/{user_id}`: "Querying IAM User Details (Recommended)", and `GET /v3/groups/{group_id}`:
/// "Querying User Group Details", of the IAM API reference.
#[derive(Deserialize)]
struct Identified {
    #[serde(alias = "group")]
    user: IdentityRow,
}

#[derive(Deserialize)]
struct IdentityRow {
    id: String,
    name: String,
    domain_id: Option<String>,
    #[serde(default)]
    is_domain_owner: bool,
}

/// What IAM says of the user or the group with this id.
pub(super) fn identity(answer: &Answer, id: &str, group: bool) -> Result<Facts, CloudError> {
    match Identified::deserialize(&answer.json) {
        Ok(Identified { user }) if user.id == id && !user.name.is_empty() => Ok(Facts {
            group: Some(group),
            name: Some(user.name),
            domain_id: said(user.domain_id),
            domain_name: None,
            domain_owner: user.is_domain_owner,
        }),
        Ok(_) | Err(_) => Err(answer.unexpected("not what IAM says of the id that was asked for")),
    }
}

fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
