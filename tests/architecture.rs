//! Who may use whom: the layout that keeps decisions pure, vendors out of the engine, and a kind to one file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or a file, and what must not be named in its code.
struct Rule {
    place: &'static str,
    forbidden: &'static [&'static str],
}

/// Words are matched whole and in any case, outside of comments.
const RULES: &[Rule] = &[
    Rule {
        place: "src/plan",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "tokio",
            "reqwest",
            "tracing",
            "futures",
            "serde",
            "crate::api",
            "crate::clouds",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
            "crate::clock",
        ],
    },
    Rule {
        place: "src/api",
        forbidden: &[
            "tokio",
            "reqwest",
            "crate::clouds",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
        ],
    },
    Rule {
        place: "src/clouds",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "crate::plan",
            "crate::api",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
        ],
    },
    Rule {
        place: "src/engine",
        forbidden: &[
            "reqwest",
            "hyper",
            "prometheus_client",
            "crate::kinds",
            "crate::app",
            "crate::config",
            "crate::server",
            "huawei",
            "dli",
            "iam",
            "dws",
            "dataarts",
            "dayu",
            "alibaba",
            "ehpc",
            "QueueGrant",
        ],
    },
    Rule { place: "src/kinds", forbidden: &["tokio", "reqwest", "k8s_openapi", "crate::app", "crate::config"] },
    Rule {
        place: "src/lease",
        forbidden: &[
            "reqwest",
            "hyper",
            "crate::plan",
            "crate::api",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
        ],
    },
    Rule {
        place: "src/api_server.rs",
        forbidden: &[
            "reqwest",
            "crate::plan",
            "crate::api",
            "crate::clouds",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
        ],
    },
    Rule {
        place: "src/metrics",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "tokio",
            "hyper",
            "crate::api",
            "crate::clouds",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
            "crate::server",
        ],
    },
    Rule {
        place: "src/server.rs",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "reqwest",
            "crate::api",
            "crate::clouds",
            "crate::engine",
            "crate::kinds",
            "crate::app",
            "crate::config",
        ],
    },
    Rule { place: "simulator/src", forbidden: &["cloud_access_operator", "path"] },
];

/// A file that is longer is two files.
const LONGEST_FILE: usize = 400;

/// A kind is data and a few short functions: one that is longer does what the engine or a client should do.
const LONGEST_KIND: usize = 250;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a line: comments and doc comments left out.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn names(code: &str, word: &str) -> bool {
    let (code, word) = (code.to_lowercase(), word.to_lowercase());
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    code.match_indices(&word).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(is_part)
            && !code[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

/// What a file names and must not, as `file:line: word`.
fn offences(rule: &Rule) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files(&root().join(rule.place)) {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let named = rule.forbidden.iter().filter(|word| match **word {
                // An attribute, not the word.
                "path" => code(line).trim_start().starts_with("#[path"),
                word => names(code(line), word),
            });
            let place = file.strip_prefix(root()).unwrap().display();
            found.extend(named.map(|word| format!("{place}:{}: {word}", number + 1)));
        }
    }
    found
}

#[test]
fn no_module_uses_what_it_must_not() {
    let found: Vec<_> = RULES.iter().flat_map(offences).collect();
    assert!(found.is_empty(), "see the table of modules in ARCHITECTURE.md:\n{}", found.join("\n"));
}

#[test]
fn the_simulator_depends_on_nothing_of_the_operator() {
    let manifest = fs::read_to_string(root().join("simulator/Cargo.toml")).unwrap();
    assert!(!manifest.contains("cloud-access-operator") && !manifest.contains("path ="), "{manifest}");
}

/// What the rule may use: itself, and std. (The planted faults of `tests/plan/` are compiled with nothing else, too.)
#[test]
fn the_rule_uses_nothing_but_std() {
    for file in rust_files(&root().join("src/plan")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(code) {
            let line = line.trim().trim_start_matches("pub ").trim_start_matches("pub(super) ");
            let Some(path) = line.strip_prefix("use ") else { continue };
            let from = path.split("::").next().unwrap_or_default();
            let own = rust_files(&root().join("src/plan")).iter().any(|file| file.file_stem().unwrap() == from);
            assert!(own || matches!(from, "std" | "super" | "self"), "{}: {line}", file.display());
        }
    }
}

#[test]
fn kinds_use_of_kube_only_the_derives() {
    for file in rust_files(&root().join("src/kinds")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(code).filter(|line| names(line, "kube") && !line.contains("#[kube(")) {
            assert_eq!(line.trim(), "use kube::{CustomResource, KubeSchema};", "{}", file.display());
        }
    }
}

#[test]
fn every_file_is_short_and_says_first_what_it_is_for() {
    let folders =
        ["src", "bench", "benches", "simulator", "xtask", "tests"].map(|folder| rust_files(&root().join(folder)));
    for file in folders.iter().flatten() {
        let text = fs::read_to_string(file).unwrap();
        let place = file.strip_prefix(root()).unwrap().display();
        assert!(text.lines().count() <= LONGEST_FILE, "{place} is longer than {LONGEST_FILE} lines: split it");
        assert!(text.starts_with("//! "), "{place} does not say in its first line what it is for");
    }
}

#[test]
fn a_kind_is_one_short_file() {
    for file in rust_files(&root().join("src/kinds")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST_KIND, "{} has {lines} lines, more than {LONGEST_KIND}", file.display());
    }
}

#[test]
fn a_word_is_found_whole_and_outside_of_comments() {
    assert!(names(code("use kube::Api; // tokio"), "kube"));
    assert!(!names(code("let kubernetes = 1; // kube"), "kube"));
    assert!(!names(code("use k8s_openapi::api;"), "openapi"));
    assert!(names(code("    Account::Huawei(session)"), "huawei"));
}
