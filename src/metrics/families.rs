//! Every metric with its name, its labels and its help: a further one is a line here, and a row in `docs/metrics.md`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// How long calls wait, in seconds: those that nothing holds up, and up to the longest that any call may wait.
const WAITS: [f64; 8] = [0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];
/// How long requests to clouds take, in seconds, up to the longest that any may take.
const EXCHANGES: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// How long passes take, in seconds, up to the longest that any may take.
const PASSES: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];

/// Declares [`Families`]: for each metric what it counts, the family and how it begins, its name, and its unit, which ends the
/// name.
macro_rules! families {
    ($(#[doc = $help:literal] $field:ident: $type:ty = $new:expr, $name:literal $(in $unit:ident)?;)*) => {
        /// Every metric that changes as the operator works.
        #[derive(Debug)]
        pub(super) struct Families {
            $(#[doc = $help] pub(super) $field: $type,)*
        }

        impl Families {
            /// All of their names, without units.
            #[cfg(test)]
            pub(super) const NAMES: &[&str] = &[$($name),*];

            /// Nothing is counted yet.
            pub(super) fn register(registry: &mut Registry) -> Self {
                let families = Self { $($field: $new),* };
                $(families!(@register registry, $name, $help.trim(), families.$field.clone() $(, $unit)?);)*
                let version = vec![("version", env!("CARGO_PKG_VERSION"))];
                registry.register("cloud_access_build", "What was built: 1", Info::new(version));
                families
            }
        }
    };
    (@register $registry:ident, $name:literal, $help:expr, $family:expr) => {
        $registry.register($name, $help, $family);
    };
    (@register $registry:ident, $name:literal, $help:expr, $family:expr, $unit:ident) => {
        $registry.register_with_unit($name, $help, Unit::$unit, $family);
    };
}

families! {
    /// Objects, by the reason of their condition Ready, and whether somebody has to change something
    claims: Family<OfOutcome, Gauge> = Family::default(), "cloud_access_claims";
    /// When access of the namespace's objects ends next by its validUntil, in seconds since 1970
    next_expiry: Family<OfNamespace, Gauge> = Family::default(), "cloud_access_next_expiry_timestamp" in Seconds;
    /// When the temporary credentials end that an account presents now, in seconds since 1970
    credential_expiry: Family<OfAccount, Gauge> = Family::default(), "cloud_access_credential_expiry_timestamp" in Seconds;
    /// Requests to clouds, by the HTTP status of the answer
    cloud_requests: Family<OfRequest, Counter> = Family::default(), "cloud_access_cloud_requests";
    /// Seconds that requests to clouds took
    cloud_request_duration: Family<OfOperation, Histogram> = Family::new_with_constructor(|| Histogram::new(EXCHANGES)),
        "cloud_access_cloud_request_duration" in Seconds;
    /// Answers that asked for fewer requests
    throttles: Family<OfService, Counter> = Family::default(), "cloud_access_throttles";
    /// Passes over one target each, by the most urgent thing that they were for
    passes: Family<OfPass, Counter> = Family::default(), "cloud_access_passes";
    /// How often a principal got access back that somebody had taken away by hand
    drift_repaired: Family<OfKind, Counter> = Family::default(), "cloud_access_drift_repaired";
    /// Revocations that the revocationLimit of a CloudAccount holds back now
    revocations_held: Family<OfAccount, Gauge> = Family::default(), "cloud_access_revocations_held";
    /// Entries of a target's access list that no object owns
    unmanaged_principals: Family<OfTarget, Gauge> = Family::default(), "cloud_access_unmanaged_principals";
    /// Seconds by which a cloud's clock is ahead of ours, as it said when it refused a signature for its time
    clock_skew: Family<OfVendor, Gauge> = Family::default(), "cloud_access_clock_skew" in Seconds;
    /// Calls to a vendor's clouds that wait for their turn
    calls_waiting: Family<OfClass, Gauge> = Family::default(), "cloud_access_calls_waiting";
    /// Seconds that calls to a vendor's clouds waited for their turn
    call_wait: Family<OfClass, Histogram> = Family::new_with_constructor(|| Histogram::new(WAITS)),
        "cloud_access_call_wait" in Seconds;
    /// 1 while this replica acts, 0 while it waits for its turn
    leader: Gauge = Gauge::default(), "cloud_access_leader";
    /// 1 while this replica holds the Lease, 0 while another one may
    leader_election_master_status: Family<OfLease, Gauge> = Family::default(), "leader_election_master_status";
    /// Passes that have ended, by how
    reconciles: Family<OfResult, Counter> = Family::default(), "controller_runtime_reconcile";
    /// Passes that were given up, panicked, or could read the list of their target through no account
    reconcile_errors: Family<OfController, Counter> = Family::default(), "controller_runtime_reconcile_errors";
    /// Seconds that passes took
    reconcile_time: Family<OfController, Histogram> = Family::new_with_constructor(|| Histogram::new(PASSES)),
        "controller_runtime_reconcile_time" in Seconds;
    /// Passes that run now
    active_workers: Family<OfController, Gauge> = Family::default(), "controller_runtime_active_workers";
    /// Targets whose pass is due and has not begun
    queue_depth: Family<OfQueue, Gauge> = Family::default(), "workqueue_depth";
    /// Passes that became due
    queue_adds: Family<OfQueue, Counter> = Family::default(), "workqueue_adds";
}

/// Declares sets of labels.
macro_rules! labels {
    ($(#[doc = $doc:literal] $name:ident { $($label:ident: $type:ty),* })*) => {
        $(
            #[doc = $doc]
            #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
            pub(super) struct $name {
                $(pub(super) $label: $type),*
            }
        )*
    };
}

labels! {
    /// Which account object.
    OfAccount { namespace: String, account: String }
    /// Which target, by its key.
    OfTarget { target: String }
    /// Which vendor of clouds.
    OfVendor { vendor: String }
    /// Which vendor's calls, and how urgent ones.
    OfClass { vendor: String, class: String }
    /// Objects of a kind that rest in the same way.
    OfOutcome { kind: String, outcome: String, stalled: String }
    /// A kind's objects in one namespace.
    OfNamespace { kind: String, namespace: String }
    /// Which kind.
    OfKind { kind: String }
    /// A kind's passes, and how urgent ones.
    OfPass { kind: String, class: String }
    /// Which service of a cloud.
    OfService { service: &'static str }
    /// What it is asked for.
    OfOperation { service: &'static str, operation: &'static str }
    /// And what it answers.
    OfRequest { service: &'static str, operation: &'static str, code: String }
    /// The engine of a kind, as controller-runtime names controllers.
    OfController { controller: String }
    /// And how its passes end.
    OfResult { controller: String, result: &'static str }
    /// The queue of a kind.
    OfQueue { name: String }
    /// Which Lease.
    OfLease { name: String }
}

impl OfClass {
    pub(super) fn new(vendor: &str, class: &str) -> Self {
        Self { vendor: vendor.to_owned(), class: class.to_owned() }
    }
}
