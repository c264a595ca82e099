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
//! | `simulator` | the handle: router, credentials, journal, faults, switches |
//! | `console` | what is done to targets past all calls, as in the clouds' consoles |
//! | `access`, `paging` | what the services have in common: access lists, targets found by name, pages |
//! | `world` | the state behind the handle, one lock for all of it |
//! | `settings`, `switches` | what is given at the start; behaviours that can be turned either way |
//! | `call` | one received request, and the seam for a service's operations |
//! | `gateway` | one call from arrival to answer: admission, faults, effect, journal |
//! | `credentials`, `signature` | who is calling Huawei: access keys, lock-out, SDK-HMAC-SHA256 |
//! | `ehpc/gate`, `acs3` | who is calling Alibaba: access keys, nonces, ACS3-HMAC-SHA256 |
//! | `dli/`, `dws/`, `dataarts/`, `ehpc/`, `iam/` | one folder per service |
//! | `pods` | temporary keys of both clouds for a pod's token |
//! | `rate` | how many calls a second are let in |
//! | `faults`, `delivery` | scripted misbehaviour; how an answer is spoilt on its way |
//! | `journal` | what was called and what it changed |
//! | `admin` | the admin API over HTTP |
//!
//! A further service is one folder with its targets (an `access::Target`, a field of `World` and its place in
//! `World::services`), its operations (a line in `call::SERVICES`) and its switches (a field of [`Switches`]).

mod access;
pub mod acs3;
mod admin;
mod answer;
mod call;
mod console;
mod credentials;
pub mod dataarts;
mod delivery;
mod dli;
pub mod dws;
pub mod ehpc;
mod faults;
mod gateway;
mod iam;
mod journal;
mod paging;
mod pods;
mod rate;
mod settings;
pub mod signature;
mod simulator;
mod switches;
mod world;

pub use console::NoSuchTarget;
pub use delivery::ConnectionClosed;
pub use dli::QueueKind;
pub use faults::{Action, Fault, Reply};
pub use journal::{Change, Entry};
pub use settings::{AccessKey, Clock, IamUser, Settings};
pub use simulator::Simulator;
pub use switches::{
    AdministratorRefusal, DateRefusal, ErrorEnvelope, OffsetUnit, OverLimit, Presence, Repetition, ShowSpelling,
    StsDate, Switches, UnknownGrantee, UserNames,
};
