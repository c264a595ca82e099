//! What a cloud call can end in other than success: one variant per distinct reaction.

use std::fmt;
use std::time::Duration;

/// Why a cloud call did not do what it was asked.
///
/// There is one variant per way to react, not per cause: the causes are in the [`Fault`]. `Display` is one sentence for
/// people, with the operation, the vendor's code and the request id; it never holds a body, a query or a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The account makes too many calls, or this one had to wait too long for its turn. It was certainly not carried out.
    #[error("the cloud account is throttled: {fault}")]
    Throttled {
        /// What was answered.
        fault: Fault,
        /// When to try again at the earliest, if known.
        retry_after: Option<Duration>,
    },
    /// The turn of the call did not come in the time it had, or it was taken back before. It was not sent.
    #[error("the cloud account has more to do: {fault}")]
    TurnMissed {
        /// What happened.
        fault: Fault,
    },
    /// The cloud did not answer in time, or failed on its side. The call may have been carried out.
    #[error("the cloud is unavailable: {fault}")]
    Unavailable {
        /// What was answered.
        fault: Fault,
    },
    /// The cloud could not be reached: nothing was sent, and nothing was carried out.
    #[error("the cloud cannot be reached: {fault}")]
    Unreachable {
        /// What happened.
        fault: Fault,
    },
    /// The cloud does not know who is calling: a bad signature, password or token, a wrong clock, a locked key.
    #[error("the cloud does not accept the credentials: {fault}")]
    CredentialsRejected {
        /// What was answered.
        fault: Fault,
    },
    /// The cloud knows who is calling and does not let them do this.
    #[error("the cloud account may not do this: {fault}")]
    AccessDenied {
        /// What was answered.
        fault: Fault,
    },
    /// The cloud said that the target does not exist; nothing has confirmed it.
    #[error("the target was not found: {fault}")]
    TargetNotFound {
        /// What was answered.
        fault: Fault,
    },
    /// The target exists and cannot take the call now.
    #[error("the target is not ready: {fault}")]
    TargetNotReady {
        /// What was answered.
        fault: Fault,
    },
    /// The target knows no such pool.
    #[error("the target knows no such pool: {fault}")]
    PoolNotFound {
        /// What was answered.
        fault: Fault,
    },
    /// The cloud does not know the principal.
    #[error("the principal was not found: {fault}")]
    PrincipalNotFound {
        /// What was answered.
        fault: Fault,
    },
    /// The cloud refused for another reason. Repeating the call will not help.
    #[error("the cloud refused: {fault}")]
    Rejected {
        /// What was answered.
        fault: Fault,
    },
    /// The answer cannot be relied on: undecodable, incomplete, contradictory, a redirect, too large. It proves nothing,
    /// least of all that something is absent.
    #[error("the cloud answered something unexpected: {fault}")]
    UnexpectedReply {
        /// What was answered.
        fault: Fault,
    },
}

impl CloudError {
    /// What was answered.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Throttled { fault, .. }
            | Self::TurnMissed { fault }
            | Self::Unavailable { fault }
            | Self::Unreachable { fault }
            | Self::CredentialsRejected { fault }
            | Self::AccessDenied { fault }
            | Self::TargetNotFound { fault }
            | Self::TargetNotReady { fault }
            | Self::PoolNotFound { fault }
            | Self::PrincipalNotFound { fault }
            | Self::Rejected { fault }
            | Self::UnexpectedReply { fault } => fault,
        }
    }

    /// The same, of a change for which a call was sent before: its turn was not missed, it began, and is tried again after
    /// another list.
    pub(super) fn after_a_call(self) -> Self {
        if let Self::TurnMissed { fault } = self { Self::Throttled { fault, retry_after: None } } else { self }
    }

    /// The same, said of a member of a batch: see [`Fault::partly`].
    pub(super) fn partly(mut self) -> Self {
        let (Self::Throttled { fault, .. }
        | Self::TurnMissed { fault }
        | Self::Unavailable { fault }
        | Self::Unreachable { fault }
        | Self::CredentialsRejected { fault }
        | Self::AccessDenied { fault }
        | Self::TargetNotFound { fault }
        | Self::TargetNotReady { fault }
        | Self::PoolNotFound { fault }
        | Self::PrincipalNotFound { fault }
        | Self::Rejected { fault }
        | Self::UnexpectedReply { fault }) = &mut self;
        fault.partly = true;
        self
    }

    /// The vendor's error code, as sent.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.fault().code.as_deref()
    }

    /// The vendor's id of the request, for their support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.fault().request_id.as_deref()
    }
}

/// What is known of a failed call. Holds no credential: foreign words have gone through the account's redactor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was tried, in the words of a sentence: `list queue users`.
    pub operation: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The vendor's error code, as sent.
    pub code: Option<String>,
    /// The vendor's words, or ours when there was no answer: one line of at most 200 characters.
    pub message: String,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// Part of a batch that was refused: it may have been carried out all the same, whatever the error says.
    pub partly: bool,
}

impl Fault {
    /// A fault of our own, without an answer of the cloud.
    #[must_use]
    pub fn of(operation: &'static str, message: impl Into<String>) -> Self {
        Self { operation, status: None, code: None, message: message.into(), request_id: None, partly: false }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        let facts = [
            self.status.map(|status| format!("HTTP {status}")),
            self.code.clone(),
            self.request_id.as_ref().map(|id| format!("request {id}")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_sentence_with_operation_code_and_request_id() {
        let fault = Fault {
            operation: "list queue users",
            status: Some(400),
            code: Some("DLI.0003".to_owned()),
            message: "permission check failed".to_owned(),
            request_id: Some("abc".to_owned()),
            partly: false,
        };
        let error = CloudError::AccessDenied { fault };
        assert_eq!(
            error.to_string(),
            "the cloud account may not do this: list queue users: permission check failed (HTTP 400, DLI.0003, request abc)"
        );
        assert_eq!((error.code(), error.request_id()), (Some("DLI.0003"), Some("abc")));
    }

    #[test]
    fn a_fault_without_an_answer_says_only_what_is_known() {
        let error = CloudError::Unavailable { fault: Fault::of("grant", "no answer within 30 s") };
        assert_eq!(error.to_string(), "the cloud is unavailable: grant: no answer within 30 s");
    }
}
