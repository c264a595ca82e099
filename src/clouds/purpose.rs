//! What a call is for: it decides which of those that wait goes next.

use std::fmt;
use std::sync::Arc;

/// How urgent a call is; in this order they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Access is to be taken away.
    Revocation,
    /// Access is to be granted, or changed.
    Change,
    /// Nothing is known to be left to do: a periodic list.
    Look,
}

impl Urgency {
    /// All that there are, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Revocation, Self::Change, Self::Look];
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revocation => "revocation",
            Self::Change => "change",
            Self::Look => "look",
        })
    }
}

/// What a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// How urgent it is.
    pub urgency: Urgency,
    /// The namespace for which it is made. Namespaces take turns.
    pub namespace: Arc<str>,
    /// The target that it is about. The targets of a namespace take turns.
    pub target: Arc<str>,
}

impl Purpose {
    /// That of one call which serves all of these: the most urgent one's. `None` for a call that serves nothing.
    pub(crate) fn most_urgent<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        all.into_iter().min_by_key(|purpose| purpose.urgency)
    }
}
