//! Stand-ins for the clouds that the operator talks to, written from the vendors' public pages alone.
//!
//! One [`Simulator`] is a whole cloud account: its services, its gateway, and an admin API to arrange
//! it and to look at what really happened. It runs in-process ([`Simulator::router`] with a call per
//! request, under paused time if wished) and as a process of its own (the binary of this package).
//!
//! The code map:
//!
//! | file | what it does |
//! | --- | --- |
//! | `simulator` | the handle: every admin operation as a method |
//! | `world` | the state behind the handle, one lock for all of it |
//! | `settings`, `switches` | what is given at the start; behaviours that can be turned either way |
//! | `call` | one received request, and the seam for a service's operations |
//! | `gateway` | one call from arrival to answer: admission, faults, effect, journal |
//! | `credentials`, `signature` | who is calling: access keys, lock-out, SDK-HMAC-SHA256 |
//! | `dli/`, `iam` | one folder or file per service |
//! | `faults`, `delivery` | scripted misbehaviour; how an answer is spoilt on its way |
//! | `journal` | what was called and what it changed |
//! | `admin` | the admin API over HTTP |
//!
//! A further service is one file with its state (a field of `World`) and its operations (a line in
//! `call::SERVICES`).

mod admin;
mod answer;
mod call;
mod credentials;
mod delivery;
mod dli;
mod faults;
mod gateway;
mod iam;
mod journal;
mod settings;
pub mod signature;
mod simulator;
mod switches;
mod world;

pub use delivery::ConnectionClosed;
pub use dli::QueueKind;
pub use faults::{Action, Fault, Reply};
pub use journal::{Change, Entry};
pub use settings::{AccessKey, Clock, IamUser, Settings};
pub use simulator::{NoSuchQueue, Simulator};
pub use switches::{
    AdministratorRefusal, DateRefusal, ErrorEnvelope, OffsetUnit, OverLimit, Repetition, ShowSpelling, Switches,
    UnknownGrantee, UserNames,
};
