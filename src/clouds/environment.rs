//! The operator's own environment, which whoever deploys it has set: no account object can.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Says what a variable is set to.
type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Variables of the operator's own environment. Tests bring theirs.
#[derive(Clone)]
pub struct Environment(Arc<Read>);

/// Why something cannot be taken from the environment. The message names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// It is not there.
    #[error("the operator's environment has no {0}")]
    Missing(&'static str),
    /// It cannot be used.
    #[error("{variable} in the operator's environment cannot be used: {why}")]
    Unfit {
        /// Its name.
        variable: &'static str,
        /// What it would have to be.
        why: &'static str,
    },
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// These variables, and no others.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// The value of a variable that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The same, of one that has to be there.
    pub(super) fn require(&self, name: &'static str) -> Result<String, EnvironmentError> {
        self.get(name).ok_or(EnvironmentError::Missing(name))
    }
}
