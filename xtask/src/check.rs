//! `cargo xtask check`: what has to hold before a commit, and what CI looks at first.

use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::generate;
use crate::places::{self, Places, make_directory};
use crate::process::{self, Guard};
use crate::progress::{Stopwatch, human, say};

/// One check: its heading, and a way to find what is wrong.
type Check = (&'static str, fn(&Places) -> Result<()>);

const CHECKS: [Check; 5] = [
    ("Formatting", formatting),
    ("Lints", lints),
    ("Generated files", generated_files),
    ("Dependencies: bans, licences, sources", dependencies),
    ("Dependencies: advisories", advisories),
];

const CARGO_DENY: &str = "0.20.2";

/// Runs all checks, also after one has failed, so that one run tells everything.
pub(crate) fn check(places: &Places) -> Result<()> {
    let watch = Stopwatch::start();
    let mut failed = Vec::new();
    for (heading, check) in CHECKS {
        say(format!("==> {heading}"));
        match check(places) {
            Ok(()) => {}
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => {
                say(format!("    FAILED: {failure}"));
                failed.push(heading);
            }
        }
    }
    if failed.is_empty() {
        say(format!("==> All checks passed in {}", human(watch.elapsed())));
        return Ok(());
    }
    Err(Failure::new(format!("{} of {} checks failed: {}", failed.len(), CHECKS.len(), failed.join("; "))))
}

fn formatting(places: &Places) -> Result<()> {
    let mut cargo = places::cargo();
    cargo.args(["fmt", "--all", "--check"]).current_dir(&places.workspace);
    process::run("`cargo fmt --check`", &mut cargo).map_err(|failure| failure.advice("run `cargo fmt --all`"))
}

fn lints(places: &Places) -> Result<()> {
    let mut cargo = places::cargo();
    cargo.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    process::run("`cargo clippy`", cargo.current_dir(&places.workspace))
}

fn generated_files(places: &Places) -> Result<()> {
    let stale = generate::stale(places)?;
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not what they are made from: {}", stale.join(", ")))
        .advice("run `cargo xtask generate` and commit what it writes"))
}

fn dependencies(places: &Places) -> Result<()> {
    deny(places, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
}

/// The database of known vulnerabilities is a Git repository, which not every machine can reach.
fn advisories(places: &Places) -> Result<()> {
    let mut fetch = std::process::Command::new(cargo_deny(places)?);
    fetch.args(["fetch", "db"]).current_dir(&places.workspace);
    match process::capture(&mut fetch) {
        Ok(_) => deny(places, &["check", "--disable-fetch", "advisories"]),
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(_) => {
            say("    NOT CHECKED: the database of known vulnerabilities cannot be reached from this machine.");
            say("    Run `cargo xtask check` where it can; nothing else depends on it.");
            Ok(())
        }
    }
}

fn deny(places: &Places, arguments: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new(cargo_deny(places)?);
    command.args(["--log-level", "error"]).args(arguments).current_dir(&places.workspace);
    let advice = "correct the dependency, or add an exception with its reason to deny.toml";
    process::run("`cargo deny`", &mut command).map_err(|failure| failure.advice(advice))
}

/// cargo-deny, from the `PATH` or the cache; installed there when missing.
fn cargo_deny(places: &Places) -> Result<PathBuf> {
    if let Some(found) = places::on_path("cargo-deny") {
        return Ok(found);
    }
    let tools = places.cache.join("tools");
    let installed = tools.join("bin").join("cargo-deny");
    if places::is_executable(&installed) {
        return Ok(installed);
    }
    say(format!(
        "    cargo-deny is missing: installing {CARGO_DENY} into the cache, about 2 minutes on two cores, only once"
    ));
    make_directory(&tools)?;
    // A debug build compiles in a third of the time, and checks a second slower.
    let mut install = places::cargo();
    install
        .args(["install", "cargo-deny", "--debug", "--locked", "--version", CARGO_DENY, "--root"])
        .arg(&tools)
        .env("CARGO_PROFILE_DEV_DEBUG", "false");
    let watch = Stopwatch::start();
    process::Daemon::start(&Guard::start()?, "install-cargo-deny", install, &tools)?
        .finish("building cargo-deny")
        .map_err(|failure| failure.advice("install it by hand: `cargo install cargo-deny --locked`"))?;
    say(format!("    cargo-deny built in {}", human(watch.elapsed())));
    Ok(installed)
}
