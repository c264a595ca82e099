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

/// How a write that was sent has ended.
pub(super) struct Ended<'a> {
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) status: Option<StatusCode>,
    /// The vendor's id of the request, or the error, which names it.
    pub(super) result: Result<Option<&'a str>, &'a CloudError>,
}

/// Tells of a write. Of one that reached no cloud, too: who looks for it is to find it.
pub(super) fn tell(purpose: &Purpose, ended: &Ended<'_>) {
    let Ended { service, operation, status, result } = ended;
    let status = status.map(|status| status.as_u16());
    for asked in &purpose.asked {
        let Asked { by, account, principal, granted, revoked, secret_set } = &**asked;
        macro_rules! line {
            ($level:ident, $result:expr, $request_id:expr, $($error:tt)*) => {
                $level!(
                    target: "audit", asked_by = by, service, operation, on = &*purpose.target, account, principal,
                    granted, revoked, secret_set, result = $result, status, request_id = $request_id, $($error)* "cloud write"
                )
            };
        }
        match result {
            Ok(request_id) => line!(info, "accepted", *request_id,),
            Err(error) => line!(warn, result_of(error), error.request_id(), %error,),
        }
    }
}

/// What an error says of whether the write was done.
fn result_of(error: &CloudError) -> &'static str {
    match error {
        CloudError::Unreachable { .. } | CloudError::TurnMissed { .. } => "not sent",
        CloudError::Unavailable { .. } | CloudError::UnexpectedReply { .. } => "unknown",
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
