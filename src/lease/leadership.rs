//! Until when this process may act.

use tokio::sync::watch as signal;
use tokio::time::Instant;

/// Whether this process leads, as of now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leadership(signal::Receiver<Option<Term>>);

/// A time in which this process leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    /// Nothing that another replica sent was sent later.
    pub(super) since: Instant,
    /// It may act before this; without a rival, for ever.
    pub(super) until: Option<Instant>,
}

/// Another replica may be acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

impl Leadership {
    pub(super) fn new(term: signal::Receiver<Option<Term>>) -> Self {
        Self(term)
    }

    /// Of a process without rivals: it leads from now on.
    #[must_use]
    pub fn without_rivals() -> Self {
        Self(signal::channel(Some(Term { since: Instant::now(), until: None })).1)
    }

    /// Of a process that another one keeps from leading.
    #[cfg(test)]
    pub(crate) fn of_another() -> Self {
        Self(signal::channel(None).1)
    }

    /// Fails unless this process leads now.
    pub fn check(&self) -> Result<(), NotLeading> {
        let is_held = |term: Term| term.until.is_none_or(|until| Instant::now() < until);
        if self.0.borrow().is_some_and(is_held) { Ok(()) } else { Err(NotLeading) }
    }

    /// Since when this process leads, if it does.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.0.borrow().map(|term| term.since)
    }

    /// Waits until this process leads.
    pub async fn gained(&self) {
        if self.0.clone().wait_for(Option::is_some).await.is_err() {
            // Whoever campaigned has stopped.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_term_ends_by_itself_when_nobody_renews_it() {
        let (term, leadership) = signal::channel(None);
        let leadership = Leadership::new(leadership);
        assert_eq!((leadership.check(), leadership.since()), (Err(NotLeading), None));
        let since = Instant::now();
        term.send_replace(Some(Term { since, until: Some(since + Duration::from_secs(9)) }));
        leadership.gained().await;
        advance(Duration::from_millis(8999)).await;
        assert_eq!((leadership.check(), leadership.since()), (Ok(()), Some(since)));
        advance(Duration::from_millis(1)).await;
        assert_eq!(leadership.check(), Err(NotLeading));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_rivals_leads_for_ever() {
        let (leadership, start) = (Leadership::without_rivals(), Instant::now());
        advance(Duration::from_hours(1000)).await;
        leadership.gained().await;
        assert_eq!((leadership.check(), leadership.since()), (Ok(()), Some(start)));
    }
}
