//! Which reaction an answer of Alibaba Cloud asks for: by the vendor's code first, by the HTTP status last.

use http::StatusCode;

use crate::clouds::reaction::Reaction;

/// The vendor's codes, with what they mean, in our words: the error codes of the E-HPC API reference, and of the gateway in
/// "Common error codes". Their HTTP status says less: it is 400 for a key that is refused, and 404 for a node in bad shape.
const CODES: &[(&str, Reaction, &str)] = &[
    (
        "AgentError.Account.UserAlreadyExist",
        Reaction::UnexpectedReply,
        "the user exists; an earlier try may have made it",
    ),
    ("AgentError.Account.UserNotExist", Reaction::PrincipalNotFound, "no such user"),
    ("ClusterNotFound", Reaction::TargetNotFound, "no such cluster for this generation of the API"),
    ("ConflictOpt", Reaction::TargetNotReady, "another operation is running"),
    ("Forbidden.RAM", Reaction::AccessDenied, "the caller may not do this"),
    ("InDebt", Reaction::AccessDenied, "overdue payments"),
    ("IncompleteSignature", Reaction::CredentialsRejected, "bad signature"),
    ("InvalidApi.NotFound", Reaction::Rejected, "no such action"),
    ("InvalidClusterStatus", Reaction::TargetNotReady, "the cluster does not run now"),
    ("InvalidOpt", Reaction::TargetNotReady, "to be tried later"),
    ("InvalidParams", Reaction::Rejected, "a parameter is wrong"),
    ("InvalidProduct.NotFound", Reaction::Rejected, "no such service"),
    ("InvalidTimeStamp.Expired", Reaction::CredentialsRejected, "our clock is off"),
    ("ManagerNotFound", Reaction::TargetNotReady, "the manager node is missing or in bad shape"),
    ("NoPermission", Reaction::AccessDenied, "the caller may not do this"),
    ("NotAuthorized", Reaction::AccessDenied, "the caller may not do this"),
    ("NotEnabled", Reaction::AccessDenied, "the service has not been opened"),
    ("PartFailure", Reaction::UnexpectedReply, "some of the batch was carried out, some was not"),
    ("ServiceUnavailable", Reaction::Unavailable, "temporary failure"),
    ("SignatureDoesNotMatch", Reaction::CredentialsRejected, "bad signature"),
    ("SignatureNonceUsed", Reaction::UnexpectedReply, "an earlier try may have arrived"),
    ("UnknownError", Reaction::Unavailable, "failure of the service"),
    ("UnsupportedHTTPMethod", Reaction::Rejected, "another HTTP method must be used"),
];

/// Codes that come with many endings.
const PREFIXES: &[(&str, Reaction, &str)] = &[
    ("AgentError", Reaction::Unavailable, "a command on the cluster failed; what it did is open"),
    ("InvalidAccessKeyId.", Reaction::CredentialsRejected, "no such key, or not an active one"),
    ("InvalidSecurityToken.", Reaction::CredentialsRejected, "the token has expired or is of another key"),
];

/// In any code, with any status.
const THROTTLING: &str = "Throttling";

/// Judges a refusal. `vendors_own`: its body was one of the vendor's error envelopes.
pub(super) fn classify(status: StatusCode, code: Option<&str>, vendors_own: bool) -> Reaction {
    code.and_then(by_code).unwrap_or_else(|| {
        // Whether a success may carry a code is unverified.
        if status.is_success() { Reaction::UnexpectedReply } else { Reaction::by_status(status, vendors_own) }
    })
}

/// What a code asks for, if it is known.
pub(super) fn by_code(code: &str) -> Option<Reaction> {
    let throttled = || code.contains(THROTTLING).then_some(Reaction::Throttled);
    known(code).map(|(reaction, _)| reaction).or_else(throttled)
}

/// What a code means, in our words, if it is known.
pub(super) fn meaning(code: &str) -> Option<&'static str> {
    known(code).map(|(_, meaning)| meaning)
}

fn known(code: &str) -> Option<(Reaction, &'static str)> {
    let exact = CODES.iter().find(|(known, ..)| *known == code);
    let prefix = || PREFIXES.iter().find(|(prefix, ..)| code.starts_with(prefix));
    exact.or_else(prefix).map(|(_, reaction, meaning)| (*reaction, *meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, code: Option<&str>) -> Reaction {
        classify(StatusCode::from_u16(status).unwrap_or_default(), code, code.is_some())
    }

    #[test]
    fn the_code_counts_more_than_the_status() {
        for (status, code, reaction) in [
            (400, "Throttling", Reaction::Throttled),
            (400, "Throttling.User", Reaction::Throttled),
            (400, "Rejected.Throttling", Reaction::Throttled),
            (503, "Throttling.Api", Reaction::Throttled),
            (403, "InvalidClusterStatus", Reaction::TargetNotReady),
            (403, "ConflictOpt", Reaction::TargetNotReady),
            (404, "ManagerNotFound", Reaction::TargetNotReady),
            (400, "InvalidOpt", Reaction::TargetNotReady),
            (407, "NotAuthorized", Reaction::AccessDenied),
            (400, "InDebt", Reaction::AccessDenied),
            (400, "NotEnabled", Reaction::AccessDenied),
            (404, "ClusterNotFound", Reaction::TargetNotFound),
            (406, "AgentError", Reaction::Unavailable),
            (406, "AgentError.Account.DomainNotExist", Reaction::Unavailable),
            (406, "AgentError.Account.GetUserListFailure", Reaction::Unavailable),
            (406, "AgentError.Account.UserAddFailure", Reaction::Unavailable),
            (406, "AgentError.Account.UserNotExist", Reaction::PrincipalNotFound),
            (406, "AgentError.Account.UserAlreadyExist", Reaction::UnexpectedReply),
            (409, "PartFailure", Reaction::UnexpectedReply),
            (400, "SignatureDoesNotMatch", Reaction::CredentialsRejected),
            (404, "InvalidAccessKeyId.NotFound", Reaction::CredentialsRejected),
            (400, "InvalidAccessKeyId.Inactive", Reaction::CredentialsRejected),
            (400, "InvalidSecurityToken.Expired", Reaction::CredentialsRejected),
            (400, "InvalidTimeStamp.Expired", Reaction::CredentialsRejected),
            (400, "SignatureNonceUsed", Reaction::UnexpectedReply),
            (403, "UnsupportedHTTPMethod", Reaction::Rejected),
            (500, "InvalidParams", Reaction::Rejected),
            (200, "InvalidParams", Reaction::Rejected),
        ] {
            assert_eq!(judge(status, Some(code)), reaction, "{code}");
        }
    }

    #[test]
    fn an_unknown_action_or_service_is_not_an_absent_cluster() {
        for code in ["InvalidApi.NotFound", "InvalidProduct.NotFound", "Some.NotFound", "clusternotfound"] {
            assert_eq!(judge(404, Some(code)), Reaction::Rejected, "{code}");
        }
    }

    #[test]
    fn without_a_known_code_the_status_decides() {
        for (status, reaction) in [
            (200, Reaction::UnexpectedReply),
            (302, Reaction::UnexpectedReply),
            (400, Reaction::Rejected),
            (401, Reaction::CredentialsRejected),
            (403, Reaction::AccessDenied),
            (404, Reaction::Rejected),
            (406, Reaction::Rejected),
            (407, Reaction::Rejected),
            (429, Reaction::Throttled),
            (500, Reaction::Unavailable),
            (503, Reaction::Unavailable),
        ] {
            assert_eq!(judge(status, Some("Missing.What")), reaction, "{status}");
        }
        for status in [404, 407] {
            assert_eq!(judge(status, None), Reaction::UnexpectedReply, "said by a proxy");
        }
    }

    #[test]
    fn no_status_alone_says_that_something_is_absent() {
        for status in 100..=599 {
            for vendors_own in [true, false] {
                let reaction = classify(StatusCode::from_u16(status).unwrap_or_default(), None, vendors_own);
                assert!(!matches!(reaction, Reaction::TargetNotFound | Reaction::PrincipalNotFound), "{status}");
            }
        }
    }
}
