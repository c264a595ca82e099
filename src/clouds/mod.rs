//! HTTP clients for the clouds: they know nothing of Kubernetes.
//!
//! | module | what for |
//! | --- | --- |
//! | [`endpoint`] | which hosts credentials may be sent to |
//! | `address`, `resolver` | which addresses those hosts may have |
//! | [`network`] | root certificates and the proxy |
//! | [`transport`](Transport) | one HTTP exchange, with limits; tests replace it |
//! | `caller` | how an account makes a call, whoever its vendor |
//! | [`keyring`](Keyring) | what is known of each credential, whichever accounts present it |
//! | `access_key`, `exchange` | the key that signs: given, or exchanged for |
//! | [`environment`](Environment), `token_file`, `own_endpoint` | what the operator's own environment says |
//! | `gate` | keeps bad credentials from being tried again and again |
//! | `signature` | what the vendors' signatures have in common |
//! | `skew` | how far our clock is off from a cloud's |
//! | `batch` | many writes in few calls, and who they are refused for |
//! | `budget`, `line`, `rate` | when a credential may call: whose turn it is, how fast, and when all must pause |
//! | [`Purpose`], [`Asked`], `audit` | what a call is for; what a write does and for whom, told in the log |
//! | [`Observer`] | who is told how calls go |
//! | `reaction` | which reaction a refusal asks for |
//! | `renewal` | keeps what a cloud issues for a while, such as a token |
//! | `redact` | makes a vendor's words fit to be shown |
//! | [`CloudError`] | what a call ends in, one variant per reaction |
//! | [`alibaba`] | Alibaba Cloud: signing, errors, services |
//! | [`huawei`] | Huawei Cloud: signing, tokens, errors, services |
//!
//! # Invariants
//!
//! - What could not be read completely is an error, never an absence.
//! - A credential leaves only in the request it authenticates, to an allowed endpoint, and shows in no error and no log.
//! - A call is not sent later than its caller allowed, and ends soon after: see [`IN_FLIGHT`].
//! - Where the operator's own environment says that credentials are issued, nothing goes that an account object has a say in.
//! - Nothing is sent twice, but for a request refused for its credentials or its HTTP method, and that once.

pub mod alibaba;
pub mod endpoint;
pub mod huawei;
pub mod network;

mod access_key;
mod address;
mod audit;
mod batch;
mod budget;
mod caller;
mod environment;
mod error;
mod exchange;
mod gate;
mod keyring;
mod line;
mod observer;
mod own_endpoint;
mod purpose;
mod rate;
mod reaction;
mod redact;
mod renewal;
mod resolver;
#[cfg(test)]
mod script;
mod signature;
mod skew;
mod token_file;
mod transport;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

pub use audit::Asked;
pub use environment::{Environment, EnvironmentError};
pub use error::{CloudError, Fault};
pub use keyring::Keyring;
pub use observer::{Observer, RequestMade};
pub use purpose::{Purpose, Recall, Urgency};
pub use transport::{HttpTransport, Transport, TransportError};

/// No write can reach a cloud later than this after it was asked for, whatever it waited for on the way.
pub const IN_FLIGHT: Duration = Duration::from_mins(1);

/// Whose cloud it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Huawei Cloud.
    Huawei,
    /// Alibaba Cloud.
    Alibaba,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Huawei => "huawei",
            Self::Alibaba => "alibaba",
        })
    }
}

/// A resolved cloud account: endpoints, region, project, credentials. Clones share the connection's budget and state.
#[derive(Debug, Clone)]
pub enum Account {
    /// A project of Huawei Cloud.
    Huawei(huawei::Session),
    /// A region of an account of Alibaba Cloud.
    Alibaba(alibaba::Session),
}

impl Account {
    /// When the credentials end that were got in exchange for others; `None` if there are none such now.
    #[must_use]
    pub fn credentials_expire_at(&self) -> Option<Timestamp> {
        match self {
            Self::Huawei(session) => session.credential_expires_at(),
            Self::Alibaba(session) => session.credential_expires_at(),
        }
    }
}
