//! Behaviours that the vendor does not document, or that differ by place: each can be turned either way.

use serde::{Deserialize, Serialize};

use crate::{dataarts, dws, ehpc};

/// What `offset` counts in a paged list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetUnit {
    /// Rows to skip.
    Rows,
    /// Pages of `limit` rows to skip.
    Pages,
    /// Nothing: the first page again and again.
    Ignored,
}

/// What happens to a `limit` beyond the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLimit {
    /// The maximum is used instead, silently.
    Cap,
    /// 400 with the service's code for bad parameters.
    Refuse,
}

/// What happens to a grant of what is held, to a revoke of what is not, and to the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repetition {
    /// Accepted.
    Ok,
    /// 400 with a code. In DLI it is DLI.0006 for a grant, DLI.0002 (naming the privilege, not the queue) for a
    /// revoke; in DataArts Studio DAYU.4402.
    Refused,
    /// 200 with `is_success: false`.
    NotSuccess,
}

/// The answer to a grant for a user whom IAM does not know, or who has never logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownGrantee {
    /// 400 with a code that is in no published table.
    UnknownCode,
    /// 400 DLI.0002, its message naming the user.
    ObjectMissing,
    /// 200 with `is_success: false`.
    NotSuccess,
}

/// The answer to a change of an administrator's or the owner's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorRefusal {
    /// 200 with `is_success: false`.
    NotSuccess,
    /// 400 DLI.0003.
    Permission,
}

/// How lists spell the privilege to view other users' permissions. Writes take the plural only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowSpelling {
    /// `SHOW_PRIVILEGES`
    Plural,
    /// `SHOW_PRIVILEGE`, as older pages do.
    Singular,
}

/// Whether answers have a field that says no more than its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there.
    Shown,
    /// It is left out.
    Absent,
}

/// Whether user names that differ in case only are the same user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserNames {
    /// `Alice` and `alice` are two users.
    CaseSensitive,
    /// They are one, stored in lower case.
    CaseInsensitive,
}

impl UserNames {
    /// The name under which a user's row stands.
    pub(crate) fn key(self, user: &str) -> String {
        match self {
            Self::CaseSensitive => user.to_owned(),
            Self::CaseInsensitive => user.to_lowercase(),
        }
    }
}

/// The fields of a DLI error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorEnvelope {
    /// `error_code`, `error_msg`
    CodeAndMsg,
    /// `error_id`, `error_name`, `error_cause`, `error_suggestion`
    IdAndName,
}

/// The gateway's code for a signature date more than 15 minutes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DateRefusal {
    /// As for any bad signature.
    #[serde(rename = "APIGW.0301")]
    Apigw0301,
    /// As the gateway's own list of codes says.
    #[serde(rename = "APIGW.0303")]
    Apigw0303,
}

/// The date of a request that is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StsDate {
    /// One that is more than 15 minutes off is refused.
    Checked,
    /// It may be any.
    Ignored,
}

/// Every switch with its position: those of DLI and of the gateway, and nested those of each further service.
/// In JSON the field names and the variants in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Those of DWS.
    pub dws: dws::Switches,
    /// Those of DataArts Studio.
    pub dataarts: dataarts::Switches,
    /// Those of E-HPC, its gateway included.
    pub ehpc: ehpc::Switches,
    /// Unit of `offset` in the user list.
    pub offset_unit: OffsetUnit,
    /// Page size when no `limit` is given; none lists all.
    pub default_limit: Option<usize>,
    /// Largest page.
    pub max_limit: Option<usize>,
    /// What happens to a larger `limit`.
    pub over_limit: OverLimit,
    /// Refuse lists without `limit` and `offset`.
    pub paging_required: bool,
    /// Tell the number of users in `count`.
    pub count_present: bool,
    /// Grant of a privilege that is held.
    pub grant_held: Repetition,
    /// Revoke of a privilege that is not held.
    pub revoke_absent: Repetition,
    /// Grant to a user who is unknown or has never logged in.
    pub unknown_grantee: UnknownGrantee,
    /// Change of an administrator's row.
    pub administrator_refusal: AdministratorRefusal,
    /// Spelling of SHOW_PRIVILEGES in lists.
    pub show_spelling: ShowSpelling,
    /// Case of user names.
    pub user_names: UserNames,
    /// List the queue's owner as an administrator.
    pub owner_row: bool,
    /// Fields of error bodies.
    pub error_envelope: ErrorEnvelope,
    /// What the caller's user holds on every queue, of GRANT_PRIVILEGE, REVOKE_PRIVILEGE and
    /// SHOW_PRIVILEGES; what is missing is refused with DLI.0003.
    pub caller_privileges: Vec<String>,
    /// How long lists do not show what a call has granted.
    pub grant_visible_after_ms: u64,
    /// How long lists still show what a call has revoked.
    pub revoke_visible_after_ms: u64,
    /// Calls a second before 429 APIGW.0308; none is no limit.
    pub requests_per_second: Option<usize>,
    /// How long every call takes before it has an effect.
    pub latency_ms: u64,
    /// Seconds by which the cloud's clock is ahead of ours.
    pub clock_ahead_seconds: i64,
    /// Code for a date out of tolerance.
    pub date_refusal: DateRefusal,
    /// Life of an IAM token.
    pub token_lifetime_seconds: u64,
    /// Life of a key for a pod's agency.
    pub pod_key_lifetime_seconds: u64,
    /// Whether the date counts when a role is assumed.
    pub sts_date: StsDate,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            dws: dws::Switches::default(),
            dataarts: dataarts::Switches::default(),
            ehpc: ehpc::Switches::default(),
            offset_unit: OffsetUnit::Rows,
            default_limit: None,
            max_limit: None,
            over_limit: OverLimit::Cap,
            paging_required: false,
            count_present: false,
            grant_held: Repetition::Ok,
            revoke_absent: Repetition::Ok,
            unknown_grantee: UnknownGrantee::UnknownCode,
            administrator_refusal: AdministratorRefusal::NotSuccess,
            show_spelling: ShowSpelling::Plural,
            user_names: UserNames::CaseSensitive,
            owner_row: true,
            error_envelope: ErrorEnvelope::CodeAndMsg,
            caller_privileges: ["GRANT_PRIVILEGE", "REVOKE_PRIVILEGE", "SHOW_PRIVILEGES"].map(str::to_owned).to_vec(),
            grant_visible_after_ms: 0,
            revoke_visible_after_ms: 0,
            requests_per_second: None,
            latency_ms: 0,
            clock_ahead_seconds: 0,
            date_refusal: DateRefusal::Apigw0301,
            token_lifetime_seconds: 24 * 3600,
            pod_key_lifetime_seconds: 3600,
            sts_date: StsDate::Checked,
        }
    }
}
