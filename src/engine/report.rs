//! How a claim rests: its outcome, and what its status is to say.

use super::gather::{Member, Principal, Supply};
use super::kind::AccessKind;
use super::memory::Failure;
use super::observe::Observation;
use super::parts::loses;
use super::reaction::Trouble;
use super::standing::{End, Freeze, Stand};
use super::status::Rest;
use super::steps::Planned;
use super::wording::words;
use crate::api::{ConditionStatus, ConditionType};
use crate::plan::{Access, Observed, Outcome, Verdict};

/// Outcome, message, and the cloud's id of the request that failed.
type Why = (Outcome, String, Option<String>);

/// What a principal's claims are told about: one principal, as just planned.
pub(crate) struct Told<'a, K: AccessKind> {
    pub(crate) target: &'a str,
    pub(crate) target_key: Option<&'a str>,
    pub(crate) principal: &'a Principal<K>,
    pub(crate) planned: &'a Planned,
    pub(crate) observation: &'a Observation<K>,
}

impl<K: AccessKind> Told<'_, K> {
    /// How the claim rests that stands at this index; `owned` is what it will own.
    pub(crate) fn rest(&self, index: usize, owned: Access) -> Rest {
        let member = &self.principal.members[index];
        let status = member.entry.status();
        let (outcome, message, request_id) = self.why(index, member);
        let expired = self.planned.stands[index].expired();
        Rest {
            outcome,
            message,
            held: self.held(index, member),
            observed: self.observed(index),
            owned,
            plan: self.would(index),
            expired_at: status.expired_at.max(expired),
            handled: status.last_handled_reconcile_at.clone(),
            target: self.target_key.map(str::to_owned).or_else(|| status.target.clone()),
            principal: Some(self.principal.name.clone()).filter(|name| !name.is_empty()),
            secret_version: self.secret_version(index, member),
            request_id,
        }
    }

    /// What the cloud showed, if it could be read. Whoever may not ask is told nothing, and no longer what it was told before.
    fn observed(&self, index: usize) -> Option<Access> {
        let may_not_ask = self.planned.stands[index] == Stand::Ended(End::NotAllowed);
        self.shown_to(index).map(|(access, _)| access).or_else(|| may_not_ask.then(Access::new))
    }

    /// The principal holds the access now. What an object asks for is known only if it could be read; of one that nobody looks
    /// for any more, what was seen last stays.
    fn held(&self, index: usize, member: &Member<K>) -> ConditionStatus {
        match self.shown_to(index).filter(|_| member.located.claim.is_some()) {
            Some((access, fixed)) => {
                ConditionStatus::from(fixed || member.wanted().is_subset(&(&access - &self.planned.leaving)))
            }
            None if self.planned.plan.verdicts[index] == Verdict::Ended => {
                let last = member.entry.status().condition(ConditionType::Held);
                last.map_or(ConditionStatus::Unknown, |held| held.status)
            }
            None => ConditionStatus::Unknown,
        }
    }

    /// The Secret whose value is in the cloud for a claim: what was just set, or what its status remembers. Of one that has
    /// given way, or has ended, nothing is: another one may supply now.
    fn secret_version(&self, index: usize, member: &Member<K>) -> Option<String> {
        let is_set = |supply: &&Supply| self.planned.last_set.as_ref().is_some_and(|last| last.is_surely(supply));
        let set = member.supply.as_ref().filter(is_set);
        match &self.planned.plan.verdicts[index] {
            Verdict::Conflict { .. } | Verdict::Occupied | Verdict::Ended => None,
            Verdict::Granted
            | Verdict::AlreadyHeld
            | Verdict::Progressing
            | Verdict::Frozen
            | Verdict::Ending
            | Verdict::TargetGone
            | Verdict::Unknown => {
                let remembered = || member.entry.status().secret_version.clone();
                set.map(|supply| supply.version.to_string()).or_else(remembered)
            }
        }
    }

    /// What is told of an object that goes.
    pub(crate) fn farewell(&self, claim: usize) -> Rest {
        let (name, place) = (&self.principal.name, self.place());
        let owned = &self.planned.states[claim].owned;
        if matches!(self.planned.observed, Observed::Fixed(_)) {
            let message = format!("released: {name} is an administrator of {place}, and nothing can be revoked");
            return Rest { message, ..self.rest(claim, Access::new()) };
        }
        let message = match (owned.is_empty(), self.planned.states[claim].retain) {
            (true, _) => format!("released: nothing was granted to {name} on {place} for it"),
            (false, true) => format!("released: {name} keeps {} on {place}", words(owned)),
            (false, false) => format!("released: {name} no longer holds {} on {place} for it", words(owned)),
        };
        Rest { message, ..self.rest(claim, Access::new()) }
    }

    /// What the cloud shows a claim: what its own account sees. Whoever has another that sees nothing is not told by others.
    pub(super) fn shown_to(&self, index: usize) -> Option<(Access, bool)> {
        let account = self.principal.members[index].account()?;
        self.observation.client(account)?;
        self.shown()
    }

    /// What the cloud shows, and whether it cannot be changed.
    pub(super) fn shown(&self) -> Option<(Access, bool)> {
        match &self.planned.observed {
            Observed::Access(access) => Some((access.clone(), false)),
            Observed::Fixed(access) => Some((access.clone(), true)),
            Observed::TargetGone => Some((Access::new(), false)),
            Observed::Unknown => None,
        }
    }

    fn why(&self, index: usize, member: &Member<K>) -> Why {
        let say = |outcome: Outcome, message: String| (outcome, message, None);
        match (&self.planned.stands[index], &self.planned.plan.verdicts[index]) {
            (Stand::Frozen(Freeze::Suspended), _) => say(Outcome::Suspended, self.suspended()),
            (Stand::Frozen(Freeze::Observes), Verdict::Frozen) if self.planned.observed != Observed::Unknown => {
                self.why_observing(index)
            }
            (Stand::Ended(End::Expired(until)), Verdict::Ended) => say(Outcome::Expired, self.expired(index, *until)),
            (Stand::Ended(End::NotYetValid(from)), Verdict::Ended) => {
                say(Outcome::NotYetValid, self.not_yet_valid(index, *from))
            }
            (Stand::Ended(End::NotAllowed), Verdict::Ended) => say(Outcome::NotAllowed, self.not_allowed(index)),
            (Stand::Ended(End::Deleted), verdict) if !member.retains() => {
                let (outcome, message, request_id) = self.why_by(verdict, index, member);
                (outcome, format!("{message}{}", way_out(outcome, member)), request_id)
            }
            (Stand::Live | Stand::Frozen(_) | Stand::Ended(_), verdict) => self.why_by(verdict, index, member),
        }
    }

    /// How a claim would rest that only looks, if it went on.
    fn why_observing(&self, index: usize) -> Why {
        let say = |outcome: Outcome, message: String| (outcome, message, None);
        let verdict = self.planned.rehearsed.as_ref().map(|plan| &plan.verdicts[index]);
        match verdict {
            Some(Verdict::TargetGone) => say(Outcome::TargetNotFound, self.target_gone()),
            Some(Verdict::AlreadyHeld) if !self.observation.spells(&self.principal.name) => {
                say(Outcome::InvalidSpec, self.misspelled())
            }
            _ => match self.would(index) {
                would if !would.is_empty() => say(Outcome::Drifted, format!("mode Enforce {}", would.join("; "))),
                _ if self.held_by_all(index) => say(Outcome::InSync, self.in_sync(index)),
                _ => say(Outcome::Progressing, self.granting(index)),
            },
        }
    }

    fn held_by_all(&self, index: usize) -> bool {
        self.shown().is_some_and(|(access, fixed)| fixed || self.planned.states[index].wanted.is_subset(&access))
    }

    fn why_by(&self, verdict: &Verdict, index: usize, member: &Member<K>) -> Why {
        let of = |trouble: Trouble| (trouble.outcome, trouble.message, trouble.request_id);
        let say = |outcome: Outcome, message: String| (outcome, message, None);
        let failure = self.failure(index);
        let failed = || failure.cloned().map(of);
        match verdict {
            Verdict::Granted if self.takes_from(index) => {
                failed().unwrap_or_else(|| say(Outcome::Progressing, self.taking(index)))
            }
            // Also before it is recorded that the claim owns: nobody is to take it for done meanwhile.
            Verdict::Granted if self.planned.states[index].rotated => {
                failed().unwrap_or_else(|| say(Outcome::Progressing, self.setting()))
            }
            Verdict::Granted if !self.planned.states[index].wanted.is_disjoint(&self.planned.leaving) => {
                say(Outcome::Progressing, self.granting(index))
            }
            Verdict::Granted => say(Outcome::Granted, self.granted(index)),
            Verdict::AlreadyHeld if !self.observation.spells(&self.principal.name) => {
                say(Outcome::InvalidSpec, self.misspelled())
            }
            Verdict::AlreadyHeld => say(Outcome::AlreadyHeld, self.already_held(index)),
            Verdict::Progressing => failed().unwrap_or_else(|| say(Outcome::Progressing, self.granting(index))),
            Verdict::Conflict { with } => say(Outcome::Conflict, self.conflict(*with)),
            Verdict::Occupied => say(Outcome::Conflict, self.occupied()),
            Verdict::TargetGone => say(Outcome::TargetNotFound, self.target_gone()),
            Verdict::Ending | Verdict::Ended => {
                let trouble = || member.trouble(self.observation, self.planned.now).map(of);
                failed().or_else(trouble).unwrap_or_else(|| say(Outcome::Progressing, self.taking(index)))
            }
            Verdict::Unknown if !self.planned.doubt.is_empty() => say(Outcome::Progressing, self.doubting()),
            Verdict::Frozen | Verdict::Unknown => {
                let trouble = member.trouble(self.observation, self.planned.now).map(|trouble| {
                    // What the cloud said to a change tells more than that nothing can be read for the same reason.
                    of(failure.filter(|failure| failure.outcome == trouble.outcome).cloned().unwrap_or(trouble))
                });
                trouble.unwrap_or_else(|| say(Outcome::Progressing, format!("waiting for a look at {}", self.place())))
            }
        }
    }

    /// What failed for a claim, if it still means something; else what is held back of it.
    fn failure(&self, index: usize) -> Option<&Trouble> {
        let stands = |failure: &&Failure| !(self.planned.lags && failure.trouble.outcome.is_refusal());
        let failure = self.planned.failures[index].as_ref().filter(stands);
        let held = || self.planned.held[index].as_ref().map(|held| &held.trouble);
        failure.map(|failure| &failure.trouble).or_else(held)
    }

    /// The planned change removes something that the claim owns, or that it is to see taken away.
    fn takes_from(&self, index: usize) -> bool {
        let change = self.planned.plan.change.as_ref();
        change.is_some_and(|change| !loses(&self.planned.states, index, &change.removed()).is_empty())
    }
}

/// What else can be done where nothing can be revoked.
fn way_out<K: AccessKind>(outcome: Outcome, member: &Member<K>) -> &'static str {
    let without_account = matches!(
        outcome,
        Outcome::AccountNotFound | Outcome::AccountNotReady | Outcome::SecretNotFound | Outcome::CredentialsRejected
    );
    if without_account && member.entry.retains() {
        "; its deletionPolicy Retain is not allowed by the rules of its account, or these cannot be read"
    } else if without_account {
        "; or set deletionPolicy to Retain: the object goes, and its access stays in the cloud"
    } else {
        ""
    }
}
