//! Leader election on a Lease: of several replicas one acts. The others watch, and take over when it is gone.
//!
//! | module | what for |
//! | --- | --- |
//! | `record` | what the Lease says, and what may be done about it. Pure |
//! | `election` | takes the Lease, renews it, and gives it back |
//! | [`Leadership`] | until when this process may act; asked before every write |
//! | [`LeaderOnly`] | calls to the clouds, by the leader alone |
//!
//! Time is the local monotonic clock's: what the Lease says of times is for people. A holder stops when three quarters of the
//! duration have passed since it *began* its last good renewal; another takes the Lease when the whole duration has passed since
//! it *saw* that renewal.

mod election;
mod leadership;
mod record;
mod transport;

pub use election::{Election, Lost, Settings};
pub use leadership::{Leadership, NotLeading};
pub use transport::LeaderOnly;
