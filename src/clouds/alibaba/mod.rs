//! Alibaba Cloud: sessions that sign and send, and the client of Elastic High Performance Computing.
//!
//! The [`Session`] is the account on the wire: it paces, signs, sends and classifies. The client [`Ehpc`] knows actions
//! and parameters. Nothing was verified against the live cloud where a comment says "unverified": there the code is right
//! under every reading, or gives up with an error.

mod classify;
mod ehpc;
mod reply;
mod request;
mod rrsa;
mod session;
mod sign;

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

pub use ehpc::{Ehpc, HpcUsers, PasswordRule, UserChange, check_password};
pub use rrsa::Rrsa;
pub use session::Session;

use super::endpoint::Endpoint;

/// What it takes to reach one region of an account of Alibaba Cloud.
pub struct Settings {
    /// The region: `cn-hangzhou`.
    pub region: String,
    /// A host other than the region's usual one, `https://ehpc.{region}.aliyuncs.com`; checked against the allow-list.
    pub endpoint: Option<Endpoint>,
    /// Which generation of E-HPC's API the account's clusters belong to.
    pub generation: Generation,
    /// Who calls.
    pub credentials: Credentials,
    /// How many calls a second this account may make; unless told, as many as the cloud takes. Of accounts with the same
    /// credentials the lowest holds.
    pub requests_per_second: Option<u32>,
}

/// The generations of E-HPC's API, which are two products behind one host. Whether a cluster of one is seen by the other
/// is unverified; nothing here relies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// `2018-04-12`: "E-HPC 1.0".
    V2018,
    /// `2024-07-30`: "E-HPC Cluster".
    V2024,
}

impl Generation {
    /// The other one.
    fn other(self) -> Self {
        match self {
            Self::V2018 => Self::V2024,
            Self::V2024 => Self::V2018,
        }
    }

    /// As the header `x-acs-version` says it.
    fn version(self) -> &'static str {
        match self {
            Self::V2018 => "2018-04-12",
            Self::V2024 => "2024-07-30",
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

impl FromStr for Generation {
    type Err = SettingsError;

    fn from_str(version: &str) -> Result<Self, SettingsError> {
        let known = [Self::V2018, Self::V2024].into_iter().find(|generation| generation.version() == version);
        known.ok_or_else(|| SettingsError::Generation(version.escape_default().take(64).collect()))
    }
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
    /// The RAM role of the operator's own pod, assumed for temporary keys.
    Rrsa(Rrsa),
}

impl Credentials {
    /// All that tells them from others.
    fn parts(&self) -> Vec<&str> {
        match self {
            Self::AccessKey { id, secret, security_token } => {
                let token = security_token.as_ref().map(ExposeSecret::expose_secret);
                ["key", id, secret.expose_secret()].into_iter().chain(token).collect()
            }
            Self::Rrsa(role) => [&["rrsa"][..], &role.parts()].concat(),
        }
    }
}

/// Why no session can be made of the settings. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The region becomes part of a host name.
    #[error("`{0}` is not a region: it has an area, a hyphen and a place, such as `cn-hangzhou`")]
    Region(String),
    /// The API has two generations.
    #[error("`{0}` is not a version of the E-HPC API: there are `2018-04-12` and `2024-07-30`")]
    Generation(String),
    /// A credential has to fit into a header.
    #[error("the {0} is empty or has characters that no credential has")]
    Credential(&'static str),
    /// No call could ever be made.
    #[error("requestsPerSecond is 0: no call could ever be made")]
    Rate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_written_as_its_version_and_nothing_else() {
        for generation in [Generation::V2018, Generation::V2024] {
            assert_eq!(generation.to_string().parse(), Ok(generation));
            assert_eq!(generation.other().other(), generation);
        }
        assert!("2018".parse::<Generation>().is_err());
    }
}
