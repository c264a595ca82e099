//! Code, scenarios and `docs/troubleshooting.md` name the same outcomes, with the same words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cloud_access_operator::plan::{Class, Outcome};

use crate::docs::{files_below, root};
use crate::scenarios::all_scripts;

/// The chapters of outcomes, each with what it means for whoever waits.
const CHAPTERS: [(&str, Class); 4] = [
    ("Ready", Class::Ready),
    ("Waiting", Class::Waiting),
    ("Waiting, then stalled", Class::WaitingThenStalled),
    ("Stalled", Class::Stalled),
];

fn page() -> String {
    fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap()
}

/// What follows each heading of a level, by heading.
fn parts<'a>(text: &'a str, mark: &str) -> Vec<(&'a str, &'a str)> {
    let mark = format!("\n{mark} ");
    let parts = text.split(&mark).skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).collect()
}

/// The rows of the tables that begin with this column, by cell.
pub fn rows<'a>(text: &'a str, column: &str) -> Vec<Vec<&'a str>> {
    let head = format!("| {column} |");
    let tables = text.split(&head).skip(1).map(|table| table.split("\n\n").next().unwrap());
    let lines = tables.flat_map(|table| table.lines().skip(2));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands in backticks.
pub fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The outcomes that the page tells of, each with its class and the messages that it quotes.
fn told() -> Vec<(String, Class, Vec<String>)> {
    let page = page();
    let chapters = parts(&page, "##").into_iter().filter_map(|(heading, text)| {
        let (_, class) = CHAPTERS.into_iter().find(|(chapter, _)| *chapter == heading)?;
        Some((class, text))
    });
    let outcomes = chapters.flat_map(|(class, text)| parts(text, "###").into_iter().map(move |it| (class, it)));
    let told = outcomes.map(|(class, (reason, text))| {
        let messages = rows(text, "message").into_iter().flat_map(|row| quoted(row[0]).map(str::to_owned));
        (reason.to_owned(), class, messages.collect())
    });
    told.collect()
}

/// The messages that scenarios expect, by the outcome that they expect with them.
fn expected() -> BTreeMap<String, BTreeSet<String>> {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in all_scripts().iter().flat_map(|script| &script.steps) {
        let Some((fields, message)) = step.rest.split_once("message~") else { continue };
        let reason = fields.split_whitespace().find_map(|field| field.strip_prefix("reason="));
        let is_of_object = step.words[0] == "expect" && step.words[1] != "account";
        if let Some(reason) = reason.filter(|_| is_of_object) {
            expected.entry(reason.to_owned()).or_default().insert(message.to_owned());
        }
    }
    expected
}

/// The message says what was quoted; `…` stands for anything.
fn says(message: &str, quoted: &str) -> bool {
    let mut rest = message;
    quoted.trim_matches('…').trim().split('…').all(|words| {
        let found = rest.split_once(words);
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

#[test]
fn the_page_tells_of_every_outcome_in_its_class_and_of_no_other() {
    let told: Vec<_> = told().into_iter().map(|(reason, class, _)| (reason, class)).collect();
    let known = CHAPTERS.iter().flat_map(|(_, class)| Outcome::ALL.into_iter().filter(|it| it.class() == *class));
    let known: Vec<_> = known.map(|outcome| (outcome.reason().to_owned(), outcome.class())).collect();
    assert_eq!(told, known);
}

#[test]
fn every_outcome_is_reached_in_a_scenario_that_expects_its_message() {
    let known: BTreeSet<_> = Outcome::ALL.into_iter().map(|outcome| outcome.reason().to_owned()).collect();
    assert_eq!(expected().into_keys().collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_message_that_the_page_quotes_is_expected_in_a_scenario() {
    let expected = expected();
    for (reason, _, messages) in told() {
        assert!(!messages.is_empty(), "no message of {reason} is quoted");
        let of_scenarios = expected.get(&reason).cloned().unwrap_or_default();
        for quoted in messages {
            let is_expected = of_scenarios.iter().any(|message| says(message, &quoted));
            assert!(is_expected, "{reason}: no scenario expects `{quoted}`, but: {of_scenarios:#?}");
        }
    }
}

/// The codes that a vendor's table in the source knows, each with the reaction's name.
fn codes(path: &str) -> BTreeSet<(String, String)> {
    let source = fs::read_to_string(root().join(path)).unwrap();
    let code = source.split("#[cfg(test)]").next().unwrap();
    let constants = code.lines().filter_map(|line| line.strip_prefix("const ")?.split_once(": &str = "));
    let constants: BTreeMap<_, _> = constants.map(|(name, value)| (name, value.trim_end_matches(';'))).collect();
    // Every entry is `(code, Reaction::Name, meaning)`.
    let plain: String = code.split_whitespace().collect();
    let entries: Vec<_> = plain.split("Reaction::").collect();
    let entries = entries.windows(2).filter_map(|pair| {
        let code = pair[0].rsplit('(').next().unwrap().strip_suffix(',')?;
        let code = constants.get(code).copied().unwrap_or(code);
        Some((code.trim_matches('"').to_owned(), pair[1].split_once(',')?.0.to_owned()))
    });
    entries.collect()
}

#[test]
fn the_page_lists_every_code_that_is_known_with_the_outcome_that_it_leads_to() {
    let known: BTreeSet<_> = ["src/clouds/huawei/classify.rs", "src/clouds/alibaba/classify.rs"]
        .into_iter()
        .flat_map(codes)
        .map(|(code, reaction)| {
            (code, if reaction == "Unavailable" { "CloudUnavailable".to_owned() } else { reaction })
        })
        .collect();
    assert!(known.len() > 50, "the tables in the source are read: {known:?}");
    let plain = |cell: &str| cell.trim_matches('`').trim_end_matches('…').to_owned();
    let told: BTreeSet<_> = rows(&page(), "code").iter().map(|row| (plain(row[0]), plain(row[1]))).collect();
    assert_eq!(told, known);
    for (_, reason) in told {
        assert!(Outcome::from_reason(&reason).is_some(), "there is no reason {reason}");
    }
}

#[test]
fn every_phrase_that_the_page_explains_is_in_the_source() {
    let sources = files_below(&root().join("src"), "rs").into_iter().map(|path| fs::read_to_string(path).unwrap());
    let sources = sources.collect::<String>();
    let page = page();
    let phrases: Vec<_> = rows(&page, "phrase").into_iter().flat_map(|row| quoted(row[0])).collect();
    assert!(!phrases.is_empty());
    for phrase in phrases {
        assert!(sources.contains(phrase), "nothing says `{phrase}`");
    }
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|it| it.is_alphanumeric() || "-_ ".contains(*it))
        .map(|it| if it == ' ' { '-' } else { it })
        .collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let pages = files_below(&root().join("docs"), "md").into_iter().chain(["README.md"].map(|name| root().join(name)));
    for from in pages {
        let text = fs::read_to_string(&from).unwrap();
        let links = text.split("](").skip(1).filter_map(|link| link.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { from.clone() } else { from.parent().unwrap().join(path) };
            assert!(to.exists(), "{}: {link}", from.display());
            let found = heading.is_empty() || {
                let text = fs::read_to_string(&to).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings.into_iter().any(|line| anchor(line.trim_start_matches('#').trim()) == heading)
            };
            assert!(found, "{}: {link}", from.display());
        }
    }
}
