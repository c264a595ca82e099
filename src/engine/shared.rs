//! Who tells of a ClusterCloudAccount that operators for different namespaces share: none of them sees all of its objects, and
//! they must neither take turns for ever nor leave a word standing that is true for none.

use crate::api::{CloudAccountStatus, Condition, ConditionStatus, ConditionType};

/// Whether who would say `own` of a shared account is to say it, where `told` is what its status says, and `last` what the same
/// operator has last made it say, or has found it saying.
///
/// Whose objects name the account says so whenever that changes, and takes it back. Where nobody's do, the first word stands. Whoever
/// finds that nothing is missing has the last word on both.
pub(crate) fn has_say(told: &CloudAccountStatus, last: Option<&CloudAccountStatus>, own: &CloudAccountStatus) -> bool {
    let is_news = told.observed_generation != own.observed_generation;
    let is_better = is_ready(own) && !is_ready(told);
    let is_known = |last: &CloudAccountStatus| says_the_same(last, own);
    match (own.claims.is_empty(), told.claims.is_empty()) {
        (false, true) => true,
        (false, false) => is_better || !last.is_some_and(is_known),
        (true, false) => is_news || last.is_some_and(|last| last.claims == told.claims),
        (true, true) => {
            is_news || is_better || last.is_some_and(|last| says_the_same(last, told)) || goes_on(told, own)
        }
    }
}

/// Whether they say the same, but for what is kept elsewhere.
pub(crate) fn says_the_same(one: &CloudAccountStatus, other: &CloudAccountStatus) -> bool {
    let own =
        |status: &CloudAccountStatus| CloudAccountStatus { revocations: Vec::new(), held: None, ..status.clone() };
    own(one) == own(other)
}

/// Whether it is the same trouble, and has come to be stalled, or is no longer.
fn goes_on(told: &CloudAccountStatus, own: &CloudAccountStatus) -> bool {
    let why = |ready: &Condition| (ready.status, ready.reason.clone(), ready.message.clone());
    let types = |status: &CloudAccountStatus| status.conditions.iter().map(|it| it.type_).collect::<Vec<_>>();
    ready(told).map(why) == ready(own).map(why) && types(told) != types(own)
}

fn is_ready(status: &CloudAccountStatus) -> bool {
    ready(status).is_some_and(|ready| ready.status == ConditionStatus::True)
}

fn ready(status: &CloudAccountStatus) -> Option<&Condition> {
    status.condition(ConditionType::Ready)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::api::ClaimCount;

    /// What one of two operators finds: what it lacks, if anything, and how many of its objects name the account.
    type View = (Option<&'static str>, u32);

    /// Everything that two may find who lack nothing, the same, or each something of its own.
    fn views() -> Vec<[View; 2]> {
        let of = |lacks| {
            [None, Some(lacks), Some("both")].into_iter().flat_map(|lacks| (0..3).map(move |claims| (lacks, claims)))
        };
        of("one").flat_map(|one| of("other").map(move |other| [one, other])).collect()
    }

    /// As each says it of the two, who have not looked at the same time.
    fn said((lacks, claims): View, who: usize) -> CloudAccountStatus {
        let ready = Condition {
            type_: ConditionType::Ready,
            status: ConditionStatus::from(lacks.is_none()),
            reason: "Why".to_owned(),
            message: lacks.unwrap_or("nothing is missing").into(),
            last_transition_time: [Timestamp::MIN, Timestamp::MAX][who],
            observed_generation: 1,
        };
        let claims = (claims > 0).then(|| ClaimCount { reason: "Granted".to_owned(), count: claims });
        CloudAccountStatus {
            observed_generation: Some(1),
            conditions: vec![ready],
            claims: claims.into_iter().collect(),
            ..CloudAccountStatus::default()
        }
    }

    /// A status, and two operators that keep it.
    #[derive(Clone, Default, PartialEq)]
    struct Shared {
        told: CloudAccountStatus,
        last: [Option<CloudAccountStatus>; 2],
    }

    impl Shared {
        /// One of them looks; whether it writes.
        fn look(&mut self, views: [View; 2], who: usize) -> bool {
            let own = said(views[who], who);
            let is_told = says_the_same(&self.told, &own);
            let has_say = is_told && self.last[who].is_none() || has_say(&self.told, self.last[who].as_ref(), &own);
            if has_say {
                self.told = own.clone();
                self.last[who] = Some(own);
            }
            has_say && !is_told
        }

        /// Both look, in any order at first, and then in turns; the last turns write nothing. Every end that this may have.
        fn settle(&self, views: [View; 2]) -> Vec<Self> {
            let mut ends = Vec::new();
            for order in 0..8_usize {
                let mut shared = self.clone();
                for turn in 0..3 {
                    shared.look(views, order >> turn & 1);
                }
                for turn in 0..6 {
                    shared.look(views, turn % 2);
                }
                assert!(!shared.look(views, 0) && !shared.look(views, 1), "they take turns for ever: {views:?}");
                if !ends.contains(&shared) {
                    ends.push(shared);
                }
            }
            ends
        }
    }

    /// What may stand in the end: the word of whose objects name the account, if there are such, and of these that nothing is
    /// missing, if one finds that.
    fn is_true(told: &CloudAccountStatus, views: [View; 2]) -> bool {
        let named = views.iter().any(|(_, claims)| *claims > 0);
        let speak = views.into_iter().filter(|(_, claims)| !named || *claims > 0);
        let best = speak.clone().any(|(lacks, _)| lacks.is_none());
        let mut words = speak.filter(|(lacks, _)| !best || lacks.is_none());
        words.any(|view| [0, 1].into_iter().any(|who| *told == said(view, who)))
    }

    /// Fails when whoever finds something wrong has the last word, or each repairs the other's.
    #[test]
    fn two_operators_come_to_rest_with_a_word_that_is_true() {
        for before in views() {
            for settled in Shared::default().settle(before) {
                assert!(is_true(&settled.told, before), "{before:?}: {:?}", settled.told);
                for after in views() {
                    for ended in settled.settle(after) {
                        // Without objects before and after, what was fine may stay so.
                        let named = [before, after].iter().flatten().any(|(_, claims)| *claims > 0);
                        let stays = !named && is_ready(&ended.told) && ended.told == settled.told;
                        assert!(stays || is_true(&ended.told, after), "{before:?} {after:?}: {:?}", ended.told);
                    }
                }
            }
        }
    }

    #[test]
    fn trouble_that_goes_on_may_come_to_be_stalled() {
        let (told, mut own) = (said((Some("one"), 0), 0), said((Some("one"), 0), 1));
        assert!(!has_say(&told, None, &own), "it says nothing new");
        own.conditions.push(Condition { type_: ConditionType::Stalled, ..own.conditions[0].clone() });
        assert!(has_say(&told, None, &own));
        assert!(!has_say(&said((Some("other"), 0), 0), None, &own));
    }

    #[test]
    fn who_has_told_of_trouble_may_tell_of_other_trouble() {
        let (told, own) = (said((Some("one"), 0), 0), said((Some("other"), 0), 0));
        assert!(has_say(&told, Some(&told), &own) && !has_say(&told, None, &own));
    }

    #[test]
    fn an_edit_is_answered_though_the_count_of_another_stands() {
        let told = said((None, 2), 0);
        let own = CloudAccountStatus { observed_generation: Some(2), ..said((None, 0), 1) };
        assert!(has_say(&told, None, &own) && !has_say(&told, None, &said((None, 0), 1)));
    }
}
