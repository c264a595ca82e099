//! DataArts Studio: one life of members.

use super::{Positions, apply, others, turn};

/// Every position of every switch that is not its default, and pairs that are worse together.
pub const POSITIONS: &[Positions] = &[
    &[],
    &[("dataarts.offset_unit", "pages")],
    &[("dataarts.default_limit", "10")],
    &[("dataarts.max_limit", "50")],
    &[("dataarts.max_limit", "50"), ("dataarts.offset_unit", "pages"), ("dataarts.count_present", "false")],
    &[("dataarts.max_limit", "100"), ("dataarts.over_limit", "refuse"), ("dataarts.offset_unit", "pages")],
    &[("dataarts.count_present", "false")],
    &[("dataarts.duplicate_add", "ok")],
    &[("dataarts.duplicate_add", "not_success")],
    &[("dataarts.delete_absent", "ok")],
    &[("dataarts.delete_absent", "not_success")],
    &[("dataarts.update_absent", "creates")],
    &[("dataarts.empty_roles", "removes")],
    &[("dataarts.mixed_batch", "partial")],
    &[("dataarts.mixed_batch", "partial"), ("dataarts.visible_after_ms", "2000")],
    &[("dataarts.failure_as", "dayu_4402")],
    &[("dataarts.failure_as", "dayu_4402"), ("dataarts.mixed_batch", "partial")],
    &[("dataarts.success_flag", "absent")],
    &[("dataarts.owner_row", "false")],
    &[("dataarts.owner_as", "string")],
    &[("dataarts.visible_after_ms", "2000")],
    &[("requests_per_second", "5")],
    &[("latency_ms", "200")],
];

fn member(name: &str, who: &str, roles: &str) -> String {
    apply("WorkspaceMember", name, &format!("workspaceId: @studio, {who}, roles: [{roles}]"))
}

pub fn life(positions: Positions) -> String {
    let list = |last: &str| {
        let role = |user: usize| if user == 229 { last } else { "r00003" };
        others(|user| format!("  @other{user:03}: {}\n", role(user)))
    };
    let mut script = "cloud workspace @studio\ncloud unknown user @ghost\n".to_owned();
    script += &others(|user| format!("cloud grant @other{user:03} r00003 on @studio\n"));
    script += &turn(positions);
    script += &member("zoe", "user: {id: @zoe}", "Viewer, Operator");
    script += &member("team", "group: {id: @team}", "Developer");
    script += &member("last", "user: {id: @other229}", "Viewer");
    script += &member("ghost", "user: {id: @ghost, name: ghost, domainId: @domain}", "Viewer");
    script += "expect zoe ready=True reason=Granted owned=r00003,r00004\nexpect team ready=True reason=Granted\n";
    script += "expect last ready=True reason=Granted owned=r00004\nexpect ghost ready=False held=False\n";
    script += "patch WorkspaceMember zoe\n  spec: {roles: [Viewer]}\n";
    script += "expect zoe ready=True current=true owned=r00004 observed=r00004\n";
    script.extend([format!("expect access @studio\n{}  @team: r00002\n  @zoe: r00004\n", list("r00003 r00004"))]);
    script += "delete WorkspaceMember ghost\nexpect ghost gone\nexpect quiet 2m\n";
    for name in ["zoe", "team", "last"] {
        script.extend([format!("delete WorkspaceMember {name}\n")]);
    }
    for name in ["zoe", "team", "last"] {
        script.extend([format!("expect {name} gone\n")]);
    }
    script + &format!("expect access @studio\n{}", list("r00003"))
}

/// How a workspace that is gone is told.
pub const ABSENT: &[Positions] =
    &[&[], &[("dataarts.workspace_absent", "dayu_3601")], &[("dataarts.workspace_absent", "dayu_4402")]];

/// A workspace that is gone lets its objects go; where that cannot be told from a denial, or is not said, Retain does.
pub fn end(positions: Positions) -> String {
    let mut script = format!("cloud workspace @studio\n{}", turn(positions));
    script += &member("zoe", "user: {id: @zoe}", "Viewer");
    script += "expect zoe ready=True reason=Granted\ncloud no target @studio\ndelete WorkspaceMember zoe\n";
    if !positions.is_empty() {
        script += "wait 30m\nexpect zoe ready=False owned=r00004\n";
        script += "patch WorkspaceMember zoe\n  spec: {deletionPolicy: Retain}\n";
    }
    script + "expect zoe gone\n"
}
