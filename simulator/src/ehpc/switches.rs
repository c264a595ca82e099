//! What Alibaba's pages on E-HPC leave open, or say differently in two places: each can be turned either way.

use serde::{Deserialize, Serialize};

use crate::switches::UserNames;

/// What becomes of a POST to the 2018 generation, whose actions are published for GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Post2018 {
    /// 400 UnsupportedHTTPMethod.
    Refused,
    /// 403 with the same code, as other pages have it.
    #[serde(rename = "refused_403")]
    Refused403,
    /// Handled, parameters of a form included.
    Accepted,
}

/// Whether the 2024 generation sees the parameters of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form2024 {
    /// Those of the query and those of the form.
    Accepted,
    /// Those of the query only.
    QueryOnly,
}

/// What a batch comes to when a part of it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    /// The others are done: 409 PartFailure. The culprit's own code if nothing is left to be done.
    Partial,
    /// Nothing is done; the first culprit's own code.
    Atomic,
}

/// The answer to an addition of a user who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddExisting {
    /// 406 AgentError.Account.UserAlreadyExist.
    UserAlreadyExist,
    /// Accepted: group and password are replaced.
    Ok,
}

/// The answer to a deletion of a user who is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteAbsent {
    /// 406 AgentError.Account.UserNotExist.
    UserNotExist,
    /// 406 AgentError.Account.UserDeleteFailure.
    DeleteFailure,
    /// Accepted.
    Ok,
}

/// The answer to a change of a user who is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModifyAbsent {
    /// 406 AgentError.Account.UserNotExist.
    UserNotExist,
    /// 406 AgentError.Account.UserModifyGroupFailure, or UserChangePasswordFailure where no group is named.
    ModifyFailure,
}

/// The JSON type of `Success` in the answer of UpdateUser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessAs {
    /// `"true"`
    String,
    /// `true`
    Boolean,
}

/// How UpdateUser says that the user is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateFailure {
    /// With the code of [`ModifyAbsent`].
    Code,
    /// 200 with `Success` false.
    SuccessFalse,
}

/// What `TotalCount` says in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalCount {
    /// How many users there are.
    Right,
    /// Fewer, as in the published sample.
    Small,
    /// Nothing: it is left out.
    Absent,
}

/// `Users` on a page without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsersWhenEmpty {
    /// `{"UserInfo": []}`
    EmptyList,
    /// `null`
    Null,
    /// Left out.
    Absent,
    /// `{}`
    ObjectWithoutList,
}

/// Every switch of E-HPC with its position. In JSON the field names and the variants in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// POST to the 2018 generation.
    pub post_2018: Post2018,
    /// Forms sent to the 2024 generation.
    pub form_2024: Form2024,
    /// Batches of which a part is refused.
    pub batch: Batch,
    /// Addition of a user who is there.
    pub add_existing: AddExisting,
    /// Deletion of a user who is not there.
    pub delete_absent: DeleteAbsent,
    /// Change of a user who is not there.
    pub modify_absent: ModifyAbsent,
    /// JSON type of `Success`.
    pub success_as: SuccessAs,
    /// How UpdateUser says that the user is not there.
    pub update_failure: UpdateFailure,
    /// Largest page; a larger `PageSize`, up to the documented 50, is cut, and the answer says so.
    pub page_size_max: usize,
    /// `TotalCount` of lists.
    pub total_count: TotalCount,
    /// `Users` of a page without rows.
    pub users_when_empty: UsersWhenEmpty,
    /// Calls a second before Throttling.User; none is no limit.
    pub throttling: Option<usize>,
    /// HTTP status of Throttling.User.
    pub throttling_status: u16,
    /// `x-acs-retry-after` beside Throttling.User, in milliseconds; none leaves it out.
    pub retry_after_ms: Option<u64>,
    /// Case of user names.
    pub names: UserNames,
    /// How long lists do not show what a call has changed.
    pub visible_after_ms: u64,
    /// Shortest user name that the 2024 generation takes.
    pub name_minimum_2024: usize,
    /// Shortest password that the 2024 generation takes.
    pub password_minimum_2024: usize,
    /// Actions that RAM denies to the caller: 407 NotAuthorized.
    pub ram_denied: Vec<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            post_2018: Post2018::Refused,
            form_2024: Form2024::Accepted,
            batch: Batch::Partial,
            add_existing: AddExisting::UserAlreadyExist,
            delete_absent: DeleteAbsent::UserNotExist,
            modify_absent: ModifyAbsent::UserNotExist,
            success_as: SuccessAs::String,
            update_failure: UpdateFailure::Code,
            page_size_max: 50,
            total_count: TotalCount::Right,
            users_when_empty: UsersWhenEmpty::EmptyList,
            throttling: None,
            throttling_status: 400,
            retry_after_ms: None,
            names: UserNames::CaseSensitive,
            visible_after_ms: 0,
            name_minimum_2024: 1,
            password_minimum_2024: 8,
            ram_denied: Vec::new(),
        }
    }
}
