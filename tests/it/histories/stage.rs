//! Where histories play: for each kind one target, a few users, and a few objects, two of which are about the same user.

use std::collections::BTreeSet;

/// One kind of object, and the target that all of its objects are about.
pub struct Stage {
    pub kind: &'static str,
    pub target: &'static str,
    /// Access holds at most one string.
    pub exclusive: bool,
    /// The steps that make the target.
    pub made_by: &'static [&'static str],
    /// What objects may want.
    pub wanted: &'static [&'static str],
    /// What no object ever wants, and outsiders grant.
    pub never_wanted: &'static [&'static str],
    /// Name and user of each object.
    pub objects: &'static [(&'static str, &'static str)],
    /// The calls that faults may meet: those that read, and those that write.
    pub reads: &'static [&'static str],
    pub writes: &'static [&'static str],
    /// A call that replaces all that a user holds undoes what was done by hand since the list that it was made from.
    pub replaces: bool,
    /// Objects name a Secret each.
    pub secrets: bool,
    /// The accounts that objects may name, the first of which every scenario has.
    pub accounts: &'static [&'static str],
    /// Positions of the simulator's switches.
    pub switches: &'static [&'static str],
    /// The field of access, and the other fields of a spec, with USER for the user.
    field: &'static str,
    others: &'static str,
}

impl Stage {
    /// The users that objects are about.
    pub fn users(&self) -> BTreeSet<&'static str> {
        self.objects.iter().map(|(_, user)| *user).collect()
    }

    /// The object is the only one about its user.
    pub fn is_sole(&self, object: usize) -> bool {
        self.objects.iter().filter(|(_, user)| *user == self.objects[object].1).count() == 1
    }

    /// The field of a spec that asks for this access.
    pub fn access(&self, wanted: &BTreeSet<&'static str>) -> String {
        let strings: Vec<_> = wanted.iter().copied().collect();
        let value = if self.exclusive { strings.join("") } else { format!("[{}]", strings.join(", ")) };
        format!("{}: {value}", self.field)
    }

    /// All fields of the kind's own.
    pub fn spec(&self, object: usize, wanted: &BTreeSet<&'static str>) -> String {
        let (name, user) = self.objects[object];
        let others = self.others.replace("TARGET", self.target).replace("USER", user).replace("NAME", name);
        format!("{others}, {}", self.access(wanted))
    }
}

pub static QUEUE: Stage = Stage {
    kind: "QueueGrant",
    target: "etl",
    exclusive: false,
    made_by: &["cloud queue etl"],
    wanted: &["SUBMIT_JOB", "CANCEL_JOB", "RESTART"],
    never_wanted: &["DROP_QUEUE", "SCALE_QUEUE"],
    objects: &[("alice-jobs", "alice"), ("alice-all", "alice"), ("bob", "bob")],
    reads: &["ListQueueUsers"],
    writes: &["AuthorizeQueueUser"],
    replaces: true,
    secrets: false,
    accounts: &["huawei", "second"],
    switches: &[
        "grant_visible_after_ms 4000",
        "revoke_visible_after_ms 4000",
        "grant_held refused",
        "revoke_absent refused",
        "revoke_absent not_success",
        "unknown_grantee object_missing",
    ],
    field: "privileges",
    others: "queueName: TARGET, userName: USER",
};

pub static POOL: Stage = Stage {
    kind: "PoolMembership",
    target: "e59d6b86-9072-46eb-a996-13f8b44994c1",
    exclusive: true,
    made_by: &["cloud cluster e59d6b86-9072-46eb-a996-13f8b44994c1 with gold tin iron"],
    wanted: &["gold", "tin", "iron"],
    never_wanted: &[],
    objects: &[("carol-first", "carol"), ("carol-then", "carol"), ("dave", "dave")],
    reads: &["ListWorkloadQueues", "ListWorkloadQueueUsers"],
    writes: &["AddQueueUserList", "DeleteQueueUserList"],
    replaces: false,
    secrets: false,
    accounts: &["huawei", "second"],
    switches: &[
        "dws.visible_after_ms 4000",
        "dws.placed_elsewhere moved",
        "dws.placed_already refused",
        "dws.batch partial",
        "dws.refusal_status 400",
        "dws.unknown_user server_error",
    ],
    field: "poolName",
    others: "clusterId: TARGET, userName: USER",
};

pub static WORKSPACE: Stage = Stage {
    kind: "WorkspaceMember",
    target: "studio00000000000000000000000000",
    exclusive: false,
    made_by: &["cloud workspace studio00000000000000000000000000"],
    wanted: &["r00002", "r00003", "r00004"],
    never_wanted: &["2b6ce3c35b1d4e6fa3c9d7a10f8e4b52"],
    objects: &[
        ("erin-first", "erin0000000000000000000000000000"),
        ("erin-then", "erin0000000000000000000000000000"),
        ("frank", "frank000000000000000000000000000"),
    ],
    reads: &["ListWorkspaceUsers", "ShowUser"],
    writes: &["AddWorkspaceUsers", "UpdateWorkspaceUserOrGroup", "DeleteWorkspaceUsers"],
    replaces: true,
    secrets: false,
    accounts: &["huawei"],
    switches: &[
        "dataarts.visible_after_ms 4000",
        "dataarts.duplicate_add ok",
        "dataarts.delete_absent ok",
        "dataarts.mixed_batch partial",
        "dataarts.failure_as dayu_4402",
        "dataarts.success_flag absent",
    ],
    field: "roles",
    others: "workspaceId: TARGET, user: {id: USER}",
};

pub static HPC: Stage = Stage {
    kind: "HpcUser",
    target: "ehpc-hz-FYUr32abcd",
    exclusive: true,
    made_by: &["cloud hpc cluster ehpc-hz-FYUr32abcd"],
    wanted: &["users", "wheel"],
    never_wanted: &[],
    objects: &[("grace-first", "grace01"), ("grace-then", "grace01"), ("heidi", "heidi01")],
    reads: &["ListUsers"],
    writes: &["AddUsers", "ModifyUserGroups", "ModifyUserPasswords", "DeleteUsers"],
    replaces: false,
    secrets: true,
    accounts: &["alibaba"],
    switches: &[
        "ehpc.visible_after_ms 4000",
        "ehpc.post_2018 accepted",
        "ehpc.batch atomic",
        "ehpc.add_existing ok",
        "ehpc.delete_absent delete_failure",
        "ehpc.modify_absent modify_failure",
    ],
    field: "group",
    others: "clusterId: TARGET, userName: USER, passwordSecretRef: {name: NAME-password, key: password}",
};
