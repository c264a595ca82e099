//! What an expression of Prometheus names, and what there is by `docs/metrics.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::manifests::root;
use crate::tools::tool;

/// What scraping adds to every series that does not have it.
pub const OF_SCRAPING: [&str; 3] = ["instance", "job", "namespace"];

/// Before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Neither metrics nor functions; and functions that need no parenthesis behind them.
const WORDS: [&str; 13] =
    ["and", "or", "unless", "offset", "bool", "inf", "nan", "sum", "min", "max", "avg", "count", "topk"];

/// Names of series, each with its labels.
pub type Series = BTreeMap<String, BTreeSet<String>>;

/// All that the operator shows, by the tables of `docs/metrics.md`.
pub fn documented() -> Series {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let mut series = Series::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (metric, told) = row.split_once('`').unwrap();
        let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
        let labels = labels.trim_end_matches('}').split(", ").filter(|label| !label.is_empty());
        let labels: BTreeSet<String> = labels.map(ToOwned::to_owned).collect();
        if told.starts_with(" | A histogram:") {
            let with_bounds = labels.iter().cloned().chain(["le".to_owned()]).collect();
            series.insert(format!("{name}_bucket"), with_bounds);
            series.insert(format!("{name}_sum"), labels.clone());
            series.insert(format!("{name}_count"), labels);
        } else {
            series.insert(name.to_owned(), labels);
        }
    }
    assert!(series.len() > 10, "the tables are found");
    series
}

/// Names and brackets, without strings, numbers and spans of time.
fn tokens(expression: &str) -> Vec<String> {
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => rest[1..].find('"').unwrap() + 2,
            '[' => rest.find(']').unwrap() + 1,
            _ if is_of_name(first) => rest.find(|char| !is_of_name(char)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let token = &rest[..end];
        if first.is_ascii_alphabetic() || first == '_' || matches!(first, '(' | ')' | '{' | '}') {
            tokens.push(token.to_owned());
        }
        rest = &rest[end..];
    }
    tokens
}

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Metrics, each with the labels that its selector names.
    pub metrics: Vec<(String, BTreeSet<String>)>,
    /// Labels by which is grouped or joined.
    pub labels: BTreeSet<String>,
}

pub fn names(expression: &str) -> Names {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let is_next = |bracket: &str| tokens.get(at).is_some_and(|next| next == bracket);
        let listed = |end: &str| tokens[at + 1..].iter().take_while(|token| *token != end).cloned().collect::<Vec<_>>();
        if token.len() == 1 && "(){}".contains(token.as_str()) {
            continue;
        }
        if LISTS.contains(&token.as_str()) {
            let labels = listed(")");
            at += labels.len() + 1;
            names.labels.extend(labels);
        } else if !WORDS.contains(&token.as_str()) && !is_next("(") {
            let selected = if is_next("{") { listed("}") } else { Vec::new() };
            at += selected.len() + usize::from(is_next("{"));
            names.metrics.push((token.clone(), selected.into_iter().collect()));
        }
    }
    names
}

/// What an expression names and there is not.
pub fn unknown(expression: &str, documented: &Series) -> Vec<String> {
    let names = names(expression);
    let mut known: BTreeSet<&str> = OF_SCRAPING.into();
    let mut unknown = Vec::new();
    for (metric, selected) in &names.metrics {
        let Some(labels) = documented.get(metric) else {
            unknown.push(metric.clone());
            continue;
        };
        known.extend(labels.iter().map(String::as_str));
        let is_known = |label: &&String| labels.contains(*label) || OF_SCRAPING.contains(&label.as_str());
        unknown.extend(selected.iter().filter(|label| !is_known(label)).map(|label| format!("{metric}{{{label}}}")));
    }
    unknown.extend(names.labels.into_iter().filter(|label| !known.contains(label.as_str())));
    unknown
}

/// What the Prometheus project's own tool says.
pub fn promtool(arguments: &[&str], files: &[PathBuf]) -> Result<(), String> {
    let output = Command::new(tool("promtool")).args(arguments).args(files).output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(()) } else { Err(told(&output.stdout) + &told(&output.stderr)) }
}

/// A file for this run of the tests.
pub fn scratch(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn what_there_is_not_is_found_and_what_there_is_passes() {
    let documented = documented();
    for expression in [
        "cloud_access_leader",
        r#"sum by (job, vendor, le) (rate(cloud_access_call_wait_seconds_bucket{class="revocation"}[10m])) > 5"#,
        r#"max by (job, kind) (cloud_access_claims{stalled="true"}) and on (job) sum by (job) (cloud_access_leader offset 1d)"#,
    ] {
        assert_eq!(unknown(expression, &documented), [""; 0], "{expression}");
    }
    for (expression, expected) in [
        ("cloud_access_nothing > 0", "cloud_access_nothing"),
        ("up", "up"),
        ("rate(cloud_access_call_wait_seconds[5m])", "cloud_access_call_wait_seconds"),
        (r#"cloud_access_leader{kind="queuegrant"}"#, "cloud_access_leader{kind}"),
        ("sum by (service) (cloud_access_leader)", "service"),
        ("sum(cloud_access_leader) by (job) and on (kind) cloud_access_leader", "kind"),
    ] {
        assert_eq!(unknown(expression, &documented), [expected], "{expression}");
    }
}
