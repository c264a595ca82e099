//! Which reaction an answer of Huawei Cloud asks for: by the vendor's code first, by the HTTP status last.

use http::StatusCode;

use super::reply::Refusal;
use crate::clouds::reaction::Reaction;

/// A code, the reaction to it, and what it means.
type Code = (&'static str, Reaction, &'static str);

/// The gateway's codes: "API Request Signing Guide". It writes its prefix `APIG` or `APIGW`.
const GATEWAY: &[Code] = &[
    ("APIG.0101", Reaction::Rejected, "this API is not published here; says nothing of the object, despite HTTP 404"),
    ("APIG.0103", Reaction::Rejected, "this API has no backend here"),
    ("APIG.0301", Reaction::CredentialsRejected, "bad signature, wrong clock, or key locked after five of them"),
    ("APIG.0302", Reaction::AccessDenied, "the caller may not use this API"),
    ("APIG.0303", Reaction::CredentialsRejected, "bad signature or timestamp"),
    ("APIG.0307", Reaction::CredentialsRejected, "the token has expired"),
    ("APIG.0308", Reaction::Throttled, "too many calls"),
    ("APIG.0401", Reaction::AccessDenied, "access denied by the API's own policy"),
];

/// "Error Codes" in the DLI API reference.
const DLI: &[Code] = &[
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

/// "Error Codes" in the DWS API reference, and what the service is known to answer.
const DWS: &[Code] = &[
    ("DWS.0001", Reaction::Rejected, "a parameter is wrong, as an id that is no UUID"),
    ("DWS.0015", Reaction::AccessDenied, "no permission; also said of a cluster that does not exist"),
    ("DWS.0047", Reaction::TargetNotFound, "no such cluster, with HTTP 404 or 401"),
    ("DWS.3027", Reaction::TargetNotFound, "no such cluster"),
    ("DWS.5036", Reaction::AccessDenied, "forbidden"),
    (DWS_BUSY, Reaction::TargetNotReady, "the cluster is busy, despite HTTP 403"),
    (DWS_FAILURE, Reaction::Unavailable, "failure of the service, or no such pool"),
];
const DWS_BUSY: &str = "DWS.7023";
const DWS_FAILURE: &str = "DWS.9999";

/// The pages of the workspace APIs of DataArts Studio, and what its host is known to answer.
const DATA_ARTS: &[Code] = &[
    (DAYU_FAILURE, Reaction::Unavailable, "failure of the service"),
    ("DAYU.3601", Reaction::AccessDenied, "no permission; also said of a workspace that does not exist"),
    ("DAYU.4402", Reaction::Rejected, "the operation failed, for whatever reason"),
    ("DLS.6036", Reaction::TargetNotFound, "no such workspace"),
];
const DAYU_FAILURE: &str = "DAYU.3531";

/// Judges an answer that is no success, by its refusal if it has one of the vendor's making.
pub(super) fn classify(status: StatusCode, refusal: Option<&Refusal>) -> Reaction {
    let known = refusal.and_then(|refusal| {
        let code = refusal.code.as_deref()?;
        if code == DWS_FAILURE && refusal.message.contains(DWS_BUSY) {
            return Some(Reaction::TargetNotReady);
        }
        let code = code.strip_prefix("APIGW.").map_or_else(|| code.to_owned(), |number| format!("APIG.{number}"));
        let mut codes = [GATEWAY, DLI, DWS, DATA_ARTS].into_iter().flatten();
        codes.find(|(known, ..)| *known == code).map(|(_, reaction, _)| *reaction)
    });
    known.unwrap_or_else(|| {
        let reaction = Reaction::by_status(status, refusal.is_some());
        // The database refuses with HTTP 500.
        let refused = reaction == Reaction::Unavailable && refusal.is_some_and(|refusal| refusal.by_workload);
        if refused { Reaction::Rejected } else { reaction }
    })
}

/// Does the service say with this code that it has failed, for whatever reason? DWS also says so of a pool that does not
/// exist.
pub(super) fn is_catch_all(code: &str) -> bool {
    matches!(code, DWS_FAILURE | DAYU_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, code: Option<&str>, vendors_own: bool) -> Reaction {
        let refusal = Refusal { code: code.map(str::to_owned), ..Refusal::default() };
        classify(StatusCode::from_u16(status).unwrap_or_default(), vendors_own.then_some(&refusal))
    }

    #[test]
    fn the_code_counts_more_than_the_status() {
        assert_eq!(judge(400, Some("DLI.0999"), true), Reaction::Unavailable);
        assert_eq!(judge(400, Some("DLI.0003"), true), Reaction::AccessDenied);
        assert_eq!(judge(500, Some("DLI.0001"), true), Reaction::Rejected);
        assert_eq!(judge(200, Some("DLI.0013"), true), Reaction::CredentialsRejected);
    }

    #[test]
    fn dws_and_data_arts_say_with_codes_what_their_statuses_do_not() {
        for (status, code, reaction) in [
            (404, "DWS.0047", Reaction::TargetNotFound),
            (401, "DWS.0047", Reaction::TargetNotFound),
            (404, "DWS.3027", Reaction::TargetNotFound),
            (403, "DWS.0015", Reaction::AccessDenied),
            (400, "DWS.0015", Reaction::AccessDenied),
            (400, "DWS.5036", Reaction::AccessDenied),
            (403, "DWS.7023", Reaction::TargetNotReady),
            (400, "DWS.9999", Reaction::Unavailable),
            (500, "DWS.0001", Reaction::Rejected),
            (400, "DLS.6036", Reaction::TargetNotFound),
            (404, "DAYU.3601", Reaction::AccessDenied),
            (400, "DAYU.4402", Reaction::Rejected),
            (200, "DAYU.3531", Reaction::Unavailable),
        ] {
            assert_eq!(judge(status, Some(code), true), reaction, "{status} {code}");
        }
    }

    #[test]
    fn a_failure_of_dws_that_names_a_busy_cluster_is_one() {
        let refusal = |message: &str| Refusal {
            code: Some("DWS.9999".to_owned()),
            message: message.to_owned(),
            ..Refusal::default()
        };
        let judge = |message| classify(StatusCode::INTERNAL_SERVER_ERROR, Some(&refusal(message)));
        assert_eq!(judge("errCode: DWS.7023, the cluster is busy"), Reaction::TargetNotReady);
        assert_eq!(judge("internal error"), Reaction::Unavailable);
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
