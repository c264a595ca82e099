//! What whoever waits is told by the statuses of any course, as kstatus reads them.

#[path = "../../tests/it/kstatus/rules.rs"]
mod rules;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use serde_json::json;

use self::rules::Status;
use super::{Rest, next};
use crate::api::{AccessStatus, ConditionStatus, ConditionType};
use crate::plan::{Access, Class, Outcome};

const STALLED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// How a claim rests next.
#[derive(Debug, Clone)]
struct Turn {
    outcome: Outcome,
    /// So much later.
    after: SignedDuration,
    /// And after an edit of its spec.
    edited: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let seconds = prop_oneof![0..5_i64, 590..610_i64, 0..2000_i64];
    let turn = (select(Outcome::ALL.to_vec()), seconds, prop::bool::weighted(0.2));
    turn.prop_map(|(outcome, seconds, edited)| Turn { outcome, after: SignedDuration::from_secs(seconds), edited })
}

/// An object under way, and since when whoever waits has been told this without a break.
struct Course {
    status: AccessStatus,
    generation: i64,
    now: Timestamp,
    said: Option<Status>,
    since: Timestamp,
    not_current_since: Timestamp,
}

impl Course {
    /// A new object, as the API server's default makes it.
    fn new() -> Self {
        let status = AccessStatus { observed_generation: Some(-1), ..AccessStatus::default() };
        let now = Timestamp::UNIX_EPOCH;
        Self { status, generation: 1, now, said: None, since: now, not_current_since: now }
    }

    fn reads(&self) -> Status {
        rules::read(&json!({"metadata": {"generation": self.generation}, "status": self.status}))
    }

    fn play(&mut self, turn: &Turn) -> TestCaseResult {
        self.now += turn.after;
        if turn.edited {
            self.generation += 1;
            prop_assert_eq!(self.reads(), Status::InProgress, "nobody has looked at the edit");
        }
        let stalled_after = Duration::try_from(STALLED_AFTER).unwrap_or_default();
        self.status = next(&self.status, &rest(turn.outcome), self.generation, self.now, stalled_after).0;
        let said = self.reads();
        let before = self.said.replace(said);
        if before != Some(said) {
            self.since = self.now;
        }
        if before == Some(Status::Current) && said != Status::Current {
            self.not_current_since = self.now;
        }
        let is_stalled =
            self.status.condition(ConditionType::Stalled).is_some_and(|it| it.status == ConditionStatus::True);
        prop_assert_eq!(said == Status::Failed, is_stalled);
        let is_meant = match (turn.outcome.class(), said) {
            (_, Status::Current) if turn.outcome == Outcome::Suspended => before == Some(Status::Current),
            (Class::Ready, Status::Current)
            | (Class::Waiting, Status::InProgress)
            | (Class::Stalled, Status::Failed) => true,
            (Class::WaitingThenStalled, Status::InProgress) => self.now.duration_since(self.since) < STALLED_AFTER,
            (Class::WaitingThenStalled, Status::Failed) => {
                self.now.duration_since(self.not_current_since) >= STALLED_AFTER
            }
            _ => false,
        };
        prop_assert!(is_meant, "{:?} after {:?}, by {:?}", said, before, turn);
        Ok(())
    }
}

fn rest(outcome: Outcome) -> Rest {
    Rest {
        outcome,
        message: String::new(),
        held: ConditionStatus::Unknown,
        observed: None,
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Current exactly when the cloud matches, or did when it was suspended; failed exactly when stalled, and for want of
    /// something that may still come not before ten minutes, and then; in progress until somebody has looked.
    #[test]
    fn whoever_waits_is_told_what_the_outcome_means(turns in vec(turn(), 1..20)) {
        let mut course = Course::new();
        prop_assert_eq!(course.reads(), Status::InProgress, "nobody has looked at it");
        for turn in turns {
            course.play(&turn)?;
        }
    }
}
