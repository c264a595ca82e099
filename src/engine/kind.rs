//! The seam for a kind: what the engine asks of it, and what it is told.

use std::collections::BTreeMap;
use std::fmt::Debug;

use kube::core::object::HasSpec;
use secrecy::SecretString;

use crate::api::{AccessObject, SecretKeyRef};
use crate::clouds::{Account, CloudError, Purpose};
use crate::plan::Access;

/// The spec of a kind's custom resource.
pub type SpecOf<K> = <<K as AccessKind>::Object as HasSpec>::Spec;

/// One kind of access: data and two short async functions. Everything else is the engine's.
pub trait AccessKind: Send + Sync + 'static {
    /// The custom resource.
    type Object: AccessObject;
    /// A client of the cloud service; the engine keeps one per account.
    type Client: Send + Sync + 'static;
    /// What a write needs beyond the access: identity fields, a password.
    type Details: Clone + PartialEq + Debug + Send + Sync + 'static;

    /// Access holds at most one string: a claim owns the principal.
    const EXCLUSIVE: bool;
    /// The service, as it stands in target keys.
    const SERVICE: &'static str;
    /// What people call a target of this kind, in messages.
    const TARGET: &'static str;

    /// What the object asks for.
    fn claim(spec: &SpecOf<Self>) -> Result<Claim<Self::Details>, InvalidSpec>;

    /// The access that a word in an account's rules stands for.
    #[must_use]
    fn access(word: &str) -> String {
        word.to_owned()
    }

    /// Whether the service would take this value of the Secret that a claim names, by its published rules. What it says
    /// never holds the value.
    fn check_secret(_value: &str) -> Result<(), InvalidSpec> {
        Ok(())
    }

    /// A client for the account, if that is of the vendor whose service this is.
    fn connect(account: &Account) -> Result<Self::Client, InvalidSpec>;

    /// The complete access list of a target. Incomplete is an error.
    fn list(client: &Self::Client, target: &Target<'_>) -> impl Future<Output = Result<Listing, CloudError>> + Send;

    /// Writes changes and returns a result for each, in their order. Chooses the calls, batches them, and isolates bad
    /// items.
    fn write(
        client: &Self::Client,
        target: &str,
        changes: &[Change<Self::Details>],
    ) -> impl Future<Output = Vec<Result<(), CloudError>>> + Send;
}

/// What one object asks for: this principal on this target shall hold this access.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim<D> {
    /// The target's id in its service.
    pub target: String,
    /// Whose access.
    pub principal: String,
    /// The access.
    pub wanted: Access,
    /// What a write needs beyond the access.
    pub details: D,
    /// The Secret whose value goes with the access, such as a password. The engine reads it, and has it set in the cloud
    /// when access is added and whenever the value changes.
    pub secret: Option<SecretKeyRef>,
}

/// What is listed: a target, and what claims ask for there.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Its id in its service.
    pub id: &'a str,
    /// Every string of access that claims name on it.
    pub named: Access,
    /// What it is listed for.
    pub purpose: Purpose,
}

/// One principal's access before → after, to be written to the cloud.
#[derive(Debug, Clone)]
pub struct Change<D> {
    /// Whose access.
    pub principal: String,
    /// What the list showed.
    pub before: Access,
    /// What it shall show. The same as before when only the secret is to be set.
    pub after: Access,
    /// What was added before, was carried out, and is not in the list yet.
    pub unseen: Access,
    /// From the claim that supplies them; `None` when access is only removed.
    pub details: Option<D>,
    /// The value of the supplier's Secret, when it is to be set.
    pub secret: Option<SecretString>,
    /// What the write is for.
    pub purpose: Purpose,
}

impl<D> Change<D> {
    /// What a write that replaces the whole entry has to say.
    #[must_use]
    pub fn replacement(&self) -> Access {
        &self.after | &self.unseen
    }
}

/// The spec asks for something that no cloud has; says what and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(pub String);

/// A complete access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// The target is there.
    Complete {
        /// Every principal with its row.
        rows: BTreeMap<String, Row>,
        /// What of [`Target::named`] the target does not know, such as a pool. Claims that want it wait.
        unknown: Access,
    },
    /// The target itself is gone; a second, different call confirmed it.
    TargetGone,
}

impl Listing {
    /// A list of these rows; the target knows whatever is asked for.
    pub fn of(rows: impl IntoIterator<Item = (String, Row)>) -> Self {
        Self::Complete { rows: rows.into_iter().collect(), unknown: Access::new() }
    }
}

/// One principal's row in an access list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// What the principal holds.
    pub access: Access,
    /// An administrator's row: it satisfies every claim and is never changed.
    pub fixed: bool,
}
