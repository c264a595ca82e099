//! Gathers what a pass works on: the claims of a group by principal, as they stand when the pass starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::Resource;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::Engine;
use super::accounts::Accounts;
use super::entry::{Entry, ObjectKey};
use super::group::{Group, Located, locate};
use super::kind::AccessKind;
use super::memory::LastSet;
use super::observe::Observation;
use super::problem::Problem;
use super::reaction::Trouble;
use super::standing::{End, Stand};
use super::urgency::in_turns;
use crate::clouds::Purpose;
use crate::plan::{Access, ClaimState, Outcome};

/// Secrets being read at once in one pass.
const CONCURRENT_READS: usize = 32;

/// One claim of a pass.
pub(crate) struct Member<K: AccessKind> {
    pub(crate) entry: Arc<Entry<K::Object>>,
    pub(crate) located: Located<K::Details>,
    /// It changed while the pass ran: its event brings the next pass, this one leaves it alone.
    pub(crate) stale: bool,
    /// The API server refuses patches of it: this pass sends no more, and goes on with what is stored.
    pub(crate) refused: bool,
    /// When a step was carried out on it, or it was read: what we know of it was what was stored then.
    pub(crate) fenced_at: Option<Instant>,
    /// What it supplies beside the access, if it names a Secret and that could be read.
    pub(crate) supply: Option<Supply>,
}

/// The value of a Secret, supplied by a claim.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    /// The uid of the claim.
    pub(crate) claim: String,
    /// Differs whenever the Secret does, or the key in it.
    pub(crate) version: Arc<str>,
    pub(crate) value: SecretString,
}

impl Supply {
    /// The same claim supplies the same value, whatever else has changed in the Secret.
    pub(crate) fn is_as_good_as(&self, other: &Self) -> bool {
        self.claim == other.claim && self.value.expose_secret() == other.value.expose_secret()
    }
}

impl<K: AccessKind> Member<K> {
    pub(crate) fn new(entry: Arc<Entry<K::Object>>, accounts: &Accounts) -> Self {
        let located = locate::<K>(&entry, accounts);
        // Of an object that could not be read, nothing is known that could be written.
        let stale = entry.is_to_be_read();
        Self { entry, located, stale, refused: false, fenced_at: None, supply: None }
    }

    /// The account that it reaches the target through.
    pub(crate) fn account(&self) -> Option<&ObjectKey> {
        self.located.account.as_ref()
    }

    /// Reads the Secret that it names. One that cannot be used is its problem.
    async fn read_secret(&mut self, engine: &Engine<K>) {
        let Some(named) = self.located.claim.as_ref().and_then(|claim| claim.secret.as_ref()) else { return };
        if self.has_ended(engine.clock.now()) || self.located.problem.is_some() {
            return;
        }
        let key = ObjectKey { namespace: self.entry.key.namespace.clone(), name: named.name.clone() };
        let needed_by = format!("{} {}", K::Object::kind(&()), self.entry.key.name);
        // However short the time between two looks, each sees what was changed before the last one.
        let drift_interval = self.account().and_then(|account| engine.accounts.drift_interval(account));
        let age = drift_interval.unwrap_or(engine.settings.drift_interval) / 2;
        let age = if self.entry.is_requested() { Duration::ZERO } else { age };
        let read = engine.secrets.get(&key, age, &needed_by).await;
        let supplied = read.and_then(|secret| {
            if engine.accounts.holds_credentials(&key) {
                let message = format!("Secret {} holds the credentials of a CloudAccount: name another", key.name);
                return Err(Problem::new(Outcome::InvalidSpec, message));
            }
            let value = secret.required(&named.key)?;
            let invalid = |invalid| Problem::new(Outcome::InvalidSpec, format!("Secret {}: {invalid}", key.name));
            K::check_secret(value.expose_secret()).map_err(invalid)?;
            let version = format!("{}/{}", secret.version(), named.key).into();
            Ok(Supply { claim: self.entry.uid.clone(), version, value })
        });
        match supplied {
            Ok(supply) => self.supply = Some(supply),
            // Of an account nothing is wrong.
            Err(problem) if problem.outcome == Outcome::AccountNotReady => {
                self.located.problem = Some(Problem { outcome: Outcome::SecretNotFound, ..problem });
            }
            Err(problem) => self.located.problem = Some(problem),
        }
    }

    /// Takes over what is stored now, if that differs in nothing that was asked or done. Returns whether it does not.
    pub(crate) fn refresh(&mut self, now: Arc<Entry<K::Object>>) -> bool {
        let is_known = Arc::ptr_eq(&now, &self.entry);
        let same = is_known || now.uid == self.entry.uid && now.stands_as(&self.entry);
        if same {
            self.entry = now;
        }
        same
    }

    /// It wants nothing at this time.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.end(now).is_some()
    }

    /// Why it wants nothing at this time, if it does not.
    fn end(&self, now: Timestamp) -> Option<End> {
        End::of(&*self.entry, now).or_else(|| self.objection().map(|_| End::NotAllowed))
    }

    /// Why the rules of its account do not allow what it asks for; or what it owns, if it would neither ask for that nor give
    /// it up.
    pub(crate) fn objection(&self) -> Option<&String> {
        let stays = || self.entry.suspends() || self.entry.observes() || self.located.problem.is_some();
        self.located.objection.as_ref().or_else(|| self.located.surplus.as_ref().filter(|_| stays()))
    }

    /// It wants nothing at this time, and nothing is left to do for it.
    pub(crate) fn is_at_rest(&self, now: Timestamp) -> bool {
        self.has_ended(now) && self.entry.status().owned.is_empty() && !self.entry.has_finalizer()
    }

    /// It owns nothing, and is to be granted nothing at this time.
    fn is_idle(&self, now: Timestamp) -> bool {
        let waits = self.entry.suspends() || self.entry.observes();
        self.is_at_rest(now) || waits && self.entry.status().owned.is_empty()
    }

    /// It owns what it does not want at this time.
    pub(crate) fn gives_up(&self, now: Timestamp) -> bool {
        let owned = &self.entry.status().owned;
        !owned.is_empty()
            && (self.has_ended(now) || owned.iter().any(|string| !self.names().any(|named| named == string)))
    }

    /// What it may do at this time, and why.
    pub(crate) fn stand(&self, observation: &Observation<K>, now: Timestamp) -> Stand {
        Stand::of(&*self.entry, self.end(now), self.trouble(observation, now))
    }

    /// Why it can do nothing now: its own problem, or that its account could not list.
    pub(crate) fn trouble(&self, observation: &Observation<K>, now: Timestamp) -> Option<Trouble> {
        if let Some(problem) = &self.located.problem {
            return Some(problem.clone().into());
        }
        // Whoever only takes away has no use for what is granted.
        let revokes = |account: &&ObjectKey| self.has_ended(now) && observation.client(account).is_some();
        let account = self.account().filter(|account| !revokes(account));
        let account = account.and_then(|account| observation.trouble(account)).cloned();
        let wanted = || Some(self.wanted()).filter(|_| !self.has_ended(now));
        account.or_else(|| observation.unknown_of(&wanted()?).map(Trouble::from))
    }

    /// The claim as the rule sees it. `last_set` is what this process last set for the principal.
    pub(crate) fn state(
        &self,
        stand: &Stand,
        observation: &Observation<K>,
        may_adopt: bool,
        last_set: Option<&LastSet>,
        now: Timestamp,
    ) -> ClaimState {
        let entry = &self.entry;
        // No access is left behind whose time is over, as long as the account can take it away.
        let is_over = entry.validity().has_expired(now);
        let can_revoke = self.account().is_some_and(|account| observation.client(account).is_some());
        // A row under another spelling may be somebody else's: it is not taken over.
        let takes_over = !entry.status().owned.is_empty() || observation.spells(&self.located.principal);
        ClaimState {
            age: (entry.created, entry.key.to_string()),
            wanted: self.wanted(),
            mode: stand.standing(),
            deleting: entry.deleting,
            finalizer: entry.has_finalizer(),
            owned: entry.status().owned.iter().cloned().collect(),
            adopt: may_adopt && takes_over && entry.adopts(),
            retain: self.retains() && !(is_over && can_revoke),
            rotated: self.is_rotated(last_set),
        }
    }

    /// Its access stays when it goes: it says so, and may.
    pub(crate) fn retains(&self) -> bool {
        self.entry.retains() && self.located.may_retain
    }

    /// What it supplies is another than was last set for it, as its status and this process remember.
    fn is_rotated(&self, last_set: Option<&LastSet>) -> bool {
        self.supply.as_ref().is_some_and(|supply| {
            let recorded = self.entry.status().secret_version.as_deref() == Some(&*supply.version);
            last_set.map_or(!recorded, |last| last.is_outdated_by(supply, Instant::now()))
        })
    }

    /// The Secret that it names could not be used, or the target does not know what it names.
    pub(crate) fn lacks_something(&self, observation: &Observation<K>, now: Timestamp) -> bool {
        let names_secret = self.located.claim.as_ref().is_some_and(|claim| claim.secret.is_some());
        let lacks_secret = names_secret && self.supply.is_none();
        !self.has_ended(now) && (lacks_secret || observation.unknown_of(&self.wanted()).is_some())
    }

    /// What it asks for, as far as that can be told.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.located.claim.iter().flat_map(|claim| &claim.wanted)
    }

    pub(crate) fn wanted(&self) -> Access {
        self.located.claim.as_ref().map(|claim| claim.wanted.clone()).unwrap_or_default()
    }
}

/// One principal of a pass, with all claims on it.
pub(crate) struct Principal<K: AccessKind> {
    pub(crate) name: String,
    pub(crate) members: Vec<Member<K>>,
    /// It is served before the others, and does not wait for their Kubernetes steps.
    pub(crate) goes_first: bool,
    /// What came of it in this pass to write to the cloud.
    pub(crate) written: Written,
}

/// What came of writing to the cloud for a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing was to be written.
    Nothing,
    /// The turn of the call did not come, or it was taken back: it was not sent.
    TurnMissed,
    /// Something was sent, for this.
    Sent(Purpose),
}

impl Written {
    /// What something was sent for, if it was.
    pub(crate) fn purpose(&self) -> Option<&Purpose> {
        match self {
            Self::Sent(purpose) => Some(purpose),
            Self::Nothing | Self::TurnMissed => None,
        }
    }
}

impl<K: AccessKind> Principal<K> {
    /// Access on it is to be taken away, as far as that can be told without a list.
    pub(crate) fn is_given_up(&self, now: Timestamp) -> bool {
        self.given_up(now).next().is_some()
    }

    /// The claims from which it is to be taken away.
    pub(crate) fn given_up(&self, now: Timestamp) -> impl Iterator<Item = &Member<K>> {
        self.members.iter().filter(move |member| member.entry.deleting || member.has_ended(now) && member.gives_up(now))
    }

    /// When its claims were fenced that have not changed since; by uid.
    pub(crate) fn fences(&self) -> impl Iterator<Item = (String, Instant)> {
        let members = self.members.iter().filter(|member| !member.stale);
        members.filter_map(|member| Some((member.entry.uid.clone(), member.fenced_at?)))
    }
}

/// The principals of a group: those with ended claims first, because access that was taken away goes first; then those
/// that were never looked at; then the others. Among each of these, namespaces take turns. The Secrets that they name are read.
pub(crate) async fn gather<K: AccessKind>(engine: &Engine<K>, group: &Group) -> Vec<Principal<K>> {
    let mut principals = by_principal::<K>(engine.store.group(group), &engine.accounts, engine.clock.now());
    stream::iter(principals.iter_mut().flat_map(|principal| &mut principal.members))
        .for_each_concurrent(CONCURRENT_READS, |member| member.read_secret(engine))
        .await;
    principals
}

fn by_principal<K: AccessKind>(
    entries: Vec<Arc<Entry<K::Object>>>,
    accounts: &Accounts,
    now: Timestamp,
) -> Vec<Principal<K>> {
    let mut by_name: BTreeMap<String, Vec<Member<K>>> = BTreeMap::new();
    // An object that is being deleted and that nobody holds back is on its way out.
    for entry in entries.into_iter().filter(|entry| !entry.deleting || entry.is_held()) {
        let member = Member::new(entry, accounts);
        // Nearly always, one claim is all: a vector that grows by itself has room for four.
        let claims = by_name.entry(member.located.principal.clone()).or_insert_with(|| Vec::with_capacity(1));
        claims.push(member);
    }
    let principal = |(name, members)| Principal { name, members, goes_first: false, written: Written::Nothing };
    let principals = by_name.into_iter().map(principal);
    let is_new = |member: &Member<K>| member.entry.status().observed_generation.unwrap_or(-1) < 0;
    let rank = |principal: &Principal<K>| {
        let namespace = principal.members.first().map(|member| member.entry.key.namespace.clone());
        ((!principal.is_given_up(now), !principal.members.iter().any(is_new)), namespace)
    };
    in_turns(principals, rank)
}

/// Of an exclusive kind, two names that differ only in case might be one principal, pulled to and fro: whoever owns
/// something there goes on, else the oldest, and the claims on the other names wait. Who owns nothing and cannot see the target
/// counts for nothing.
pub(crate) fn refuse_alike<K: AccessKind>(
    principals: &mut [Principal<K>],
    observation: &Observation<K>,
    now: Timestamp,
) {
    if !K::EXCLUSIVE {
        return;
    }
    let owns = |member: &Member<K>| !member.entry.status().owned.is_empty();
    let sees = |member: &Member<K>| {
        let client = member.account().and_then(|account| observation.client(account));
        client.is_some() && member.located.problem.is_none()
    };
    let counts = |member: &&Member<K>| !member.is_idle(now) && (owns(member) || sees(member));
    let rank = |principal: &Principal<K>| {
        let members = || principal.members.iter().filter(counts);
        let oldest = members().map(|member| (member.entry.created, member.entry.key.clone())).min()?;
        Some((!members().any(owns), oldest))
    };
    let mut first: BTreeMap<String, (_, String)> = BTreeMap::new();
    for principal in principals.iter().filter(|principal| !principal.name.is_empty()) {
        let Some(rank) = rank(principal) else { continue };
        let rank = (rank, principal.name.clone());
        let known = first.entry(principal.name.to_ascii_lowercase()).or_insert_with(|| rank.clone());
        if rank < *known {
            *known = rank;
        }
    }
    for principal in principals {
        let Some((_, served)) = first.get(&principal.name.to_ascii_lowercase()) else { continue };
        if *served != principal.name {
            let message = format!(
                "{} and {served}, whom another object names, differ only in upper and lower case, and whether the two are \
                 one is not known: delete one of the objects",
                principal.name
            );
            for member in &mut principal.members {
                member.located.problem.get_or_insert_with(|| Problem::new(Outcome::Conflict, message.clone()));
            }
        }
    }
}

/// Every string of access that the claims of a pass want or own.
pub(crate) fn named_by<K: AccessKind>(principals: &[Principal<K>], now: Timestamp) -> Access {
    let named = active(principals, now).flat_map(|member| member.names().chain(&member.entry.status().owned));
    named.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// The accounts that the claims of a pass reach the target through.
pub(crate) fn accounts_of<K: AccessKind>(principals: &[Principal<K>], now: Timestamp) -> BTreeSet<ObjectKey> {
    active(principals, now).filter_map(Member::account).cloned().collect()
}

/// The claims for which there may be something to do.
fn active<K: AccessKind>(principals: &[Principal<K>], now: Timestamp) -> impl Iterator<Item = &Member<K>> {
    principals.iter().flat_map(|principal| &principal.members).filter(move |member| !member.is_at_rest(now))
}
