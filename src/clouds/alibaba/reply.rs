//! Reads an answer: the JSON, or the error in the vendor's envelope.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use secrecy::SecretString;
use serde_json::Value;

use super::classify::{classify, meaning};
use crate::clouds::reaction::Reaction;
use crate::clouds::redact::Redactor;
use crate::clouds::{CloudError, Fault};

/// Instead of the vendor's words on a call with passwords, where its code is not known.
const UNSHOWN: &str = "its words are not shown, as they may repeat a password";
/// How long to wait, in milliseconds.
const RETRY_AFTER_HEADER: &str = "x-acs-retry-after";

/// A successful answer: its JSON, and what a complaint about it needs.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) json: Value,
    /// The answer's facts, without words.
    fault: Fault,
}

impl Answer {
    /// The vendor's id of the request.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.fault.request_id.as_deref()
    }

    /// An error that says why the answer cannot be relied on, in our words.
    pub(super) fn unexpected(&self, message: &str) -> CloudError {
        CloudError::UnexpectedReply { fault: Fault { message: message.to_owned(), ..self.fault.clone() } }
    }
}

/// Takes an answer for what it is. Success is HTTP 2xx, JSON with a request id, and no code: every success documented has
/// an id, and who answers without one is not the vendor. Errors are JSON too, as the request asks for.
///
/// `passwords` were sent with the call: the vendor's words may repeat one, in a spelling that nobody looks for, so they are
/// left out, and what the code means stands in their place.
pub(super) fn read(
    operation: &'static str,
    response: &Response<Bytes>,
    redactor: &Redactor,
    passwords: &[SecretString],
) -> Result<Answer, CloudError> {
    let redactor = redactor.hiding(passwords);
    let status = response.status();
    let json: Option<Value> = serde_json::from_slice(response.body()).ok();
    let word = |capital: &str, small: &str| {
        let json = json.as_ref()?;
        let word = json.get(capital).or_else(|| json.get(small))?.as_str()?;
        (!word.is_empty()).then(|| word.to_owned())
    };
    let (code, message) = (word("Code", "code"), word("Message", "message"));
    let fault = Fault {
        status: Some(status.as_u16()),
        code: code.as_ref().and_then(|code| redactor.token(code)),
        request_id: word("RequestId", "requestId").and_then(|id| redactor.token(&id)),
        ..Fault::of(operation, "")
    };
    let ours = match (&code, json) {
        (Some(_), _) => "",
        (None, Some(json)) if status.is_success() && fault.request_id.is_some() => return Ok(Answer { json, fault }),
        (None, Some(_)) if status.is_success() => "the answer has no request id",
        (None, None) if status.is_success() => "the answer is not JSON",
        (None, _) if status.is_redirection() => "a redirect, which is not followed",
        (None, _) => "no error that the vendor documents",
    };
    let reaction = classify(status, code.as_deref(), code.is_some());
    let message = match message {
        _ if code.is_some() && !passwords.is_empty() => code.as_deref().and_then(meaning).unwrap_or(UNSHOWN).to_owned(),
        Some(theirs) if code.is_some() => redactor.message(&theirs),
        _ => ours.to_owned(),
    };
    let retry_after = if reaction == Reaction::Throttled { retry_after(response.headers()) } else { None };
    Err(reaction.error(Fault { message, ..fault }, retry_after))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = headers.get(RETRY_AFTER_HEADER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn read_answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Result<Value, CloudError> {
        let mut redactor = Redactor::default();
        redactor.hide("topsecret");
        let mut response = Response::new(Bytes::copy_from_slice(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        for (name, value) in headers {
            if let Ok(value) = http::HeaderValue::from_str(value) {
                response.headers_mut().insert(*name, value);
            }
        }
        read("add", &response, &redactor, &[]).map(|answer| answer.json)
    }

    fn words(status: u16, body: &Value) -> String {
        read_answer(status, &[], body.to_string().as_bytes())
            .map_or_else(|error| error.to_string(), |json| json.to_string())
    }

    #[test]
    fn the_envelope_is_understood_with_capital_and_small_letters() {
        let expected = "the target was not found: add: m (HTTP 404, ClusterNotFound, request r-1)";
        let body =
            json!({"RequestId": "r-1", "HostId": "h", "Code": "ClusterNotFound", "Message": "m", "Recommend": "u"});
        assert_eq!(words(404, &body), expected);
        assert_eq!(words(404, &json!({"requestId": "r-1", "code": "ClusterNotFound", "message": "m"})), expected);
    }

    #[test]
    fn a_success_is_json_with_a_request_id_and_without_a_code() {
        assert_eq!(words(200, &json!({"RequestId": "r"})), r#"{"RequestId":"r"}"#);
        for body in [
            json!({}),
            json!([]),
            json!(null),
            json!({"RequestId": ""}),
            json!({"RequestId": 1}),
            json!({"RequestId": "r", "Code": "Something"}),
        ] {
            assert!(words(200, &body).starts_with("the cloud answered something unexpected"), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_no_success_and_is_never_shown() {
        let xml = "<Error><Code>ClusterNotFound</Code><Message>topsecret</Message></Error>";
        for (status, body) in [(200, "<AddUsersResponse/>"), (200, ""), (302, "<html>"), (404, xml), (407, "<html>")] {
            let result = read_answer(status, &[], body.as_bytes());
            let Err(error @ CloudError::UnexpectedReply { .. }) = result else { panic!("{status}: {result:?}") };
            assert!(!error.to_string().contains('<'), "{error}");
        }
    }

    #[test]
    fn a_throttling_answer_says_in_milliseconds_when_to_come_back() {
        let after = |value: &str| match read_answer(400, &[("x-acs-retry-after", value)], br#"{"Code":"Throttling"}"#) {
            Err(CloudError::Throttled { retry_after, .. }) => retry_after.map(|after| after.as_millis()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("1500"), Some(1500));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn a_credential_in_the_vendors_words_does_not_show() {
        let body =
            json!({"Code": "SignatureDoesNotMatch", "Message": "signed with topsecret", "RequestId": "topsecret"});
        assert_eq!(
            words(400, &body),
            "the cloud does not accept the credentials: add: signed with [redacted] (HTTP 400, SignatureDoesNotMatch)"
        );
    }

    #[test]
    fn the_vendors_words_on_a_call_with_passwords_do_not_show() {
        let body = r#"{"Code": "CODE", "Message": "bad: Pa5s!w0\\u003crd", "RequestId": "r-1"}"#;
        for (code, words) in [("InvalidParams", "a parameter is wrong"), ("InvalidWhatever", UNSHOWN)] {
            let body = Bytes::from(body.replace("CODE", code));
            let response = Response::builder().status(400).body(body).unwrap_or_default();
            let result = read("add", &response, &Redactor::default(), &[SecretString::from("Pa5s!w0<rd")]);
            let Err(error @ CloudError::Rejected { .. }) = result else { panic!("{result:?}") };
            assert_eq!(error.to_string(), format!("the cloud refused: add: {words} (HTTP 400, {code}, request r-1)"));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_reading_panic(status in 100_u16..600, body: Vec<u8>, header in "\\PC*") {
            let _ = read_answer(status, &[("x-acs-retry-after", &header)], &body);
        }
    }
}
