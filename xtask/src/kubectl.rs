//! kubectl, with one persona's kubeconfig and nothing of the user's own configuration.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::process;
use crate::progress::say;

/// kubectl as one persona.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// Discovery is cached by address, and ports are used again by other clusters.
    cache: PathBuf,
}

impl Kubectl {
    /// kubectl with a kubeconfig.
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf, cache: PathBuf) -> Self {
        Self { program, kubeconfig, cache }
    }

    /// A command to complete.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache);
        command
    }

    /// Runs one command and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        process::capture(&mut self.command(arguments))
    }

    /// Runs one command as a user would see it: the command, then what it prints.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        self.show_as(arguments, arguments)
    }

    /// Runs one command that holds a secret, and shows another in its place.
    pub(crate) fn show_as(&self, shown: &[&str], arguments: &[&str]) -> Result<()> {
        let words: Vec<String> = shown.iter().map(|word| quoted(word)).collect();
        say(format!("    $ kubectl {}", words.join(" ")));
        print_indented(&self.run(arguments)?);
        Ok(())
    }

    /// Applies objects that must be accepted, as a user would see it who has them in a file of this name.
    pub(crate) fn show_apply(&self, file: &str, objects: &[Value]) -> Result<()> {
        say(format!("    $ kubectl apply -f {file}"));
        for object in objects {
            let printed = self.apply(object)?;
            print_indented(&printed.map_err(|refused| Failure::new("the API server refused a sample").why(refused))?);
        }
        Ok(())
    }

    /// Runs a command that prints one JSON document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let answer = self.run(arguments)?;
        serde_json::from_str(&answer)
            .map_err(|error| Failure::new(format!("`kubectl {}` printed no JSON", arguments.join(" "))).why(error))
    }

    /// Applies one manifest given as JSON; the answer is what kubectl printed, or its complaint.
    pub(crate) fn apply(&self, manifest: &Value) -> Result<std::result::Result<String, String>> {
        use std::io::Write as _;
        let failed = |error: std::io::Error| Failure::new("cannot run `kubectl apply`").why(error);
        let mut command = self.command(["apply", "-f", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(manifest.to_string().as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(if output.status.success() { Ok(printed(&output.stdout)) } else { Err(printed(&output.stderr)) })
    }
}

/// Prints what a program printed, a step to the right.
pub(crate) fn print_indented(text: &str) {
    for line in text.trim_end().lines() {
        say(format!("      {line}"));
    }
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
