//! What an access object asks for, read from its spec as the pages in `docs/` tell it; and whether somebody holds it.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::{Entry, Simulator, UserNames};

/// What an object asks for.
pub struct Asked {
    pub target: String,
    /// The name under which the simulator has the principal.
    pub principal: String,
    pub access: BTreeSet<String>,
}

impl Asked {
    /// None if it is no access object, or asks for nothing that can be read.
    pub fn of(object: &Value, simulator: &Simulator) -> Option<Self> {
        let (spec, switches) = (&object["spec"], simulator.switches());
        let text = |field: &str| spec[field].as_str().map(str::to_owned);
        let list = |field: &str| {
            let strings = spec[field].as_array()?.iter().map(|it| it.as_str().map(str::to_owned));
            strings.collect::<Option<BTreeSet<_>>>()
        };
        let one = |field: &str| text(field).map(|value| BTreeSet::from([value]));
        let (target, principal, access, names) = match object["kind"].as_str()? {
            "QueueGrant" => {
                (text("queueName")?.to_lowercase(), text("userName")?, list("privileges")?, switches.user_names)
            }
            "PoolMembership" => (text("clusterId")?, text("userName")?, one("poolName")?, switches.dws.user_names),
            "WorkspaceMember" => {
                let id = spec["user"]["id"].as_str().or(spec["group"]["id"].as_str())?.to_owned();
                let roles = list("roles")?;
                (text("workspaceId")?, id, roles.iter().map(|role| role_id(role)).collect(), UserNames::CaseSensitive)
            }
            "HpcUser" => (text("clusterId")?, text("userName")?, one("group")?, switches.ehpc.names),
            _ => return None,
        };
        let principal = if names == UserNames::CaseInsensitive { principal.to_lowercase() } else { principal };
        Some(Self { target, principal, access })
    }

    /// What the principal holds on the target, as it is.
    pub fn held(&self, simulator: &Simulator) -> BTreeSet<String> {
        let users = simulator.users(&self.target).unwrap_or_default();
        users.get(&self.principal).into_iter().flatten().cloned().collect()
    }

    /// Who holds this holds what is asked for. Administrators are listed as `ALL`, those of workspaces by their role.
    pub fn is_within(&self, held: &BTreeSet<String>) -> bool {
        let is_administrator = |all: &str| held.len() == 1 && held.contains(all);
        ["ALL", "r00001"].into_iter().any(is_administrator) || self.access.is_subset(held)
    }

    /// What others did to what the principal holds on the target: before, and after.
    pub fn edits<'a>(&'a self, entries: &'a [Entry]) -> impl DoubleEndedIterator<Item = [&'a Vec<String>; 2]> {
        let here =
            entries.iter().filter(|it| it.operation == "OutsideEdit" && it.target.as_ref() == Some(&self.target));
        let changed = here.flat_map(|entry| &entry.changed).filter(|change| change.principal == self.principal);
        changed.map(|change| [&change.before, &change.after])
    }
}

fn role_id(role: &str) -> String {
    match role {
        "Admin" => "r00001",
        "Developer" => "r00002",
        "Operator" => "r00003",
        "Viewer" => "r00004",
        id => id,
    }
    .to_owned()
}
