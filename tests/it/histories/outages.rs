//! What breaks, in the cloud and in the cluster, and may be mended.

use super::story::{self, Story};

/// What faults do to any call.
const ON_ANY: &[&str] = &[
    r#"{"answer": {"status": 503}}"#,
    r#"{"answer": {"status": 429}}"#,
    r#"{"answer": {"status": 403}}"#,
    r#"{"answer": {"status": 400}}"#,
    r#""reset""#,
    r#""hang""#,
    r#""bad_json""#,
    r#""truncated_body""#,
    r#"{"delay_ms": 2000}"#,
];

/// What they do to writes: what is said is not what was done.
pub const LOST: &[&str] =
    &[r#""apply_then_reset""#, r#""apply_then_hang""#, r#"{"apply_then_answer": {"status": 500}}"#, r#""reset""#];

/// The same, but it is done later.
pub const LATE: &[&str] = &[
    r#"{"land_later": {"after_ms": 1500, "answer": {"status": 504}}}"#,
    r#"{"land_later": {"after_ms": 20000, "answer": {"status": 504}}}"#,
    r#"{"land_later": {"after_ms": 45000}}"#,
];

pub fn fault(story: &mut Story, scene: usize) -> bool {
    let (stage, there) = (story.scenes[scene].stage, story.scenes[scene].there);
    let (reads, lands) = (story.random.chance(30), story.random.chance(30));
    // What lands on a target, or in a pool, that was made anew is not awaited by anybody.
    let late = !reads && lands && there && story.scenes[scene].removed.is_empty();
    let operation = story.random.pick(if reads { stage.reads } else { stage.writes });
    let action = match (reads, late) {
        (true, _) => story.random.pick(ON_ANY),
        (false, true) => story.random.pick(LATE),
        (false, false) => story.random.pick(&[ON_ANY, LOST].concat()),
    };
    let (times, skip) = (1 + story.random.below(3), story.random.below(2));
    story.fault(&format!(r#""operation": "{operation}", "times": {times}, "skip": {skip}, "action": {action}"#), late);
    true
}

/// The operator is killed, and started again; or it is killed, and stays away for a while.
pub fn operator(story: &mut Story, _: usize) -> bool {
    if story.broken.operator {
        story.broken.operator = false;
        story.line("start operator");
        return true;
    }
    story.line("kill operator");
    if story.random.chance(60) {
        let milliseconds = story.random.below(3_000);
        story.wait(milliseconds);
        story.line("start operator");
    } else {
        story.broken.operator = true;
    }
    true
}

pub fn credentials(story: &mut Story, scene: usize) -> bool {
    let vendor = story.scenes[scene].stage.accounts[0];
    let right = story.broken.credentials.remove(vendor);
    if !right {
        story.broken.credentials.insert(vendor);
    }
    story.line(&story::credentials(vendor, right));
    true
}

pub fn account(story: &mut Story, scene: usize) -> bool {
    let account = story.random.pick(story.scenes[scene].stage.accounts);
    if !story.broken.accounts.insert(account) {
        return false;
    }
    // By force: in use, it would only begin to go.
    story.line(&format!("forget CloudAccount {account}"));
    true
}

/// The target goes, or comes back.
pub fn target(story: &mut Story, scene: usize) -> bool {
    if !story.scenes[scene].there {
        story.mend_target(scene);
        return true;
    }
    if story.late {
        return false;
    }
    let scene = &mut story.scenes[scene];
    scene.there = false;
    scene.removed.clear();
    scene.foreign.clear();
    let target = scene.stage.target;
    story.line(&format!("cloud no target {target}"));
    true
}

/// A pool goes, with whoever was placed in it, or comes back.
pub fn pool(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    if stage.kind != "PoolMembership" || !story.scenes[scene].there || story.late {
        return false;
    }
    let pool = story.random.pick(stage.wanted);
    if story.scenes[scene].removed.remove(pool) {
        story.line(&format!("cloud pool {pool} on {}", stage.target));
        return true;
    }
    story.scenes[scene].removed.insert(pool);
    for foreign in story.scenes[scene].foreign.values_mut() {
        foreign.remove(pool);
    }
    story.line(&format!("cloud no pool {pool} on {}", stage.target));
    true
}

/// The cloud knows a user no more, for a while. A database user who is unknown is in no pool.
pub fn unknown_user(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    let users: Vec<_> = stage.users().into_iter().collect();
    let user = story.random.pick(&users);
    if story.broken.users.remove(user) {
        story.line(&format!("cloud known user {user}"));
        return true;
    }
    story.broken.users.insert(user);
    if stage.kind == "PoolMembership" {
        story.scenes[scene].foreign.remove(user);
    }
    story.line(&format!("cloud unknown user {user}"));
    true
}

/// The API server tells watches nothing, or does not answer for an object, or a policy refuses its patches.
pub fn api_server(story: &mut Story, scene: usize) -> bool {
    let objects = story.scenes[scene].stage.objects;
    let (name, _) = story.random.pick(objects);
    let broken = &mut story.broken;
    let (thing, breaks, mends) = match story.random.below(3) {
        0 => (&mut broken.watches, "hold watches".to_owned(), "release watches"),
        1 => (&mut broken.gets, format!("objects cannot be read {name}"), "objects can be read"),
        _ => (&mut broken.patches, format!("objects refuse patches {name}"), "objects refuse patches"),
    };
    *thing = !*thing;
    let line = if *thing { breaks } else { mends.to_owned() };
    story.line(&line);
    true
}

/// Everything is mended, and there is no time to settle.
pub fn mend(story: &mut Story, _: usize) -> bool {
    story.mend();
    true
}
