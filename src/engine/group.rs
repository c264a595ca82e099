//! Which pass serves an object: the one of its target, or one of its own while it has no target.

use std::fmt;
use std::sync::Arc;

use super::accounts::Accounts;
use super::entry::{Content, Entry, ObjectKey};
use super::kind::{AccessKind, Claim};
use super::problem::Problem;
use crate::plan::Outcome;

/// What one pass serves; the key of the queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    /// All claims on a target: vendor, region, project, service, target id.
    Target(Arc<str>),
    /// An object that has no target yet, by its uid.
    Alone(Arc<str>),
}

impl Group {
    /// What the target belongs to: vendor, region and project.
    pub(crate) fn realm(&self) -> Option<&str> {
        match self {
            Self::Target(key) => key.rsplitn(3, '/').nth(2),
            Self::Alone(_) => None,
        }
    }
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
    /// The account that it names, if that reaches the target.
    pub(crate) account: Option<ObjectKey>,
    /// Why it can do nothing now.
    pub(crate) problem: Option<Problem>,
}

/// Finds where an object belongs. What its status recorded wins over what its spec and account say now: access is taken
/// away where it was granted, or not at all.
pub(crate) fn locate<K: AccessKind>(entry: &Entry<K::Object>, accounts: &Accounts) -> Located<K::Details> {
    let status = entry.status();
    let holds = entry.has_finalizer() || !status.owned.is_empty();
    let recorded = status.target.as_deref().filter(|_| holds);
    let claim = claim::<K>(entry);
    let account =
        entry.account().map(|name| ObjectKey { namespace: entry.key.namespace.clone(), name: name.to_owned() });
    let realm = account.as_ref().map_or_else(|| Err(nameless()), |account| accounts.realm(account));
    let service = realm.as_ref().map(|realm| format!("{realm}/{}/", K::SERVICE));

    let current = match (&claim, &service) {
        (Err(problem), _) => Err(problem.clone()),
        (Ok(_), Err(problem)) => Err((*problem).clone()),
        (Ok(claim), Ok(service)) => Ok(format!("{service}{}", claim.target)),
    };
    let at = |key: &str| Group::Target(key.into());
    let (group, problem) = match (recorded, current) {
        (None, Ok(current)) => (at(&current), None),
        (Some(recorded), Ok(current)) if recorded == current => (at(recorded), None),
        (Some(recorded), Ok(current)) => (at(recorded), Some(moved(recorded, &current))),
        (Some(recorded), Err(problem)) => (at(recorded), Some(problem)),
        (None, Err(problem)) => (Group::Alone(entry.uid.as_str().into()), Some(problem)),
    };
    let reaches = |service: &String| matches!(&group, Group::Target(key) if key.starts_with(service));
    let account = account.filter(|_| service.as_ref().is_ok_and(reaches));
    let claim = claim.ok();
    let principal = match (&claim, &status.principal) {
        // What was recorded, for as long as something is held there.
        (_, Some(recorded)) if holds => recorded.clone(),
        (Some(claim), _) => claim.principal.clone(),
        (None, recorded) => recorded.clone().unwrap_or_default(),
    };
    Located { group, principal, claim, account, problem }
}

/// What an object asks for, if that can be told.
fn claim<K: AccessKind>(entry: &Entry<K::Object>) -> Result<Claim<K::Details>, Problem> {
    let message = match &entry.content {
        Content::Decoded(object) => match K::claim(object) {
            Ok(claim) => return Ok(claim),
            Err(invalid) => invalid.to_string(),
        },
        Content::Undecodable { error, .. } => {
            format!("this version of the operator cannot read the object: {error}")
        }
    };
    Err(Problem::new(Outcome::InvalidSpec, message))
}

fn nameless() -> Problem {
    Problem::new(Outcome::InvalidSpec, "the object names no account")
}

fn moved(recorded: &str, current: &str) -> Problem {
    Problem::not_ready(format!(
        "access was granted on {recorded}, but the account now leads to {current}: restore the account, or delete \
             this object with deletionPolicy Retain"
    ))
}
