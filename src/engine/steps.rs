//! Carries out the Kubernetes steps of a plan, and writes how claims rest.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::entry::Entry;
use super::gather::{Member, Principal};
use super::holds::Held;
use super::kind::AccessKind;
use super::memory::{Failure, LastSet};
use super::objects::ObjectError;
use super::pass::Pass;
use super::report::Told;
use super::standing::Stand;
use super::status::{self, Rest};
use crate::api::{AccessStatus, ConditionType, FINALIZER};
use crate::plan::{Access, ClaimState, Observed, Outcome, Plan, Situation, Standing, Step, Verdict};

/// Kubernetes patches in flight at once in one pass.
const CONCURRENT_PATCHES: usize = 32;

/// A claim needs at most finalizer, record, shrink and release; a loop that runs longer has no end.
const MOST_ROUNDS: usize = 5;

/// One patch to send.
struct Patch<K: AccessKind> {
    principal: usize,
    member: usize,
    entry: Arc<Entry<K::Object>>,
    effect: Effect,
    /// What to tell about it.
    event: Option<(Rest, bool)>,
}

enum Effect {
    Finalizers(Vec<String>),
    Status(Box<AccessStatus>),
}

impl<K: AccessKind> Pass<'_, K> {
    /// Carries out Kubernetes steps until the plans have none left. Returns these plans, as just made; nothing if steps are left.
    pub(crate) async fn steps(&self, principals: &mut [Principal<K>]) -> Option<Vec<Planned>> {
        for _ in 0..MOST_ROUNDS {
            self.refresh(principals);
            let (mut patches, mut plans) = (Vec::new(), Vec::with_capacity(principals.len()));
            for (at, principal) in principals.iter().enumerate() {
                let planned = self.plan(principal);
                let told = self.told(principal, &planned);
                let steps = planned.plan.steps.iter();
                patches.extend(steps.filter_map(|step| self.patch_for(step, at, &told)));
                let members = 0..principal.members.len();
                patches.extend(members.filter_map(|member| self.expiry_of(at, member, &told)));
                plans.push(planned);
            }
            if patches.is_empty() {
                return Some(plans);
            }
            let patches = self.protect_accounts(patches, principals).await;
            self.send(patches, principals).await;
        }
        debug!(group = %self.group, "steps are left for the next pass");
        None
    }

    /// The principals for which there is something to tell, but nothing to write, by these plans; and those for which there is
    /// something to write: all without plans.
    pub(crate) fn open(&self, principals: &[Principal<K>], plans: Option<Vec<Planned>>) -> (Vec<usize>, Vec<usize>) {
        let Some(plans) = plans else { return (Vec::new(), (0..principals.len()).collect()) };
        let writes = |at: &usize| plans[*at].plan.change.is_some();
        let (writing, mut settled): (Vec<_>, Vec<_>) = (0..principals.len()).partition(writes);
        settled.retain(|at| {
            let told = self.told(&principals[*at], &plans[*at]);
            let is_news = |member| {
                let (patch, stalls_at) = self.report_for(*at, member, &told);
                self.look.at(stalls_at);
                patch.is_some()
            };
            (0..told.principal.members.len()).any(is_news)
        });
        (settled, writing)
    }

    /// Before a claim counts as needing its account, the account is kept from vanishing. Where it cannot be, the claim waits.
    async fn protect_accounts(&self, patches: Vec<Patch<K>>, principals: &mut [Principal<K>]) -> Vec<Patch<K>> {
        let begins = |patch: &Patch<K>| match &patch.effect {
            Effect::Finalizers(finalizers) => finalizers.iter().any(|name| name == FINALIZER),
            Effect::Status(_) => false,
        };
        let member = |patch: &Patch<K>| &principals[patch.principal].members[patch.member];
        let beginning = patches.iter().filter(|patch| begins(patch));
        let accounts: BTreeSet<_> = beginning.filter_map(|patch| member(patch).account().cloned()).collect();
        let mut unprotected = BTreeSet::new();
        for account in accounts {
            let uid = self.engine.accounts.uid(&account);
            if let Err(error) = self.engine.guard.protect(&account, &uid).await {
                warn!(%account, error, "the account could not be kept from vanishing; nothing is granted through it now");
                self.look.at(Some(Instant::now() + self.engine.settings.retry_after_refusal));
                unprotected.insert(account);
            }
        }
        let waits = |patch: &Patch<K>| {
            begins(patch) && member(patch).account().is_some_and(|account| unprotected.contains(account))
        };
        let (waiting, ready): (Vec<_>, Vec<_>) = patches.into_iter().partition(waits);
        for patch in waiting {
            principals[patch.principal].members[patch.member].stale = true;
        }
        ready
    }

    /// Takes over what others changed meanwhile and nobody here relies on, so that a label does not hold up a grant.
    fn refresh(&self, principals: &mut [Principal<K>]) {
        for member in principals.iter_mut().flat_map(|principal| &mut principal.members) {
            if let Some(now) = self.engine.store.get(&member.entry.key) {
                member.refresh(now);
            }
        }
    }

    /// Writes how each claim of these principals rests, where its status says otherwise.
    pub(crate) async fn report(&self, principals: &mut [Principal<K>], which: &[usize]) {
        // Again where somebody else's label was first.
        for _ in 0..MOST_ROUNDS {
            self.refresh(principals);
            let mut patches = Vec::new();
            for &at in which {
                let principal = &principals[at];
                let planned = self.plan(principal);
                let told = self.told(principal, &planned);
                for member in 0..principal.members.len() {
                    let (patch, stalls_at) = self.report_for(at, member, &told);
                    patches.extend(patch);
                    self.look.at(stalls_at);
                }
            }
            if patches.is_empty() {
                return;
            }
            self.send(patches, principals).await;
        }
        self.look.at(Some(Instant::now() + self.engine.settings.retry_after_refusal));
    }

    fn patch_for(&self, step: &Step, principal: usize, told: &Told<'_, K>) -> Option<Patch<K>> {
        let claim = step.claim();
        let member = &told.principal.members[claim];
        if member.stale || member.refused {
            return None;
        }
        let entry = Arc::clone(&member.entry);
        let without = || entry.others.clone();
        let (effect, event) = match step {
            Step::AddFinalizer { .. } => {
                let mut finalizers = without();
                finalizers.push(FINALIZER.to_owned());
                (Effect::Finalizers(finalizers), None)
            }
            Step::Release { .. } => {
                let gone = entry.deleting.then(|| (told.farewell(claim), true));
                (Effect::Finalizers(without()), gone)
            }
            Step::RecordOwned { owned, .. } => self.status_effect(told, claim, owned.clone())?,
        };
        Some(Patch { principal, member: claim, entry, effect, event })
    }

    /// Remembers that a claim's time is over, before what it owns is taken away.
    fn expiry_of(&self, principal: usize, member: usize, told: &Told<'_, K>) -> Option<Patch<K>> {
        let claim = &told.principal.members[member];
        let owned = &told.planned.states[member].owned;
        let passed = told.planned.stands[member].expired()?;
        let has_step = told.planned.plan.steps.iter().any(|step| step.claim() == member);
        let known = claim.entry.status().expired_at.is_some_and(|known| passed <= known);
        if known || has_step || claim.stale || claim.refused || owned.is_empty() {
            return None;
        }
        let (effect, event) = self.status_effect(told, member, owned.clone())?;
        Some(Patch { principal, member, entry: Arc::clone(&claim.entry), effect, event })
    }

    fn status_effect(&self, told: &Told<'_, K>, claim: usize, owned: Access) -> Option<(Effect, Option<(Rest, bool)>)> {
        let entry = &told.principal.members[claim].entry;
        let rest = told.rest(claim, owned);
        let (status, _) = self.next_status(entry, &rest);
        (status != *entry.status()).then(|| (Effect::Status(Box::new(status)), event_of(entry.status(), rest)))
    }

    fn report_for(&self, principal: usize, member: usize, told: &Told<'_, K>) -> (Option<Patch<K>>, Option<Instant>) {
        let claim = &told.principal.members[member];
        let entry = &claim.entry;
        let nothing_left = entry.deleting && told.planned.plan.verdicts[member] == Verdict::Ended;
        if claim.stale || claim.refused || nothing_left || self.is_a_blink(told, member) {
            return (None, None);
        }
        let rest = told.rest(member, told.planned.states[member].owned.clone());
        let rest = Rest { handled: entry.requested_at.clone().or(rest.handled), ..rest };
        let (status, stalls_at) = self.next_status(entry, &rest);
        let patch = (!status::say_the_same(&status, entry.status())).then(|| Patch {
            principal,
            member,
            entry: Arc::clone(entry),
            event: event_of(entry.status(), rest),
            effect: Effect::Status(Box::new(status)),
        });
        (patch, stalls_at)
    }

    /// The status that says how a claim rests, and when it will count as stalled.
    fn next_status(&self, entry: &Entry<K::Object>, rest: &Rest) -> (AccessStatus, Option<Instant>) {
        let (now, stalled_after) = (self.engine.clock.now(), self.engine.settings.stalled_after);
        let (status, stalls_at) = status::next(entry.status(), rest, entry.generation, now, stalled_after);
        (status, stalls_at.map(|at| instant_of(at, now)))
    }

    /// The cloud could not be read once: a claim that was ready stays so until the next look fails too.
    fn is_a_blink(&self, told: &Told<'_, K>, member: usize) -> bool {
        let unread = matches!(told.planned.plan.verdicts[member], Verdict::Unknown | Verdict::Frozen);
        let (member, entry) = (&told.principal.members[member], &told.principal.members[member].entry);
        let unlisted = member.account().is_some_and(|account| self.observation.trouble(account).is_some());
        unread && entry.is_settled() && unlisted && member.located.problem.is_none() && self.failed_looks < 2
    }

    async fn send(&self, patches: Vec<Patch<K>>, principals: &mut [Principal<K>]) {
        let engine = self.engine;
        let sent = stream::iter(patches.into_iter().map(|patch| async move {
            let under_way = engine.store.patch(&patch.entry.key);
            let answer = match &patch.effect {
                Effect::Finalizers(finalizers) => engine.objects.set_finalizers(&patch.entry, finalizers).await,
                Effect::Status(status) => engine.objects.set_status(&patch.entry, status).await,
            };
            // At once, so that the watch brings nothing new.
            let answer = answer.map(|entry| engine.store.answer(entry));
            drop(under_way);
            (patch, answer)
        }))
        .buffer_unordered(CONCURRENT_PATCHES);
        let mut answers = pin!(sent);
        while let Some((patch, answer)) = answers.next().await {
            let member = &mut principals[patch.principal].members[patch.member];
            match answer {
                Ok(now) => {
                    if let Some((rest, gone)) = &patch.event {
                        engine.events.tell(&patch.entry, rest, *gone);
                    }
                    member.fenced_at = Some(Instant::now());
                    match now {
                        Some(entry) => {
                            // Another pass waits for its time from now on.
                            let mut elsewhere = engine.store.group_of(&entry.key);
                            elsewhere.remove(self.group);
                            engine.schedule_all(elsewhere);
                            member.stale = entry.deleting && !entry.has_finalizer();
                            member.entry = entry;
                        }
                        None => member.stale = true,
                    }
                }
                // Its event may bring no more than a label, and then the next round takes that over; else it brings the
                // next pass.
                Err(ObjectError::Stale) => {
                    let now = engine.store.get(&patch.entry.key);
                    let newer = now.filter(|now| now.resource_version != patch.entry.resource_version);
                    member.stale = !newer.is_some_and(|now| member.refresh(now));
                    if member.stale {
                        engine.schedule_all(engine.store.await_newer(&patch.entry));
                        // If that event never comes.
                        self.look.at(Some(Instant::now() + engine.settings.retry_after_refusal));
                    }
                }
                Err(ObjectError::Gone) => member.stale = true,
                Err(error @ (ObjectError::Refused(_) | ObjectError::Unavailable(_))) => {
                    warn!(object = %patch.entry.key, %error, "a patch failed; the object is left for a later pass");
                    // What was refused was not done; what was not answered may have been.
                    member.refused = matches!(error, ObjectError::Refused(_));
                    member.stale = !member.refused;
                    self.look.at(Some(Instant::now() + engine.settings.retry_after_refusal));
                }
            }
        }
    }

    /// Plans a principal as it stands now.
    pub(crate) fn plan(&self, principal: &Principal<K>) -> Planned {
        let (memory, last_set) = {
            let memory = self.memory();
            (memory.landing.of(&principal.name, self.sure), memory.last_set(&principal.name).cloned())
        };
        let now = self.engine.clock.now();
        let stands: Vec<_> = principal.members.iter().map(|member| member.stand(&self.observation, now)).collect();
        let state = |(member, stand): (&Member<K>, &Stand)| {
            member.state(stand, &self.observation, self.may_adopt, last_set.as_ref(), now)
        };
        let states: Vec<_> = principal.members.iter().zip(&stands).map(state).collect();
        let doubt = self.doubt(&states);
        let seen = self.observation.of(&principal.name);
        let is_hidden = !doubt.is_empty() && seen == Observed::Access(Access::new());
        let observed = if is_hidden { Observed::Unknown } else { seen };
        let situation = Situation { exclusive: K::EXCLUSIVE, claims: &states, observed: &observed, memory: &memory };
        let plan = Plan::new(&situation);
        let rehearsed = stands.iter().any(Stand::observes).then(|| rehearsed(&situation, &stands));
        let failure = |claim| self.failure_of(principal, &states, plan.change.as_ref(), claim);
        let failures = (0..states.len()).map(failure).collect();
        let held = |claim| self.held_of(principal, &states, plan.change.as_ref(), claim);
        let held = (0..states.len()).map(held).collect();
        let (lags, leaving) = {
            let memory = self.memory();
            (memory.landing.lags(&principal.name), memory.landing.leaving(&principal.name))
        };
        Planned { now, stands, states, observed, plan, rehearsed, failures, held, last_set, doubt, lags, leaving }
    }

    /// What of the claims' own the target has not known for long: its absence is not believed yet.
    fn doubt(&self, states: &[ClaimState]) -> Access {
        let owned: Access = states.iter().flat_map(|state| &state.owned).cloned().collect();
        self.memory().landing.doubtful(&owned, self.engine.settings.stalled_after, Instant::now())
    }

    pub(crate) fn told<'a>(&'a self, principal: &'a Principal<K>, planned: &'a Planned) -> Told<'a, K> {
        let (target, target_key, observation) = (self.target, self.target_key, &self.observation);
        Told { target, target_key, principal, planned, observation }
    }
}

/// The plan as it would be if the claims that only look went on.
fn rehearsed(situation: &Situation<'_>, stands: &[Stand]) -> Plan {
    let mut claims = situation.claims.to_vec();
    for (claim, _) in claims.iter_mut().zip(stands).filter(|(_, stand)| stand.observes()) {
        claim.mode = Standing::Live;
    }
    Plan::rehearsed(&Situation { claims: &claims, ..situation.clone() })
}

/// The moment of a time of day that is to come.
pub(crate) fn instant_of(at: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

/// One principal's plan, with what it was made of.
pub(crate) struct Planned {
    /// The time that it is for.
    pub(crate) now: Timestamp,
    /// What each claim may do, and why.
    pub(crate) stands: Vec<Stand>,
    pub(crate) states: Vec<ClaimState>,
    pub(crate) observed: Observed,
    pub(crate) plan: Plan,
    /// The plan as it would be if the claims that only look went on.
    pub(crate) rehearsed: Option<Plan>,
    /// What failed for each claim, and still stands against what is planned.
    pub(crate) failures: Vec<Option<Failure>>,
    /// What each claim is to lose and is held back.
    pub(crate) held: Vec<Option<Held>>,
    /// What this process last set for the principal beside the access.
    pub(crate) last_set: Option<LastSet>,
    /// What of the claims' own the target has not known for long.
    pub(crate) doubt: Access,
    /// Lists lag behind what the cloud has accepted.
    pub(crate) lags: bool,
    /// What was taken away and still shows.
    pub(crate) leaving: Access,
}

/// What is told when a status changes: only that the object rests differently, and nothing of work under way.
fn event_of(before: &AccessStatus, rest: Rest) -> Option<(Rest, bool)> {
    let said = before.condition(ConditionType::Ready).map(|ready| ready.reason.as_str());
    let news = said != Some(rest.outcome.reason()) && rest.outcome != Outcome::Progressing;
    news.then_some((rest, false))
}
