//! An answer before it is sent, and the shapes that the vendors give to errors.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::switches::{ErrorEnvelope, Switches};

/// What a call is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The vendor's code, for the journal.
    pub(crate) error_code: Option<String>,
    /// Whether the answer says that the call succeeded.
    pub(crate) success: bool,
}

impl Answer {
    /// 200 with this body.
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body, error_code: None, success: true }
    }

    /// An error with this body.
    pub(crate) fn error(status: u16, code: Option<&str>, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, error_code: code.map(str::to_owned), success: false }
    }

    /// 200 saying that nothing was done.
    pub(crate) fn not_success(message: &str) -> Self {
        let body = json!({"is_success": false, "message": message});
        Self::error(200, None, body)
    }

    /// The gateway's error; `request_id` is put in when it is sent.
    pub(crate) fn gateway(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error_code": code, "error_msg": message, "request_id": ""});
        Self::error(status, Some(code), body)
    }

    /// DLI's error, in the envelope that the switch asks for.
    pub(crate) fn dli(switches: &Switches, status: u16, code: &str, message: &str) -> Self {
        let body = match switches.error_envelope {
            ErrorEnvelope::CodeAndMsg => json!({"error_code": code, "error_msg": message}),
            ErrorEnvelope::IdAndName => json!({
                "error_id": code,
                "error_name": message,
                "error_cause": message,
                "error_suggestion": "",
            }),
        };
        Self::error(status, Some(code), body)
    }

    /// IAM's error, nested.
    pub(crate) fn iam(status: u16, message: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let body = json!({"error": {"code": status, "message": message, "title": title}});
        Self::error(status, None, body)
    }

    /// With a further header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the request id where a gateway's body has one.
    pub(crate) fn stamped(mut self, request_id: &str) -> Self {
        if let Some(slot) = self.body.get_mut("request_id") {
            *slot = Value::from(request_id);
        }
        self.with_header("x-request-id", request_id)
    }
}
