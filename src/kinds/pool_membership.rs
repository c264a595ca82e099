//! PoolMembership: a database user runs in a resource pool of a DWS cluster, as Huawei Cloud's page "Associating a User to a
//! Resource Pool" describes it.

use std::collections::BTreeSet;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::api::{AccessSpec, AccessStatus, CommonSpec};
use crate::clouds::huawei::{ClusterUsers, Dws, Placement};
use crate::clouds::{Account, CloudError};
use crate::engine::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
use crate::kinds::account::huawei_session;

/// Which database user runs in which pool of which cluster.
#[expect(clippy::duplicated_attributes, reason = "every column names its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "PoolMembership",
    namespaced,
    status = "AccessStatus",
    category = "cloudaccess",
    shortname = "pm",
    doc = "A PoolMembership says that a database user runs in a resource pool of a cluster of Huawei Cloud Data Warehouse Service (DWS). Deleting it takes the user out of the pool.",
    printcolumn(name = "Principal", type_ = "string", json_path = ".spec.userName"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.clusterId"),
    printcolumn(name = "Access", type_ = "string", json_path = ".spec.poolName"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountRef.name", priority = 1),
    printcolumn(name = "Until", type_ = "string", json_path = ".spec.validUntil", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PoolMembershipSpec {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// The id of the DWS cluster, a UUID. Cannot be changed.
    #[schemars(
        length(min = 36, max = 36),
        regex(pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
    )]
    #[x_kube(validation = Rule::new("self == oldSelf").message("clusterId cannot be changed: delete this object and create another"))]
    pub cluster_id: String,

    /// The resource pool. When it is changed, the user moves. `default_pool` holds whoever is in no other pool, and cannot
    /// be named.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("self.lowerAscii() != 'default_pool'").message("default_pool holds whoever is in no other pool: delete this object to put the user there"))]
    pub pool_name: String,

    /// The database user, who must exist, and may be no administrator. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9_.$#@-]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("userName cannot be changed: delete this object and create another"))]
    pub user_name: String,
}

impl AccessSpec for PoolMembershipSpec {
    fn common(&self) -> &CommonSpec {
        &self.common
    }
}

/// Users in the resource pools of DWS clusters.
pub struct Pools;

impl AccessKind for Pools {
    type Object = PoolMembership;
    type Client = Dws;
    type Details = ();

    const EXCLUSIVE: bool = true;
    const SERVICE: &'static str = "dws";
    const TARGET: &'static str = "DWS cluster";

    fn claim(spec: &PoolMembershipSpec) -> Result<Claim<()>, InvalidSpec> {
        Ok(Claim {
            target: spec.cluster_id.clone(),
            principal: spec.user_name.clone(),
            wanted: BTreeSet::from([spec.pool_name.clone()]),
            details: (),
            secret: None,
        })
    }

    fn connect(account: &Account) -> Result<Dws, InvalidSpec> {
        huawei_session(account).map(Dws::new)
    }

    async fn list(client: &Dws, cluster: &Target<'_>) -> Result<Listing, CloudError> {
        Ok(match client.users(cluster.id, &cluster.named, &cluster.purpose).await? {
            ClusterUsers::ClusterGone => Listing::TargetGone,
            ClusterUsers::Users { users, unknown_pools } => {
                let row = |(user, pools)| (user, Row { access: pools, fixed: false });
                Listing::Complete { rows: users.into_iter().map(row).collect(), unknown: unknown_pools }
            }
        })
    }

    async fn write(client: &Dws, cluster: &str, changes: &[Change<()>]) -> Vec<Result<(), CloudError>> {
        let placement = |change: &Change<()>| Placement {
            user: change.principal.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            purpose: change.purpose.clone(),
        };
        client.place(cluster, &changes.iter().map(placement).collect::<Vec<_>>()).await
    }
}
