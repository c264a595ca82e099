//! Plants faults in the rule, one at a time, and sees to it that each is caught.
//!
//! A fault is a replacement in the source text of `src/plan`. It must fit exactly once, spaces and comments aside, so
//! that a rule that changed takes its faults along or fails here. Each mutated copy is compiled, together with the
//! exploration and the examples, by `rustc` alone: both use nothing but the standard library. So the code that ships
//! has no hooks for faults, and the exploration runs against a rule that really is wrong. The exploration stops at the
//! first promise that is broken, and it must be the one named here; faults that break no promise, but a rule told by
//! example, are caught by that example.

mod faults;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use self::faults::{By, Edit, FAULTS, Fault, fault};

/// The program around a mutated rule: explores, says which promise was broken and fails; or runs the examples.
const PROGRAM: &str = r#"
    pub mod plan;
    #[path = "EXPLORE"] mod explore;
    #[cfg(test)] #[path = "EXAMPLES"] mod examples;
    fn main() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let reach = if arguments[0] == "wide" { explore::Reach::Wide } else { explore::Reach::Core };
        let budget = explore::Budget::parse(&arguments[1]);
        let additive = explore::configs(reach, false).filter(|_| arguments[2] != "exclusive");
        for config in additive.chain(explore::configs(reach, true)) {
            if let Err(violation) = explore::explore(config, budget) {
                eprintln!("{config:?}\n{violation}");
                std::process::exit(1);
            }
        }
    }
"#;

#[test]
fn every_planted_fault_is_caught_and_the_rule_itself_is_not() {
    let sound = fault("no fault", &[], By::Core("2 1 1", ""));
    let work = Mutex::new(FAULTS.iter().chain([&sound]).enumerate());
    let failures = Mutex::new(String::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = work.lock().ok().and_then(|mut work| work.next());
                    let Some((number, fault)) = next else { break };
                    if let (Err(failure), Ok(mut failures)) = (try_fault(number, fault), failures.lock()) {
                        let _ = writeln!(failures, "{}: {failure}", fault.name);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    assert!(failures.is_empty(), "{failures}");
}

/// Plants one fault and runs what must catch it.
fn try_fault(number: usize, fault: &Fault) -> Result<(), String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants").join(number.to_string());
    write_mutant(&dir, fault.edits)?;
    let kinds = if fault.name.starts_with("exclusive: ") { "exclusive" } else { "all" };
    let (test, arguments, words) = match fault.by {
        By::Core(budget, words) => (false, vec!["core", budget, kinds], format!("VIOLATION: {words}\n")),
        By::Wide(budget, words) => (false, vec!["wide", budget, kinds], format!("VIOLATION: {words}\n")),
        By::Example(name) => (true, vec![], format!("test examples::{name} ... FAILED\n")),
    };
    let program = compile(&dir, test)?;
    let output = run(Command::new(program).args(arguments))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if fault.edits.is_empty() {
        return if output.status.success() { Ok(()) } else { Err(said) };
    }
    if output.status.success() {
        return Err("survived".to_owned());
    }
    if said.contains(&words) { Ok(()) } else { Err(format!("expected {words}but was {said}")) }
}

fn write_mutant(dir: &Path, edits: &[Edit]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fail = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir.join("plan")).map_err(fail)?;
    let path = |path: &str| root.join(path).display().to_string();
    let program = PROGRAM.replace("EXPLORE", &path("tests/plan/explore/mod.rs"));
    let program = program.replace("EXAMPLES", &path("tests/plan/examples/mod.rs"));
    std::fs::write(dir.join("main.rs"), program).map_err(fail)?;
    let mut left = edits.len();
    for entry in std::fs::read_dir(root.join("src/plan")).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let mut source = std::fs::read_to_string(&path).map_err(fail)?;
        for (_, from, to) in edits.iter().filter(|(file, ..)| path.ends_with(file)) {
            source = replace_once(&source, from, to)?;
            left -= 1;
        }
        std::fs::write(dir.join("plan").join(path.file_name().unwrap_or_default()), source).map_err(fail)?;
    }
    if left == 0 { Ok(()) } else { Err("names a file that is not there".to_owned()) }
}

/// Replaces what must be there exactly once, whichever way it is wrapped.
fn replace_once(source: &str, from: &str, to: &str) -> Result<String, String> {
    let code = squeeze(source);
    let from: Vec<char> = squeeze(from).into_iter().map(|(_, character)| character).collect();
    let fits =
        |at: &usize| code[*at..].iter().map(|&(_, character)| character).take(from.len()).eq(from.iter().copied());
    let found: Vec<usize> = (0..code.len()).filter(fits).collect();
    let [found] = found[..] else {
        let from: String = from.into_iter().collect();
        return Err(format!("`{from}` is there {} times", found.len()));
    };
    let ((start, _), (last, character)) = (code[found], code[found + from.len() - 1]);
    Ok(format!("{}{to}{}", &source[..start], &source[last + character.len_utf8()..]))
}

/// Code without comments, spaces and the commas that come with wrapping, each character with its place.
fn squeeze(source: &str) -> Vec<(usize, char)> {
    let mut code: Vec<(usize, char)> = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let commented = line.trim_start().starts_with("//");
        let characters = line.char_indices().filter(|(_, c)| !c.is_whitespace() && !commented);
        for (offset, character) in characters {
            if matches!(character, ')' | ']' | '}') && code.last().is_some_and(|&(_, last)| last == ',') {
                code.pop();
            }
            code.push((at + offset, character));
        }
        at += line.len();
    }
    code
}

fn compile(dir: &Path, test: bool) -> Result<PathBuf, String> {
    let program = dir.join("mutant");
    let mut rustc = Command::new(option_env!("RUSTC").unwrap_or("rustc"));
    // Optimised, a copy takes five times as long to compile as it then takes to find its fault.
    rustc.args(["--edition=2024", "-Copt-level=0", "--cap-lints=allow"]);
    rustc.arg("-o").arg(&program).arg(dir.join("main.rs"));
    if test {
        rustc.arg("--test");
    }
    let output = run(rustc.current_dir(env!("CARGO_MANIFEST_DIR")))?;
    if output.status.success() { Ok(program) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn run(command: &mut Command) -> Result<std::process::Output, String> {
    command.output().map_err(|error| format!("{command:?}: {error}"))
}
