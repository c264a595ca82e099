//! Which reaction an answer of Huawei Cloud asks for: by the vendor's code first, by the HTTP status last.

use http::StatusCode;

/// How to react; [`CloudError`](crate::clouds::CloudError) without the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    Throttled,
    Unavailable,
    CredentialsRejected,
    AccessDenied,
    TargetNotFound,
    Rejected,
    UnexpectedReply,
}

/// The vendor's codes, with what they mean: "Error Codes" in the DLI API reference, and of the gateway in "API Request
/// Signing Guide". The gateway writes its prefix `APIG` or `APIGW`.
const CODES: &[(&str, Reaction, &str)] = &[
    ("APIG.0101", Reaction::Rejected, "this API is not published here; says nothing of the object, despite HTTP 404"),
    ("APIG.0103", Reaction::Rejected, "this API has no backend here"),
    ("APIG.0301", Reaction::CredentialsRejected, "bad signature, wrong clock, or key locked after five of them"),
    ("APIG.0302", Reaction::AccessDenied, "the caller may not use this API"),
    ("APIG.0303", Reaction::CredentialsRejected, "bad signature or timestamp"),
    ("APIG.0307", Reaction::CredentialsRejected, "the token has expired"),
    ("APIG.0308", Reaction::Throttled, "too many calls"),
    ("APIG.0401", Reaction::AccessDenied, "access denied by the API's own policy"),
    ("DLI.0001", Reaction::Rejected, "a parameter is wrong"),
    ("DLI.0002", Reaction::TargetNotFound, "some object does not exist; which one, only the message says"),
    ("DLI.0003", Reaction::AccessDenied, "permission check failed, despite HTTP 400"),
    ("DLI.0004", Reaction::Rejected, "SQL syntax"),
    ("DLI.0005", Reaction::Rejected, "SQL semantics"),
    ("DLI.0006", Reaction::Rejected, "exists already; a list tells"),
    ("DLI.0007", Reaction::Rejected, "operation not supported"),
    ("DLI.0009", Reaction::Rejected, "system limit"),
    ("DLI.0011", Reaction::Unavailable, "resource unavailable, despite HTTP 400"),
    ("DLI.0012", Reaction::Unavailable, "resource unavailable, despite HTTP 400"),
    ("DLI.0013", Reaction::CredentialsRejected, "user authentication"),
    ("DLI.0014", Reaction::CredentialsRejected, "service authentication"),
    ("DLI.0015", Reaction::CredentialsRejected, "the token cannot be read, despite HTTP 400"),
    ("DLI.0016", Reaction::CredentialsRejected, "the token's roles cannot be read, despite HTTP 400"),
    ("DLI.0019", Reaction::Unavailable, "timeout, despite HTTP 400"),
    ("DLI.0023", Reaction::TargetNotFound, "resource not found"),
    ("DLI.0999", Reaction::Unavailable, "failure of the service, despite HTTP 400"),
    ("DLI.1028", Reaction::Rejected, "quota used up"),
];

/// Judges a refusal. `vendors_own`: its body was one of the vendor's error envelopes.
pub(super) fn classify(status: StatusCode, code: Option<&str>, vendors_own: bool) -> Reaction {
    let known = code.and_then(|code| {
        let code = code.strip_prefix("APIGW.").map_or_else(|| code.to_owned(), |number| format!("APIG.{number}"));
        CODES.iter().find(|(known, ..)| *known == code).map(|(_, reaction, _)| *reaction)
    });
    known.unwrap_or_else(|| by_status(status, vendors_own))
}

fn by_status(status: StatusCode, vendors_own: bool) -> Reaction {
    match status.as_u16() {
        401 => Reaction::CredentialsRejected,
        403 => Reaction::AccessDenied,
        429 => Reaction::Throttled,
        408 | 500..=599 => Reaction::Unavailable,
        // Whoever said this was not the service: a proxy, or some other host.
        404 | 407 if !vendors_own => Reaction::UnexpectedReply,
        // A success that carries a refusal, or a refusal without a known reason.
        200..=299 | 400..=499 => Reaction::Rejected,
        _ => Reaction::UnexpectedReply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, code: Option<&str>, vendors_own: bool) -> Reaction {
        classify(StatusCode::from_u16(status).unwrap_or_default(), code, vendors_own)
    }

    #[test]
    fn the_code_counts_more_than_the_status() {
        assert_eq!(judge(400, Some("DLI.0999"), true), Reaction::Unavailable);
        assert_eq!(judge(400, Some("DLI.0003"), true), Reaction::AccessDenied);
        assert_eq!(judge(500, Some("DLI.0001"), true), Reaction::Rejected);
        assert_eq!(judge(200, Some("DLI.0013"), true), Reaction::CredentialsRejected);
    }

    #[test]
    fn an_api_that_is_not_published_is_not_an_absent_object() {
        for code in ["APIG.0101", "APIGW.0101"] {
            assert_eq!(judge(404, Some(code), true), Reaction::Rejected);
        }
    }

    #[test]
    fn without_a_known_code_the_status_decides() {
        for (status, reaction) in [
            (200, Reaction::Rejected),
            (302, Reaction::UnexpectedReply),
            (400, Reaction::Rejected),
            (401, Reaction::CredentialsRejected),
            (403, Reaction::AccessDenied),
            (404, Reaction::Rejected),
            (408, Reaction::Unavailable),
            (409, Reaction::Rejected),
            (429, Reaction::Throttled),
            (500, Reaction::Unavailable),
            (503, Reaction::Unavailable),
        ] {
            assert_eq!(judge(status, Some("DLI.7777"), true), reaction, "{status}");
        }
        assert_eq!(judge(404, None, false), Reaction::UnexpectedReply);
    }

    #[test]
    fn no_status_alone_says_that_a_target_is_absent() {
        for status in 100..=599 {
            for vendors_own in [true, false] {
                assert_ne!(judge(status, None, vendors_own), Reaction::TargetNotFound);
            }
        }
    }
}
