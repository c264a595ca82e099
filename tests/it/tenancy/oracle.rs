//! What docs/clustercloudaccount.md allows, written once more from that page alone, over manifests as they are in the API server.
//! It shares nothing with the operator, so that one mistake cannot cancel another.

use std::collections::BTreeSet;
use std::slice;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Where the spec of each kind says what it is about.
const TARGETS: [&str; 3] = ["/spec/queueName", "/spec/clusterId", "/spec/workspaceId"];
const PRINCIPALS: [&str; 3] = ["/spec/userName", "/spec/user/id", "/spec/group/id"];
const ACCESS: [&str; 4] = ["/spec/privileges", "/spec/roles", "/spec/poolName", "/spec/group"];

/// What the page of WorkspaceMember calls the service's own roles.
const ROLES: [[&str; 2]; 4] =
    [["Admin", "r00001"], ["Developer", "r00002"], ["Operator", "r00003"], ["Viewer", "r00004"]];

/// Whether an account of this spec allows an object in a namespace with these labels what it asks for.
pub fn allows(account: &Value, labels: &Value, object: &Value) -> bool {
    serves(&account["allowedNamespaces"], labels) && items(&account["rules"]).any(|rule| covers(rule, object))
}

/// The target that an object names: of queues, the cloud and the rules know the names in lower case.
pub fn target(object: &Value) -> String {
    let named = first(object, &TARGETS);
    if object["kind"] == "QueueGrant" { named.to_ascii_lowercase() } else { named.to_owned() }
}

/// The user or group that an object names.
pub fn principal(object: &Value) -> &str {
    first(object, &PRINCIPALS)
}

/// Both.
pub fn row(object: &Value) -> (String, String) {
    (target(object), principal(object).to_owned())
}

/// The access that an object asks for, roles by their ids.
pub fn access(object: &Value) -> BTreeSet<String> {
    let asked = ACCESS.iter().filter_map(|place| object.pointer(place));
    // A WorkspaceMember's group is no access.
    let strings = asked
        .filter(|asked| !asked.is_object())
        .flat_map(|asked| asked.as_array().map_or(slice::from_ref(asked), Vec::as_slice));
    strings.map(|string| by_id(&object["kind"], string.as_str().unwrap())).collect()
}

fn first<'a>(object: &'a Value, places: &[&str]) -> &'a str {
    places.iter().find_map(|place| object.pointer(place)?.as_str()).unwrap()
}

/// A role by its name is the role by its id; everything else is itself.
fn by_id(kind: &Value, string: &str) -> String {
    let role = ROLES.iter().find(|[name, _]| *kind == "WorkspaceMember" && *name == string);
    role.map_or(string, |[_, id]| id).to_owned()
}

/// The selector of namespaces, which has to hold as a whole.
fn serves(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let expressions = items(&selector["matchExpressions"]).all(|expression| {
        let label = &labels[expression["key"].as_str().unwrap()];
        let is_one = items(&expression["values"]).any(|value| value == label);
        match expression["operator"].as_str().unwrap() {
            "In" => is_one,
            "NotIn" => !is_one,
            "Exists" => !label.is_null(),
            "DoesNotExist" => label.is_null(),
            other => panic!("there is no operator {other}"),
        }
    });
    equal && expressions
}

/// One rule has to allow all.
fn covers(rule: &Value, object: &Value) -> bool {
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let wanted = access(object);
    let policy = |field: &str, risky: &str| {
        object["spec"][field] != risky || items(&rule["policies"]).any(|policy| policy == risky)
    };
    any_or(&rule["kinds"], |kind| object["kind"] == kind)
        && any_or(&rule["targets"], |glob| matches(glob, &target(object)))
        && any_or(&rule["principals"], |glob| matches(glob, principal(object)))
        && wanted.iter().all(|wanted| any_or(&rule["access"], |listed| by_id(&object["kind"], listed) == *wanted))
        && any_or(&rule["namespaces"], |glob| matches(glob, namespace))
        && policy("adoptionPolicy", "Adopt")
        && policy("deletionPolicy", "Retain")
        && rule["maxDuration"].as_str().is_none_or(|longest| ends_within(length(longest), object))
}

/// A field that is left out means any; of one that is there, one item has to do.
fn any_or(field: &Value, does: impl Fn(&str) -> bool) -> bool {
    field.is_null() || items(field).any(|item| does(item.as_str().unwrap()))
}

fn items(field: &Value) -> impl Iterator<Item = &Value> {
    field.as_array().into_iter().flatten()
}

/// `*` stands for any characters, also none, `?` for exactly one, everything else for itself.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    rest_matches(&glob, &text)
}

fn rest_matches(glob: &[char], text: &[char]) -> bool {
    match (glob, text) {
        ([], text) => text.is_empty(),
        (['*', rest @ ..], text) => (0..=text.len()).any(|skipped| rest_matches(rest, &text[skipped..])),
        (_, []) => false,
        (['?', rest @ ..], [_, others @ ..]) => rest_matches(rest, others),
        ([one, rest @ ..], [other, others @ ..]) => one == other && rest_matches(rest, others),
    }
}

/// The object's access ends, so long after it can have begun at the latest.
fn ends_within(longest: SignedDuration, object: &Value) -> bool {
    let time = |place: &str| object.pointer(place).map(|time| time.as_str().unwrap().parse::<Timestamp>().unwrap());
    let Some(until) = time("/spec/validUntil") else { return false };
    let created = time("/metadata/creationTimestamp").unwrap();
    let begins = time("/spec/validFrom").map_or(created, |from| from.max(created));
    let in_time = |since: Timestamp| until.duration_since(since) <= longest;
    in_time(begins) && time("/status/grantedAt").is_none_or(in_time)
}

/// A whole number and `s`, `m` or `h`.
fn length(text: &str) -> SignedDuration {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => panic!("{text} has no unit"),
    };
    SignedDuration::from_secs(number.parse::<i64>().unwrap() * seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(spec: &Value) -> Value {
        let mut object = json!({
            "kind": "QueueGrant", "metadata": {"namespace": "team-a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"queueName": "etl", "userName": "dev", "privileges": ["RESTART", "SUBMIT_JOB"]}
        });
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        object
    }

    #[test]
    fn texts_are_compared_whole_and_as_they_are_written() {
        for (glob, text) in [
            ("", ""),
            ("*", ""),
            ("*", "any/thing"),
            ("?", "é"),
            ("??", "e\u{301}"),
            ("dev-*", "dev-"),
            ("*-*-*", "a--b"),
            ("a*b*c", "abbc"),
            ("?*?", "ab"),
            ("[a]", "[a]"),
            ("a.b", "a.b"),
            ("*", "*"),
            ("\\*", "\\x"),
        ] {
            assert!(matches(glob, text), "{glob} stands for {text}");
        }
        for (glob, text) in [
            ("", " "),
            ("dev", "xdev"),
            ("dev", "devx"),
            ("dev", "Dev"),
            ("dev ", "dev"),
            ("?", ""),
            ("?", "ab"),
            ("?", "e\u{301}"),
            ("é", "e\u{301}"),
            ("ß", "ss"),
            ("i", "ı"),
            ("d", "\u{ff44}"),
            ("dev-?", "dev-"),
            ("[a]", "a"),
            ("a.b", "axb"),
            ("a/b", "a/../a/b"),
            ("a/b", "a%2fb"),
            ("?*?", "a"),
        ] {
            assert!(!matches(glob, text), "{glob} does not stand for {text}");
        }
    }

    #[test]
    fn a_rule_covers_all_or_nothing() {
        for rule in [
            json!({}),
            json!({"kinds": ["HpcUser", "QueueGrant"], "targets": ["x", "e?l"], "principals": ["d*"]}),
            json!({"access": ["CANCEL_JOB", "RESTART", "SUBMIT_JOB"], "namespaces": ["*-a"], "policies": ["Adopt"]}),
        ] {
            assert!(covers(&rule, &grant(&json!({}))), "{rule}");
        }
        for rule in [
            json!({"kinds": []}),
            json!({"kinds": ["Queue*"]}),
            json!({"targets": ["ETL"]}),
            json!({"principals": ["dev?"]}),
            json!({"access": ["RESTART"]}),
            json!({"access": ["*"]}),
            json!({"namespaces": ["team"]}),
            json!({"maxDuration": "1h"}),
        ] {
            assert!(!covers(&rule, &grant(&json!({}))), "{rule}");
        }
        let upper = grant(&json!({"queueName": "ETL"}));
        assert!(covers(&json!({"targets": ["etl"]}), &upper) && !covers(&json!({"targets": ["ETL"]}), &upper));
        let (user, privilege) = (json!({"principals": ["dev"], "access": []}), json!({"principals": ["x"]}));
        let account = json!({"allowedNamespaces": {}, "rules": [user, privilege]});
        assert!(!allows(&account, &json!({}), &grant(&json!({}))), "rules are not put together");
    }

    #[test]
    fn risky_policies_are_named() {
        let both = grant(&json!({"adoptionPolicy": "Adopt", "deletionPolicy": "Retain"}));
        assert!(covers(&json!({"policies": ["Adopt", "Retain"]}), &both));
        assert!(!covers(&json!({"policies": ["Adopt"]}), &both));
        assert!(!covers(&json!({"policies": ["Retain"]}), &both));
        assert!(covers(&json!({}), &grant(&json!({"adoptionPolicy": "Keep", "deletionPolicy": "Revoke"}))));
    }

    #[test]
    fn roles_by_name_are_roles_by_id() {
        let member = |roles: Value| {
            json!({
                "kind": "WorkspaceMember", "metadata": {"namespace": "team"},
                "spec": {"workspaceId": "w", "group": {"id": "g"}, "roles": roles}
            })
        };
        assert!(covers(&json!({"principals": ["g"], "access": ["Viewer"]}), &member(json!(["r00004"]))));
        assert!(covers(&json!({"access": ["r00004", "r00001"]}), &member(json!(["Viewer", "Admin"]))));
        assert!(!covers(&json!({"access": ["viewer"]}), &member(json!(["Viewer"]))));
        assert!(!covers(&json!({"access": ["r00003"]}), &member(json!(["Viewer"]))));
        let pool = json!({
            "kind": "PoolMembership", "metadata": {"namespace": "team"},
            "spec": {"clusterId": "c", "userName": "u", "poolName": "Viewer"}
        });
        assert!(!covers(&json!({"access": ["r00004"]}), &pool), "only roles have two names");
        assert!(covers(&json!({"access": ["Viewer"]}), &pool));
    }

    #[test]
    fn access_ends_in_time() {
        let hour = json!({"maxDuration": "1h"});
        let mut object = grant(&json!({"validUntil": "2026-01-01T01:00:00Z"}));
        assert!(covers(&hour, &object));
        assert!(!covers(&json!({"maxDuration": "59m"}), &object));
        object["spec"]["validUntil"] = json!("2026-01-01T01:00:01Z");
        assert!(!covers(&hour, &object));
        object["spec"]["validFrom"] = json!("2026-01-01T02:00:01+02:00");
        assert!(covers(&hour, &object), "it begins a second later");
        object["status"] = json!({"grantedAt": "2026-01-01T00:00:01Z"});
        assert!(covers(&hour, &object));
        object["status"] = json!({"grantedAt": "2026-01-01T00:00:00Z"});
        assert!(!covers(&hour, &object), "it has begun before");
        object["spec"]["validFrom"] = json!("2025-12-01T00:00:00Z");
        object["status"] = Value::Null;
        assert!(!covers(&hour, &object), "it counts from when the object was created");
    }

    #[test]
    fn all_of_a_selector_has_to_hold() {
        let labels = json!({"cloud": "yes", "stage": "test"});
        let of = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        assert!(serves(&json!({}), &labels));
        assert!(serves(&json!({"matchLabels": {"cloud": "yes", "stage": "test"}}), &labels));
        assert!(!serves(&json!({"matchLabels": {"cloud": "yes", "stage": "live"}}), &labels));
        assert!(!serves(&json!({"matchLabels": {"cloud": "yes"}}), &Value::Null));
        assert!(serves(&of("stage", "In", json!(["live", "test"])), &labels));
        assert!(!serves(&of("none", "In", json!(["live", "test"])), &labels));
        assert!(serves(&of("none", "NotIn", json!(["live"])), &labels));
        assert!(!serves(&of("stage", "NotIn", json!(["test"])), &labels));
        assert!(serves(&of("stage", "Exists", json!([])), &labels));
        assert!(!serves(&of("none", "Exists", json!([])), &labels));
        assert!(serves(&of("none", "DoesNotExist", json!([])), &labels));
        assert!(!serves(&of("stage", "DoesNotExist", json!([])), &labels));
    }
}
