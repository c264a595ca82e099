//! What users of Argo CD may do to an object from its interface.

use std::collections::BTreeSet;

use cloud_access_operator::api::REQUESTED_AT;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::interpreter::run;
use super::{assert_named, of_kind, yaml};
use crate::runner::KINDS;

/// The object as an action leaves it.
pub fn act(action: &str, object: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap();
    run(&of_kind(kind).join("actions").join(action).join("action.lua"), object)
}

/// The actions on an object, as Argo CD offers them.
fn offered(object: &Value) -> Vec<Value> {
    let kind = object["kind"].as_str().unwrap();
    let actions = run(&of_kind(kind).join("actions/discovery.lua"), object);
    let offer = |(name, action): (&String, &Value)| {
        let mut action = action.clone();
        action["name"] = json!(name);
        action
    };
    actions.as_object().unwrap().iter().map(offer).collect()
}

/// Checks that a time was asked for just now, and puts this one in its place.
fn at_a_fixed_time(object: &mut Value, time: &Value) {
    let asked = &mut object["metadata"]["annotations"][REQUESTED_AT];
    let at: Timestamp = asked.as_str().unwrap().parse().unwrap();
    let ago = Timestamp::now().duration_since(at);
    assert!(ago >= SignedDuration::ZERO && ago < SignedDuration::from_secs(60), "{asked} is not now");
    *asked = time.clone();
}

#[test]
fn actions_do_what_their_test_cases_say() {
    for kind in KINDS {
        let directory = of_kind(kind).join("actions");
        let cases = yaml(&directory.join("action_test.yaml"));
        let of = |field: &str| cases[field].as_array().unwrap().iter().collect::<Vec<_>>();
        let (discovered, acted) = (of("discoveryTests"), of("actionTests"));
        assert_named(&directory, &[discovered.clone(), acted.clone()].concat());
        let input = |case: &Value| yaml(&directory.join(case["inputPath"].as_str().unwrap()));
        for case in discovered {
            assert_eq!(json!(offered(&input(case))), case["result"], "{kind} {case}");
        }
        let mut done = BTreeSet::new();
        for case in acted {
            let expected = yaml(&directory.join(case["expectedOutputPath"].as_str().unwrap()));
            let action = case["action"].as_str().unwrap();
            let mut object = act(action, &input(case));
            if action == "reconcile" {
                at_a_fixed_time(&mut object, &expected["metadata"]["annotations"][REQUESTED_AT]);
            }
            assert_eq!(object, expected, "{kind} {case}");
            done.insert(action);
        }
        assert_eq!(done.into_iter().collect::<Vec<_>>(), ["reconcile", "resume", "suspend"], "{kind}");
    }
}
