//! How many calls a second are let in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The calls of the last second.
#[derive(Default)]
pub(crate) struct Rate {
    arrivals: VecDeque<Instant>,
}

impl Rate {
    /// Counts a call, or refuses it with the limit when this second is full; none is no limit.
    pub(crate) fn admit(&mut self, limit: Option<usize>) -> Result<(), usize> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let now = Instant::now();
        let over = |at: &Instant| now.duration_since(*at) >= Duration::from_secs(1);
        while self.arrivals.front().is_some_and(over) {
            self.arrivals.pop_front();
        }
        if self.arrivals.len() >= limit {
            return Err(limit);
        }
        self.arrivals.push_back(now);
        Ok(())
    }
}
