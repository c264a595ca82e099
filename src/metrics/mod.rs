//! What the operator counts, for Prometheus. `docs/metrics.md` tells what each metric is good for.
//!
//! Labels name objects and targets, never a user, and nothing of a Secret. Each has few values, but for those that name a
//! namespace, an account or a target, of which there are as many as of these.

mod families;
mod of_kind;
mod snapshot;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use families::{Families, OfAccount, OfClass, OfLease, OfOperation, OfRequest, OfService, OfTarget, OfVendor};
pub use of_kind::{KindMetrics, PassInProgress, PassResult};
pub use snapshot::Snapshot;

/// What [`Metrics::text`] is, in the words of HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the operator counts. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    families: Arc<Families>,
    registry: Arc<Registry>,
    sources: Arc<Mutex<Sources>>,
}

/// Counts when somebody asks.
type Source = Box<dyn Fn(&mut Snapshot) + Send>;

#[derive(Default)]
struct Sources(Vec<Source>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sources").field(&self.0.len()).finish()
    }
}

impl Default for Metrics {
    /// Nothing is counted yet.
    fn default() -> Self {
        let mut registry = Registry::default();
        let families = Arc::new(Families::register(&mut registry));
        Self { families, registry: Arc::new(registry), sources: Arc::default() }
    }
}

impl Metrics {
    /// Whether this replica acts, by the Lease of this name.
    pub fn set_leader(&self, lease: &str, leads: bool) {
        self.families.leader.set(i64::from(leads));
        let labels = OfLease { name: lease.to_owned() };
        self.families.leader_election_master_status.get_or_create(&labels).set(i64::from(leads));
    }

    /// So many revocations are held back by the limit of this account. With none, the account is not shown.
    pub fn set_revocations_held(&self, namespace: &str, account: &str, count: u64) {
        let labels = OfAccount { namespace: namespace.to_owned(), account: account.to_owned() };
        if count == 0 {
            self.families.revocations_held.remove(&labels);
        } else {
            self.families.revocations_held.get_or_create(&labels).set(gauge(count));
        }
    }

    /// So many entries of the target's list belong to no object.
    pub fn set_unmanaged_principals(&self, target: &str, count: u64) {
        let labels = OfTarget { target: target.to_owned() };
        self.families.unmanaged_principals.get_or_create(&labels).set(gauge(count));
    }

    /// Nobody looks at the target any more, so nothing is known of it.
    pub fn forget_target(&self, target: &str) {
        self.families.unmanaged_principals.remove(&OfTarget { target: target.to_owned() });
    }

    /// The clock of this vendor's clouds is so many seconds ahead of ours.
    pub fn set_clock_skew(&self, vendor: &str, seconds: i64) {
        self.families.clock_skew.get_or_create(&OfVendor { vendor: vendor.to_owned() }).set(seconds);
    }

    /// One more call of this class waits for its turn with the vendor's clouds.
    pub fn call_waits(&self, vendor: &str, class: &str) {
        self.families.calls_waiting.get_or_create(&OfClass::new(vendor, class)).inc();
    }

    /// A call that waited does so no longer, after so long.
    pub fn call_waited(&self, vendor: &str, class: &str, waited: Duration) {
        let labels = OfClass::new(vendor, class);
        self.families.calls_waiting.get_or_create(&labels).dec();
        self.families.call_wait.get_or_create(&labels).observe(waited.as_secs_f64());
    }

    /// A service was asked for something, and answered with this HTTP status, or did not.
    pub fn request_made(&self, service: &'static str, operation: &'static str, status: Option<u16>, took: Duration) {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.families.cloud_requests.get_or_create(&OfRequest { service, operation, code }).inc();
        let seconds = took.as_secs_f64();
        self.families.cloud_request_duration.get_or_create(&OfOperation { service, operation }).observe(seconds);
    }

    /// A service said that there are too many requests.
    pub fn throttled(&self, service: &'static str) {
        self.families.throttles.get_or_create(&OfService { service }).inc();
    }

    /// Counts for the engine of one kind, such as `QueueGrant`.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> KindMetrics {
        KindMetrics::new(kind, Arc::clone(&self.families))
    }

    /// Asks for this whenever somebody asks for the metrics.
    pub fn ask(&self, source: impl Fn(&mut Snapshot) + Send + 'static) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).0.push(Box::new(source));
    }

    /// All of it, in the text format of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        // Held to the end: two who ask at once would see each other's half.
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = Snapshot::default();
        for source in &sources.0 {
            source(&mut snapshot);
        }
        snapshot.show_in(&self.families);
        let mut text = String::new();
        let written = encode(&mut text, &self.registry);
        debug_assert!(written.is_ok(), "a String takes all that is written");
        text
    }
}

/// The library's gauges are signed.
fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
