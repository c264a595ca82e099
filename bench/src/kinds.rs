//! The four kinds: how their objects are made, and what their services need for a list and for a write.

use std::collections::BTreeSet;

use cloud_access_operator::clouds::Account;
use cloud_access_operator::kinds::{HpcClusters, Pools, Queues, Workspaces};
use serde_json::{Value, json};

use crate::Result;
use crate::cloud::{Client, Cloud};

/// The pool, which every cluster has.
const POOL: &str = "gold";
/// The domain of all members of workspaces.
const DOMAIN: &str = "d0000000000000000000000000000001";
/// The Secret with the password of all accounts on clusters.
pub const PASSWORD_SECRET: &str = "password";
/// Its value.
pub const PASSWORD: &str = "First-Passw0rd";

/// One kind.
#[derive(Debug)]
pub struct Kind {
    /// As manifests spell it.
    pub name: &'static str,
    /// As URLs spell it.
    pub plural: &'static str,
    /// The account that its objects name.
    pub account: &'static str,
    /// The access of all its objects, as lists show it.
    pub access: &'static str,
    /// The most principals that one write takes.
    pub batch: usize,
    list: fn(usize) -> usize,
    target: fn(usize) -> String,
    principal: fn(usize) -> String,
    spec: fn(&str, &str) -> Value,
    make: fn(&str) -> Vec<String>,
    connect: fn(&Account) -> Result<Box<dyn Cloud>>,
}

impl Kind {
    /// Calls of one complete list of so many rows.
    #[must_use]
    pub fn list_calls(&self, rows: usize) -> usize {
        (self.list)(rows)
    }

    /// The id of a target.
    #[must_use]
    pub fn target(&self, number: usize) -> String {
        (self.target)(number)
    }

    /// A principal of any target.
    #[must_use]
    pub fn principal(&self, number: usize) -> String {
        (self.principal)(number)
    }

    /// What makes a target, as paths of the simulator's admin API.
    #[must_use]
    pub fn make(&self, target: &str) -> Vec<String> {
        (self.make)(target)
    }

    /// The words of access that a list has to be asked for.
    #[must_use]
    pub fn named(&self) -> BTreeSet<String> {
        BTreeSet::from([self.access.to_owned()])
    }

    /// A manifest.
    #[must_use]
    pub fn manifest(&self, name: &str, target: &str, principal: &str) -> Value {
        let mut spec = (self.spec)(target, principal);
        spec["accountRef"] = json!({"kind": "CloudAccount", "name": self.account});
        json!({
            "apiVersion": "cloudaccess.dev/v1alpha1", "kind": self.name,
            "metadata": {"name": name}, "spec": spec,
        })
    }

    /// The library's own client of its service.
    pub fn connect(&self, account: &Account) -> Result<Box<dyn Cloud>> {
        (self.connect)(account)
    }
}

/// All kinds. The calls of a list are those of `tests/it/cost.rs`, which holds the operator to them.
pub static KINDS: [Kind; 4] = [
    Kind {
        name: "QueueGrant",
        plural: "queuegrants",
        account: "huawei",
        access: "SUBMIT_JOB",
        batch: 1,
        // The owner has a row; the total is told, and more than a page is asked for at once.
        list: |rows| if rows < 99 { 1 } else { 2 },
        target: |number| format!("queue{number}"),
        principal: |number| format!("user{number}"),
        spec: |target, user| json!({"queueName": target, "userName": user, "privileges": ["SUBMIT_JOB"]}),
        make: |target| vec![format!("dli/queues/{target}")],
        connect: |account| Client::<Queues>::boxed(account),
    },
    Kind {
        name: "PoolMembership",
        plural: "poolmemberships",
        account: "huawei",
        access: POOL,
        batch: 50,
        // The total is told, and not believed of a page that is full.
        list: |rows| if rows < 100 { 2 } else { 3 },
        target: |number| format!("c0000000-0000-4000-8000-{number:012}"),
        principal: |number| format!("user{number}"),
        spec: |target, user| json!({"clusterId": target, "userName": user, "poolName": POOL}),
        make: |target| vec![format!("dws/clusters/{target}"), format!("dws/clusters/{target}/pools/{POOL}")],
        connect: |account| Client::<Pools>::boxed(account),
    },
    Kind {
        name: "WorkspaceMember",
        plural: "workspacemembers",
        account: "huawei",
        access: "r00004",
        batch: 100,
        list: |rows| if rows < 100 { 1 } else { 2 },
        target: |number| format!("a{number:031}"),
        // The cloud calls who is known by nothing but an id by its beginning.
        principal: |number| format!("b{number:07}{:024}", 0),
        spec: |target, id| {
            let user = json!({"id": id, "name": format!("user-{}", &id[..8]), "domainId": DOMAIN});
            json!({"workspaceId": target, "user": user, "roles": ["Viewer"]})
        },
        make: |target| vec![format!("dataarts/workspaces/{target}")],
        connect: |account| Client::<Workspaces>::boxed(account),
    },
    Kind {
        name: "HpcUser",
        plural: "hpcusers",
        account: "alibaba",
        access: "users",
        batch: 20,
        // Two readings where there are several pages.
        list: |rows| if rows < 50 { 1 } else { 2 * (rows / 50 + 1) },
        target: |number| format!("ehpc-{number}"),
        principal: |number| format!("user{number:05}"),
        spec: |target, user| {
            let password = json!({"name": PASSWORD_SECRET, "key": "password"});
            json!({"clusterId": target, "userName": user, "group": "users", "passwordSecretRef": password})
        },
        make: |target| vec![format!("ehpc/clusters/{target}")],
        connect: |account| Client::<HpcClusters>::boxed(account),
    },
];
