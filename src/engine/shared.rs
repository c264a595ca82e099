//! Who tells of a ClusterCloudAccount that operators for different namespaces share: none of them sees all of its objects, and
//! they must neither take turns for ever nor leave a word standing that is true for none.

use crate::api::{CloudAccountStatus, Condition, ConditionStatus, ConditionType};

/// Whether who would say `own` of a shared account is to say it, where `told` is what its status says, and `last` what the same
/// operator has last made it say.
///
/// Whose objects name the account says so whenever that changes, and takes it back. Where nobody's do, the first word stands, until
/// somebody finds that nothing is missing.
pub(crate) fn has_say(told: &CloudAccountStatus, last: Option<&CloudAccountStatus>, own: &CloudAccountStatus) -> bool {
    match (own.claims.is_empty(), told.claims.is_empty()) {
        (false, true) => true,
        (false, false) => last.is_none_or(|last| !says_the_same(last, own)),
        (true, false) => last.is_some_and(|last| last.claims == told.claims),
        (true, true) => told.observed_generation != own.observed_generation || !is_ready(told) && may_follow(told, own),
    }
}

/// Whether they say the same, but for what is kept elsewhere.
pub(crate) fn says_the_same(one: &CloudAccountStatus, other: &CloudAccountStatus) -> bool {
    let own =
        |status: &CloudAccountStatus| CloudAccountStatus { revocations: Vec::new(), held: None, ..status.clone() };
    own(one) == own(other)
}

/// After a word of trouble: that there is none, or that the same goes on.
fn may_follow(told: &CloudAccountStatus, own: &CloudAccountStatus) -> bool {
    let why = |ready: &Condition| (ready.reason.clone(), ready.message.clone());
    is_ready(own) || ready(told).map(why) == ready(own).map(why)
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

    /// Everything that two may find who lack nothing, or each something of its own.
    fn views() -> Vec<[View; 2]> {
        let of = |lacks| [None, Some(lacks)].into_iter().flat_map(|lacks| [(lacks, 0), (lacks, 1), (lacks, 2)]);
        of("one").flat_map(|one| of("other").map(move |other| [one, other])).collect()
    }

    fn said((lacks, claims): View) -> CloudAccountStatus {
        let ready = Condition {
            type_: ConditionType::Ready,
            status: ConditionStatus::from(lacks.is_none()),
            reason: "Why".to_owned(),
            message: lacks.unwrap_or("nothing is missing").into(),
            last_transition_time: Timestamp::UNIX_EPOCH,
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
    #[derive(Clone, Default)]
    struct Shared {
        told: CloudAccountStatus,
        last: [Option<CloudAccountStatus>; 2],
    }

    impl Shared {
        /// One of them looks; whether it writes.
        fn look(&mut self, views: [View; 2], who: usize) -> bool {
            let own = said(views[who]);
            let writes = has_say(&self.told, self.last[who].as_ref(), &own) && !says_the_same(&self.told, &own);
            if writes {
                self.told = own.clone();
                self.last[who] = Some(own);
            }
            writes
        }

        /// Both look, in any order at first, and then in turns; the last turns write nothing.
        fn settle(&self, views: [View; 2]) -> Vec<Self> {
            let settled = |order: usize| {
                let mut shared = self.clone();
                for turn in 0..3 {
                    shared.look(views, order >> turn & 1);
                }
                for turn in 0..6 {
                    shared.look(views, turn % 2);
                }
                assert!(!shared.look(views, 0) && !shared.look(views, 1), "they take turns for ever: {views:?}");
                shared
            };
            (0..8).map(settled).collect()
        }
    }

    /// What may stand in the end.
    fn is_true(told: &CloudAccountStatus, views: [View; 2]) -> bool {
        let named = views.map(|(_, claims)| claims > 0);
        let has_to_tell = |(lacks, claims): View| {
            if named.contains(&true) {
                claims > 0
            } else {
                lacks.is_none() || views.iter().all(|(lacks, _)| lacks.is_some())
            }
        };
        views.into_iter().any(|view| has_to_tell(view) && *told == said(view))
    }

    /// Fails when whoever finds something wrong has the last word, or each repairs the other's.
    #[test]
    fn two_operators_come_to_rest_with_a_word_that_is_true() {
        for before in views() {
            for settled in Shared::default().settle(before) {
                assert!(is_true(&settled.told, before), "{before:?}: {:?}", settled.told);
                for after in views() {
                    for settled in settled.settle(after) {
                        let [was, is] = [before, after].map(|views| views.iter().any(|(_, claims)| *claims > 0));
                        // Without objects before and after, what was fine may stay so.
                        let stays = !was && !is && settled.told == said((None, 0));
                        assert!(stays || is_true(&settled.told, after), "{before:?} {after:?}: {:?}", settled.told);
                    }
                }
            }
        }
    }

    #[test]
    fn trouble_that_goes_on_may_come_to_be_stalled() {
        let (told, mut own) = (said((Some("one"), 0)), said((Some("one"), 0)));
        own.conditions.push(Condition { type_: ConditionType::Stalled, ..own.conditions[0].clone() });
        assert!(has_say(&told, None, &own));
        assert!(!has_say(&said((Some("other"), 0)), None, &own));
    }
}
