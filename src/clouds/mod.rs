//! HTTP clients for the clouds: they know nothing of Kubernetes.
//!
//! | module | what for |
//! | --- | --- |
//! | [`endpoint`] | which hosts credentials may be sent to |
//! | [`transport`](Transport) | one HTTP exchange, with limits; tests replace it |
//! | `budget` | how fast one account may call, and when it must pause |
//! | `redact` | makes a vendor's words fit to be shown |
//! | [`CloudError`] | what a call ends in, one variant per reaction |
//! | [`huawei`] | Huawei Cloud: signing, tokens, errors, services |
//!
//! # Invariants
//!
//! - What could not be read completely is an error, never an absence.
//! - A credential leaves only in the request it authenticates, to an allowed endpoint, and shows in no error and no log.
//! - A call is not sent later than its caller allowed, and ends soon after: see [`IN_FLIGHT`].
//! - Nothing is sent twice, but for a request refused for its credentials, and that once.

pub mod endpoint;
pub mod huawei;

mod budget;
mod error;
mod redact;
#[cfg(test)]
mod script;
mod transport;

use std::time::Duration;

pub use error::{CloudError, Fault};
pub use transport::{HttpTransport, Transport, TransportError};

/// No write can reach a cloud later than this after it was asked for, whatever it waited for on the way.
pub const IN_FLIGHT: Duration = Duration::from_mins(1);

/// A resolved cloud account: endpoints, region, project, credentials. Clones share the connection's budget and state.
#[derive(Debug, Clone)]
pub enum Account {
    /// A project of Huawei Cloud.
    Huawei(huawei::Session),
}
