//! Every value is documented, checked, and has an effect; what is no value is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use cloud_access_operator::config::Command;
use serde_json::{Value, json};

use super::{HELMS, NAMESPACE, RELEASE, chart, read_yaml, template, value_sets};
use crate::outcomes::{quoted, rows};

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

/// The schema of each value, by its path; a group of values is none.
fn known() -> BTreeMap<String, Value> {
    fn collect(schema: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
        for (name, below) in schema["properties"].as_object().unwrap() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let is_group = below["properties"].is_object() && below["examples"].is_null();
            if is_group {
                collect(below, &path, found);
            } else {
                found.insert(path, below.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(&schema(), "", &mut found);
    // Helm adds it when another chart includes this one.
    assert!(found.remove("global").is_some());
    assert!(found.len() > 50);
    found
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

#[test]
fn the_page_the_values_and_their_schema_tell_of_the_same() {
    let (known, defaults) = (known(), read_yaml(&chart().join("values.yaml")));
    let page = fs::read_to_string(chart().join("README.md")).unwrap();
    let rows = rows(&page, "value");
    let told: BTreeSet<_> = rows.iter().map(|row| quoted(row[0]).next().unwrap().to_owned()).collect();
    assert_eq!(told, known.keys().cloned().collect::<BTreeSet<_>>());
    for row in rows {
        let path = quoted(row[0]).next().unwrap();
        let default = defaults.pointer(&pointer(path)).unwrap_or_else(|| panic!("{path} is not in values.yaml"));
        assert_eq!(row[1], format!("`{default}`"), "{path}: run `cargo xtask generate`");
        assert_eq!(known[path]["description"], row[2], "{path}: the schema says something else than values.yaml");
    }
    let mut all = defaults;
    for path in known.keys() {
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        let above = if above.is_empty() { &mut all } else { all.pointer_mut(&pointer(above)).unwrap() };
        above.as_object_mut().unwrap().remove(name);
    }
    let left: Vec<_> = all.as_object().unwrap().values().filter(|group| **group != json!({})).collect();
    assert!(left.is_empty(), "the schema does not know {left:?}");
}

#[test]
fn what_the_operator_does_without_a_value_is_told_as_its_flags_have_it() {
    let command = Command::command();
    let mut told = 0;
    for (path, schema) in known() {
        let description = schema["description"].as_str().unwrap();
        let Some((_, empty)) = description.split_once("Empty: `") else { continue };
        let Some(name) = path.strip_prefix("operator.") else { continue };
        let flag = name.chars().flat_map(|letter| match letter {
            'A'..='Z' => vec!['-', letter.to_ascii_lowercase()],
            _ => vec![letter],
        });
        let flag: String = flag.collect();
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(&flag)).unwrap();
        assert_eq!(argument.get_default_values(), [empty.trim_end_matches("`.")], "{path}");
        told += 1;
    }
    assert!(told > 5, "{told}");
}

#[test]
fn every_object_of_the_schema_says_what_else_may_be_in_it_and_everything_is_described() {
    fn check(schema: &Value, path: &str) {
        assert!(path.is_empty() || schema["description"].is_string(), "{path} is not described");
        if schema["type"] == "object" {
            assert!(!schema["additionalProperties"].is_null(), "{path}: anything may be in it");
        }
        let is_closed = schema["additionalProperties"] == false;
        assert!(schema["properties"].is_null() || is_closed, "{path}: unknown names are let through");
        for (name, below) in schema["properties"].as_object().into_iter().flatten() {
            check(below, &format!("{path}/{name}"));
        }
        for (name, below) in schema["items"]["properties"].as_object().into_iter().flatten() {
            check(below, &format!("{path}[]/{name}"));
        }
    }
    check(&schema(), "");
}

#[test]
fn what_is_no_value_is_refused_by_its_name() {
    let wrong = [
        ("replicas=2", "replicas"),
        ("image.registry=example.com", "registry"),
        ("operator.driftinterval=5m", "driftinterval"),
        ("operator.driftInterval=5 minutes", "driftInterval"),
        ("operator.driftInterval=0s", "driftInterval"),
        ("operator.logFormat=xml", "logFormat"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("replicaCount=two", "replicaCount"),
        ("watchNamespaces=team-data", "watchNamespaces"),
        ("watchNamespaces={Team}", "watchNamespaces"),
        ("resources.cpu=1", "cpu"),
        ("networkPolicy.cloudPorts={70000}", "cloudPorts"),
        ("extraEnv[0].nmae=A", "nmae"),
        ("crds.install=false", "install"),
        ("image.digest=latest", "digest"),
    ];
    for program in HELMS {
        for (value, name) in wrong {
            let refused = template(program, RELEASE, NAMESPACE, &["--set", value]);
            let said = refused.err().unwrap_or_else(|| panic!("{program}: {value} was taken"));
            assert!(said.contains(name) && said.contains("values don't meet the specification"), "{value}: {said}");
        }
        let both = ["--set", "caBundle.configMap=one,caBundle.secret=two"];
        let said = template(program, RELEASE, NAMESPACE, &both).unwrap_err();
        assert!(said.contains("caBundle: set configMap or secret, not both"), "{said}");
    }
}

#[test]
fn every_value_is_in_one_of_the_sets_that_are_tried() {
    let sets: Vec<_> = value_sets().iter().map(|path| read_yaml(path)).collect();
    for path in known().keys() {
        assert!(sets.iter().any(|set| set.pointer(&pointer(path)).is_some()), "no set in ci/ has {path}");
    }
}

/// Another value that the schema lets through.
fn another(schema: &Value, default: &Value) -> Value {
    match default {
        Value::Bool(is_on) => json!(!is_on),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let example = &schema["examples"][0];
            assert!(!example.is_null() && example != default, "no example of another value: {schema}");
            example.clone()
        }
    }
}

/// What comes of the values when one of them is set to this.
fn with(set: &Path, path: &str, value: &Value) -> Result<String, String> {
    let set_json = format!("{path}={value}");
    let mut options = vec!["--values", set.to_str().unwrap(), "--set-json", &set_json];
    if !path.starts_with("crds.") {
        // Half of the time.
        options.extend(["--set", "crds.enabled=false"]);
    }
    template("helm3", RELEASE, NAMESPACE, &options)
}

#[test]
fn every_value_changes_something() {
    let defaults = read_yaml(&chart().join("values.yaml"));
    let sets: Vec<_> = value_sets();
    let without_effect = known().into_iter().filter(|(path, schema)| {
        let default = defaults.pointer(&pointer(path)).unwrap();
        let other = another(schema, default);
        !sets.iter().any(|set| {
            // Two that exclude each other are refused together, which says nothing of either.
            let (one, two) = (with(set, path, default), with(set, path, &other));
            one.is_ok() && two.is_ok() && one != two
        })
    });
    let without_effect: Vec<_> = without_effect.map(|(path, _)| path).collect();
    assert!(without_effect.is_empty(), "these change nothing: {without_effect:?}");
}
