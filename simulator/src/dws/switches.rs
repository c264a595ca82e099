//! What the pages on DWS resource pools leave open: each can be turned either way.

use serde::{Deserialize, Serialize};

use crate::switches::{OffsetUnit, OverLimit, Presence, UserNames};

/// What becomes of associating a user who sits in another pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacedElsewhere {
    /// Refused with a nonzero `workload_res_code`: a user must leave one pool before entering another.
    Refused,
    /// The user moves.
    Moved,
}

/// What becomes of associating a user who sits in that pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacedAlready {
    /// Accepted.
    Ok,
    /// Refused with a nonzero `workload_res_code`.
    Refused,
}

/// The answer to associating a user whom the database does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownUser {
    /// A nonzero `workload_res_code`.
    Code,
    /// 500 DWS.9999.
    ServerError,
}

/// What a call comes to some of whose users are refused; it is answered as a failure either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    /// Nothing is done.
    Atomic,
    /// The others are done.
    Partial,
}

/// How an absent cluster is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterAbsent {
    /// 404 DWS.0047
    #[serde(rename = "404_0047")]
    NotFound0047,
    /// 404 DWS.3027
    #[serde(rename = "404_3027")]
    NotFound3027,
    /// 401 DWS.0047
    #[serde(rename = "401_0047")]
    Unauthorized0047,
    /// 403 DWS.0015
    #[serde(rename = "403_0015")]
    Forbidden0015,
}

/// How a busy cluster is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BusySpelling {
    /// 403 DWS.7023
    #[serde(rename = "7023")]
    Plain,
    /// 500 DWS.9999 whose message names DWS.7023.
    #[serde(rename = "wrapped_9999")]
    Wrapped,
}

/// Whether `default_pool` lists the users that are in no other pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultPoolUsers {
    /// Its list is empty.
    Hidden,
    /// It lists all whom the simulator has ever seen in a pool and who are in none now.
    Shown,
}

/// Every switch of DWS with its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Unit of `offset` in the user list.
    pub offset_unit: OffsetUnit,
    /// Largest page.
    pub max_limit: Option<usize>,
    /// What happens to a larger `limit`.
    pub over_limit: OverLimit,
    /// Tell the number of users in `count`.
    pub count_present: bool,
    /// A `workload_res_code` of 0 in lists.
    pub code_when_ok: Presence,
    /// Association of a user who sits in another pool.
    pub placed_elsewhere: PlacedElsewhere,
    /// Association of a user who sits in that pool.
    pub placed_already: PlacedAlready,
    /// Association of a user whom the database does not know.
    pub unknown_user: UnknownUser,
    /// A call some of whose users are refused.
    pub batch: Batch,
    /// Calls about a cluster that is not there.
    pub cluster_absent: ClusterAbsent,
    /// Refuse every write because the cluster is busy.
    pub busy: bool,
    /// How that is told.
    pub busy_spelling: BusySpelling,
    /// Pools of a logical cluster: the pool list and "show pool" have them only when called with
    /// `logical_cluster_name`, the calls about their users always.
    pub pools_hidden: Vec<String>,
    /// HTTP status of answers with a nonzero `workload_res_code` to an association: 200 or 400.
    pub refusal_status: u16,
    /// Case of database user names.
    pub user_names: UserNames,
    /// How long lists do not show what a call has changed.
    pub visible_after_ms: u64,
    /// The users of `default_pool`.
    pub default_pool_users: DefaultPoolUsers,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            offset_unit: OffsetUnit::Rows,
            max_limit: None,
            over_limit: OverLimit::Cap,
            count_present: true,
            code_when_ok: Presence::Shown,
            placed_elsewhere: PlacedElsewhere::Refused,
            placed_already: PlacedAlready::Ok,
            unknown_user: UnknownUser::Code,
            batch: Batch::Atomic,
            cluster_absent: ClusterAbsent::NotFound0047,
            busy: false,
            busy_spelling: BusySpelling::Plain,
            pools_hidden: Vec::new(),
            refusal_status: 200,
            user_names: UserNames::CaseSensitive,
            visible_after_ms: 0,
            default_pool_users: DefaultPoolUsers::Hidden,
        }
    }
}
