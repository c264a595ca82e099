//! The dashboard of the chart: Grafana can show it with any Prometheus, and it shows what there is.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::manifests::root;
use crate::promql::{documented, promtool, scratch, unknown};

const COLUMNS: u64 = 24;

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("charts/cloud-access-operator/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// Every expression, with the title of its panel. Grafana's own variables are put in.
fn expressions() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut expressions = Vec::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array();
        assert!(panel["type"] == "row" || targets.is_some_and(|targets| !targets.is_empty()), "{title} shows nothing");
        for target in targets.into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m").replace("$job", ".+");
            assert!(!expression.contains('$'), "{title}: a variable that there is not: {expression}");
            expressions.push((title.to_owned(), expression));
        }
    }
    expressions
}

#[test]
fn prometheus_accepts_every_expression() {
    let rule = |(number, (_, expression)): (usize, (String, String))| json!({"record": format!("expression:{number}"), "expr": expression});
    let rules: Vec<_> = expressions().into_iter().enumerate().map(rule).collect();
    // JSON is YAML.
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    promtool(&["check", "rules"], &[scratch("dashboard.yaml", &rules)]).unwrap();
}

#[test]
fn every_metric_and_label_is_one_that_the_operator_shows() {
    let documented = documented();
    for (title, expression) in expressions() {
        assert_eq!(unknown(&expression, &documented), [""; 0], "{title}");
        assert!(expression.contains(r#"job=~".+""#), "{title} heeds the chosen job");
    }
}

#[test]
fn every_metric_is_on_the_dashboard_but_for_those_that_tell_the_same_again() {
    let shown: String = expressions().into_iter().map(|(_, expression)| expression).collect();
    let told = ["controller_runtime_active_workers", "leader_election_master_status", "reconcile_errors_total"];
    for metric in documented().into_keys() {
        let is_told =
            told.iter().any(|told| metric.contains(told)) || metric.ends_with("_sum") || metric.ends_with("_count");
        assert!(is_told || shown.contains(&metric), "{metric} is not shown");
    }
}

/// Calls it with every object within.
fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| walk(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_data_source_is_the_one_that_is_chosen() {
    let dashboard = dashboard();
    let mut named = 0;
    walk(&dashboard, &mut |object| {
        if let Some(source) = object.get("datasource") {
            assert_eq!(*source, json!({"type": "prometheus", "uid": "${datasource}"}));
            named += 1;
        }
    });
    assert_eq!(
        named,
        panels(&dashboard).iter().filter(|panel| panel["type"] != "row").count() + expressions().len() + 1
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(variable("datasource")["type"], "datasource");
    assert_eq!(variable("datasource")["query"], "prometheus");
    assert_eq!(variable("job")["definition"], "label_values(cloud_access_leader,job)");
}

#[test]
fn it_is_found_again_when_it_is_shipped_anew() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "cloud-access-operator");
    assert_eq!(dashboard["id"], Value::Null, "a number of the Grafana that it was made in");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 42);
}

#[test]
fn panels_have_numbers_of_their_own_are_explained_and_do_not_overlap() {
    let dashboard = dashboard();
    let (mut numbers, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{title}: its number is another's");
        assert!(
            panel["type"] == "row" || panel["description"].as_str().is_some_and(|told| told.ends_with('.')),
            "{title}"
        );
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + width <= COLUMNS, "{title} is too wide");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{title} lies over another at {cell:?}");
        }
    }
}
