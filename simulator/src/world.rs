//! The state behind a simulator's handle: one account, everything in it, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Operation;
use crate::credentials::Keyring;
use crate::dli::Queues;
use crate::faults::Script;
use crate::iam::Directory;
use crate::journal::{Entry, Journal};
use crate::settings::Settings;
use crate::switches::Switches;

/// One simulated account.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) switches: Switches,
    pub(crate) keyring: Keyring,
    pub(crate) iam: Directory,
    pub(crate) dli: Queues,
    pub(crate) faults: Script,
    pub(crate) journal: Journal,
    late: Vec<Late>,
    arrivals: VecDeque<Instant>,
    requests: u64,
}

/// An effect on its way.
struct Late {
    due: Instant,
    operation: Arc<dyn Operation>,
    entry: Entry,
}

impl World {
    /// An account without queues, as the settings describe it.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            switches: settings.switches.clone(),
            keyring: Keyring::new(&settings.access_keys),
            iam: Directory::default(),
            dli: Queues::default(),
            faults: Script::default(),
            journal: Journal::default(),
            late: Vec::new(),
            arrivals: VecDeque::new(),
            requests: 0,
            settings,
        }
    }

    /// The time of day in the cloud, which may be ahead of ours.
    pub(crate) fn time_of_day(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.switches.clock_ahead_seconds);
        let ours = (self.settings.clock)();
        ours.checked_add(ahead).unwrap_or(ours)
    }

    /// A request id of the vendor's length, counted up so that runs can be compared.
    pub(crate) fn next_request_id(&mut self) -> String {
        self.requests += 1;
        format!("5100ca11{:024x}", self.requests)
    }

    /// Counts a call, or refuses it when this second is full.
    pub(crate) fn throttle(&mut self) -> Result<(), Answer> {
        let Some(limit) = self.switches.requests_per_second else {
            return Ok(());
        };
        let now = Instant::now();
        let over = |at: &Instant| now.duration_since(*at) >= Duration::from_secs(1);
        while self.arrivals.front().is_some_and(over) {
            self.arrivals.pop_front();
        }
        if self.arrivals.len() >= limit {
            let message = format!(
                "The throttling threshold has been reached: policy user over ratelimit,limit:{limit},time:1 second"
            );
            return Err(Answer::gateway(429, "APIGW.0308", &message));
        }
        self.arrivals.push_back(now);
        Ok(())
    }

    /// Lets an operation have its effect later. `entry` is what the journal will say then.
    pub(crate) fn land_later(&mut self, after: Duration, operation: Arc<dyn Operation>, entry: Entry) {
        let due = Instant::now() + after;
        self.late.push(Late { due, operation, entry });
    }

    /// Applies what is due, in the order in which it fell due. Called whenever the state is looked at.
    pub(crate) fn settle(&mut self) {
        let now = Instant::now();
        let mut due: Vec<Late> = self.late.extract_if(.., |late| late.due <= now).collect();
        due.sort_by_key(|late| late.due);
        for late in due {
            let changed = late.operation.run(self).changed;
            self.record(Entry { changed, ..late.entry });
        }
    }

    /// Writes an entry into the journal.
    pub(crate) fn record(&mut self, entry: Entry) {
        let timestamp = (self.settings.clock)();
        self.journal.record(timestamp, entry);
    }
}
