//! The audit: one line in the log for each principal of each write that was sent to a cloud, with who asked for it.

use http::StatusCode;
use tracing::{info, warn};

use super::{CloudError, Purpose};

/// What a write does for one principal, and who asked for it. Holds names, and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The objects that asked, each with its namespace, name, uid and generation.
    pub by: String,
    /// The account object by which it is done.
    pub account: String,
    /// For whom.
    pub principal: String,
    /// The access that the principal gains.
    pub granted: String,
    /// The access that the principal loses.
    pub revoked: String,
    /// A password is set.
    pub secret_set: bool,
}

/// A write that is being sent: told of when it has ended, or, if nobody waits for that any more, when this is dropped.
pub(super) struct Sending<'a> {
    purpose: &'a Purpose,
    service: &'static str,
    operation: &'static str,
    has_ended: bool,
}

impl<'a> Sending<'a> {
    pub(super) fn new(purpose: &'a Purpose, service: &'static str, operation: &'static str) -> Self {
        Self { purpose, service, operation, has_ended: false }
    }

    /// It has ended with this status, and with the vendor's id of the request or an error, which names it.
    pub(super) fn end(mut self, status: Option<StatusCode>, result: Result<Option<&str>, &CloudError>) {
        self.has_ended = true;
        let status = status.map(|status| status.as_u16());
        match result {
            Ok(request_id) => self.tell("accepted", status, request_id, None),
            Err(error) => self.tell(self.result_of(error), status, error.request_id(), Some(error)),
        }
    }

    fn tell(&self, result: &str, status: Option<u16>, request_id: Option<&str>, error: Option<&CloudError>) {
        let Self { purpose, service, operation, .. } = self;
        let error = error.map(tracing::field::display);
        for asked in &purpose.asked {
            let Asked { by, account, principal, granted, revoked, secret_set } = &**asked;
            macro_rules! line {
                ($level:ident) => {
                    $level!(
                        target: "audit", asked_by = by, service, operation, on = &*purpose.target, account, principal,
                        granted, revoked, secret_set, result, status, request_id, error, "cloud write"
                    )
                };
            }
            if result == "accepted" { line!(info) } else { line!(warn) }
        }
    }

    /// What an error says of whether the write was done.
    fn result_of(&self, error: &CloudError) -> &'static str {
        match error {
            CloudError::Unreachable { .. } | CloudError::TurnMissed { .. } => "not sent",
            CloudError::Unavailable { .. } | CloudError::UnexpectedReply { .. } => "unknown",
            // Another replica may lead, or it would have gone in the clear.
            CloudError::Rejected { fault } if fault.status.is_none() => "not sent",
            // Some of a batch may have been done before one of them was refused.
            CloudError::Rejected { .. } | CloudError::PrincipalNotFound { .. } if self.purpose.asked.len() > 1 => {
                "unknown"
            }
            CloudError::Throttled { .. }
            | CloudError::CredentialsRejected { .. }
            | CloudError::AccessDenied { .. }
            | CloudError::TargetNotFound { .. }
            | CloudError::TargetNotReady { .. }
            | CloudError::PoolNotFound { .. }
            | CloudError::PrincipalNotFound { .. }
            | CloudError::Rejected { .. } => "refused",
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell("unknown", None, None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clouds::{Fault, Urgency};

    #[test]
    fn what_became_of_a_write_is_told_by_its_error_and_less_surely_of_a_batch() {
        let asked = Arc::new(Asked {
            by: "QueueGrant n/ann (uid 1, generation 1)".to_owned(),
            account: "CloudAccount n/main".to_owned(),
            principal: "ann".to_owned(),
            granted: "SUBMIT_JOB".to_owned(),
            revoked: String::new(),
            secret_set: false,
        });
        let fault = |status| Fault { status, ..Fault::of("grant", "no") };
        let (rejected, not_sent) =
            (CloudError::Rejected { fault: fault(Some(400)) }, CloudError::Rejected { fault: fault(None) });
        let unknown = CloudError::PrincipalNotFound { fault: fault(Some(404)) };
        let throttled = CloudError::Throttled { fault: fault(Some(429)), retry_after: None };
        for (principals, error, result) in [
            (1, &rejected, "refused"),
            (2, &rejected, "unknown"),
            (1, &unknown, "refused"),
            (2, &unknown, "unknown"),
            (2, &throttled, "refused"),
            (1, &not_sent, "not sent"),
            (1, &CloudError::Unreachable { fault: fault(None) }, "not sent"),
            (1, &CloudError::Unavailable { fault: fault(None) }, "unknown"),
            (1, &CloudError::UnexpectedReply { fault: fault(Some(200)) }, "unknown"),
        ] {
            let purpose = Purpose::new(Urgency::Change, "n", "t");
            let purpose = Purpose { asked: std::iter::repeat_n(Arc::clone(&asked), principals).collect(), ..purpose };
            assert_eq!(Sending::new(&purpose, "dli", "grant").result_of(error), result, "{principals}: {error}");
        }
    }
}
