//! Reads an answer: the JSON, or the error in whichever of the vendor's envelopes it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::classify::classify;
use crate::clouds::reaction::Reaction;
use crate::clouds::redact::Redactor;
use crate::clouds::skew::parse_date;
use crate::clouds::{CloudError, Fault};

/// A successful answer, and what a complaint about it needs.
#[derive(Debug)]
pub(super) struct Answer {
    /// The lists at its top are empty: [`decode`](Self::decode) has them.
    pub(super) json: Value,
    body: Bytes,
    operation: &'static str,
    status: StatusCode,
    request_id: Option<String>,
}

impl Answer {
    /// The answer as what it should be, with its lists; or a complaint that it is not.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&'a self, or_else: &str) -> Result<T, CloudError> {
        serde_json::from_slice(&self.body).map_err(|_| self.unexpected(or_else))
    }

    /// The vendor's id of the request, if it said one.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// An error that says why the answer cannot be relied on, in our words.
    pub(super) fn unexpected(&self, message: &str) -> CloudError {
        CloudError::UnexpectedReply {
            fault: Fault {
                operation: self.operation,
                status: Some(self.status.as_u16()),
                code: None,
                message: message.to_owned(),
                request_id: self.request_id.clone(),
                partly: false,
            },
        }
    }

    /// A write that says with `is_success` how it went: only an explicit `true` says that it was made.
    pub(super) fn confirmed(&self) -> Result<(), CloudError> {
        match self.json.get("is_success") {
            Some(Value::Bool(true)) => Ok(()),
            _ => Err(self.unexpected("the answer does not say whether it was done")),
        }
    }
}

/// Takes an answer for what it is. HTTP 200 is not success: the body may hold an error, or say `is_success: false`.
pub(super) fn read(
    operation: &'static str,
    response: &Response<Bytes>,
    now: Timestamp,
    redactor: &Redactor,
) -> Result<Answer, CloudError> {
    let status = response.status();
    let json = parse(status, response.body());
    let request_id = request_id(response.headers(), json.as_ref(), redactor);
    let refusal = json.as_ref().and_then(|json| refusal(json, status));
    if let (true, None, Some(json)) = (status.is_success(), &refusal, json) {
        return Ok(Answer { json, body: response.body().clone(), operation, status, request_id });
    }

    let ours = match &refusal {
        Some(_) => "",
        None if status.is_success() => "the answer is not JSON",
        None if status.is_redirection() => "a redirect, which is not followed",
        None => "no error that the vendor documents",
    };
    let reaction = match &refusal {
        None if status.is_success() => Reaction::UnexpectedReply,
        refusal => classify(status, refusal.as_ref()),
    };
    let (code, message) = refusal.map_or_else(|| (None, ours.to_owned()), |refusal| (refusal.code, refusal.message));
    let fault = Fault {
        operation,
        status: Some(status.as_u16()),
        code: code.and_then(|code| redactor.token(&code)),
        message: redactor.message(&message),
        request_id,
        partly: false,
    };
    Err(reaction.error(fault, retry_after(response.headers(), now)))
}

/// A refusal in the vendor's words.
#[derive(Default)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
    pub(super) message: String,
    /// The database behind DWS refused, and its code says so.
    pub(super) by_workload: bool,
}

/// The body as JSON with the lists at its top empty; an error may come encoded.
fn parse(status: StatusCode, body: &[u8]) -> Option<Value> {
    let encoded = || if status.is_success() { None } else { base64url(body) };
    without_rows(body).or_else(|| without_rows(&encoded()?))
}

/// A tree of values takes much more memory than the text that it was read from, and lists may have ten thousand rows: whoever needs
/// them decodes them. A list stays one, since it may be where none is expected; one of errors is short, and stays whole.
fn without_rows(body: &[u8]) -> Option<Value> {
    let Ok(fields) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else {
        return serde_json::from_slice(body).ok();
    };
    let tree = |name: &str, value: &RawValue| {
        let is_left = value.get().starts_with('[') && name != "errors";
        if is_left { Ok(Value::Array(Vec::new())) } else { serde_json::from_str(value.get()) }
    };
    let fields = fields.into_iter().map(|(name, value)| tree(&name, value).ok().map(|value| (name, value)));
    fields.collect::<Option<_>>().map(Value::Object)
}

/// Tries the vendor's envelopes in turn; the first that fits counts. A success in one is none in all.
fn refusal(json: &Value, status: StatusCode) -> Option<Refusal> {
    let pair = |object: &Value, code: &str, messages: &[&str]| {
        let code = text(object.get(code)?)?;
        let message = messages.iter().find_map(|message| object.get(*message).and_then(text)).unwrap_or_default();
        let all_is_well = matches!(code.as_str(), "0" | "200") || code.ends_with(".0000");
        let code = Some(code).filter(|code| code != status.as_str());
        (!status.is_success() || !all_is_well).then_some(Refusal { code, message, by_workload: false })
    };
    let flat = |object: &Value| {
        pair(object, "error_code", &["error_msg"])
            .or_else(|| pair(object, "errorCode", &["errorMsg"]))
            .or_else(|| pair(object, "errCode", &["externalMessage"]))
            .or_else(|| pair(object, "code", &["message"]))
    };
    let workload = || {
        let refusal = pair(json, "workload_res_code", &["workload_res_str"])?;
        let by_workload = refusal.code.as_deref() != Some("0");
        Some(Refusal { by_workload, ..refusal })
    };
    flat(json)
        .or_else(|| flat(json.get("errors")?.get(0)?))
        .or_else(|| pair(json.get("error")?, "code", &["message", "title"]))
        .or_else(workload)
        .or_else(|| pair(json, "error_id", &["error_cause", "error_name"]))
        .or_else(|| {
            // Anything but `true` that is there at all: a `"false"` in quotes is no success.
            let failed = json.get("is_success").is_some_and(|flag| *flag != Value::Bool(true) && !flag.is_null());
            let message = json.get("message").and_then(text).unwrap_or_default();
            failed.then_some(Refusal { message, ..Refusal::default() })
        })
}

/// A number of rows: a number, or one in quotes. Anything else that is there at all is none.
pub(super) fn row_count(value: &Value) -> Option<usize> {
    text(value)?.parse().ok()
}

/// Decodes base64 of the alphabet for URLs, padded or not.
fn base64url(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let (mut held, mut bits) = (0_u32, 0);
    for &letter in encoded.trim_ascii().iter().filter(|letter| **letter != b'=') {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn request_id(headers: &HeaderMap, json: Option<&Value>, redactor: &Redactor) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let body = json.and_then(|json| json.get("request_id")).and_then(Value::as_str);
    let candidates = [header("x-request-id"), header("x-iam-trace-id"), body];
    candidates.into_iter().flatten().find_map(|id| redactor.token(id))
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Duration::try_from(parse_date(value)?.duration_since(now)).ok(),
    }
}

#[cfg(test)]
mod tests {
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
        read("grant", &response, Timestamp::UNIX_EPOCH, &redactor).map(|answer| answer.json)
    }

    fn code_and_message(body: &Value) -> Option<(Option<String>, String)> {
        let error = read_answer(400, &[], body.to_string().as_bytes()).err()?;
        Some((error.code().map(str::to_owned), error.fault().message.clone()))
    }

    #[test]
    fn every_envelope_is_understood() {
        for body in [
            json!({"error_code": "A.1", "error_msg": "m"}),
            json!({"errorCode": "A.1", "errorMsg": "m"}),
            json!({"errCode": "A.1", "externalMessage": "m"}),
            json!({"code": "A.1", "message": "m"}),
            json!({"errors": [{"error_code": "A.1", "error_msg": "m"}]}),
            json!({"error": {"code": "A.1", "message": "m", "title": "t"}}),
            json!({"error": {"code": "A.1", "title": "m"}, "workload_res_code": 1}),
            json!({"error_id": "A.1", "error_name": "m"}),
            json!({"error_code": "A.1", "error_msg": "m", "errCode": "B.2", "externalMessage": "n"}),
            json!({"error_code": null, "code": "A.1", "message": "m"}),
        ] {
            assert_eq!(code_and_message(&body), Some((Some("A.1".to_owned()), "m".to_owned())), "{body}");
        }
        assert_eq!(
            code_and_message(&json!({"workload_res_code": 1, "workload_res_str": "m"})),
            Some((Some("1".to_owned()), "m".to_owned()))
        );
        assert_eq!(code_and_message(&json!({"is_success": false, "message": "m"})), Some((None, "m".to_owned())));
    }

    #[test]
    fn an_error_may_come_as_base64_of_the_alphabet_for_urls() {
        let body = r#"{"error_code":"DWS.0001","error_msg":"?> ü"}"#;
        assert_eq!(serde_json::from_str::<Value>(body).ok(), parse(StatusCode::BAD_REQUEST, body.as_bytes()));
        let encoded = "eyJlcnJvcl9jb2RlIjoiRFdTLjAwMDEiLCJlcnJvcl9tc2ciOiI_PiDDvCJ9";
        for encoded in [encoded.to_owned(), format!("{encoded}==\n")] {
            let Err(error) = read_answer(400, &[], encoded.as_bytes()) else { panic!("a success") };
            assert_eq!((error.code(), error.fault().message.as_str()), (Some("DWS.0001"), "?> ü"));
        }
        let success = read_answer(200, &[], encoded.as_bytes());
        assert!(matches!(success, Err(CloudError::UnexpectedReply { .. })), "{success:?}");
    }

    #[test]
    fn the_code_of_the_database_behind_dws_counts_more_than_the_status() {
        let kind = |status, body: Value| match read_answer(status, &[], body.to_string().as_bytes()) {
            Ok(_) => "ok",
            Err(CloudError::Rejected { .. }) => "rejected",
            Err(CloudError::Unavailable { .. }) => "unavailable",
            Err(CloudError::CredentialsRejected { .. }) => "credentials rejected",
            Err(error) => panic!("{error}"),
        };
        for (status, body, expected) in [
            (200, json!({"workload_res_code": 0, "workload_res_str": ""}), "ok"),
            (200, json!({"workload_res_code": "0"}), "ok"),
            (200, json!({"workload_res_code": null}), "ok"),
            (200, json!({"user_list": []}), "ok"),
            (200, json!({"workload_res_code": 0, "error_code": "DWS.0000"}), "ok"),
            (200, json!({"workload_res_code": 103, "error_code": "DWS.0000"}), "rejected"),
            (200, json!({"workload_res_code": 103, "workload_res_str": "absent"}), "rejected"),
            (500, json!({"workload_res_code": 1}), "rejected"),
            (500, json!({"workload_res_code": -1, "workload_queue": null}), "rejected"),
            (500, json!({"workload_res_code": 0}), "unavailable"),
            (500, json!({"workload_res_code": 1, "error_code": "DWS.9999"}), "unavailable"),
            (401, json!({"workload_res_code": 1}), "credentials rejected"),
        ] {
            assert_eq!(kind(status, body.clone()), expected, "{status} {body}");
        }
    }

    #[test]
    fn http_200_with_a_refusal_inside_is_a_refusal() {
        for body in [
            json!({"is_success": false, "message": null}),
            json!({"is_success": "false"}),
            json!({"is_success": []}),
            json!({"is_success": [true]}),
            json!({"error_code": "DLI.0001", "error_msg": "m", "is_success": true}),
            json!({"error_code": "DWS.0000", "is_success": false}),
        ] {
            let result = read_answer(200, &[], body.to_string().as_bytes());
            assert!(matches!(result, Err(CloudError::Rejected { .. })), "{body}");
        }
    }

    #[test]
    fn http_200_without_one_is_a_success() {
        for body in [json!({"is_success": true, "message": ""}), json!({"error_code": "DWS.0000"}), json!([])] {
            assert!(read_answer(200, &[], body.to_string().as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn lists_are_decoded_and_not_kept() {
        let body = json!({"count": 2, "rows": ["a", "b"], "errors": [{"a": 1}], "in": {"rows": [1]}}).to_string();
        let response = Response::new(Bytes::from(body));
        let answer =
            read("list", &response, Timestamp::UNIX_EPOCH, &Redactor::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(answer.json, json!({"count": 2, "rows": [], "errors": [{"a": 1}], "in": {"rows": [1]}}));
        let rows =
            |name: &str| answer.decode::<BTreeMap<String, Value>>("no").ok().and_then(|mut all| all.remove(name));
        assert_eq!(rows("rows"), Some(json!(["a", "b"])));
        let Err(error) = answer.decode::<Vec<String>>("not rows") else { panic!("an object is no list") };
        assert!(error.to_string().contains("not rows"), "{error}");
    }

    #[test]
    fn what_is_not_json_is_no_success_and_is_never_shown() {
        for (status, body) in [(200, "<html>topsecret"), (200, ""), (302, "<html>"), (404, "<html>")] {
            let result = read_answer(status, &[], body.as_bytes());
            let Err(error @ CloudError::UnexpectedReply { .. }) = result else { panic!("{status}: {result:?}") };
            assert!(!error.to_string().contains("html"), "{error}");
        }
    }

    #[test]
    fn a_throttling_answer_says_when_to_come_back() {
        let after = |value: &str| match read_answer(429, &[("retry-after", value)], b"{}") {
            Err(CloudError::Throttled { retry_after, .. }) => retry_after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn the_request_id_is_found_where_the_vendor_puts_it() {
        let id = |headers: &[(&'static str, &str)], body: &[u8]| {
            read_answer(500, headers, body).err().and_then(|error| error.request_id().map(str::to_owned))
        };
        assert_eq!(id(&[("x-request-id", "a1")], b""), Some("a1".to_owned()));
        assert_eq!(id(&[("x-iam-trace-id", "a2")], b""), Some("a2".to_owned()));
        assert_eq!(id(&[], br#"{"request_id":"a3"}"#), Some("a3".to_owned()));
        assert_eq!(id(&[("x-request-id", "<script>")], b""), None);
    }

    #[test]
    fn a_credential_in_the_vendors_words_does_not_show() {
        let error = read_answer(401, &[], br#"{"error_code":"APIG.0301","error_msg":"key topsecret is bad"}"#);
        assert_eq!(
            error.err().map(|error| error.to_string()).as_deref(),
            Some("the cloud does not accept the credentials: grant: key [redacted] is bad (HTTP 401, APIG.0301)")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_reading_panic(status in 100_u16..600, body: Vec<u8>, header in "\\PC*") {
            let _ = read_answer(status, &[("retry-after", &header), ("date", &header)], &body);
        }
    }
}
