//! IAM tokens: what is asked for, and what is answered.
//!
//! The vendor's page is "Obtaining a User Token Through Password Authentication" of the IAM API reference.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What to send to `POST /v3/auth/tokens`.
pub(super) fn body(domain_name: &str, user_name: &str, password: &str, project_id: &str) -> Value {
    json!({"auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": user_name, "password": password, "domain": {"name": domain_name}}},
        },
        "scope": {"project": {"id": project_id}},
    }})
}

/// When the token in the answer ends.
pub(super) fn expiry(json: &Value) -> Option<Timestamp> {
    json.pointer("/token/expires_at")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_iam_documents() {
        let expected = r#"{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"d"},"name":"u","password":"p"}}},"scope":{"project":{"id":"i"}}}}"#;
        assert_eq!(body("d", "u", "p", "i").to_string(), expected);
        assert!(expiry(&json!({"token": {"expires_at": "2026-01-04T09:05:22.701000Z"}})).is_some());
    }
}
