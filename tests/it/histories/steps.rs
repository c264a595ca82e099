//! The steps that histories are made of. Each is done to one scene, or says that it cannot be done there now.
//!
//! What becomes of a step must not depend on how far the operator has come, or a fresh start could end otherwise for a good
//! reason. Where it would, everything is brought to rest before: others grant what an object may want, an object stops
//! adopting, or one that retains is deleted.

use std::collections::BTreeSet;

use super::model::{Password, Scene, Spec, Strings};
use super::story::{Actor, Story, secret_applied, time};
use super::{outages, plots};

/// Does a step to a scene.
pub type Step = fn(&mut Story, usize) -> bool;

/// The steps, and how often each is taken.
const STEPS: &[(u64, Step)] = &[
    (18, create),
    (14, change_access),
    (10, delete),
    (3, change_adoption),
    (3, change_retention),
    (6, revoke_by_hand),
    (4, grant_by_hand),
    (2, grant_by_hand_at_rest),
    (8, outages::fault),
    (6, outages::operator),
    (3, outages::credentials),
    (2, outages::account),
    (2, outages::target),
    (2, outages::pool),
    (2, outages::unknown_user),
    (4, outages::api_server),
    (2, spoil),
    (5, password),
    (3, outages::mend),
    (10, plots::write_in_doubt),
    (4, plots::stale_view),
    (4, plots::two_passwords),
    (3, plots::hidden_pool),
    (6, suspend),
    (4, observe),
    (6, expire),
    (3, begin_later),
];

/// The virtual future that no history reaches.
const FAR: u64 = 48 * 60 * 60 * 1000;

/// One more step.
pub fn take(story: &mut Story) {
    let all = STEPS.iter().map(|(weight, _)| weight).sum();
    for _ in 0..20 {
        let scene = story.random.index(story.scenes.len());
        let mut drawn = story.random.below(all);
        let step = STEPS.iter().find(|(weight, _)| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        if step.unwrap().1(story, scene) {
            return;
        }
    }
}

/// An object that is there, or is not; often the one that the last step was about.
pub fn any(story: &mut Story, scene: usize, there: bool) -> Option<Actor> {
    let objects = story.scenes[scene].objects.iter().enumerate();
    let fit: Vec<_> = objects.filter(|(_, object)| object.spec.is_some() == there).map(|(index, _)| index).collect();
    if fit.is_empty() {
        return None;
    }
    let again = story.last.filter(|(last, object)| *last == scene && fit.contains(object));
    let again = again.filter(|_| story.random.chance(50));
    let actor = again.unwrap_or_else(|| (scene, story.random.pick(&fit)));
    story.last = Some(actor);
    Some(actor)
}

/// One that is there and alone about its user: whether others adopt or retain beside it makes no difference.
fn any_sole(story: &mut Story, scene: usize) -> Option<Actor> {
    any(story, scene, true).filter(|(scene, object)| story.scenes[*scene].stage.is_sole(*object))
}

fn access(story: &mut Story, scene: usize) -> Strings {
    let stage = story.scenes[scene].stage;
    if stage.exclusive { BTreeSet::from([story.random.pick(stage.wanted)]) } else { story.random.some(stage.wanted) }
}

pub fn create(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, false) else { return false };
    let stage = story.scenes[scene].stage;
    let sole = stage.is_sole(actor.1);
    let object = &story.scenes[scene].objects[actor.1];
    let (known, password) = (object.known, object.password);
    if known {
        // Whoever deleted it waits until it is gone, and that it can go.
        story.mend();
        let name = story.name(actor);
        story.line(&format!("expect {name} gone"));
    }
    if password != Password::Good {
        story.new_password(actor);
    }
    let mut spec = Spec { account: story.random.pick(stage.accounts), ..Spec::default() };
    spec.wanted = access(story, scene);
    spec.adopt = sole && story.random.chance(25);
    spec.retain = sole && story.random.chance(20);
    if !spec.adopt && story.random.chance(15) {
        spec.valid_until = Some(story.now + story.random.below(120_000));
    }
    let object = &mut story.scenes[scene].objects[actor.1];
    (object.spec, object.known) = (Some(spec), true);
    let manifest = story.manifest(actor);
    story.text.push_str(&manifest);
    true
}

/// Widened, narrowed, moved.
pub fn change_access(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    let wanted = access(story, scene);
    let fields = story.scenes[scene].stage.access(&wanted);
    story.scenes[scene].objects[actor.1].spoiled = false;
    story.spec(actor).unwrap().wanted = wanted;
    story.patch(actor, &fields);
    true
}

pub fn delete(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    let retain = story.spec(actor).unwrap().retain;
    if retain {
        story.calm();
    } else {
        before_it_adopts_no_more(story, actor);
    }
    if retain {
        story.scenes[scene].retained(actor.1, story.now);
    }
    let object = &mut story.scenes[scene].objects[actor.1];
    (object.spec, object.spoiled) = (None, false);
    let (kind, name) = (story.scenes[scene].stage.kind, story.name(actor));
    story.line(&format!("delete {kind} {name}"));
    true
}

/// If an object adopts, it may or may not have done so by now.
fn before_it_adopts_no_more(story: &mut Story, actor: Actor) {
    let user = story.user(actor);
    if story.spec(actor).unwrap().adopt {
        if !story.scenes[actor.0].foreign_of(user).is_empty() {
            story.calm();
        }
        story.scenes[actor.0].objects[actor.1].adopted_lately = true;
    }
}

fn change_adoption(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any_sole(story, scene) else { return false };
    before_it_adopts_no_more(story, actor);
    let now = story.now;
    let spec = story.spec(actor).unwrap();
    let soon = |at: Option<u64>| at.is_some_and(|at| at > now && at < FAR);
    if soon(spec.valid_from) || soon(spec.valid_until) {
        // It may begin to adopt or expire first.
        story.calm();
    }
    let spec = story.spec(actor).unwrap();
    spec.adopt = !spec.adopt;
    let policy = if spec.adopt { "Adopt" } else { "Keep" };
    story.patch(actor, &format!("adoptionPolicy: {policy}"));
    true
}

fn change_retention(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any_sole(story, scene) else { return false };
    let spec = story.spec(actor).unwrap();
    spec.retain = !spec.retain;
    let policy = if spec.retain { "Retain" } else { "Revoke" };
    story.patch(actor, &format!("deletionPolicy: {policy}"));
    true
}

fn any_user(story: &mut Story, scene: usize) -> &'static str {
    let users: Vec<_> = story.scenes[scene].stage.users().into_iter().collect();
    story.random.pick(&users)
}

/// Others take something away: what objects hold comes back, what others have granted does not.
pub fn revoke_by_hand(story: &mut Story, scene: usize) -> bool {
    let stage = story.scenes[scene].stage;
    let user = any_user(story, scene);
    let all = [stage.wanted, stage.never_wanted].concat();
    let strings = if stage.exclusive { all.iter().copied().collect() } else { story.random.some(&all) };
    let erases = stage.replaces && story.in_doubt && !story.scenes[scene].foreign_of(user).is_disjoint(&strings);
    if erases {
        story.calm();
    }
    if !story.scenes[scene].there {
        return false;
    }
    story.scenes[scene].revoked_by_others(user, &strings);
    let words: Vec<_> = strings.into_iter().collect();
    story.line(&format!("cloud revoke {user} {} on {}", words.join(" "), stage.target));
    true
}

/// Others grant what no object wants.
fn grant_by_hand(story: &mut Story, scene: usize) -> bool {
    let Scene { stage, there, .. } = &story.scenes[scene];
    if stage.never_wanted.is_empty() || !*there {
        return false;
    }
    let (stage, user) = (*stage, any_user(story, scene));
    if story.scenes[scene].is_unsettled(user) || stage.replaces && story.in_doubt {
        story.calm();
    }
    let string = story.random.pick(stage.never_wanted);
    story.scenes[scene].foreign.entry(user).or_default().insert(string);
    story.line(&format!("cloud grant {user} {string} on {}", stage.target));
    true
}

/// Others grant anything, at rest.
fn grant_by_hand_at_rest(story: &mut Story, scene: usize) -> bool {
    let (stage, user) = (story.scenes[scene].stage, any_user(story, scene));
    story.calm();
    let string = story.random.pick(&[stage.wanted, stage.never_wanted].concat());
    story.scenes[scene].granted_by_others(user, string, story.now);
    story.line(&format!("cloud grant {user} {string} on {}", stage.target));
    true
}

/// A manifest that this version cannot decode, as after a downgrade.
fn spoil(story: &mut Story, scene: usize) -> bool {
    if story.scenes[scene].stage.kind != "QueueGrant" {
        return false;
    }
    let Some(actor) = any(story, scene, true) else { return false };
    story.scenes[scene].objects[actor.1].spoiled = true;
    story.patch(actor, "privileges: [TIME_TRAVEL]");
    true
}

/// The Secret of an object is changed, broken or deleted.
fn password(story: &mut Story, scene: usize) -> bool {
    if !story.scenes[scene].stage.secrets {
        return false;
    }
    let object = story.random.index(story.scenes[scene].objects.len());
    let (actor, name) = ((scene, object), story.name((scene, object)));
    let now = story.scenes[scene].objects[object].password;
    let becomes = match (now, story.random.below(4)) {
        (Password::Good | Password::Bad, 0) => Password::Missing,
        (Password::Good | Password::Bad, 1) => Password::Bad,
        _ => Password::Good,
    };
    match becomes {
        Password::Good => story.new_password(actor),
        Password::Bad => story.line(secret_applied(name, "alllowercase").trim_end()),
        Password::Missing => story.line(&format!("delete Secret {name}-password")),
    }
    story.scenes[scene].objects[object].password = becomes;
    true
}

fn suspend(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    let spec = story.spec(actor).unwrap();
    spec.suspended = !spec.suspended;
    let fields = format!("suspend: {}", spec.suspended);
    story.patch(actor, &fields);
    true
}

fn observe(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    let spec = story.spec(actor).unwrap();
    spec.observing = !spec.observing;
    let mode = if spec.observing { "Observe" } else { "Enforce" };
    story.patch(actor, &format!("mode: {mode}"));
    true
}

/// An object expires soon, or goes on for long, or for ever.
fn expire(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    before_it_adopts_no_more(story, actor);
    let (kind, soon) = (story.random.below(6), story.now + story.random.below(120_000));
    let adopts = story.spec(actor).unwrap().adopt;
    let until = match kind {
        // Whether one that adopts has done so before it expires is not known.
        0..4 if !adopts => Some(soon),
        4 => Some(FAR),
        _ => None,
    };
    story.spec(actor).unwrap().valid_until = until;
    story.patch(actor, &format!("validUntil: {}", until.map_or("null".to_owned(), time)));
    true
}

/// An object begins soon, or not for long.
fn begin_later(story: &mut Story, scene: usize) -> bool {
    let Some(actor) = any(story, scene, true) else { return false };
    before_it_adopts_no_more(story, actor);
    let from = match story.random.below(4) {
        0..2 => Some(story.now + story.random.below(120_000)),
        2 => Some(FAR),
        _ => None,
    };
    story.spec(actor).unwrap().valid_from = from;
    story.patch(actor, &format!("validFrom: {}", from.map_or("null".to_owned(), time)));
    true
}
