//! DWS: one life of memberships.

use super::{OTHERS, Positions, apply, others, turn};

/// Every position of every switch that is not its default, and pairs that are worse together.
pub const POSITIONS: &[Positions] = &[
    &[],
    &[("dws.offset_unit", "pages")],
    &[("dws.max_limit", "50")],
    &[("dws.max_limit", "50"), ("dws.offset_unit", "pages"), ("dws.count_present", "false")],
    &[("dws.max_limit", "100"), ("dws.over_limit", "refuse"), ("dws.offset_unit", "pages")],
    &[("dws.count_present", "false")],
    &[("dws.code_when_ok", "absent")],
    &[("dws.placed_elsewhere", "moved")],
    &[("dws.placed_already", "refused")],
    &[("dws.unknown_user", "server_error")],
    &[("dws.batch", "partial")],
    &[("dws.batch", "partial"), ("dws.placed_already", "refused"), ("dws.refusal_status", "400")],
    &[("dws.batch", "partial"), ("dws.placed_already", "refused"), ("dws.visible_after_ms", "2000")],
    &[("dws.pools_hidden", "[\"tin\"]")],
    &[("dws.refusal_status", "400")],
    &[("dws.user_names", "case_insensitive")],
    &[("dws.visible_after_ms", "2000")],
    &[("dws.default_pool_users", "shown")],
    &[("requests_per_second", "5")],
    &[("latency_ms", "200")],
];

const CLUSTER: &str = "e59d6b86-9072-46eb-a996-13f8b44994c1";

fn membership(name: &str, user: &str, pool: &str, more: &str) -> String {
    apply("PoolMembership", name, &format!("clusterId: {CLUSTER}, userName: {user}, poolName: {pool}{more}"))
}

pub fn life(positions: Positions) -> String {
    let gold = |last: &str| {
        let pool = |user: usize| if user + 1 == OTHERS { last.to_owned() } else { "gold".to_owned() };
        others(|user| format!("  other-{user:03}: {}\n", pool(user)))
    };
    let mut script = format!("cloud cluster {CLUSTER} with gold tin\ncloud unknown user ghost\n");
    script += &others(|user| format!("cloud grant other-{user:03} gold on {CLUSTER}\n"));
    script += &turn(positions);
    script += &membership("zoe", "zoe", "gold", "");
    script += &membership("yan", "yan", "tin", "");
    script += &membership("ghost", "ghost", "tin", "");
    script += &membership("kept", "other-228", "tin", "");
    script += &membership("last", "other-229", "tin", ", adoptionPolicy: Adopt");
    script += "expect zoe ready=True reason=Granted owned=gold\nexpect yan ready=True reason=Granted owned=tin\n";
    script += "expect last ready=True reason=Granted owned=tin\nexpect kept ready=False reason=Conflict\n";
    script += "expect ghost ready=False held=False\n";
    script += "patch PoolMembership zoe\n  spec: {poolName: tin}\nexpect zoe ready=True current=true owned=tin\n";
    script.extend([format!("expect access {CLUSTER}\n{}  yan: tin\n  zoe: tin\n", gold("tin"))]);
    script += "delete PoolMembership ghost\nexpect ghost gone\nexpect quiet 2m\n";
    for name in ["zoe", "yan", "kept", "last"] {
        script.extend([format!("delete PoolMembership {name}\n")]);
    }
    for name in ["zoe", "yan", "kept", "last"] {
        script.extend([format!("expect {name} gone\n")]);
    }
    let left = gold("tin").replace("  other-229: tin\n", "");
    script + &format!("expect access {CLUSTER}\n{left}")
}

/// How a cluster that is gone is told.
pub const ABSENT: &[Positions] = &[
    &[],
    &[("dws.cluster_absent", "404_3027")],
    &[("dws.cluster_absent", "401_0047")],
    &[("dws.cluster_absent", "403_0015"), ("dws.busy_spelling", "wrapped_9999")],
];

/// A busy cluster is waited for. One that is gone lets its objects go; where that cannot be told from a denial, Retain does.
pub fn end(positions: Positions) -> String {
    let denied = positions.contains(&("dws.cluster_absent", "403_0015"));
    let mut script = format!("cloud cluster {CLUSTER} with gold\n{}cloud switch dws.busy true\n", turn(positions));
    script += &membership("zoe", "zoe", "gold", "");
    script += "expect zoe ready=False reason=TargetNotReady reconciling=True\ncloud switch dws.busy false\n";
    script.extend([format!(
        "expect zoe ready=True reason=Granted\ncloud no target {CLUSTER}\ndelete PoolMembership zoe\n"
    )]);
    if denied {
        script += "wait 30m\nexpect zoe ready=False reason=AccessDenied owned=gold\n";
        script += "patch PoolMembership zoe\n  spec: {deletionPolicy: Retain}\n";
    }
    script + "expect zoe gone\n"
}
