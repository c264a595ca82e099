//! What the simulator does, over its router, one sentence per test. Time is paused throughout.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod acs3;
mod admin;
mod dataarts_members;
mod dataarts_writes;
mod dws_pools;
mod dws_users;
mod ehpc_caller;
mod ehpc_gate;
mod ehpc_journal;
mod ehpc_lists;
mod ehpc_users;
mod faults;
mod gateway;
mod grants;
mod harness;
mod iam;
mod journal;
mod lists;
mod pods;
mod signing;
mod targets;
mod timing;
mod wire;
