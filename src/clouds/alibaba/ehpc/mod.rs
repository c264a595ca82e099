//! Elastic High Performance Computing: who has an account on a cluster, in which of its two groups.
//!
//! The API has two generations that do the same in different words: [`v2018`] and [`v2024`] know the words, all else is
//! here. Every call runs a command on the cluster's manager node: one at a time, and lists too fail when the cluster does
//! not run.

mod change;
mod list;
mod password;
mod v2018;
mod v2024;

use std::collections::BTreeMap;

use secrecy::SecretString;

pub use password::{PasswordRule, check_password};

use super::Session;
use crate::clouds::Purpose;

/// Who has an account on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HpcUsers {
    /// Every user, read completely: name → group, `users` or `wheel` (who may become root).
    Users(BTreeMap<String, String>),
    /// Three different calls, of both generations, agree that there is no such cluster.
    ClusterGone,
}

/// One user of a cluster, before and after.
#[derive(Debug, Clone)]
pub struct UserChange {
    /// The user's name. Names that differ only in case are different users.
    pub name: String,
    /// The group that the list showed; none if it did not show the user.
    pub before: Option<String>,
    /// The group that it shall show; none if the user shall be deleted.
    pub after: Option<String>,
    /// The password to set. A new user needs one; with `before == after`, it is all that changes.
    pub password: Option<SecretString>,
    /// What the change is made for.
    pub purpose: Purpose,
}

/// The E-HPC client of one account. Cheap to make: what it learns is the session's.
#[derive(Debug, Clone)]
pub struct Ehpc {
    session: Session,
}

impl Ehpc {
    /// A client that calls as `session`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session }
    }
}

#[cfg(test)]
mod tests;
