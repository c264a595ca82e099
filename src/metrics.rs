//! What the operator counts, for Prometheus. `docs/metrics.md` tells what each metric is good for.
//!
//! Labels name objects and targets, never a user, and nothing of a Secret.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What [`Metrics::text`] is, in the words of HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long calls wait, in seconds: those that nothing holds up, and up to the longest that any call may wait.
const WAITS: [f64; 8] = [0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// What the operator counts. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    revocations_held: Family<OfAccount, Gauge>,
    unmanaged_principals: Family<OfTarget, Gauge>,
    clock_skew: Family<OfVendor, Gauge>,
    calls_waiting: Family<OfClass, Gauge>,
    call_wait: Family<OfClass, Histogram>,
    leader: Gauge,
}

/// Which account object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAccount {
    namespace: String,
    account: String,
}

/// Which target, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTarget {
    target: String,
}

/// Which vendor of clouds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVendor {
    vendor: String,
}

/// Which vendor's calls, and how urgent ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfClass {
    vendor: String,
    class: String,
}

impl Default for Metrics {
    /// Nothing is counted yet.
    fn default() -> Self {
        let (revocations_held, unmanaged_principals) = (Family::default(), Family::default());
        let (clock_skew, calls_waiting) = (Family::default(), Family::default());
        let call_wait: Family<OfClass, Histogram> = Family::new_with_constructor(|| Histogram::new(WAITS));
        let mut registry = Registry::with_prefix("cloud_access");
        registry.register(
            "revocations_held",
            "Revocations that the revocationLimit of a CloudAccount holds back now",
            Family::clone(&revocations_held),
        );
        registry.register(
            "unmanaged_principals",
            "Entries of a target's access list that no object owns",
            Family::clone(&unmanaged_principals),
        );
        registry.register_with_unit(
            "clock_skew",
            "Seconds by which a cloud's clock is ahead of ours, as it said when it refused a signature for its time",
            Unit::Seconds,
            Family::clone(&clock_skew),
        );
        registry.register(
            "calls_waiting",
            "Calls to a vendor's clouds that wait for their turn",
            Family::clone(&calls_waiting),
        );
        registry.register_with_unit(
            "call_wait",
            "Seconds that calls to a vendor's clouds waited for their turn",
            Unit::Seconds,
            Family::clone(&call_wait),
        );
        let leader = Gauge::default();
        registry.register("leader", "1 while this replica acts, 0 while it waits for its turn", leader.clone());
        let registry = Arc::new(registry);
        Self { registry, revocations_held, unmanaged_principals, clock_skew, calls_waiting, call_wait, leader }
    }
}

impl Metrics {
    /// Whether this replica acts.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// So many revocations are held back by the limit of this account. With none, the account is not shown.
    pub fn set_revocations_held(&self, namespace: &str, account: &str, count: u64) {
        let labels = OfAccount { namespace: namespace.to_owned(), account: account.to_owned() };
        if count == 0 {
            self.revocations_held.remove(&labels);
        } else {
            self.revocations_held.get_or_create(&labels).set(gauge(count));
        }
    }

    /// So many entries of the target's list belong to no object.
    pub fn set_unmanaged_principals(&self, target: &str, count: u64) {
        let labels = OfTarget { target: target.to_owned() };
        self.unmanaged_principals.get_or_create(&labels).set(gauge(count));
    }

    /// Nobody looks at the target any more, so nothing is known of it.
    pub fn forget_target(&self, target: &str) {
        self.unmanaged_principals.remove(&OfTarget { target: target.to_owned() });
    }

    /// The clock of this vendor's clouds is so many seconds ahead of ours.
    pub fn set_clock_skew(&self, vendor: &str, seconds: i64) {
        self.clock_skew.get_or_create(&OfVendor { vendor: vendor.to_owned() }).set(seconds);
    }

    /// One more call of this class waits for its turn with the vendor's clouds.
    pub fn call_waits(&self, vendor: &str, class: &str) {
        self.calls_waiting.get_or_create(&OfClass::new(vendor, class)).inc();
    }

    /// A call that waited does so no longer, after so long.
    pub fn call_waited(&self, vendor: &str, class: &str, waited: Duration) {
        let labels = OfClass::new(vendor, class);
        self.calls_waiting.get_or_create(&labels).dec();
        self.call_wait.get_or_create(&labels).observe(waited.as_secs_f64());
    }

    /// All of it, in the text format of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let written = encode(&mut text, &self.registry);
        debug_assert!(written.is_ok(), "a String takes all that is written");
        text
    }
}

impl OfClass {
    fn new(vendor: &str, class: &str) -> Self {
        Self { vendor: vendor.to_owned(), class: class.to_owned() }
    }
}

/// The library's gauges are signed.
fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../docs/metrics.md");

    #[test]
    fn each_metric_is_told_with_its_help_and_type() {
        let metrics = Metrics::default();
        metrics.set_revocations_held("team", "huawei", 3);
        metrics.set_unmanaged_principals("huawei/cn-north-4/p/dli/etl", 0);
        metrics.set_clock_skew("huawei", -1800);
        metrics.set_leader(true);
        let expected = "\
# HELP cloud_access_revocations_held Revocations that the revocationLimit of a CloudAccount holds back now.
# TYPE cloud_access_revocations_held gauge
cloud_access_revocations_held{namespace=\"team\",account=\"huawei\"} 3
# HELP cloud_access_unmanaged_principals Entries of a target's access list that no object owns.
# TYPE cloud_access_unmanaged_principals gauge
cloud_access_unmanaged_principals{target=\"huawei/cn-north-4/p/dli/etl\"} 0
# HELP cloud_access_clock_skew_seconds Seconds by which a cloud's clock is ahead of ours, as it said when it refused a signature for its time.
# TYPE cloud_access_clock_skew_seconds gauge
# UNIT cloud_access_clock_skew_seconds seconds
cloud_access_clock_skew_seconds{vendor=\"huawei\"} -1800
# HELP cloud_access_leader 1 while this replica acts, 0 while it waits for its turn.
# TYPE cloud_access_leader gauge
cloud_access_leader 1
# EOF
";
        assert_eq!(metrics.text(), expected);
    }

    #[test]
    fn how_long_calls_waited_is_told_by_vendor_and_class() {
        let metrics = Metrics::default();
        for (class, seconds) in [("change", 0.0), ("change", 2.0), ("look", 60.0)] {
            metrics.call_waits("huawei", class);
            metrics.call_waited("huawei", class, Duration::from_secs_f64(seconds));
        }
        metrics.call_waits("huawei", "look");
        let text = metrics.text();
        for line in [
            "cloud_access_call_wait_seconds_sum{vendor=\"huawei\",class=\"change\"} 2.0",
            "cloud_access_call_wait_seconds_count{vendor=\"huawei\",class=\"change\"} 2",
            "cloud_access_call_wait_seconds_bucket{le=\"0.01\",vendor=\"huawei\",class=\"change\"} 1",
            "cloud_access_call_wait_seconds_bucket{le=\"2.5\",vendor=\"huawei\",class=\"change\"} 2",
            "cloud_access_call_wait_seconds_sum{vendor=\"huawei\",class=\"look\"} 60.0",
            "cloud_access_call_wait_seconds_bucket{le=\"25.0\",vendor=\"huawei\",class=\"look\"} 0",
            "cloud_access_call_wait_seconds_bucket{le=\"+Inf\",vendor=\"huawei\",class=\"look\"} 1",
            "cloud_access_calls_waiting{vendor=\"huawei\",class=\"change\"} 0",
            "cloud_access_calls_waiting{vendor=\"huawei\",class=\"look\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }

    #[test]
    fn clones_count_together_and_what_is_over_is_not_shown() {
        let metrics = Metrics::default();
        let empty = metrics.text();
        let clone = metrics.clone();
        clone.set_revocations_held("team", "huawei", 3);
        clone.set_unmanaged_principals("etl", 5);
        assert!(metrics.text().contains("{target=\"etl\"} 5\n"));
        metrics.set_revocations_held("team", "huawei", 0);
        metrics.forget_target("etl");
        assert_eq!(clone.text(), empty);
        assert!(!empty.contains('{'), "no series but the replica's own: {empty}");
    }

    #[test]
    fn no_name_and_no_count_breaks_the_text() {
        let metrics = Metrics::default();
        metrics.set_unmanaged_principals("a\"} 1\nb\\", u64::MAX);
        let line = r#"cloud_access_unmanaged_principals{target="a\"} 1\nb\\"} 9223372036854775807"#;
        assert_eq!(metrics.text().lines().nth(2), Some(line));
    }

    #[test]
    fn every_metric_has_its_row_in_the_page_and_every_row_its_metric() {
        let metrics = Metrics::default();
        // All that there are: a new one is to be set here, too.
        let Metrics {
            registry: _,
            revocations_held: _,
            unmanaged_principals: _,
            clock_skew: _,
            calls_waiting: _,
            call_wait: _,
            leader: _,
        } = &metrics;
        metrics.set_revocations_held("x", "x", 1);
        metrics.set_unmanaged_principals("x", 1);
        metrics.set_clock_skew("x", 1);
        metrics.call_waits("x", "x");
        metrics.call_waited("x", "x", Duration::from_mins(1));
        let text = metrics.text();
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
        let metric = |series: &str| {
            let series = series.replace("=\"x\"", "").replace("_sum{", "{").replace(',', ", ");
            (!series.contains("_bucket{") && !series.contains("_count{")).then_some(series)
        };
        let shown: BTreeSet<String> = series.filter_map(metric).collect();
        let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `cloud_access_"));
        let told = rows.map(|row| format!("cloud_access_{}", row.split('`').next().unwrap_or_default())).collect();
        assert_eq!(shown, told);
        assert_eq!(shown.len(), text.matches("# TYPE ").count());
    }
}
