//! Steps that belong together: chance alone seldom brings about what has to meet within seconds.

use super::outages::{self, LATE, LOST};
use super::steps::{self, any};
use super::story::Story;

/// A write is not answered, or lands late, for an object that is edited again or deleted meanwhile; perhaps the operator is killed
/// in between.
pub fn write_in_doubt(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    if story.broken.operator || !story.scenes[scene].there || !story.scenes[scene].removed.is_empty() {
        return false;
    }
    let late = story.random.chance(70);
    let action = story.random.pick(if late { LATE } else { LOST });
    let operation = story.random.pick(stage.writes);
    let edit = story.random.pick(&[steps::create, steps::change_access, steps::delete]);
    story.fault(&format!(r#""operation": "{operation}", "action": {action}"#), late);
    if !edit(story, scene) {
        return true;
    }
    let milliseconds = 60 + story.random.below(2_000);
    story.wait(milliseconds);
    let killed = story.random.chance(50);
    if killed {
        story.line("kill operator");
        story.broken.operator = true;
    }
    let edit = story.random.pick(&[steps::change_access, steps::delete, steps::delete]);
    if story.random.chance(70) {
        edit(story, scene);
    }
    if story.broken.operator {
        outages::operator(story, scene);
    }
    true
}

/// The operator hears of an edit late, and looks at the target before.
pub fn stale_view(story: &mut Story, scene: usize) -> bool {
    if story.broken.watches || story.broken.operator {
        return false;
    }
    story.broken.watches = true;
    story.line("hold watches");
    let edit = story.random.pick(&[steps::delete, steps::delete, steps::change_access]);
    edit(story, scene);
    steps::revoke_by_hand(story, scene);
    let milliseconds = story.random.below(180_000);
    story.wait(milliseconds);
    true
}

/// Two passwords, one shortly after the other; setting the first may land over the second.
pub fn two_passwords(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    if !stage.secrets || !story.scenes[scene].there || story.broken.operator {
        return false;
    }
    let Some(actor) = any(story, scene, true) else { return false };
    let action = story.random.pick(LATE);
    story.fault(&format!(r#""operation": "ModifyUserPasswords", "action": {action}"#), true);
    for policy in ["Keep", "null"] {
        story.new_password(actor);
        // The Secret is not watched; its object is.
        if !story.spec(actor).unwrap().adopt {
            story.patch(actor, &format!("adoptionPolicy: {policy}"));
        }
        let milliseconds = 60 + story.random.below(5_000);
        story.wait(milliseconds);
    }
    true
}

/// A pool does not show for a while, though it is there, with whoever is in it. Whom others have placed there could not be told
/// from who is nowhere.
pub fn hidden_pool(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    if stage.kind != "PoolMembership" || story.hidden_since.is_some() {
        return false;
    }
    let Some(actor) = any(story, scene, true) else { return false };
    let Some(pool) = story.spec(actor).unwrap().wanted.first().copied() else { return false };
    if story.scenes[scene].foreign.values().any(|placed| placed.contains(pool)) {
        return false;
    }
    story.line(&format!(r#"cloud switch dws.pools_hidden ["{pool}"]"#));
    story.hidden_since = Some(story.now);
    if story.random.chance(70) {
        steps::delete(story, scene);
    }
    if story.random.chance(70) {
        // Those that objects name are looked into all the same, but for once that cannot be done.
        let answer = r#"{"answer": {"status": 500, "code": "DWS.9999", "message": "Internal error"}}"#;
        let (skip, times) = (story.random.below(3), 1 + story.random.below(2));
        let place = format!(r#""operation": "ListWorkloadQueueUsers", "skip": {skip}, "times": {times}"#);
        story.fault(&format!(r#"{place}, "action": {answer}"#), false);
    }
    true
}
