//! What is counted when somebody asks for the metrics, instead of whenever it changes.

use std::collections::BTreeMap;

use super::families::{Families, OfAccount, OfNamespace, OfOutcome};

/// What is counted now.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By kind, outcome, and whether it is stalled.
    claims: BTreeMap<(String, String, bool), i64>,
    /// By kind and namespace.
    next_expiries: BTreeMap<(String, String), i64>,
    /// By namespace and account.
    credential_expiries: BTreeMap<(String, String), i64>,
}

impl Snapshot {
    /// One more object of the kind rests like this.
    pub fn add_claim(&mut self, kind: &str, outcome: &str, stalled: bool) {
        *self.claims.entry((kind.to_owned(), outcome.to_owned(), stalled)).or_default() += 1;
    }

    /// Access of one of the namespace's objects ends then, in seconds since 1970: the first counts.
    pub fn add_expiry(&mut self, kind: &str, namespace: &str, seconds: i64) {
        let next = self.next_expiries.entry((kind.to_owned(), namespace.to_owned())).or_insert(seconds);
        *next = seconds.min(*next);
    }

    /// The temporary credentials of an account end then, in seconds since 1970.
    pub fn set_credential_expiry(&mut self, namespace: &str, account: &str, seconds: i64) {
        self.credential_expiries.insert((namespace.to_owned(), account.to_owned()), seconds);
    }

    /// Shows this, and nothing of what was counted before.
    pub(super) fn show_in(self, families: &Families) {
        families.claims.clear();
        for ((kind, outcome, stalled), count) in self.claims {
            let labels = OfOutcome { kind, outcome, stalled: stalled.to_string() };
            families.claims.get_or_create(&labels).set(count);
        }
        families.next_expiry.clear();
        for ((kind, namespace), seconds) in self.next_expiries {
            families.next_expiry.get_or_create(&OfNamespace { kind, namespace }).set(seconds);
        }
        families.credential_expiry.clear();
        for ((namespace, account), seconds) in self.credential_expiries {
            families.credential_expiry.get_or_create(&OfAccount { namespace, account }).set(seconds);
        }
    }
}
