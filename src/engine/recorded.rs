//! What an object says about itself that cannot be decoded.

use jiff::Timestamp;
use serde_json::Value;

use super::entry::{Entry, ObjectKey};
use super::standing::Validity;
use crate::api::{AccessObject, AccessStatus, AccountRef, parse_time};

/// What an undecodable object says about itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) status: AccessStatus,
    pub(crate) retain: bool,
    /// Its account.
    pub(crate) account: Option<ObjectKey>,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

impl Recorded {
    /// What an object says about itself, with this status.
    pub(crate) fn of<O: AccessObject>(entry: &Entry<O>, status: AccessStatus) -> Self {
        let (retain, account) = (entry.retains(), entry.account());
        let Validity { from, until, .. } = entry.validity();
        Self { status, retain, account, valid_from: from, valid_until: until }
    }

    /// Reads what an object that cannot be decoded says about itself. `None` when it may own something, but where cannot
    /// be told.
    pub(crate) fn read(object: &Value, namespace: &str) -> Option<Self> {
        let status = &object["status"];
        let strings = |field: &str| -> Option<Vec<String>> {
            let list = &status[field];
            if list.is_null() { Some(Vec::new()) } else { serde_json::from_value(list.clone()).ok() }
        };
        let text = |field: &str| status[field].as_str().map(str::to_owned);
        let time = |value: &Value| value.as_str().and_then(|time| parse_time(time).ok());
        let recorded = AccessStatus {
            observed_generation: status["observedGeneration"].as_i64(),
            conditions: serde_json::from_value(status["conditions"].clone()).unwrap_or_default(),
            target: text("target"),
            principal: text("principal"),
            observed: strings("observed").unwrap_or_default(),
            owned: strings("owned")?,
            plan: strings("plan").unwrap_or_default(),
            granted_at: time(&status["grantedAt"]),
            expired_at: time(&status["expiredAt"]),
            last_handled_reconcile_at: text("lastHandledReconcileAt"),
            secret_version: text("secretVersion"),
            last_request_id: text("lastRequestId"),
        };
        if !recorded.owned.is_empty() && (recorded.target.is_none() || recorded.principal.is_none()) {
            return None;
        }
        let spec = &object["spec"];
        let account: Option<AccountRef> = serde_json::from_value(spec["accountRef"].clone()).ok();
        Some(Self {
            status: recorded,
            retain: spec["deletionPolicy"] == "Retain",
            account: account.map(|reference| ObjectKey::of_account(&reference, namespace)),
            valid_from: time(&spec["validFrom"]),
            valid_until: time(&spec["validUntil"]),
        })
    }
}
