//! Which pass serves an object: the one of its target, or one of its own while it has no target.

use std::fmt;
use std::sync::Arc;

use kube::Resource;

use super::accounts::{Accounts, Permission};
use super::entry::{Content, Entry, ObjectKey};
use super::kind::{AccessKind, Claim};
use super::policy::Asked;
use super::problem::Problem;
use crate::api::{AccessStatus, AccountKind, RiskyPolicy};
use crate::plan::{Access, Outcome};

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
    /// Why its account's rules do not allow what it asks for.
    pub(crate) objection: Option<String>,
    /// Why they do not allow what it owns, if that is more than what it asks for.
    pub(crate) surplus: Option<String>,
    /// Its account lets it leave access behind.
    pub(crate) may_retain: bool,
}

/// Finds where an object belongs. What its status recorded wins over what its spec and account say now: access is taken
/// away where it was granted, or not at all.
pub(crate) fn locate<K: AccessKind>(entry: &Entry<K::Object>, accounts: &Accounts) -> Located<K::Details> {
    let status = entry.status();
    let holds = entry.has_finalizer() || !status.owned.is_empty();
    let recorded = status.target.as_deref().filter(|_| holds);
    let claim = claim::<K>(entry);
    let account = entry.account();
    let objections = objections::<K>(entry, claim.as_ref().ok(), account.as_ref(), accounts);
    let may_retain = may_retain(claim.is_ok(), account.as_ref(), &objections);
    let realm = account.as_ref().map_or_else(|| Err(nameless()), |account| accounts.realm(account));
    let service = realm.as_ref().map(|realm| format!("{realm}/{}/", K::SERVICE));

    let current = match (&claim, &service) {
        (Err(problem), _) => Err(problem.clone()),
        (Ok(_), Err(problem)) => Err((*problem).clone()),
        (Ok(claim), Ok(service)) => match &objections {
            Ok(_) => Ok(format!("{service}{}", claim.target)),
            Err(problem) => Err(problem.clone()),
        },
    };
    let Objections { wanted: objection, owned: surplus } = objections.unwrap_or_default();
    let alone = || Group::Alone(entry.uid.as_str().into());
    let at = |key: &str| Group::Target(key.into());
    let (group, problem) = match (recorded, current) {
        // Whoever may not ask does not even bring about a look.
        (None, Ok(_)) if objection.is_some() => (alone(), None),
        (None, Ok(current)) => (at(&current), None),
        (Some(recorded), Ok(current)) if recorded == current => (at(recorded), None),
        (Some(recorded), Ok(current)) => (at(recorded), Some(moved(recorded, &current))),
        (Some(recorded), Err(problem)) => (at(recorded), Some(problem)),
        (None, Err(problem)) => (alone(), Some(problem)),
    };
    let reaches = |service: &String| matches!(&group, Group::Target(key) if key.starts_with(service));
    let account = account.filter(|_| service.as_ref().is_ok_and(reaches));
    let claim = claim.ok();
    let contradiction = claim.as_ref().filter(|_| holds).and_then(|claim| contradiction(status, claim));
    // The rules were asked about what the spec names: by a status that somebody else wrote, nobody gets or loses more.
    let account = account.filter(|key| contradiction.is_none() || key.account_kind() == AccountKind::CloudAccount);
    let problem = contradiction.or(problem);
    let principal = match (&claim, &status.principal) {
        // What was recorded, for as long as something is held there.
        (_, Some(recorded)) if holds => recorded.clone(),
        (Some(claim), _) => claim.principal.clone(),
        (None, recorded) => recorded.clone().unwrap_or_default(),
    };
    Located { group, principal, claim, account, problem, objection, surplus, may_retain }
}

/// Why an account's rules do not allow it, in words.
#[derive(Default)]
struct Objections {
    /// What an object asks for.
    wanted: Option<String>,
    /// What it owns.
    owned: Option<String>,
}

/// Why an account's rules do not allow what an object asks for and owns, if they do not; or why that is not known.
fn objections<K: AccessKind>(
    entry: &Entry<K::Object>,
    claim: Option<&Claim<K::Details>>,
    account: Option<&ObjectKey>,
    accounts: &Accounts,
) -> Result<Objections, Problem> {
    let Some(account) = account else { return Ok(Objections::default()) };
    let (policy, labels) = match accounts.permission(account, &entry.key.namespace) {
        Ok(Permission::By(policy, labels)) => (policy, labels),
        Err(problem) if claim.is_some() => return Err(problem),
        Ok(Permission::Any) | Err(_) => return Ok(Objections::default()),
    };
    let (validity, status) = (entry.validity(), entry.status());
    let begins = validity.from.map_or(entry.created_at(), |from| from.max(entry.created_at()));
    let objection = |target: &str, principal: &str, access: &Access| {
        policy.objection(&Asked {
            namespace: &entry.key.namespace,
            labels: &labels,
            kind: &K::Object::kind(&()),
            target_is: K::TARGET,
            target,
            principal,
            access,
            meaning: K::access,
            policies: [(entry.adopts(), RiskyPolicy::Adopt), (entry.retains(), RiskyPolicy::Retain)]
                .into_iter()
                .filter_map(|(has, policy)| has.then_some(policy))
                .collect(),
            // Neither an edit of validFrom nor anything else makes access begin anew.
            begins: status.granted_at.map_or(begins, |granted| granted.min(begins)),
            ends: validity.until,
        })
    };
    let wanted = claim.and_then(|claim| objection(&claim.target, &claim.principal, &claim.wanted));
    let owned: Access = status.owned.iter().cloned().collect();
    // Of an object that cannot be read, what it owns is all that can be asked about.
    let is_asked_for = claim.map_or(owned.is_empty(), |claim| owned.is_subset(&claim.wanted));
    let owned = match (&status.target, &status.principal) {
        (Some(target), Some(principal)) if wanted.is_none() && !is_asked_for => {
            objection(target.rsplit_once('/').map_or(target, |(_, id)| id), principal, &owned)
        }
        _ => None,
    };
    let tell = |what: &str, why| format!("{} does not allow {what}: {why}", account.account());
    Ok(Objections {
        wanted: wanted.map(|why| tell("this", why)),
        owned: owned.map(|why| tell("what was granted", why)),
    })
}

/// An object may leave its access behind: not where rules decide that and cannot be asked, unless its account is gone, and
/// with it every way to revoke.
fn may_retain(is_readable: bool, account: Option<&ObjectKey>, objections: &Result<Objections, Problem>) -> bool {
    match account.map(ObjectKey::account_kind) {
        None | Some(AccountKind::CloudAccount) => true,
        Some(AccountKind::ClusterCloudAccount) => match objections {
            Ok(objections) => is_readable && objections.wanted.is_none() && objections.owned.is_none(),
            Err(problem) => problem.outcome == Outcome::AccountNotFound,
        },
    }
}

/// What an object asks for, if that can be told.
fn claim<K: AccessKind>(entry: &Entry<K::Object>) -> Result<Claim<K::Details>, Problem> {
    let message = match &entry.content {
        Content::Decoded(object) => match K::claim(&object.spec) {
            // What follows a slash would be another target, which no rule was asked about.
            Ok(claim) if claim.target.contains('/') => format!("no {} is called {}", K::TARGET, claim.target),
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

/// A status that names somebody or something else than the spec, of which neither can be changed.
fn contradiction<D>(status: &AccessStatus, claim: &Claim<D>) -> Option<Problem> {
    let target = status.target.as_deref().and_then(|key| key.rsplit('/').next());
    let named = [(target, &claim.target), (status.principal.as_deref(), &claim.principal)];
    let (recorded, named) = named.into_iter().find(|(recorded, named)| recorded.is_some_and(|it| it != *named))?;
    let recorded = recorded.unwrap_or_default();
    let message = format!(
        "its status says that access was granted on or to {recorded}, and its spec names {named}: restore the status of this \
         object as the operator wrote it"
    );
    Some(Problem::new(Outcome::InvalidSpec, message))
}

fn moved(recorded: &str, current: &str) -> Problem {
    Problem::not_ready(format!(
        "access was granted on {recorded}, but the account now leads to {current}: restore the account, or delete \
             this object with deletionPolicy Retain"
    ))
}
