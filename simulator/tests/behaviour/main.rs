//! What the simulator does, over its router, one sentence per test. Time is paused throughout.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod admin;
mod faults;
mod gateway;
mod grants;
mod harness;
mod iam;
mod journal;
mod lists;
mod signing;
mod timing;
mod wire;
