//! `docs/benchmarks.md`: prose from here, figures from the results, findings from a page that people write.

use std::fmt::Write as _;

use crate::results::{Case, Results, Row};
use crate::scenarios::SCENARIOS;

const HEAD: &str = include_str!("head.md");

/// The page. `findings` is what people have to say about it.
#[must_use]
pub fn render(results: &Results, findings: &str) -> String {
    let mut page = HEAD.to_owned();
    if !findings.is_empty() {
        let _ = write!(page, "\n## What misses its figure\n\n{}", findings.trim_start());
    }
    for scenario in SCENARIOS {
        let _ = write!(page, "\n## {}\n\n`--only {}`. {}", scenario.title, scenario.name, scenario.about);
        match results.0.get(scenario.name) {
            Some(cases) => page += &tables(cases.iter()),
            None => page += "\nNot measured yet.\n",
        }
    }
    page
}

/// A table for each commit, machine and day that rows are of.
fn tables<'a>(cases: impl Iterator<Item = (&'a String, &'a Case)>) -> String {
    let mut groups: Vec<(&Case, Vec<(&String, &Row)>)> = Vec::new();
    for (name, case) in cases {
        let rows = case.rows.iter().map(|row| (name, row));
        match groups.iter_mut().find(|(first, _)| first.circumstances == case.circumstances) {
            Some((_, all)) => all.extend(rows),
            None => groups.push((case, rows.collect())),
        }
    }
    let mut text = String::new();
    for (case, rows) in groups {
        let at = &case.circumstances;
        let _ = write!(text, "\nCommit {}, {}, {}.\n\n", at.commit, at.machine, at.date);
        text += "| case | measure | figure | bound | |\n| --- | --- | --- | --- | --- |\n";
        for (name, row) in rows {
            text += &line(name, row);
        }
    }
    text
}

/// One row of a table.
#[must_use]
pub fn line(case: &str, row: &Row) -> String {
    let met = row.met.map_or("", |met| if met { "met" } else { "**missed**" });
    format!("| {case} | {} | {} | {} | {met} |\n", row.measure, row.figure, row.bound.as_deref().unwrap_or(""))
}
