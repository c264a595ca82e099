//! What is counted is told, each metric by its name.

use std::collections::BTreeSet;

use super::*;

const PAGE: &str = include_str!("../../docs/metrics.md");

#[test]
fn each_metric_is_told_with_its_help_and_type() {
    let metrics = Metrics::default();
    metrics.set_revocations_held("team", "huawei", 3);
    metrics.set_unmanaged_principals("huawei/cn-north-4/p/dli/etl", 0);
    metrics.set_clock_skew("huawei", -1800);
    metrics.set_leader("lease", true);
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
# HELP leader_election_master_status 1 while this replica holds the Lease, 0 while another one may.
# TYPE leader_election_master_status gauge
leader_election_master_status{name=\"lease\"} 1
# HELP cloud_access_build What was built: 1.
# TYPE cloud_access_build info
cloud_access_build_info{version=\"0.1.0\"} 1
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
    let build = "cloud_access_build_info{";
    assert!(empty.lines().all(|line| !line.contains('{') || line.starts_with(build)), "no series of others: {empty}");
}

#[test]
fn no_name_and_no_count_breaks_the_text() {
    let metrics = Metrics::default();
    metrics.set_unmanaged_principals("a\"} 1\nb\\", u64::MAX);
    let line = r#"cloud_access_unmanaged_principals{target="a\"} 1\nb\\"} 9223372036854775807"#;
    assert_eq!(metrics.text().lines().nth(2), Some(line));
}

/// Counts something of everything.
fn all_counted() -> Metrics {
    let metrics = Metrics::default();
    metrics.set_leader("x", true);
    metrics.set_revocations_held("x", "x", 1);
    metrics.set_unmanaged_principals("x", 1);
    metrics.set_clock_skew("x", 1);
    metrics.call_waits("x", "x");
    metrics.call_waited("x", "x", Duration::from_mins(1));
    metrics.request_made("x", "x", None, Duration::from_secs(1));
    metrics.throttled("x");
    let kind = metrics.of_kind("x");
    kind.pass_is_due();
    kind.set_due(1);
    kind.drift_repaired();
    drop(kind.pass("x"));
    kind.pass("x").end(PassResult::Success, Duration::from_secs(1));
    metrics.ask(|snapshot| {
        snapshot.add_claim("x", "x", true);
        snapshot.add_expiry("x", "x", 1);
        snapshot.set_credential_expiry("x", "x", 1);
    });
    metrics
}

/// A metric of a series, with its labels and without their values.
fn metric_of(series: &str) -> Option<String> {
    let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| (name, labels));
    if name.ends_with("_bucket") || name.ends_with("_count") {
        return None;
    }
    let name = name.trim_end_matches("_sum");
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split('=').next());
    let labels = labels.filter(|label| !label.is_empty()).collect::<Vec<_>>().join(", ");
    Some(if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") })
}

#[test]
fn every_metric_has_its_row_in_the_page_and_every_row_its_metric() {
    let text = all_counted().text();
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
    let shown: BTreeSet<String> = series.filter_map(metric_of).collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")).filter(|row| row.contains('_'));
    let told: BTreeSet<String> = rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect();
    assert_eq!(shown, told);
    // Those that this test counts something of are all, and what was built.
    assert_eq!((shown.len(), text.matches("# TYPE ").count()), (Families::NAMES.len() + 1, Families::NAMES.len() + 1));
}

#[test]
fn what_is_counted_when_somebody_asks_is_counted_anew_each_time() {
    let metrics = Metrics::default();
    let left = std::sync::atomic::AtomicI64::new(2);
    metrics.ask(move |snapshot| {
        let left = left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        for _ in 0..left {
            snapshot.add_claim("QueueGrant", "Granted", false);
        }
        for at in [30, 10, 20] {
            snapshot.add_expiry("QueueGrant", "team", at);
        }
    });
    let claims = |text: &str| {
        let line = text.lines().find_map(|line| {
            line.strip_prefix("cloud_access_claims{kind=\"QueueGrant\",outcome=\"Granted\",stalled=\"false\"} ")
        });
        line.map(str::to_owned)
    };
    let text = metrics.text();
    assert_eq!(claims(&text).as_deref(), Some("2"), "{text}");
    let next = "cloud_access_next_expiry_timestamp_seconds{kind=\"QueueGrant\",namespace=\"team\"} 10\n";
    assert!(text.contains(next), "{text}");
    assert_eq!(claims(&metrics.text()).as_deref(), Some("1"));
    assert_eq!(claims(&metrics.text()), None);
}

#[test]
fn a_pass_that_nobody_says_the_end_of_is_an_error() {
    let metrics = Metrics::default();
    let kind = metrics.of_kind("QueueGrant");
    kind.pass("look").end(PassResult::RequeueAfter, Duration::from_secs(1));
    drop(kind.pass("change"));
    let running = kind.pass("change");
    let text = metrics.text();
    for line in [
        "controller_runtime_reconcile_total{controller=\"queuegrant\",result=\"requeue_after\"} 1",
        "controller_runtime_reconcile_total{controller=\"queuegrant\",result=\"error\"} 1",
        "controller_runtime_reconcile_errors_total{controller=\"queuegrant\"} 1",
        "controller_runtime_reconcile_time_seconds_count{controller=\"queuegrant\"} 1",
        "controller_runtime_active_workers{controller=\"queuegrant\"} 1",
        "cloud_access_passes_total{kind=\"QueueGrant\",class=\"change\"} 2",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    drop(running);
}
