//! From how a claim rests to the status that says so. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::{AccessStatus, Condition, ConditionStatus, ConditionType};
use crate::plan::{Access, Class, Outcome};

/// A message has fewer characters than the 2048 that schemas allow.
const MOST_CHARACTERS: usize = 2000;

/// How a claim rests, as its status is to say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rest {
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
    /// The principal holds the access now.
    pub(crate) held: ConditionStatus,
    /// What the cloud showed, if it could be read.
    pub(crate) observed: Option<Access>,
    pub(crate) owned: Access,
    /// What would be changed, in words.
    pub(crate) plan: Vec<String>,
    /// The latest `validUntil` that has passed.
    pub(crate) expired_at: Option<Timestamp>,
    /// The last request for a look that was answered.
    pub(crate) handled: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) principal: Option<String>,
    /// The version of the Secret whose value was last set for the claim.
    pub(crate) secret_version: Option<String>,
    /// The cloud's id of the request that failed.
    pub(crate) request_id: Option<String>,
}

/// The status after this one, and when a claim that waits will count as stalled.
pub(crate) fn next(
    before: &AccessStatus,
    rest: &Rest,
    generation: i64,
    now: Timestamp,
    stalled_after: Duration,
) -> (AccessStatus, Option<Timestamp>) {
    let (progress, stalls_at) = progress(&before.conditions, rest.outcome, generation, now, stalled_after);
    let was_ready = || before.condition(ConditionType::Ready).is_some_and(|it| it.status == ConditionStatus::True);
    // One that was stopped keeps its last Ready; nobody waits for one that was.
    let ready = rest.outcome.class() == Class::Ready || rest.outcome == Outcome::Suspended && was_ready();
    let mut conditions = vec![(ConditionType::Ready, ConditionStatus::from(ready))];
    conditions.extend(progress.filter(|_| !ready).map(|type_| (type_, ConditionStatus::True)));
    conditions.push((ConditionType::Held, rest.held));
    let message: Arc<str> = fit(&rest.message).into();
    let condition = |(type_, status): (ConditionType, ConditionStatus)| Condition {
        type_,
        status,
        reason: rest.outcome.reason().to_owned(),
        message: Arc::clone(&message),
        last_transition_time: before
            .condition(type_)
            .filter(|condition| condition.status == status)
            .map_or(now, |condition| condition.last_transition_time),
        observed_generation: generation,
    };
    let sorted = |access: &Access| access.iter().cloned().collect::<Vec<_>>();
    let status = AccessStatus {
        observed_generation: Some(generation),
        conditions: conditions.into_iter().map(condition).collect(),
        target: rest.target.clone(),
        principal: rest.principal.clone(),
        observed: rest.observed.as_ref().map_or_else(|| before.observed.clone(), sorted),
        owned: sorted(&rest.owned),
        plan: rest.plan.iter().map(|line| fit(line)).collect(),
        granted_at: before.granted_at.or_else(|| (!rest.owned.is_empty()).then_some(now)),
        expired_at: rest.expired_at,
        last_handled_reconcile_at: rest.handled.clone(),
        secret_version: rest.secret_version.clone(),
        last_request_id: rest.request_id.clone(),
    };
    (status, stalls_at)
}

/// As the API server takes a message: a NUL in it, or too much of it, and it would refuse the whole status again and again.
pub(crate) fn fit(message: &str) -> String {
    message.chars().filter(|char| !char.is_control()).take(MOST_CHARACTERS).collect()
}

/// The two say the same, but for the id of the request that failed: not worth a write at every retry.
pub(crate) fn say_the_same(one: &AccessStatus, other: &AccessStatus) -> bool {
    let plain = |status: &AccessStatus| {
        let id = status.last_request_id.clone().unwrap_or_default();
        let mut status = AccessStatus { last_request_id: None, ..status.clone() };
        for condition in status.conditions.iter_mut().filter(|_| !id.is_empty()) {
            condition.message = condition.message.replace(&id, "").into();
        }
        status
    };
    one == other || plain(one) == plain(other)
}

/// Which of Reconciling and Stalled is True, and when the one becomes the other.
pub(crate) fn progress(
    before: &[Condition],
    outcome: Outcome,
    generation: i64,
    now: Timestamp,
    stalled_after: Duration,
) -> (Option<ConditionType>, Option<Timestamp>) {
    match outcome.class() {
        Class::Ready => (None, None),
        Class::Waiting => (Some(ConditionType::Reconciling), None),
        Class::Stalled => (Some(ConditionType::Stalled), None),
        Class::WaitingThenStalled => {
            let condition = |type_| before.iter().find(|condition| condition.type_ == type_);
            let stalled_for_long = condition(ConditionType::Stalled).is_some_and(|stalled| {
                let class = Outcome::from_reason(&stalled.reason).map(Outcome::class);
                stalled.observed_generation == generation && class == Some(Class::WaitingThenStalled)
            });
            let since = condition(ConditionType::Reconciling).map_or(now, |condition| condition.last_transition_time);
            let at = since.checked_add(stalled_after).unwrap_or(Timestamp::MAX);
            if stalled_for_long || at <= now {
                (Some(ConditionType::Stalled), None)
            } else {
                (Some(ConditionType::Reconciling), Some(at))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(outcome: Outcome) -> Rest {
        Rest {
            outcome,
            message: "why".to_owned(),
            held: ConditionStatus::True,
            observed: Some(Access::new()),
            owned: Access::new(),
            plan: Vec::new(),
            expired_at: None,
            handled: None,
            target: None,
            principal: None,
            secret_version: None,
            request_id: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(1_000_000 + second, 0)
    }

    const TEN: Duration = Duration::from_secs(10);

    fn types(status: &AccessStatus) -> Vec<(ConditionType, ConditionStatus)> {
        status.conditions.iter().map(|condition| (condition.type_, condition.status)).collect()
    }

    #[test]
    fn a_message_is_what_schemas_take() {
        let long = Rest { message: "é".repeat(5000), plan: vec!["a\0b".to_owned()], ..rest(Outcome::Granted) };
        let (status, _) = next(&AccessStatus::default(), &long, 1, at(0), TEN);
        assert!(status.conditions.iter().all(|condition| condition.message.chars().count() == MOST_CHARACTERS));
        assert_eq!(status.plan, ["ab"]);
        assert_eq!(fit("one\u{0} line\r\n"), "one line");
    }

    #[test]
    fn a_ready_claim_is_neither_reconciling_nor_stalled() {
        let (status, _) = next(&AccessStatus::default(), &rest(Outcome::Granted), 1, at(0), TEN);
        assert_eq!(
            types(&status),
            [(ConditionType::Ready, ConditionStatus::True), (ConditionType::Held, ConditionStatus::True)]
        );
        assert_eq!(status.observed_generation, Some(1));
    }

    #[test]
    fn what_is_missing_is_waited_for_and_then_stalls_until_it_is_there() {
        let (first, stalls_at) = next(&AccessStatus::default(), &rest(Outcome::SecretNotFound), 1, at(0), TEN);
        assert!(first.condition(ConditionType::Reconciling).is_some());
        assert_eq!(stalls_at, Some(at(10)));
        let (second, _) = next(&first, &rest(Outcome::AccountNotFound), 1, at(9), TEN);
        assert!(second.condition(ConditionType::Reconciling).is_some(), "the clock runs on when the reason changes");
        let (third, stalls_at) = next(&second, &rest(Outcome::SecretNotFound), 1, at(10), TEN);
        assert!(third.condition(ConditionType::Stalled).is_some());
        assert!(third.condition(ConditionType::Reconciling).is_none());
        assert_eq!(stalls_at, None);
        let (fourth, _) = next(&third, &rest(Outcome::CredentialsRejected), 1, at(11), TEN);
        assert!(fourth.condition(ConditionType::Stalled).is_some(), "it does not start anew");
        let (edited, _) = next(&fourth, &rest(Outcome::CredentialsRejected), 2, at(12), TEN);
        assert!(edited.condition(ConditionType::Reconciling).is_some(), "an edit starts anew");
    }

    #[test]
    fn a_suspended_claim_keeps_its_last_ready() {
        let (granted, _) = next(&AccessStatus::default(), &rest(Outcome::Granted), 1, at(0), TEN);
        let (suspended, _) = next(&granted, &rest(Outcome::Suspended), 2, at(1), TEN);
        assert_eq!(types(&suspended), types(&granted), "and nobody waits for it");
        let (waiting, _) = next(&AccessStatus::default(), &rest(Outcome::Throttled), 1, at(0), TEN);
        let (suspended, _) = next(&waiting, &rest(Outcome::Suspended), 2, at(1), TEN);
        assert_eq!(types(&suspended), types(&waiting), "it was not ready, and is not");
    }

    #[test]
    fn a_refusal_stalls_at_once() {
        let (status, _) = next(&AccessStatus::default(), &rest(Outcome::Rejected), 1, at(0), TEN);
        assert!(status.condition(ConditionType::Stalled).is_some());
    }

    #[test]
    fn a_condition_keeps_the_time_of_its_last_change() {
        let (first, _) = next(&AccessStatus::default(), &rest(Outcome::Granted), 1, at(0), TEN);
        let (second, _) = next(&first, &rest(Outcome::AlreadyHeld), 1, at(5), TEN);
        assert_eq!(second.condition(ConditionType::Ready).map(|ready| ready.last_transition_time), Some(at(0)));
        let (third, _) = next(&second, &rest(Outcome::Throttled), 1, at(6), TEN);
        assert_eq!(third.condition(ConditionType::Ready).map(|ready| ready.last_transition_time), Some(at(6)));
    }

    #[test]
    fn a_retry_that_fails_alike_is_not_worth_a_write() {
        let failed = |id: &str, code: &str| {
            let message = format!("refused ({code}, request {id})");
            let rest = Rest { message, request_id: Some(id.to_owned()), ..rest(Outcome::Rejected) };
            next(&AccessStatus::default(), &rest, 1, at(0), TEN).0
        };
        assert!(say_the_same(&failed("1a", "X.1"), &failed("2b", "X.1")));
        assert!(!say_the_same(&failed("1a", "X.1"), &failed("1a", "X.7")));
    }

    #[test]
    fn an_unreadable_list_leaves_what_was_observed_before() {
        let before = AccessStatus { observed: vec!["SUBMIT_JOB".to_owned()], ..AccessStatus::default() };
        let unread = Rest { observed: None, held: ConditionStatus::Unknown, ..rest(Outcome::CloudUnavailable) };
        let (status, _) = next(&before, &unread, 1, at(0), TEN);
        assert_eq!(status.observed, ["SUBMIT_JOB"]);
        assert_eq!(status.condition(ConditionType::Held).map(|held| held.status), Some(ConditionStatus::Unknown));
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod waiting_tests;
