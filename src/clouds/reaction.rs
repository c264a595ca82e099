//! Which reaction a cloud's refusal asks for: a [`CloudError`] without the facts, and what an HTTP status says alone.

use std::time::Duration;

use http::StatusCode;

use super::{CloudError, Fault};

/// How to react.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    Throttled,
    Unavailable,
    CredentialsRejected,
    AccessDenied,
    TargetNotFound,
    TargetNotReady,
    PrincipalNotFound,
    Rejected,
    UnexpectedReply,
}

impl Reaction {
    /// For a refusal without a known code. `vendors_own`: its body was one of the vendor's error envelopes. No status
    /// alone says that something is absent.
    pub(super) fn by_status(status: StatusCode, vendors_own: bool) -> Self {
        match status.as_u16() {
            401 => Self::CredentialsRejected,
            403 => Self::AccessDenied,
            429 => Self::Throttled,
            408 | 500..=599 => Self::Unavailable,
            // Whoever said this was not the service: a proxy, or some other host.
            404 | 407 if !vendors_own => Self::UnexpectedReply,
            // A success that carries a refusal, or a refusal without a known reason.
            200..=299 | 400..=499 => Self::Rejected,
            _ => Self::UnexpectedReply,
        }
    }

    /// The reaction with the facts. `retry_after` is for a throttled account.
    pub(super) fn error(self, fault: Fault, retry_after: Option<Duration>) -> CloudError {
        match self {
            Self::Throttled => CloudError::Throttled { fault, retry_after },
            Self::Unavailable => CloudError::Unavailable { fault },
            Self::CredentialsRejected => CloudError::CredentialsRejected { fault },
            Self::AccessDenied => CloudError::AccessDenied { fault },
            Self::TargetNotFound => CloudError::TargetNotFound { fault },
            Self::TargetNotReady => CloudError::TargetNotReady { fault },
            Self::PrincipalNotFound => CloudError::PrincipalNotFound { fault },
            Self::Rejected => CloudError::Rejected { fault },
            Self::UnexpectedReply => CloudError::UnexpectedReply { fault },
        }
    }
}
