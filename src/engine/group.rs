//! Which pass serves an object: the one of its target, or one of its own while it has no target.

use std::fmt;
use std::sync::Arc;

use super::accounts::{AccountProblem, Accounts};
use super::entry::{Content, Entry, ObjectKey};
use super::kind::{AccessKind, Claim};
use crate::api::AccessObject;
use crate::plan::Outcome;

/// What one pass serves; the key of the queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    /// All claims on a target: vendor, region, project, service, target id.
    Target(Arc<str>),
    /// An object that has no target yet, by its uid.
    Alone(Arc<str>),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(key) => f.write_str(key),
            Self::Alone(uid) => write!(f, "object {uid}"),
        }
    }
}

/// Where an object belongs, and what it asks for there.
pub(crate) struct Located<D> {
    pub(crate) group: Group,
    /// Whose access. Empty when neither spec nor status tell.
    pub(crate) principal: String,
    /// What it asks for, if that can be told.
    pub(crate) claim: Option<Claim<D>>,
    /// The account that it reaches the target through.
    pub(crate) account: Option<ObjectKey>,
    /// Why it can do nothing now.
    pub(crate) problem: Option<AccountProblem>,
}

/// Finds where an object belongs. What its status recorded wins over what its spec and account say now: access is taken
/// away where it was granted, or not at all.
pub(crate) fn locate<K: AccessKind>(entry: &Entry<K::Object>, accounts: &Accounts) -> Located<K::Details> {
    let status = entry.status();
    let holds = entry.has_finalizer() || !status.owned.is_empty();
    let recorded = status.target.as_deref().filter(|_| holds);
    let alone = || Group::Alone(entry.uid.as_str().into());
    let at = |key: &str| Group::Target(key.into());
    let (claim, account, current) = match &entry.content {
        Content::Undecodable { error, .. } => {
            let message = format!("this version of the operator cannot read the object: {error}");
            (None, None, Err(AccountProblem { outcome: Outcome::InvalidSpec, message }))
        }
        Content::Decoded(object) => match K::claim(object) {
            Err(invalid) => {
                (None, None, Err(AccountProblem { outcome: Outcome::InvalidSpec, message: invalid.to_string() }))
            }
            Ok(claim) => {
                let account = ObjectKey {
                    namespace: entry.key.namespace.clone(),
                    name: object.common().account_ref.name.clone(),
                };
                let key = accounts.realm(&account).map(|realm| format!("{realm}/{}/{}", K::SERVICE, claim.target));
                (Some(claim), Some(account), key)
            }
        },
    };
    let (group, problem) = match (recorded, current) {
        (None, Ok(current)) => (at(&current), None),
        (Some(recorded), Ok(current)) if recorded == current => (at(recorded), None),
        (Some(recorded), Ok(current)) => (at(recorded), Some(moved(recorded, &current))),
        (Some(recorded), Err(problem)) => (at(recorded), Some(problem)),
        (None, Err(problem)) => (alone(), Some(problem)),
    };
    let principal = match (&claim, &status.principal) {
        // What was recorded, for as long as something is held there.
        (_, Some(recorded)) if holds => recorded.clone(),
        (Some(claim), _) => claim.principal.clone(),
        (None, recorded) => recorded.clone().unwrap_or_default(),
    };
    Located { group, principal, claim, account, problem }
}

fn moved(recorded: &str, current: &str) -> AccountProblem {
    AccountProblem {
        outcome: Outcome::AccountNotReady,
        message: format!(
            "access was granted on {recorded}, but the account now leads to {current}: restore the account, or delete \
             this object with deletionPolicy Retain"
        ),
    }
}
