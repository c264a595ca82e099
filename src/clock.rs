//! The one place that reads the wall clock, so that tests can set it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells what time it is. Cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Virtual { start: Arc<Mutex<Timestamp>>, since: Instant },
}

impl Clock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and advances with Tokio's time: under paused time, only as the test lets it.
    #[must_use]
    pub fn virtual_from(start: Timestamp) -> Self {
        Self(Source::Virtual { start: Arc::new(Mutex::new(start)), since: Instant::now() })
    }

    /// A virtual clock and its clones are set by so much, as by whoever sets the clock of a machine.
    pub fn set_by(&self, by: SignedDuration) {
        if let Source::Virtual { start, .. } = &self.0 {
            let mut start = start.lock().unwrap_or_else(PoisonError::into_inner);
            *start = start.checked_add(by).unwrap_or(*start);
        }
    }

    /// What time it is.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Virtual { start, since } => {
                let start = *start.lock().unwrap_or_else(PoisonError::into_inner);
                let elapsed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
                start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_advances_with_tokios_time() {
        let clock = Clock::virtual_from(Timestamp::UNIX_EPOCH);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH + SignedDuration::from_secs(90));
        clock.clone().set_by(SignedDuration::from_secs(-60));
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH + SignedDuration::from_secs(30));
    }
}
