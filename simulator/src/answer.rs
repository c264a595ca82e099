//! An answer before it is sent, and the shapes that the vendors give to errors.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::ehpc;
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

    /// 200 saying, in a service's words, that nothing was done.
    pub(crate) fn not_success(service: &str, message: &str) -> Self {
        match service {
            "dws" => Self::workload(200, 1, message),
            "ehpc" | "sts" => Self::error(200, None, json!({"RequestId": "", "Success": false})),
            "dataarts" => {
                let message = Some(message).filter(|message| !message.is_empty());
                Self::error(200, None, json!({"message": message, "is_success": false}))
            }
            _ => Self::error(200, None, json!({"is_success": false, "message": message})),
        }
    }

    /// An error in the envelope of a service.
    pub(crate) fn refusal(service: &str, switches: &Switches, status: u16, code: &str, message: &str) -> Self {
        match service {
            "iam" => Self::iam(status, message),
            "dws" => Self::dws(status, code, message),
            "dataarts" | "cce" => Self::plain(status, code, message),
            "ehpc" | "sts" => ehpc::error(status, code, message),
            _ => Self::dli(switches, status, code, message),
        }
    }

    /// The gateway's error; `request_id` is put in when it is sent.
    pub(crate) fn gateway(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error_code": code, "error_msg": message, "request_id": ""});
        Self::error(status, Some(code), body)
    }

    /// An error as most services of Huawei Cloud write it.
    pub(crate) fn plain(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error_code": code, "error_msg": message});
        Self::error(status, Some(code), body)
    }

    /// DLI's error, in the envelope that the switch asks for.
    pub(crate) fn dli(switches: &Switches, status: u16, code: &str, message: &str) -> Self {
        let body = match switches.error_envelope {
            ErrorEnvelope::CodeAndMsg => return Self::plain(status, code, message),
            ErrorEnvelope::IdAndName => json!({
                "error_id": code,
                "error_name": message,
                "error_cause": message,
                "error_suggestion": "",
            }),
        };
        Self::error(status, Some(code), body)
    }

    /// DWS's error, old style and new in one.
    pub(crate) fn dws(status: u16, code: &str, message: &str) -> Self {
        let body = json!({
            "externalMessage": message,
            "errCode": code,
            "error_code": code,
            "error_msg": message,
        });
        Self::error(status, Some(code), body)
    }

    /// What DWS's workload management says of itself when it fails, whatever the status.
    pub(crate) fn workload(status: u16, code: i32, message: &str) -> Self {
        let body = json!({"workload_res_code": code, "workload_res_str": message});
        Self::error(status, Some(&code.to_string()), body)
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

    /// With the request id where a gateway's body has one; Alibaba's have it in capitals.
    pub(crate) fn stamped(mut self, request_id: &str) -> Self {
        for name in ["request_id", "RequestId"] {
            if let Some(slot) = self.body.get_mut(name) {
                *slot = Value::from(request_id);
            }
        }
        self.with_header("x-request-id", request_id)
    }
}
