//! What rules cover, by example.

use super::*;

fn policy(rules: &serde_json::Value) -> Result<Policy, String> {
    let spec = serde_json::json!({"allowedNamespaces": {"matchLabels": {"cloud": "yes"}}, "rules": rules});
    Policy::of(&serde_json::from_value(spec).unwrap())
}

fn objection(rules: &serde_json::Value, change: impl FnOnce(&mut Asked<'_>)) -> Option<String> {
    let labels = BTreeMap::from([("cloud".to_owned(), "yes".to_owned())]);
    let access = BTreeSet::from(["use".to_owned()]);
    let mut asked = Asked {
        namespace: "team",
        labels: &labels,
        kind: "Grant",
        target_is: "queue",
        target: "etl",
        principal: "alice",
        access: &access,
        meaning: str::to_owned,
        policies: BTreeSet::new(),
        begins: Timestamp::constant(1_000_000, 0),
        ends: None,
    };
    change(&mut asked);
    policy(rules).unwrap().objection(&asked)
}

#[test]
fn a_glob_is_anchored_and_knows_two_signs() {
    for (glob, text) in [
        ("", ""),
        ("*", ""),
        ("*", "a/b c*ü"),
        ("a*c", "ac"),
        ("a*c", "abcbc"),
        ("*b*b", "abab"),
        ("?", "ü"),
        ("a?c", "a?c"),
        ("a.c", "a.c"),
        ("[ab]", "[ab]"),
        ("**a**", "a"),
        ("*a*b*c", "xaybzc"),
    ] {
        assert!(is_match(glob, text), "{glob} {text}");
    }
    for (glob, text) in [
        ("", "a"),
        ("?", ""),
        ("?", "ab"),
        ("a", "A"),
        ("a", " a"),
        ("a", "a "),
        ("a*c", "abcd"),
        ("a*c", "xac"),
        ("a.c", "abc"),
        ("[ab]", "a"),
        ("*a*b*c", "xaycz"),
        ("\\*", "*"),
        ("e\u{301}", "\u{e9}"),
    ] {
        assert!(!is_match(glob, text), "{glob} {text}");
    }
    assert!(!is_match(&"*a".repeat(64), &"a".repeat(63).replace('a', "ab")), "and it takes no time worth speaking of");
}

#[test]
fn one_rule_has_to_allow_all_of_it() {
    let halves =
        serde_json::json!([{"targets": ["etl"], "principals": ["bob"]}, {"targets": ["x"], "principals": ["alice"]}]);
    let why = objection(&halves, |_| {}).unwrap();
    assert_eq!(why, "rule 1 does not cover alice; rule 2 does not cover queue etl");
    assert_eq!(objection(&serde_json::json!([{"kinds": ["HpcUser"]}, {"targets": ["e*"]}]), |_| {}), None);
    assert_eq!(objection(&serde_json::json!([]), |_| {}).unwrap(), "it has no rules");
    let many = serde_json::Value::Array(vec![serde_json::json!({"kinds": ["X"]}); 7]);
    assert!(objection(&many, |_| {}).unwrap().ends_with("; nor does any of 3 more"));
}

#[test]
fn what_takes_from_others_or_stays_behind_has_to_be_named() {
    let both = BTreeSet::from([RiskyPolicy::Adopt, RiskyPolicy::Retain]);
    let why = |rules: serde_json::Value| objection(&rules, |asked| asked.policies.clone_from(&both));
    assert_eq!(why(serde_json::json!([{}])).unwrap(), "rule 1 does not cover adoptionPolicy Adopt");
    let retain = why(serde_json::json!([{"policies": ["Adopt"]}])).unwrap();
    assert_eq!(retain, "rule 1 does not cover deletionPolicy Retain");
    assert_eq!(why(serde_json::json!([{"policies": ["Adopt", "Retain"]}])), None);
    assert_eq!(objection(&serde_json::json!([{"policies": ["Adopt"]}]), |_| {}), None, "less is always allowed");
}

#[test]
fn access_for_so_long_has_to_end_in_time() {
    let why = |ends: Option<i64>| {
        let ends = ends.map(|second| Timestamp::constant(1_000_000 + second, 0));
        objection(&serde_json::json!([{"maxDuration": "1h"}]), |asked| asked.ends = ends)
    };
    assert!(why(None).unwrap().contains("set validUntil"));
    assert_eq!(why(Some(3600)), None);
    assert!(why(Some(3601)).unwrap().contains("it may last 1h"));
    assert_eq!(why(Some(-5)), None, "it is over");
}

#[test]
fn what_cannot_be_read_is_no_policy() {
    assert!(policy(&serde_json::json!([{"maxDuration": "a while"}])).is_err());
    let spec = |expression: serde_json::Value| {
        let spec = serde_json::json!({"allowedNamespaces": {"matchExpressions": [expression]}, "rules": [{}]});
        Policy::of(&serde_json::from_value(spec).unwrap())
    };
    assert!(spec(serde_json::json!({"key": "a", "operator": "NotIn"})).is_err());
    assert!(spec(serde_json::json!({"key": "a", "operator": "Exists", "values": ["b"]})).is_err());
    assert!(spec(serde_json::json!({"key": "a", "operator": "NotIn", "values": ["b"]})).is_ok());
}

#[test]
fn namespaces_are_allowed_by_all_that_is_said_of_their_labels() {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let why = objection(&serde_json::json!([{}]), |asked| asked.labels = &NONE).unwrap();
    assert!(why.contains("it does not serve namespace team"), "{why}");
}
