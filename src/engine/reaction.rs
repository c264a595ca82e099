//! How the engine reacts to what goes wrong: which outcome claims rest with, and how long it waits.

use std::time::Duration;

use super::problem::Problem;
use crate::clouds::CloudError;
use crate::plan::Outcome;

/// Something that went wrong, as claims are told and as the queue waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) outcome: Outcome,
    /// What happened, why, and what to do.
    pub(crate) message: String,
    /// The cloud's id of the failed request.
    pub(crate) request_id: Option<String>,
    /// The first pause; it doubles with each further failure.
    first: Duration,
    /// The longest pause.
    longest: Duration,
    /// How long the cloud asks to wait at least.
    asked: Duration,
    /// It counts as a failure: the next pause is longer.
    pub(crate) counts: bool,
    /// It may be about what was asked, not about the way there or what others asked.
    pub(crate) is_answer: bool,
}

impl Trouble {
    /// A revocation that its account holds back.
    pub(crate) fn held_back(message: String) -> Self {
        Self {
            outcome: Outcome::RevocationHeld,
            message,
            request_id: None,
            first: Duration::ZERO,
            longest: Duration::ZERO,
            asked: Duration::ZERO,
            counts: false,
            is_answer: false,
        }
    }

    /// How long to wait at most after so many earlier failures, unless the cloud asks for more.
    pub(crate) fn longest_pause(&self, attempts: u32) -> Duration {
        self.first.saturating_mul(1 << attempts.min(16)).min(self.longest)
    }

    /// How long to wait after so many earlier failures; `random` in 0..1 spreads retries over the whole pause.
    pub(crate) fn pause(&self, attempts: u32, random: f64) -> Duration {
        let most = self.longest_pause(attempts);
        let least = self.first / 2;
        self.asked + least + most.saturating_sub(least).mul_f64(random.clamp(0.0, 1.0))
    }
}

impl From<&CloudError> for Trouble {
    fn from(error: &CloudError) -> Self {
        let second = Duration::from_secs(1);
        // outcome, first pause, longest pause, counts as a failure
        let (outcome, first, longest, counts) = match error {
            CloudError::Throttled { .. } | CloudError::TurnMissed { .. } => (Outcome::Throttled, 2, 60, false),
            CloudError::Unavailable { .. } | CloudError::Unreachable { .. } => {
                (Outcome::CloudUnavailable, 1, 300, true)
            }
            CloudError::UnexpectedReply { .. } => (Outcome::UnexpectedReply, 2, 300, true),
            CloudError::TargetNotReady { .. } => (Outcome::TargetNotReady, 5, 60, true),
            CloudError::TargetNotFound { .. } => (Outcome::TargetNotFound, 5, 300, true),
            CloudError::PoolNotFound { .. } => (Outcome::PoolNotFound, 5, 300, true),
            CloudError::PrincipalNotFound { .. } => (Outcome::PrincipalNotFound, 10, 300, true),
            CloudError::CredentialsRejected { .. } => (Outcome::CredentialsRejected, 10, 300, true),
            CloudError::AccessDenied { .. } => (Outcome::AccessDenied, 30, 600, true),
            CloudError::Rejected { .. } => (Outcome::Rejected, 30, 600, true),
        };
        let is_answer = match error {
            CloudError::Unavailable { .. }
            | CloudError::UnexpectedReply { .. }
            | CloudError::PrincipalNotFound { .. }
            | CloudError::Rejected { .. } => true,
            CloudError::Throttled { .. }
            | CloudError::TurnMissed { .. }
            | CloudError::Unreachable { .. }
            | CloudError::TargetNotReady { .. }
            | CloudError::TargetNotFound { .. }
            | CloudError::PoolNotFound { .. }
            | CloudError::CredentialsRejected { .. }
            | CloudError::AccessDenied { .. } => false,
        };
        let asked = match error {
            CloudError::Throttled { retry_after, .. } => retry_after.unwrap_or_default().min(600 * second),
            CloudError::TurnMissed { .. }
            | CloudError::Unavailable { .. }
            | CloudError::Unreachable { .. }
            | CloudError::UnexpectedReply { .. }
            | CloudError::TargetNotReady { .. }
            | CloudError::TargetNotFound { .. }
            | CloudError::PoolNotFound { .. }
            | CloudError::PrincipalNotFound { .. }
            | CloudError::CredentialsRejected { .. }
            | CloudError::AccessDenied { .. }
            | CloudError::Rejected { .. } => Duration::ZERO,
        };
        Self {
            outcome,
            message: error.to_string(),
            request_id: error.request_id().map(str::to_owned),
            first: first * second,
            longest: longest * second,
            asked,
            counts,
            is_answer,
        }
    }
}

/// A write that ended so may have been carried out, or may still be.
pub(crate) fn may_have_landed(error: &CloudError) -> bool {
    match error {
        CloudError::Unavailable { .. } | CloudError::UnexpectedReply { .. } => true,
        CloudError::Throttled { .. }
        | CloudError::TurnMissed { .. }
        | CloudError::Unreachable { .. }
        | CloudError::TargetNotReady { .. }
        | CloudError::TargetNotFound { .. }
        | CloudError::PoolNotFound { .. }
        | CloudError::PrincipalNotFound { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::AccessDenied { .. }
        | CloudError::Rejected { .. } => error.fault().partly,
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self {
            outcome: problem.outcome,
            message: problem.message,
            request_id: None,
            // Account objects are watched; what is waited for here is a Secret, which is not.
            first: Duration::from_secs(2),
            longest: Duration::from_secs(30),
            asked: Duration::ZERO,
            counts: true,
            is_answer: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::Fault;

    /// What every error leads to: outcome, first and longest pause, whether it counts, whether it may have landed.
    const TABLE: &str = "\
Throttled           Throttled           2 s to 60 s    as asked   not carried out
TurnMissed          Throttled           2 s to 60 s    as asked   not carried out
Unavailable         CloudUnavailable    1 s to 300 s   growing    may have landed
Unreachable         CloudUnavailable    1 s to 300 s   growing    not carried out
CredentialsRejected CredentialsRejected 10 s to 300 s  growing    not carried out
AccessDenied        AccessDenied        30 s to 600 s  growing    not carried out
TargetNotFound      TargetNotFound      5 s to 300 s   growing    not carried out
TargetNotReady      TargetNotReady      5 s to 60 s    growing    not carried out
PoolNotFound        PoolNotFound        5 s to 300 s   growing    not carried out
PrincipalNotFound   PrincipalNotFound   10 s to 300 s  growing    not carried out
Rejected            Rejected            30 s to 600 s  growing    not carried out
UnexpectedReply     UnexpectedReply     2 s to 300 s   growing    may have landed
";

    #[test]
    fn every_error_leads_to_what_the_table_says() {
        let fault = || Fault::of("grant", "");
        let errors = [
            CloudError::Throttled { fault: fault(), retry_after: None },
            CloudError::TurnMissed { fault: fault() },
            CloudError::Unavailable { fault: fault() },
            CloudError::Unreachable { fault: fault() },
            CloudError::CredentialsRejected { fault: fault() },
            CloudError::AccessDenied { fault: fault() },
            CloudError::TargetNotFound { fault: fault() },
            CloudError::TargetNotReady { fault: fault() },
            CloudError::PoolNotFound { fault: fault() },
            CloudError::PrincipalNotFound { fault: fault() },
            CloudError::Rejected { fault: fault() },
            CloudError::UnexpectedReply { fault: fault() },
        ];
        let line = |error: &CloudError| {
            let name = format!("{error:?}");
            let name = name.split([' ', '{']).next().unwrap_or_default();
            let trouble = Trouble::from(error);
            let pauses = format!("{} s to {} s", trouble.first.as_secs(), trouble.longest.as_secs());
            let counts = if trouble.counts { "growing" } else { "as asked" };
            let landed = if may_have_landed(error) { "may have landed" } else { "not carried out" };
            format!("{name:<19} {:<19} {pauses:<14} {counts:<10} {landed}\n", trouble.outcome.reason())
        };
        assert_eq!(errors.iter().map(line).collect::<String>(), TABLE);
    }

    #[test]
    fn what_was_refused_with_others_may_have_landed() {
        let fault = Fault { partly: true, ..Fault::of("grant", "") };
        assert!(may_have_landed(&CloudError::Rejected { fault }));
    }

    #[test]
    fn a_pause_grows_is_spread_and_heeds_what_the_cloud_asks() {
        let trouble = Trouble::from(&CloudError::Unavailable { fault: Fault::of("grant", "") });
        let pauses = |attempts| [0.0, 1.0].map(|random| trouble.pause(attempts, random).as_millis());
        assert_eq!(pauses(0), [500, 1_000]);
        assert_eq!(pauses(3), [500, 8_000]);
        assert_eq!(pauses(60), [500, 300_000]);
        let asked = Some(Duration::from_secs(7));
        let throttled = Trouble::from(&CloudError::Throttled { fault: Fault::of("grant", ""), retry_after: asked });
        assert!(throttled.pause(0, 0.0) >= Duration::from_secs(7));
    }
}
