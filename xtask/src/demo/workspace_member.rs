//! WorkspaceMember: users and groups with roles, which have names in Git and ids in the cloud.

use serde_json::json;

use super::Story;
use super::stage::Stage;
use crate::failure::Result;
use crate::progress::say;
use crate::samples::{Claim, Kind};
use crate::simulator::Simulator;

/// Members and their roles.
pub(super) static STORY: Story = Story {
    kind: Kind {
        name: "WorkspaceMember",
        target: "/workspaceId",
        principal: &["/user/id", "/group/id"],
        access: "/roles",
        in_cloud: role_id,
        make: make_workspace_and_group,
    },
    scenes: &[
        ("A WorkspaceMember gives a user, or a group, roles in a workspace", roles_are_given),
        ("An edit adds a role, and keeps the one that somebody else gave", a_role_is_added),
        ("A deleted WorkspaceMember takes its roles along, and no other", roles_go_with_their_object),
    ],
};

/// The id of a user who is a member by somebody else's hand.
const OUTSIDER: &str = "05c4a2d8e9f04b7ab1c3d5e7f9a0b2c4";
const OPERATOR: &str = "r00003";

/// The cloud's own roles have ids too.
fn role_id(role: &str) -> &str {
    match role {
        "Admin" => "r00001",
        "Developer" => "r00002",
        "Operator" => OPERATOR,
        "Viewer" => "r00004",
        id => id,
    }
}

/// IAM must know a group by the name that the object spells.
fn make_workspace_and_group(simulator: &Simulator, claim: &Claim) -> Result<()> {
    simulator.make(&format!("dataarts/workspaces/{}", claim.target))?;
    match claim.manifest["spec"]["group"]["name"].as_str() {
        Some(name) => simulator.make(&format!("iam/groups/{}?name={name}", claim.principal)),
        None => Ok(()),
    }
}

fn roles_are_given(stage: &mut Stage<'_>) -> Result<()> {
    stage.grant_by_hand(OUTSIDER, OPERATOR)?;
    stage.apply_samples()
}

fn a_role_is_added(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.grant_by_hand(&hero.principal, OPERATOR)?;
    stage.edit(&hero, &json!({"roles": ["Viewer", "Developer"]}))?;
    say("    Roles have names in Git and ids in the cloud: r00002 is Developer, r00003 Operator, r00004 Viewer.");
    stage.table()
}

fn roles_go_with_their_object(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.delete(&hero.name)?;
    say(format!("    {} keeps the role that the operator never gave.", hero.principal));
    Ok(())
}
