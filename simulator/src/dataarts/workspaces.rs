//! The workspaces of the project.

use crate::access::{AccessList, Row, Target};
use crate::simulator::Simulator;

/// A workspace; its members, users and user groups by their ids, hold roles.
pub(crate) struct Workspace {
    pub(super) created_ms: i64,
    pub(super) list: AccessList,
}

impl Target for Workspace {
    const SERVICE: &'static str = "dataarts";

    fn list(&self) -> &AccessList {
        &self.list
    }

    fn list_mut(&mut self) -> &mut AccessList {
        &mut self.list
    }

    /// As the domain's owner.
    fn administrator() -> Row {
        Row::Administrator("r00001")
    }
}

#[expect(clippy::must_use_candidate, reason = "called for what it does, whatever it says")]
impl Simulator {
    /// Creates a workspace without members; says whether it is new. The vendor's ids are 32 hexadecimal digits.
    pub fn create_workspace(&self, id: &str) -> bool {
        self.create(id, |world| {
            let created_ms = world.time_of_day().as_millisecond();
            world.dataarts.insert(id, Workspace { created_ms, list: AccessList::default() });
        })
    }
}
