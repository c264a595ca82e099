//! Why something that a claim needs cannot be used: its account, a Secret, what its spec names.

use super::entry::ObjectKey;
use crate::plan::Outcome;

/// Why something that a claim needs cannot be used, in words for whoever owns the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What the claim rests with.
    pub outcome: Outcome,
    /// What happened, why, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem with this outcome.
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into() }
    }

    /// A problem with an account, that names it.
    pub(crate) fn of_account(self, account: &ObjectKey) -> Self {
        Self { message: format!("{}: {}", account.account(), self.message), ..self }
    }

    /// The account, or a Secret, cannot be used as it is.
    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Self::new(Outcome::AccountNotReady, message)
    }
}
