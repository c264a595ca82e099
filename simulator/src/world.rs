//! The state behind a simulator's handle: one account, everything in it, under one lock.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::access::{Service, Targets};
use crate::answer::Answer;
use crate::call::Operation;
use crate::credentials::Keyring;
use crate::dataarts::Workspace;
use crate::dli::Queue;
use crate::dws;
use crate::ehpc::{Cluster, Gate};
use crate::faults::Script;
use crate::iam::Directory;
use crate::journal::{Entry, Journal};
use crate::pods::Pods;
use crate::rate::Rate;
use crate::settings::Settings;
use crate::switches::Switches;

/// One simulated account.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) switches: Switches,
    pub(crate) keyring: Keyring,
    pub(crate) iam: Directory,
    pub(crate) dli: Targets<Queue>,
    pub(crate) dws: Targets<dws::Cluster>,
    pub(crate) dataarts: Targets<Workspace>,
    pub(crate) ehpc: Targets<Cluster>,
    pub(crate) alibaba: Gate,
    pub(crate) pods: Pods,
    pub(crate) faults: Script,
    pub(crate) journal: Journal,
    late: Vec<Late>,
    rate: Rate,
    requests: u64,
}

/// An effect on its way.
struct Late {
    due: Instant,
    operation: Arc<dyn Operation>,
    entry: Entry,
}

impl World {
    /// An account without targets, as the settings describe it.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            switches: settings.switches.clone(),
            keyring: Keyring::new(&settings.access_keys),
            iam: Directory::new(&settings),
            dli: Targets::default(),
            dws: Targets::default(),
            dataarts: Targets::default(),
            ehpc: Targets::default(),
            alibaba: Gate::new(&settings.alibaba_keys),
            pods: Pods::new(&settings.pod_token),
            faults: Script::default(),
            journal: Journal::default(),
            late: Vec::new(),
            rate: Rate::default(),
            requests: 0,
            settings,
        }
    }

    /// The targets of every service: one line for each.
    fn services(&self) -> [&dyn Service; 4] {
        [&self.dli, &self.dws, &self.dataarts, &self.ehpc]
    }

    /// The same, to be changed.
    fn services_mut(&mut self) -> [&mut dyn Service; 4] {
        [&mut self.dli, &mut self.dws, &mut self.dataarts, &mut self.ehpc]
    }

    /// The service that has a target of this name.
    pub(crate) fn service_of(&self, target: &str) -> Option<&dyn Service> {
        self.services().into_iter().find(|service| service.has(target))
    }

    /// The same, to be changed.
    pub(crate) fn service_of_mut(&mut self, target: &str) -> Option<&mut dyn Service> {
        self.services_mut().into_iter().find(|service| service.has(target))
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
        self.rate.admit(self.switches.requests_per_second).map_err(|limit| {
            let message = format!(
                "The throttling threshold has been reached: policy user over ratelimit,limit:{limit},time:1 second"
            );
            Answer::gateway(429, "APIGW.0308", &message)
        })
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
