//! Huawei Cloud: sessions that sign and send, and one client per service.
//!
//! The [`Session`] is the account on the wire: it paces, authenticates, sends and classifies. A service client such as
//! [`Dli`] knows paths and bodies. Nothing was verified against the live cloud where a comment says "unverified": there
//! the code is right under every reading, or gives up with an error.

mod auth;
mod classify;
mod culprit;
mod data_arts;
mod difference;
mod dli;
mod dws;
mod paging;
mod pod_identity;
mod reading;
mod reply;
mod request;
mod session;
mod sign;
mod token;

use secrecy::{ExposeSecret, SecretString};

pub use data_arts::{DataArts, Identity, Member, Membership, WorkspaceMembers};
pub use dli::{Authorization, Dli, QueueUser, QueueUsers};
pub use dws::{ClusterUsers, Dws, Placement};
pub use pod_identity::PodIdentity;
pub use session::Session;

use super::endpoint::Endpoint;

/// What it takes to reach one project of Huawei Cloud.
pub struct Settings {
    /// The region: `cn-north-4`.
    pub region: String,
    /// The project's id in that region.
    pub project_id: String,
    /// Hosts other than the region's usual ones.
    pub endpoints: Endpoints,
    /// Who calls.
    pub credentials: Credentials,
    /// How many calls a second this account may make; unless told, as many as the cloud takes. Of accounts with the same
    /// credentials the lowest holds.
    pub requests_per_second: Option<u32>,
}

/// Hosts other than the region's usual ones, one per service; already checked against the allow-list.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Data Lake Insight, instead of `https://dli.{region}.myhuaweicloud.com`.
    pub dli: Option<Endpoint>,
    /// Data Warehouse Service, instead of `https://dws.{region}.myhuaweicloud.com`.
    pub dws: Option<Endpoint>,
    /// DataArts Studio, instead of `https://dayu.{region}.myhuaweicloud.com`.
    pub data_arts: Option<Endpoint>,
    /// Identity and Access Management, instead of `https://iam.{region}.myhuaweicloud.com`.
    pub iam: Option<Endpoint>,
}

/// Who calls. Has no `Debug`, and is wiped from memory when dropped.
pub enum Credentials {
    /// An access key, permanent or temporary. Signs every request; the secret never leaves.
    AccessKey {
        /// The public half.
        id: String,
        /// The half that signs.
        secret: SecretString,
        /// Comes with a temporary key, and goes with every request of it.
        security_token: Option<SecretString>,
    },
    /// An IAM user's password, exchanged for tokens.
    Password {
        /// The account (domain) that the user belongs to.
        domain_name: String,
        /// The IAM user.
        user_name: String,
        /// Its password.
        password: SecretString,
    },
    /// The identity of the operator's own pod, exchanged for temporary keys.
    PodIdentity(PodIdentity),
}

impl Credentials {
    /// All that tells them from others.
    fn parts(&self) -> Vec<&str> {
        match self {
            Self::AccessKey { id, secret, security_token } => {
                let token = security_token.as_ref().map(ExposeSecret::expose_secret);
                ["key", id, secret.expose_secret()].into_iter().chain(token).collect()
            }
            Self::Password { domain_name, user_name, password } => {
                vec!["password", domain_name, user_name, password.expose_secret()]
            }
            Self::PodIdentity(identity) => [&["pod identity"][..], &identity.parts()].concat(),
        }
    }
}

/// Why no session can be made of the settings. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The region becomes part of a host name.
    #[error("`{0}` is not a region: it has lower-case letters, digits and hyphens, such as `cn-north-4`")]
    Region(String),
    /// The project id becomes part of every path.
    #[error("`{0}` is not a project id: it has 1 to 64 letters, digits, hyphens and underscores")]
    ProjectId(String),
    /// A credential has to fit into a header.
    #[error("the {0} is empty or has characters that no credential has")]
    Credential(&'static str),
    /// No call could ever be made.
    #[error("requestsPerSecond is 0: no call could ever be made")]
    Rate,
}
