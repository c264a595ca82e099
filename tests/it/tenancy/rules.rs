//! Accounts of random worlds: which namespaces they serve, and by which rules.

use serde_json::{Map, Value, json};

use super::alphabet::{Kind, LONGEST, NAMESPACES, blurred};
use crate::histories::random::Random;

/// The fields of a rule.
const FIELDS: [&str; 7] = ["kinds", "targets", "principals", "access", "namespaces", "policies", "maxDuration"];

/// Which namespaces an account serves: mostly those with a label that namespaces have now and then.
pub fn selector(random: &mut Random) -> Value {
    let expression =
        |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
    match random.below(12) {
        0..6 => json!({}),
        6 | 7 => json!({"matchLabels": {"cloud": "yes"}}),
        8 => json!({"matchLabels": {"cloud": "yes", "stage": ""}}),
        9 => json!({"matchExpressions": [expression("cloud", "In", &["yes", "Yes"])]}),
        10 => json!({"matchExpressions": [expression("cloud", "NotIn", &["no"]), expression("stage", "Exists", &[])]}),
        _ => json!({"matchLabels": {"cloud": "yes"}, "matchExpressions": [expression("stage", "DoesNotExist", &[])]}),
    }
}

/// One to four rules, each of which has one kind in mind.
pub fn rules(random: &mut Random, kinds: &[&'static Kind]) -> Vec<Value> {
    (0..=random.below(4)).map(|_| rule(random, kinds)).collect()
}

/// Rules that are a bit wider or tighter than these.
pub fn changed(random: &mut Random, rules: &Value, kinds: &[&'static Kind]) -> Vec<Value> {
    let mut rules = rules.as_array().unwrap().clone();
    if rules.is_empty() || random.chance(15) {
        rules.push(rule(random, kinds));
        return rules;
    }
    let index = random.index(rules.len());
    if random.chance(15) {
        rules.remove(index);
        return rules;
    }
    let (home, field) = (random.pick(kinds), random.pick(&FIELDS));
    let fields = rules[index].as_object_mut().unwrap();
    if random.chance(40) {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value(random, home, field));
    }
    rules
}

fn rule(random: &mut Random, kinds: &[&'static Kind]) -> Value {
    let home = random.pick(kinds);
    let mut rule = Map::new();
    for (field, percent) in FIELDS.into_iter().zip([30, 30, 45, 35, 20, 70, 18]) {
        if random.chance(percent) {
            rule.insert(field.to_owned(), value(random, home, field));
        }
    }
    Value::Object(rule)
}

/// Something that a field of a rule may hold.
fn value(random: &mut Random, home: &Kind, field: &str) -> Value {
    if field != "maxDuration" && random.chance(4) {
        return json!([]);
    }
    let picked = |random: &mut Random, from: &[&str], no: &[&str], most| {
        let texts = (0..=random.below(most)).map(|_| {
            let from = if no.is_empty() || random.chance(80) { from } else { no };
            let text = random.pick(from);
            blurred(random, text)
        });
        json!(texts.collect::<std::collections::BTreeSet<_>>())
    };
    match field {
        "kinds" => {
            let other = random.pick(&["QueueGrant", "WorkspaceMember", "queuegrant", "Queue*", "PoolMembership"]);
            if random.chance(80) { json!([home.name]) } else { json!([other]) }
        }
        "targets" => picked(random, home.targets, home.no_targets, 3),
        "principals" => picked(random, home.users, home.no_users, 16),
        "access" if random.chance(60) => json!(random.some(home.access)),
        "access" => picked(random, home.access, home.no_access, 6),
        "namespaces" => json!(random.some(&NAMESPACES[..]).into_iter().take(2).collect::<Vec<_>>()),
        "policies" => random.pick(&[&["Adopt", "Retain"][..], &["Adopt"], &["Retain"], &[]]).into(),
        "maxDuration" => json!(random.pick(&LONGEST).0),
        other => panic!("rules have no {other}"),
    }
}
