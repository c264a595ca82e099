//! What the pages on DataArts Studio workspace users leave open: each can be turned either way.

use serde::{Deserialize, Serialize};

use crate::switches::{OffsetUnit, OverLimit, Presence, Repetition};

/// What becomes of replacing the roles of someone who is no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateAbsent {
    /// 400 DAYU.4402.
    Refused,
    /// It makes a member.
    Creates,
}

/// What becomes of replacing somebody's roles by none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyRoles {
    /// 400 DAYU.4402.
    Refused,
    /// It removes the member.
    Removes,
}

/// What a call comes to some of whose members are refused; it is answered as a failure either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixedBatch {
    /// Nothing is done.
    RefusedWhole,
    /// The others are done.
    Partial,
}

/// How it is told that a call was understood but not carried out: someone whom IAM does not know, a role that
/// does not exist, the domain owner's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureAs {
    /// 200 with `is_success: false` and no message.
    #[serde(rename = "is_success_false")]
    IsSuccessFalse,
    /// 400 DAYU.4402.
    #[serde(rename = "dayu_4402")]
    Dayu4402,
}

/// How an absent workspace is told; 400 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkspaceAbsent {
    /// DLS.6036 in `errorCode` and `errorMsg`.
    #[serde(rename = "dls_6036")]
    Dls6036,
    /// DAYU.3601, which also says "no permission", in `errors[]`.
    #[serde(rename = "dayu_3601")]
    Dayu3601,
    /// DAYU.4402.
    #[serde(rename = "dayu_4402")]
    Dayu4402,
}

/// How `domain_owner` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerAs {
    /// `true`
    Boolean,
    /// `"true"`
    String,
}

/// Every switch of DataArts Studio with its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Unit of `offset` in the member list.
    pub offset_unit: OffsetUnit,
    /// Page size when no `limit` is given; none lists all.
    pub default_limit: Option<usize>,
    /// Largest page.
    pub max_limit: Option<usize>,
    /// What happens to a larger `limit`.
    pub over_limit: OverLimit,
    /// Tell the numbers of members and of pages in `count` and `total_page`.
    pub count_present: bool,
    /// Addition of someone who is a member: accepted with the roles beside those held, or refused.
    pub duplicate_add: Repetition,
    /// Removal of someone who is no member.
    pub delete_absent: Repetition,
    /// Replacement of the roles of someone who is no member.
    pub update_absent: UpdateAbsent,
    /// Replacement by no roles.
    pub empty_roles: EmptyRoles,
    /// A call some of whose members are refused.
    pub mixed_batch: MixedBatch,
    /// How a call that was not carried out is answered.
    pub failure_as: FailureAs,
    /// An `is_success` of true in the answers to writes.
    pub success_flag: Presence,
    /// Calls about a workspace that is not there.
    pub workspace_absent: WorkspaceAbsent,
    /// List the domain's owner as an administrator.
    pub owner_row: bool,
    /// How that row says so.
    pub owner_as: OwnerAs,
    /// How long lists do not show what a call has changed.
    pub visible_after_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            offset_unit: OffsetUnit::Rows,
            default_limit: None,
            max_limit: None,
            over_limit: OverLimit::Cap,
            count_present: true,
            duplicate_add: Repetition::Refused,
            delete_absent: Repetition::Refused,
            update_absent: UpdateAbsent::Refused,
            empty_roles: EmptyRoles::Refused,
            mixed_batch: MixedBatch::RefusedWhole,
            failure_as: FailureAs::IsSuccessFalse,
            success_flag: Presence::Shown,
            workspace_absent: WorkspaceAbsent::Dls6036,
            owner_row: true,
            owner_as: OwnerAs::Boolean,
            visible_after_ms: 0,
        }
    }
}
