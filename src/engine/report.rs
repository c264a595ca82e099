//! How a claim rests, in words for whoever owns the object: what holds, why, what to do.

use super::gather::{Member, Principal, Supply};
use super::kind::AccessKind;
use super::memory::{Failure, LastSet};
use super::observe::Observation;
use super::reaction::Trouble;
use super::status::Rest;
use crate::plan::{Access, ClaimState, Observed, Outcome, Plan, Verdict};

/// What a principal's claims are told about: one principal, as just planned.
pub(crate) struct Told<'a, K: AccessKind> {
    pub(crate) target: &'a str,
    pub(crate) target_key: Option<&'a str>,
    pub(crate) principal: &'a Principal<K>,
    pub(crate) states: &'a [ClaimState],
    pub(crate) observed: &'a Observed,
    pub(crate) plan: &'a Plan,
    /// What failed for each claim, and still stands against what is planned.
    pub(crate) failures: &'a [Option<Failure>],
    /// What this process last set for the principal beside the access.
    pub(crate) last_set: Option<&'a LastSet>,
    /// What of the claims' own the target has not known for long.
    pub(crate) doubt: &'a Access,
    /// Lists lag behind what the cloud has accepted: a refusal may only say so.
    pub(crate) lags: bool,
    /// What was taken away and still shows.
    pub(crate) leaving: &'a Access,
    pub(crate) observation: &'a Observation<K>,
}

impl<K: AccessKind> Told<'_, K> {
    /// How the claim rests that stands at this index; `owned` is what it will own.
    pub(crate) fn rest(&self, index: usize, owned: Access) -> Rest {
        let member = &self.principal.members[index];
        let shown = self.shown();
        let (outcome, message, request_id) = self.why(index, member);
        Rest {
            outcome,
            message,
            held: shown.as_ref().filter(|_| member.located.claim.is_some()).map(|(access, fixed)| {
                // What an object asks for is known only if it could be read.
                *fixed || member.wanted().is_subset(&(access - self.leaving))
            }),
            observed: shown.map(|(access, _)| access),
            owned,
            target: self.target_key.map(str::to_owned).or_else(|| member.entry.status().target.clone()),
            principal: Some(self.principal.name.clone()).filter(|name| !name.is_empty()),
            secret_version: self.secret_version(index, member),
            request_id,
        }
    }

    /// The Secret whose value is in the cloud for a claim: what was just set, or what its status remembers. Of one that has
    /// given way nothing is, for another one supplies now.
    fn secret_version(&self, index: usize, member: &Member<K>) -> Option<String> {
        let is_set = |supply: &&Supply| self.last_set.is_some_and(|last| last.is_surely(supply));
        let set = member.supply.as_ref().filter(is_set);
        match &self.plan.verdicts[index] {
            Verdict::Conflict { .. } => None,
            Verdict::Granted
            | Verdict::AlreadyHeld
            | Verdict::Progressing
            | Verdict::Occupied
            | Verdict::Frozen
            | Verdict::Ending
            | Verdict::Ended
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
        let owned = &self.states[claim].owned;
        if matches!(self.observed, Observed::Fixed(_)) {
            let message = format!("released: {name} is an administrator of {place}, and nothing can be revoked");
            return Rest { message, ..self.rest(claim, Access::new()) };
        }
        let message = match (owned.is_empty(), self.states[claim].retain) {
            (true, _) => format!("released: nothing was granted to {name} on {place} for it"),
            (false, true) => format!("released: {name} keeps {} on {place}", words(owned)),
            (false, false) => format!("released: {name} no longer holds {} on {place} for it", words(owned)),
        };
        Rest { message, ..self.rest(claim, Access::new()) }
    }

    /// What the cloud shows, and whether it cannot be changed.
    fn shown(&self) -> Option<(Access, bool)> {
        match self.observed {
            Observed::Access(access) => Some((access.clone(), false)),
            Observed::Fixed(access) => Some((access.clone(), true)),
            Observed::TargetGone => Some((Access::new(), false)),
            Observed::Unknown => None,
        }
    }

    fn why(&self, index: usize, member: &Member<K>) -> (Outcome, String, Option<String>) {
        let of = |trouble: Trouble| (trouble.outcome, trouble.message, trouble.request_id);
        let say = |outcome: Outcome, message: String| (outcome, message, None);
        let refused =
            |failure: &&Failure| matches!(failure.trouble.outcome, Outcome::Rejected | Outcome::PrincipalNotFound);
        let failure = self.failures[index].as_ref().filter(|failure| !(self.lags && refused(failure)));
        let failed = || failure.map(|failure| of(failure.trouble.clone()));
        match &self.plan.verdicts[index] {
            Verdict::Granted if self.takes_from(index) => {
                failed().unwrap_or_else(|| say(Outcome::Progressing, self.taking(index)))
            }
            Verdict::Granted if self.sets_secret_of(index) => {
                failed().unwrap_or_else(|| say(Outcome::Progressing, self.setting()))
            }
            Verdict::Granted if !self.states[index].wanted.is_disjoint(self.leaving) => {
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
                let trouble = || member.trouble(self.observation).map(of);
                failed().or_else(trouble).unwrap_or_else(|| say(Outcome::Progressing, self.taking(index)))
            }
            Verdict::Unknown if !self.doubt.is_empty() => say(Outcome::Progressing, self.doubting()),
            Verdict::Frozen | Verdict::Unknown => {
                let trouble = member.trouble(self.observation).map(|trouble| {
                    // What the cloud said to a change tells more than that nothing can be read for the same reason.
                    let failure = failure.filter(|failure| failure.trouble.outcome == trouble.outcome);
                    of(failure.map_or(trouble, |failure| failure.trouble.clone()))
                });
                trouble.unwrap_or_else(|| say(Outcome::Progressing, format!("waiting for a look at {}", self.place())))
            }
        }
    }

    /// The planned change removes something that the claim owns.
    fn takes_from(&self, index: usize) -> bool {
        let owned = &self.states[index].owned;
        self.plan
            .change
            .as_ref()
            .is_some_and(|change| change.before.difference(&change.after).any(|string| owned.contains(string)))
    }

    /// The value of the claim's Secret is to be set.
    fn sets_secret_of(&self, index: usize) -> bool {
        self.plan.change.as_ref().is_some_and(|change| change.is_rotation() && change.supplier == Some(index))
    }

    fn place(&self) -> String {
        format!("{} {}", K::TARGET, self.target)
    }

    fn granted(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let state = &self.states[index];
        let message = format!("{name} holds {} on {place}", words(&state.wanted));
        let others = self.foreign_of(state);
        if others.is_empty() {
            return message;
        }
        format!("{message}; {} was granted by others and stays when this object is deleted", words(&others))
    }

    /// What of a claim's wishes nobody of ours owns.
    fn foreign_of(&self, state: &ClaimState) -> Access {
        state
            .wanted
            .iter()
            .filter(|string| !self.states.iter().any(|other| other.owned.contains(*string)))
            .cloned()
            .collect()
    }

    fn already_held(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        if matches!(self.observed, Observed::Fixed(_)) {
            return format!(
                "{name} is an administrator of {place} and holds everything there: nothing was granted, and deleting \
                 this object will not revoke anything"
            );
        }
        let supplies = self.principal.members[index].supply.is_some();
        let unset = if supplies { ", and what the Secret holds was not set" } else { "" };
        format!(
            "{name} already held {} on {place}, granted by others: deleting this object will not revoke it{unset}; to make \
             it this object's own, set adoptionPolicy to Adopt",
            words(&self.states[index].wanted)
        )
    }

    fn misspelled(&self) -> String {
        format!(
            "{} lists {} in another spelling, with this access, and whether the two are one is not known: nothing was \
             granted; name the user as it is listed",
            self.place(),
            self.principal.name
        )
    }

    fn granting(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let missing: Access = match self.observed {
            Observed::Access(shown) | Observed::Fixed(shown) => &self.states[index].wanted - &(shown - self.leaving),
            Observed::TargetGone | Observed::Unknown => self.states[index].wanted.clone(),
        };
        format!("granting {} to {name} on {place}, waiting until the cloud shows it", words(&missing))
    }

    fn taking(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let state = &self.states[index];
        let surplus: Access = if state.standing() == crate::plan::Standing::Ended {
            state.owned.clone()
        } else {
            &state.owned - &state.wanted
        };
        format!("revoking {} from {name} on {place}, waiting until the cloud no longer shows it", words(&surplus))
    }

    fn doubting(&self) -> String {
        format!(
            "{} no longer knows {}, and does not show {}: if that stays so for some minutes, it is believed to be gone",
            self.place(),
            words(self.doubt),
            self.principal.name
        )
    }

    fn setting(&self) -> String {
        format!("setting what the Secret holds for {} on {}", self.principal.name, self.place())
    }

    fn conflict(&self, with: usize) -> String {
        format!(
            "{} {} already decides what {} holds on {}: delete one of the two objects",
            <K::Object as kube::Resource>::kind(&()),
            self.principal.members[with].entry.key,
            self.principal.name,
            self.place()
        )
    }

    fn occupied(&self) -> String {
        let shown = self.shown().map(|(access, _)| access).unwrap_or_default();
        format!(
            "{} was placed in {} of {} by others: remove it there, or set adoptionPolicy to Adopt to move it",
            self.principal.name,
            words(&shown),
            self.place()
        )
    }

    fn target_gone(&self) -> String {
        format!(
            "{} does not exist, as the list of all confirms: create it, or delete this object and name another",
            self.place()
        )
    }
}

/// Strings as people list them.
pub(crate) fn words(access: &Access) -> String {
    if access.is_empty() {
        return "nothing".to_owned();
    }
    access.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
