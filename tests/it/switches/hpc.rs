//! E-HPC: one life of accounts, on either generation of the API.

use super::{Positions, apply, others, turn};

/// Every position of every switch that is not its default, and pairs that are worse together. (That forms are not seen by
/// the API of 2024 is told by a scenario: nothing works then.)
pub const POSITIONS: &[Positions] = &[
    &[],
    &[("ehpc.post_2018", "refused_403")],
    &[("ehpc.post_2018", "accepted")],
    &[("ehpc.batch", "atomic")],
    &[("ehpc.add_existing", "ok")],
    &[("ehpc.batch", "atomic"), ("ehpc.visible_after_ms", "2000")],
    &[("ehpc.visible_after_ms", "2000")],
    &[("ehpc.delete_absent", "delete_failure")],
    &[("ehpc.delete_absent", "ok")],
    &[("ehpc.modify_absent", "modify_failure")],
    &[("ehpc.success_as", "boolean")],
    &[("ehpc.update_failure", "success_false")],
    &[("ehpc.page_size_max", "10")],
    &[("ehpc.total_count", "small")],
    &[("ehpc.total_count", "absent")],
    &[("ehpc.users_when_empty", "\"null\"")],
    &[("ehpc.users_when_empty", "absent")],
    &[("ehpc.users_when_empty", "object_without_list")],
    &[("ehpc.throttling", "5")],
    &[("ehpc.throttling", "5"), ("ehpc.throttling_status", "503"), ("ehpc.retry_after_ms", "1500")],
    &[("ehpc.names", "case_insensitive")],
    &[("ehpc.name_minimum_2024", "6"), ("ehpc.password_minimum_2024", "6")],
    &[("latency_ms", "200")],
    &[("clock_ahead_seconds", "3600")],
];

const CLUSTER: &str = "ehpc-hz-FYUr32abcd";

pub fn life(positions: Positions, version: &str) -> String {
    let list = || others(|user| format!("  other{user:03}: users\n"));
    let user = |name: &str, user: &str, group: &str, more: &str| {
        let secret = "passwordSecretRef: {name: passwords, key: password}";
        let account = "accountRef: {kind: CloudAccount, name: hpc}";
        apply(
            "HpcUser",
            name,
            &format!("{account}, clusterId: {CLUSTER}, userName: {user}, group: {group}, {secret}{more}"),
        )
    };
    let mut script = format!("cloud hpc cluster {CLUSTER}\ncloud unknown user ghost01\n");
    script += &others(|user| format!("cloud grant other{user:03} users on {CLUSTER}\n"));
    script += &turn(positions);
    script.extend([format!("apply account hpc alibaba-credentials {version}\n")]);
    script += "apply\n  kind: Secret\n  metadata: {name: passwords}\n  stringData: {password: First-Passw0rd}\n";
    script += &user("zoe", "zoe.zoe", "users", "");
    script += &user("yan", "yan001", "wheel", "");
    script += &user("ghost", "ghost01", "users", "");
    script += &user("kept", "other228", "users", "");
    script += &user("last", "other229", "users", ", adoptionPolicy: Adopt");
    script += "expect zoe ready=True reason=Granted owned=users\nexpect yan ready=True reason=Granted owned=wheel\n";
    script += "expect last ready=True reason=Granted owned=users\nexpect kept ready=True reason=AlreadyHeld owned=\n";
    script += "expect ghost ready=False held=False\n";
    for name in ["zoe.zoe", "yan001", "other229"] {
        script.extend([format!("expect password {name} on {CLUSTER} First-Passw0rd\n")]);
    }
    script += "patch HpcUser zoe\n  spec: {group: wheel}\nexpect zoe ready=True current=true owned=wheel\n";
    script.extend([format!("expect access {CLUSTER}\n{}  yan001: wheel\n  zoe.zoe: wheel\n", list())]);
    script += "delete HpcUser ghost\nexpect ghost gone\nexpect quiet 2m\n";
    script += "patch Secret passwords\n  stringData: {password: Second-Passw0rd}\nwait 65m\n";
    for name in ["zoe.zoe", "yan001", "other229"] {
        script.extend([format!("expect password {name} on {CLUSTER} Second-Passw0rd\n")]);
    }
    for name in ["zoe", "yan", "kept", "last"] {
        script.extend([format!("delete HpcUser {name}\n")]);
    }
    for name in ["zoe", "yan", "kept", "last"] {
        script.extend([format!("expect {name} gone\n")]);
    }
    let left = list().replace("  other229: users\n", "");
    script + &format!("expect access {CLUSTER}\n{left}")
}
