//! A fifth kind takes one file: this one, a resource, a claim, a list, a write. The engine does the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use cloud_access_operator::api::{AccessSpec, AccessStatus, CommonSpec};
use cloud_access_operator::clouds::{Account, CloudError};
use cloud_access_operator::engine::{AccessKind, Change, Claim, InvalidSpec, Listing, Row, Target};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::runner::Runner;
use crate::script::Script;
use crate::world::{World, in_virtual_time};

/// Who has a key of which door. (A resource that the store in memory knows under the name of another kind.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "cloudaccess.dev",
    version = "v1alpha1",
    kind = "QueueGrant",
    root = "DoorKey",
    namespaced,
    status = "AccessStatus"
)]
pub struct DoorKeySpec {
    #[serde(flatten)]
    common: CommonSpec,
    door: String,
    person: String,
    keys: BTreeSet<String>,
}

impl AccessSpec for DoorKeySpec {
    fn common(&self) -> &CommonSpec {
        &self.common
    }
}

/// A cloud of one door: person → keys.
static DOOR: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

struct Doors;

impl AccessKind for Doors {
    type Object = DoorKey;
    type Client = ();
    type Details = ();

    const EXCLUSIVE: bool = false;
    const SERVICE: &'static str = "doors";
    const TARGET: &'static str = "door";

    fn claim(spec: &DoorKeySpec) -> Result<Claim<()>, InvalidSpec> {
        let DoorKeySpec { door, person, keys, .. } = spec.clone();
        Ok(Claim { target: door, principal: person, wanted: keys, details: (), secret: None })
    }

    fn connect(_: &Account) -> Result<(), InvalidSpec> {
        Ok(())
    }

    async fn list((): &(), _: &Target<'_>) -> Result<Listing, CloudError> {
        let door = DOOR.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Listing::of(door.into_iter().map(|(person, keys)| (person, Row { access: keys, fixed: false }))))
    }

    async fn write((): &(), _: &str, changes: &[Change<()>]) -> Vec<Result<(), CloudError>> {
        let mut door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            door.insert(change.principal.clone(), change.after.clone());
        }
        changes.iter().map(|_| Ok(())).collect()
    }
}

const SCRIPT: &str = "
apply
  kind: QueueGrant
  metadata: {name: ann}
  spec: {door: front, person: ann, keys: [steel, brass]}
expect ann ready=True reason=Granted owned=brass,steel message~ann holds brass, steel on door front
patch QueueGrant ann
  spec: {keys: [steel]}
expect ann ready=True current=true owned=steel
delete QueueGrant ann
expect ann gone
";

#[test]
fn a_fifth_kind_takes_one_file() {
    in_virtual_time(async {
        let mut world = World::pure(&[]);
        world.serve_only::<Doors>();
        Runner::run(&Script::parse("a fifth kind", SCRIPT), world).await;
    });
    let door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(door.values().all(BTreeSet::is_empty), "everything was taken away: {door:?}");
}
