//! What a call is for: it decides which of those that wait goes next.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;

use super::Asked;

/// How urgent a call is; in this order they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Access is to be taken away.
    Revocation,
    /// Access is to be granted, or changed.
    Change,
    /// Nothing is known to be left to do: a periodic list; or it was refused before.
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
    /// What may take it back.
    pub recall: Recall,
    /// What a write does, and for whom.
    pub asked: Vec<Arc<Asked>>,
}

/// What may take a call back that has not been sent yet.
#[derive(Debug, Clone, Default)]
pub struct Recall(Option<watch::Receiver<()>>);

impl Recall {
    /// Takes back what waits when this is next sent to, and what begins to wait after. What was sent before does not count.
    #[must_use]
    pub fn by(signal: &watch::Receiver<()>) -> Self {
        let mut signal = signal.clone();
        signal.mark_unchanged();
        Self(Some(signal))
    }

    /// Waits until it is given, for ever if nobody will.
    pub(super) async fn given(&self) {
        let Some(mut signal) = self.0.clone() else { return pending().await };
        if signal.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}

impl PartialEq for Recall {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.same_channel(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Eq for Recall {}

impl Purpose {
    /// Of a call that nothing takes back.
    pub fn new(urgency: Urgency, namespace: impl Into<Arc<str>>, target: impl Into<Arc<str>>) -> Self {
        let (namespace, target) = (namespace.into(), target.into());
        Self { urgency, namespace, target, recall: Recall::default(), asked: Vec::new() }
    }

    /// The same, of a call that nothing takes back.
    pub(super) fn kept(&self) -> Self {
        Self { recall: Recall::default(), ..self.clone() }
    }

    /// That of one call which serves all of these: the most urgent one's. `None` for a call that serves nothing.
    pub(crate) fn most_urgent<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        all.into_iter().min_by_key(|purpose| purpose.urgency)
    }

    /// The same of a write that does less than what was asked for.
    pub(super) fn doing(mut self, less: impl Fn(&mut Asked)) -> Self {
        for asked in &mut self.asked {
            less(Arc::make_mut(asked));
        }
        self
    }

    /// That of one write which does what all of these are for. `None` of one that does nothing.
    pub(super) fn of_write<'a>(all: impl IntoIterator<Item = &'a Self> + Clone) -> Option<Self> {
        let asked = all.clone().into_iter().flat_map(|purpose| &purpose.asked).cloned().collect();
        Self::most_urgent(all).map(|purpose| Self { asked, ..purpose.clone() })
    }
}
