//! The alerts of the chart: each is tried by promtool, names what there is, and has its runbook.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::docs::files_below;
use crate::manifests::{documents, root};
use crate::promql::{self, OF_SCRAPING, documented, names, promtool, unknown};

const RULES: &str = "charts/cloud-access-operator/files/alerts.yaml";

/// What each runbook tells, in this order.
const HEADINGS: [&str; 4] = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];

/// Every alert, by name.
fn alerts() -> BTreeMap<String, Value> {
    let rules = documents(&root().join(RULES)).remove(0);
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap().clone());
    let alerts: BTreeMap<_, _> = rules.map(|rule| (text(&rule["alert"]).to_owned(), rule)).collect();
    assert!(!alerts.is_empty());
    alerts
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}"))
}

/// The files with cases.
fn files() -> Vec<PathBuf> {
    let files = files_below(&root().join("tests/alerts"), "yaml");
    assert!(!files.is_empty());
    files
}

/// Every case.
fn cases() -> Vec<Value> {
    let tests = files().into_iter().map(|file| documents(&file).remove(0)["tests"].clone());
    tests.flat_map(|tests| tests.as_array().unwrap().clone()).collect()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn prometheus_accepts_the_rules() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &[root().join(RULES)]).unwrap();
}

#[test]
fn every_alert_fires_and_keeps_silent_as_its_cases_say() {
    promtool(&["test", "rules"], &files()).unwrap();
}

/// A case is about an alert if it asks for it. It is a silent one if it never expects it.
#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_keeps_silent() {
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for case in cases() {
        let mut asked = BTreeMap::<_, bool>::new();
        for check in list(&case, "alert_rule_test") {
            *asked.entry(text(&check["alertname"]).to_owned()).or_default() |= !list(check, "exp_alerts").is_empty();
        }
        for (alert, fires) in asked {
            if fires { &mut firing } else { &mut silent }.insert(alert);
        }
    }
    let alerts: BTreeSet<_> = alerts().into_keys().collect();
    assert_eq!(firing, alerts, "those that fire in a case, and those that there are");
    assert_eq!(silent, alerts, "those that keep silent throughout a case, and those that there are");
}

#[test]
fn every_series_of_the_cases_is_one_that_the_operator_shows() {
    let documented = documented();
    for series in cases().iter().flat_map(|case| list(case, "input_series")).map(|series| text(&series["series"])) {
        let (metric, labels) = names(series).metrics.remove(0);
        let expected = documented.get(&metric).unwrap_or_else(|| panic!("there is no {metric}"));
        let missing: Vec<_> = expected.difference(&labels).collect();
        assert!(missing.is_empty(), "{series} has no {missing:?}");
        assert_eq!(unknown(series, &documented), [""; 0], "{series}");
    }
}

#[test]
fn every_metric_and_label_of_the_rules_is_one_that_the_operator_shows() {
    let documented = documented();
    for (alert, rule) in alerts() {
        let expression = text(&rule["expr"]);
        assert_eq!(unknown(expression, &documented), [""; 0], "{alert}");
        let mentioned: BTreeSet<&str> = rule["annotations"].as_object().unwrap().values().flat_map(mentions).collect();
        let carried = names(expression).labels;
        let lost: Vec<_> = mentioned.into_iter().filter(|label| !carried.contains(*label)).collect();
        assert!(lost.is_empty(), "{alert} tells {lost:?}, which its expression has not kept");
    }
}

/// The labels that an annotation tells.
fn mentions(annotation: &Value) -> impl Iterator<Item = &str> {
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text(annotation).split("$labels.").skip(1).map(move |rest| rest.split(|char| !is_of_name(char)).next().unwrap())
}

#[test]
fn every_alert_says_how_bad_it_is_what_happened_and_where_its_runbook_is() {
    for (alert, rule) in alerts() {
        let severity = text(&rule["labels"]["severity"]);
        assert!(["critical", "warning", "info"].contains(&severity), "{alert}: {severity}");
        for told in ["summary", "description"] {
            assert!(text(&rule["annotations"][told]).ends_with('.'), "{alert}: a {told} is a sentence");
        }
        assert_eq!(text(&rule["annotations"]["runbook"]), format!("docs/runbooks/{alert}.md"));
    }
}

#[test]
fn every_alert_has_its_runbook_and_its_row_and_no_runbook_is_of_another() {
    let alerts = alerts();
    let folder = root().join("docs/runbooks");
    let pages =
        files_below(&folder, "md").into_iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let pages: BTreeSet<_> = pages.filter(|page| page != "README").collect();
    assert_eq!(pages, alerts.keys().cloned().collect());
    let overview = fs::read_to_string(folder.join("README.md")).unwrap();
    for (alert, rule) in &alerts {
        let page = fs::read_to_string(folder.join(format!("{alert}.md"))).unwrap();
        assert_eq!(page.lines().next(), Some(&*format!("# {alert}")));
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, HEADINGS, "{alert}");
        assert!(page.contains("$ kubectl "), "{alert}: what to type");
        let row = format!("| [{alert}]({alert}.md) | {} |", text(&rule["labels"]["severity"]));
        assert!(overview.contains(&row), "docs/runbooks/README.md has no row {row}");
    }
    assert_eq!(overview.matches("| [CloudAccess").count(), alerts.len(), "rows");
}

#[test]
fn every_metric_of_the_runbooks_is_one_that_the_operator_shows() {
    let documented = documented();
    for path in files_below(&root().join("docs/runbooks"), "md") {
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("\n```promql\n").skip(1) {
            let expression = block.split("\n```").next().unwrap();
            assert_eq!(unknown(expression, &documented), [""; 0], "{}", path.display());
        }
        let words = page.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
        for word in words.filter(|word| word.starts_with("cloud_access_")) {
            assert!(documented.contains_key(word), "{}: there is no {word}", path.display());
        }
    }
}

/// What scraping adds is no name of the operator's, but for `namespace`, which is why its labels are to be honoured.
#[test]
fn the_page_says_to_honour_the_label_that_scraping_would_replace() {
    let replaced = documented().into_values().flatten().filter(|label| OF_SCRAPING.contains(&label.as_str()));
    assert_eq!(replaced.collect::<BTreeSet<_>>(), BTreeSet::from(["namespace".to_owned()]));
    assert!(fs::read_to_string(root().join("docs/metrics.md")).unwrap().contains("honor_labels: true"));
}

#[test]
fn a_rule_that_cannot_be_parsed_is_refused() {
    let broken = promql::scratch("broken.yaml", "groups: [{name: x, rules: [{alert: X, expr: sum by (}]}]");
    promtool(&["check", "rules"], &[broken]).unwrap_err();
}
