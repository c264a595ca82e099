//! One object as the engine keeps it: what a pass needs of its metadata, and its content if it could be decoded.

use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::received::{Decoded, Received};
use super::recorded::Recorded;
use super::standing::{End, Validity};
use crate::api::{
    AccessObject, AccessSpec, AccessStatus, AccountKind, AccountRef, CommonSpec, ConditionStatus, ConditionType,
    FINALIZER, REQUESTED_AT,
};
use crate::clouds::Urgency;
use crate::plan::Outcome;

/// The namespace and name of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The namespace; empty for an object of the cluster.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// From an object's metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self { namespace: meta.namespace.clone().unwrap_or_default(), name: meta.name.clone().unwrap_or_default() }
    }

    /// The key of an account that an object in a namespace names.
    pub(crate) fn of_account(reference: &AccountRef, namespace: &str) -> Self {
        let (namespace, name) = account_named(reference, namespace);
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The kind of the account that has this key: only those of the cluster have no namespace.
    pub(crate) fn account_kind(&self) -> AccountKind {
        if self.namespace.is_empty() { AccountKind::ClusterCloudAccount } else { AccountKind::CloudAccount }
    }

    /// The account that has this key, for messages.
    pub(crate) fn account(&self) -> String {
        format!("{:?} {}", self.account_kind(), self.name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// The namespace and name of an account that an object in a namespace names.
fn account_named<'a>(reference: &'a AccountRef, namespace: &'a str) -> (&'a str, &'a str) {
    match reference.kind {
        AccountKind::CloudAccount => (namespace, &reference.name),
        AccountKind::ClusterCloudAccount => ("", &reference.name),
    }
}

/// One object, as newest known.
#[derive(Debug, Clone)]
pub(crate) struct Entry<O: AccessObject> {
    pub(crate) key: Arc<ObjectKey>,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    /// Creation time in seconds since the epoch.
    pub(crate) created: i64,
    pub(crate) deleting: bool,
    /// It carries our finalizer.
    finalizer: bool,
    /// The finalizers of others.
    pub(crate) others: Vec<String>,
    /// What the annotation says by which somebody asks for a look now.
    pub(crate) requested_at: Option<String>,
    pub(crate) content: Content<O::Spec>,
}

/// What could be read of an object beyond its metadata.
#[derive(Debug, Clone)]
pub(crate) enum Content<S> {
    /// All of it.
    Decoded(Box<Decoded<S>>),
    /// This version of the operator cannot decode it.
    Undecodable { error: String, reading: Reading },
}

/// How far an undecodable object was read by other means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// Not yet, after so many tries: it may own anything.
    Unread(u8),
    /// Where it owns something cannot be told: it does not say, or cannot be read for long.
    Unclear,
    /// What an earlier version of it said about itself. Its status still says so, its spec may not.
    Carried(Box<Recorded>),
    /// What it says about itself.
    Recorded(Box<Recorded>),
}

/// The longest request for a look that is echoed whole.
const LONGEST_REQUEST: usize = 256;

/// How often an object is tried to be read before the targets go on without knowing what it owns.
const MOST_TRIES: u8 = 3;

static EMPTY: LazyLock<AccessStatus> = LazyLock::new(AccessStatus::default);

impl<O: AccessObject> Entry<O> {
    pub(crate) fn new(received: &Received<O>) -> Self {
        let meta = received.meta();
        let content = match &received.content {
            // A copy has no room to grow, which decoding leaves.
            Ok(decoded) => Content::Decoded(Box::new(decoded.clone())),
            Err(error) => Content::Undecodable { error: shorten(error), reading: Reading::Unread(0) },
        };
        let finalizers = || meta.finalizers.iter().flatten();
        Self {
            key: Arc::new(ObjectKey::of(meta)),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
            deleting: meta.deletion_timestamp.is_some(),
            finalizer: finalizers().any(|name| name == FINALIZER),
            others: finalizers().filter(|name| *name != FINALIZER).cloned().collect(),
            requested_at: requested_at(meta),
            content,
        }
    }

    /// When it was created.
    pub(crate) fn created_at(&self) -> Timestamp {
        Timestamp::from_second(self.created).unwrap_or_default()
    }

    /// The same object, with what could be read of it by other means.
    pub(crate) fn with_reading(mut self, read: Reading) -> Self {
        if let Content::Undecodable { reading, .. } = &mut self.content {
            *reading = read;
        }
        self
    }

    /// A later version of an object that cannot be decoded, before it was read: what the status of the earlier version
    /// said holds on, for nobody but us writes statuses.
    pub(crate) fn with_reading_of(self, earlier: &Self) -> Self {
        if !self.is_unread() || earlier.is_unread() {
            return self;
        }
        let recorded = Recorded::of(earlier, earlier.status().clone());
        self.with_reading(Reading::Carried(Box::new(recorded)))
    }

    fn reading(&self) -> Option<&Reading> {
        match &self.content {
            Content::Decoded(_) => None,
            Content::Undecodable { reading, .. } => Some(reading),
        }
    }

    /// It cannot be decoded, and was not read by other means yet.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.reading(), Some(Reading::Unread(_)))
    }

    /// It cannot be decoded, and what it owns is not known.
    pub(crate) fn is_unplaced(&self) -> bool {
        matches!(self.reading(), Some(Reading::Unread(_) | Reading::Unclear))
    }

    /// It cannot be decoded, and this version of it was not read by other means.
    pub(crate) fn is_to_be_read(&self) -> bool {
        self.is_unplaced() || matches!(self.reading(), Some(Reading::Carried(_)))
    }

    /// How far it was read after one more try that failed. After some, the others wait no longer.
    pub(crate) fn reading_after_failure(&self) -> Option<Reading> {
        match self.reading()? {
            Reading::Unread(tries) if *tries < MOST_TRIES => Some(Reading::Unread(tries + 1)),
            Reading::Unread(_) => Some(Reading::Unclear),
            Reading::Unclear | Reading::Carried(_) | Reading::Recorded(_) => None,
        }
    }

    fn recorded(&self) -> Option<&Recorded> {
        match &self.content {
            Content::Undecodable { reading: Reading::Recorded(recorded) | Reading::Carried(recorded), .. } => {
                Some(recorded)
            }
            Content::Undecodable { .. } | Content::Decoded(_) => None,
        }
    }

    /// The account that it names.
    pub(crate) fn account(&self) -> Option<ObjectKey> {
        let (namespace, name) = self.names_account()?;
        Some(ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The namespace and name of the account that it names.
    pub(crate) fn names_account(&self) -> Option<(&str, &str)> {
        match &self.content {
            Content::Decoded(object) => Some(account_named(&object.spec.common().account_ref, &self.key.namespace)),
            Content::Undecodable { .. } => {
                let account = self.recorded()?.account.as_ref()?;
                Some((&account.namespace, &account.name))
            }
        }
    }

    fn common(&self) -> Option<&CommonSpec> {
        match &self.content {
            Content::Decoded(object) => Some(object.spec.common()),
            Content::Undecodable { .. } => None,
        }
    }

    pub(crate) fn status(&self) -> &AccessStatus {
        match &self.content {
            Content::Decoded(object) => object.status.as_ref().unwrap_or(&EMPTY),
            Content::Undecodable { .. } => self.recorded().map_or(&*EMPTY, |recorded| &recorded.status),
        }
    }

    pub(crate) fn has_finalizer(&self) -> bool {
        self.finalizer
    }

    /// Somebody's finalizer keeps it from vanishing.
    pub(crate) fn is_held(&self) -> bool {
        self.finalizer || !self.others.is_empty()
    }

    /// Something may have to be revoked for it.
    pub(crate) fn may_own(&self) -> bool {
        self.finalizer || !self.status().owned.is_empty()
    }

    pub(crate) fn retains(&self) -> bool {
        match &self.content {
            Content::Decoded(object) => object.spec.common().retains(),
            Content::Undecodable { .. } => self.recorded().is_some_and(|recorded| recorded.retain),
        }
    }

    pub(crate) fn adopts(&self) -> bool {
        self.common().is_some_and(CommonSpec::adopts)
    }

    /// Nothing is to be done for it for now.
    pub(crate) fn suspends(&self) -> bool {
        self.common().is_some_and(CommonSpec::suspends)
    }

    /// The cloud is only to be looked at for it.
    pub(crate) fn observes(&self) -> bool {
        self.common().is_some_and(CommonSpec::observes)
    }

    /// When its access begins and ends.
    pub(crate) fn validity(&self) -> Validity {
        let (from, until) = match &self.content {
            Content::Decoded(object) => {
                let common = object.spec.common();
                (common.valid_from, common.valid_until)
            }
            Content::Undecodable { .. } => {
                self.recorded().map_or((None, None), |recorded| (recorded.valid_from, recorded.valid_until))
            }
        };
        Validity { from, until, expired_at: self.status().expired_at }
    }

    /// Somebody asks for a look now, and got none yet.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested_at.is_some() && self.requested_at != self.status().last_handled_reconcile_at
    }

    /// It was ready when last looked at, and asks for nothing else since.
    pub(crate) fn is_settled(&self) -> bool {
        let ready = self.status().condition(ConditionType::Ready);
        ready.is_some_and(|ready| ready.status == ConditionStatus::True && ready.observed_generation == self.generation)
    }

    /// What it asks for was done or refused, or waits for somebody to change something; and nobody asks for more since.
    pub(crate) fn is_served(&self) -> bool {
        let status = self.status();
        let told = status.condition(ConditionType::Ready).filter(|ready| ready.observed_generation == self.generation);
        let outcome = told.and_then(|ready| Outcome::from_reason(&ready.reason));
        // To take away what was refused is as urgent as ever.
        let is_to_gain = || status.owned.iter().any(|string| !status.observed.contains(string));
        let is_served = |outcome: Outcome| outcome.waits_for_somebody() || outcome.is_refusal() && is_to_gain();
        (self.is_settled() || outcome.is_some_and(is_served)) && !self.is_requested()
    }

    /// How urgent it is to look at its target for it.
    pub(crate) fn urgency(&self, now: Timestamp) -> Urgency {
        if self.may_own() && End::of(self, now).is_some() {
            Urgency::Revocation
        } else if self.is_served() {
            Urgency::Look
        } else {
            Urgency::Change
        }
    }

    /// It asks for nothing else than the other version did. Most of the status, and the finalizers, are our own writing: what
    /// others do to them is seen at the next look.
    pub(crate) fn asks_the_same_as(&self, other: &Self) -> bool {
        self.asks_at_most_for_a_look_since(other) && self.requested_at == other.requested_at
    }

    /// It asks for nothing else than the other version did, but perhaps for a look now.
    pub(crate) fn asks_at_most_for_a_look_since(&self, other: &Self) -> bool {
        self.uid == other.uid
            && self.generation == other.generation
            && self.deleting == other.deleting
            && self.common().is_some() == other.common().is_some()
    }

    /// It owns the same as the other version did, at the same place.
    pub(crate) fn owns_the_same_as(&self, other: &Self) -> bool {
        let (this, other) = (self.status(), other.status());
        this.owned == other.owned && this.target == other.target && this.principal == other.principal
    }

    /// It differs from the other version in nothing that a pass relies on: labels, annotations, others' finalizers.
    pub(crate) fn stands_as(&self, other: &Self) -> bool {
        self.asks_the_same_as(other) && self.has_finalizer() == other.has_finalizer() && self.status() == other.status()
    }

    /// This is the same version as the other, which could not be decoded: the API server shows it otherwise since its schema was
    /// mended. What could be decoded is not taken back for what cannot.
    pub(crate) fn clears_up(&self, other: &Self) -> bool {
        self.is_version_of(other) && self.common().is_some() && other.common().is_none()
    }

    /// This is the same version of the same object.
    pub(crate) fn is_version_of(&self, other: &Self) -> bool {
        self.uid == other.uid && self.resource_version == other.resource_version
    }

    /// This is a newer version than the other, or the two cannot be compared.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        match (self.resource_version.parse::<u64>(), other.resource_version.parse::<u64>()) {
            (Ok(this), Ok(other)) => this > other,
            _ => self.resource_version != other.resource_version,
        }
    }
}

/// The annotation by which somebody asks for a look now, as far as it can be echoed.
fn requested_at(meta: &ObjectMeta) -> Option<String> {
    let asked = meta.annotations.as_ref()?.get(REQUESTED_AT)?;
    Some(asked.chars().filter(|char| !char.is_control()).take(LONGEST_REQUEST).collect())
}

/// The decoder's words, short enough for a message.
pub(crate) fn shorten(error: &str) -> String {
    error.chars().filter(|char| !char.is_control()).take(300).collect()
}
