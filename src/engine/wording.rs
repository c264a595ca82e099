//! How a claim rests, in words for whoever owns the object: what holds, why, what to do.

use jiff::Timestamp;

use super::kind::AccessKind;
use super::parts::loses;
use super::report::Told;
use super::standing::{End, Stand};
use crate::plan::{Access, Change, ClaimState, Observed, Plan, Standing, Verdict};

impl<K: AccessKind> Told<'_, K> {
    pub(super) fn place(&self) -> String {
        let claims = || self.principal.members.iter().find_map(|member| member.located.claim.as_ref());
        // An object that belongs to no target yet names one all the same, if it can be read.
        let target = if self.target.is_empty() { claims().map_or("", |claim| &claim.target) } else { self.target };
        format!("{} {target}", K::TARGET).trim_end().to_owned()
    }

    pub(super) fn granted(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let state = &self.planned.states[index];
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
            .filter(|string| !self.planned.states.iter().any(|other| other.owned.contains(*string)))
            .cloned()
            .collect()
    }

    pub(super) fn already_held(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        if matches!(self.planned.observed, Observed::Fixed(_)) {
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
            words(&self.planned.states[index].wanted)
        )
    }

    pub(super) fn misspelled(&self) -> String {
        let (name, place) = (&self.principal.name, self.place());
        format!(
            "{place} lists {name} in another spelling, with this access, and whether the two are one is not known: nothing \
             was granted; delete this object and name {} instead",
            self.observation.spelled(name).unwrap_or(name)
        )
    }

    pub(super) fn granting(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let missing: Access = match &self.planned.observed {
            Observed::Access(shown) | Observed::Fixed(shown) => {
                &self.planned.states[index].wanted - &(shown - &self.planned.leaving)
            }
            Observed::TargetGone | Observed::Unknown => self.planned.states[index].wanted.clone(),
        };
        format!("granting {} to {name} on {place}, waiting until the cloud shows it", words(&missing))
    }

    pub(super) fn taking(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let state = &self.planned.states[index];
        let surplus: Access = if state.standing() == crate::plan::Standing::Ended {
            state.owned.clone()
        } else {
            let removed = self.planned.plan.change.as_ref().map(Change::removed).unwrap_or_default();
            loses(&self.planned.states, index, &removed)
        };
        let since = match self.planned.stands[index] {
            Stand::Ended(End::Expired(until)) => format!("validUntil {until} has passed: "),
            Stand::Ended(End::NotYetValid(from)) => format!("validFrom {from} has not come: "),
            Stand::Ended(End::NotAllowed) => format!("{}: ", self.not_allowed(index)),
            Stand::Ended(End::Deleted) | Stand::Live | Stand::Frozen(_) => String::new(),
        };
        format!(
            "{since}revoking {} from {name} on {place}, waiting until the cloud no longer shows it",
            words(&surplus)
        )
    }

    pub(super) fn doubting(&self) -> String {
        format!(
            "{} no longer knows {}, and does not show {}: if that stays so for some minutes, it is believed to be gone",
            self.place(),
            words(&self.planned.doubt),
            self.principal.name
        )
    }

    pub(super) fn setting(&self) -> String {
        format!("setting what the Secret holds for {} on {}", self.principal.name, self.place())
    }

    pub(super) fn conflict(&self, with: usize) -> String {
        format!(
            "{} {} already decides what {} holds on {}: delete one of the two objects",
            <K::Object as kube::Resource>::kind(&()),
            self.principal.members[with].entry.key,
            self.principal.name,
            self.place()
        )
    }

    pub(super) fn occupied(&self) -> String {
        let shown = self.shown().map(|(access, _)| access).unwrap_or_default();
        format!(
            "{} was placed in {} of {} by others: remove it there, or set adoptionPolicy to Adopt to move it",
            self.principal.name,
            words(&shown),
            self.place()
        )
    }

    pub(super) fn target_gone(&self) -> String {
        format!(
            "{} does not exist, as a second, different call confirms: create it, or delete this object and name another",
            self.place()
        )
    }

    pub(super) fn suspended(&self) -> String {
        let (name, place) = (&self.principal.name, self.place());
        format!("suspended: what {name} holds on {place} is neither granted nor revoked until suspend is taken out")
    }

    pub(super) fn expired(&self, index: usize, until: Timestamp) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let message = format!("validUntil {until} has passed: nothing is granted to {name} on {place} for this object");
        format!("{message}{}", self.still_held(index))
    }

    pub(super) fn not_yet_valid(&self, index: usize, from: Timestamp) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let message = format!("nothing is granted to {name} on {place} before validFrom {from}");
        format!("{message}{}", self.still_held(index))
    }

    /// In words that tell nothing of what the principal holds: that is nobody's business who may not ask.
    pub(super) fn not_allowed(&self, index: usize) -> String {
        self.principal.members[index].objection().cloned().unwrap_or_default()
    }

    /// What the principal holds all the same of what an ended claim asked for.
    fn still_held(&self, index: usize) -> String {
        let shown =
            self.shown_to(index).map(|(shown, _)| &shown & &self.planned.states[index].wanted).unwrap_or_default();
        if shown.is_empty() {
            String::new()
        } else {
            format!("; {} is still there, from another object or by others", words(&shown))
        }
    }

    pub(super) fn in_sync(&self, index: usize) -> String {
        let (name, place) = (&self.principal.name, self.place());
        let wanted = &self.planned.states[index].wanted;
        format!("{name} holds {} on {place}, and mode Enforce would change nothing", words(wanted))
    }

    /// What would be changed for a claim, in words: if it went on, of one that only looks; else what is held back.
    pub(super) fn would(&self, index: usize) -> Vec<String> {
        if let Some(plan) = self.planned.rehearsed.as_ref().filter(|_| self.planned.stands[index].observes()) {
            return self.would_if_live(index, plan);
        }
        let held_back = self.planned.held[index].as_ref();
        held_back.map(|held| self.changes(&Access::new(), &held.access)).unwrap_or_default()
    }

    fn would_if_live(&self, index: usize, plan: &Plan) -> Vec<String> {
        if let Verdict::Conflict { with } = &plan.verdicts[index] {
            return vec![format!("would wait: {}", self.conflict(*with))];
        }
        if plan.verdicts[index] == Verdict::Occupied {
            return vec![format!("would wait: {}", self.occupied())];
        }
        let Some(change) = &plan.change else { return Vec::new() };
        let mut states = self.planned.states.clone();
        states[index].mode = Standing::Live;
        let granted = &change.added() & &states[index].wanted;
        let mut would = self.changes(&granted, &loses(&states, index, &change.removed()));
        if change.is_rotation() && change.supplier == Some(index) {
            would.push(format!("would set what the Secret holds for {} on {}", self.principal.name, self.place()));
        }
        would
    }

    fn changes(&self, added: &Access, removed: &Access) -> Vec<String> {
        let (name, place) = (&self.principal.name, self.place());
        let grant = (!added.is_empty()).then(|| format!("would grant {} to {name} on {place}", words(added)));
        let revoke = (!removed.is_empty()).then(|| format!("would revoke {} from {name} on {place}", words(removed)));
        grant.into_iter().chain(revoke).collect()
    }
}

/// As many characters of strings as one message has room for.
const MOST_WORDS: usize = 700;

/// Strings as people list them; of very many, the first.
pub(crate) fn words(access: &Access) -> String {
    if access.is_empty() {
        return "nothing".to_owned();
    }
    let (mut words, mut left) = (String::new(), access.len());
    for string in access {
        if words.len() + string.len() > MOST_WORDS {
            break;
        }
        let comma = if words.is_empty() { "" } else { ", " };
        words = words + comma + string;
        left -= 1;
    }
    if left > 0 { format!("{words} and {left} more") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_many_strings_are_cut_short() {
        let of = |count: usize| (0..count).map(|number| format!("{number:032}")).collect::<Access>();
        assert_eq!(words(&Access::new()), "nothing");
        assert_eq!(words(&["b", "a"].map(str::to_owned).into()), "a, b");
        let many = words(&of(128));
        assert!(many.ends_with(" and 108 more") && many.len() < 730, "{many}");
    }
}
