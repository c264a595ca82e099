//! DLI: one life of grants.

use std::fmt::Write;

use super::Positions;

/// Every position of every switch that is not its default, and pairs that are worse together.
pub const POSITIONS: &[Positions] = &[
    &[],
    &[("offset_unit", "pages")],
    &[("default_limit", "10")],
    &[("max_limit", "50")],
    &[("max_limit", "50"), ("offset_unit", "pages")],
    &[("max_limit", "10")],
    &[("max_limit", "10"), ("count_present", "true")],
    &[("max_limit", "50"), ("over_limit", "cap"), ("count_present", "true"), ("offset_unit", "pages")],
    &[("paging_required", "true")],
    &[("count_present", "true")],
    &[("count_present", "true"), ("offset_unit", "pages")],
    &[("owner_row", "false")],
    &[("show_spelling", "singular")],
    &[("grant_held", "refused")],
    &[("grant_held", "not_success")],
    &[("revoke_absent", "refused")],
    &[("revoke_absent", "not_success")],
    &[("unknown_grantee", "object_missing")],
    &[("unknown_grantee", "not_success")],
    &[("administrator_refusal", "permission")],
    &[("user_names", "case_insensitive")],
    &[("error_envelope", "id_and_name")],
    &[("grant_visible_after_ms", "5000"), ("revoke_visible_after_ms", "5000")],
    &[("requests_per_second", "5")],
    &[("latency_ms", "200")],
    &[("clock_ahead_seconds", "-600")],
    &[("clock_ahead_seconds", "3600"), ("date_refusal", "APIGW.0303")],
];

/// Users whom others put on the queue: three pages of a hundred.
const OTHERS: usize = 230;

pub fn life(positions: Positions) -> String {
    let mut script = "cloud queue etl\ncloud unknown user ghost\ncloud administrator root on etl\n".to_owned();
    for (switch, position) in positions {
        writeln!(script, "cloud switch {switch} {position}").unwrap();
    }
    for user in 0..OTHERS {
        writeln!(script, "cloud grant other-{user:03} RESTART on etl").unwrap();
    }
    let others = || (0..OTHERS).fold(String::new(), |list, user| format!("{list}  other-{user:03}: RESTART\n"));
    let apply = |name: &str, user: &str, more: &str| {
        format!(
            "apply\n  kind: QueueGrant\n  metadata: {{name: {name}}}\n  spec: {{queueName: etl, userName: {user}, {more}}}\n"
        )
    };
    script += &apply("zoe", "zoe", "privileges: [SUBMIT_JOB, SHOW_PRIVILEGES]");
    script += &apply("last", "other-229", "privileges: [SUBMIT_JOB]");
    script += &apply("ghost", "ghost", "privileges: [SUBMIT_JOB]");
    script += &apply("root", "root", "privileges: [SUBMIT_JOB]");
    script += "expect zoe ready=True reason=Granted\nexpect last ready=True reason=Granted owned=SUBMIT_JOB\n";
    script += "expect root ready=True reason=AlreadyHeld\nexpect ghost ready=False held=False\n";
    script += "patch QueueGrant zoe\n  spec: {privileges: [SHOW_PRIVILEGES, CANCEL_JOB]}\n";
    script += "expect zoe ready=True reason=Granted owned=CANCEL_JOB,SHOW_PRIVILEGES\n";
    let zoe = "  zoe: CANCEL_JOB SHOW_PRIVILEGES\n";
    let list = others().replace("other-229: RESTART", "other-229: RESTART SUBMIT_JOB");
    writeln!(script, "expect access etl\n{list}  root: ALL\n{zoe}delete QueueGrant ghost").unwrap();
    writeln!(script, "expect ghost gone\nexpect quiet 2m").unwrap();
    for name in ["zoe", "last", "root"] {
        writeln!(script, "delete QueueGrant {name}").unwrap();
    }
    for name in ["zoe", "last", "root"] {
        writeln!(script, "expect {name} gone").unwrap();
    }
    writeln!(script, "expect access etl\n{}  root: ALL", others()).unwrap();
    script
}
