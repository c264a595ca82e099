//! How the engine reacts to what goes wrong: which outcome claims rest with, and how long it waits.

use std::time::Duration;

use super::accounts::AccountProblem;
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
}

impl Trouble {
    /// How long to wait after so many earlier failures; `random` in 0..1 spreads retries over the whole pause.
    pub(crate) fn pause(&self, attempts: u32, random: f64) -> Duration {
        let most = self.first.saturating_mul(1 << attempts.min(16)).min(self.longest);
        let least = self.first / 2;
        self.asked + least + most.saturating_sub(least).mul_f64(random.clamp(0.0, 1.0))
    }
}

impl From<&CloudError> for Trouble {
    fn from(error: &CloudError) -> Self {
        let second = Duration::from_secs(1);
        // outcome, first pause, longest pause, counts as a failure
        let (outcome, first, longest, counts) = match error {
            CloudError::Throttled { .. } => (Outcome::Throttled, 2, 60, false),
            CloudError::Unavailable { .. } | CloudError::Unreachable { .. } => {
                (Outcome::CloudUnavailable, 1, 300, true)
            }
            CloudError::UnexpectedReply { .. } => (Outcome::UnexpectedReply, 2, 300, true),
            CloudError::TargetNotReady { .. } => (Outcome::TargetNotReady, 5, 60, true),
            CloudError::TargetNotFound { .. } => (Outcome::TargetNotFound, 5, 300, true),
            CloudError::PrincipalNotFound { .. } => (Outcome::PrincipalNotFound, 10, 300, true),
            CloudError::CredentialsRejected { .. } => (Outcome::CredentialsRejected, 10, 300, true),
            CloudError::AccessDenied { .. } => (Outcome::AccessDenied, 30, 600, true),
            CloudError::Rejected { .. } => (Outcome::Rejected, 30, 600, true),
        };
        let asked = match error {
            CloudError::Throttled { retry_after, .. } => retry_after.unwrap_or_default().min(600 * second),
            CloudError::Unavailable { .. }
            | CloudError::Unreachable { .. }
            | CloudError::UnexpectedReply { .. }
            | CloudError::TargetNotReady { .. }
            | CloudError::TargetNotFound { .. }
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
        }
    }
}

/// A write that ended so may have been carried out, or may still be.
pub(crate) fn may_have_landed(error: &CloudError) -> bool {
    match error {
        CloudError::Unavailable { .. } | CloudError::UnexpectedReply { .. } => true,
        CloudError::Throttled { .. }
        | CloudError::Unreachable { .. }
        | CloudError::TargetNotReady { .. }
        | CloudError::TargetNotFound { .. }
        | CloudError::PrincipalNotFound { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::AccessDenied { .. }
        | CloudError::Rejected { .. } => false,
    }
}

impl From<AccountProblem> for Trouble {
    fn from(problem: AccountProblem) -> Self {
        Self {
            outcome: problem.outcome,
            message: problem.message,
            request_id: None,
            // Account objects are watched; what is waited for here is a Secret, which is not.
            first: Duration::from_secs(2),
            longest: Duration::from_secs(30),
            asked: Duration::ZERO,
            counts: true,
        }
    }
}
