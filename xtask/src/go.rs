//! Builds Go programs from modules of this repository, which pin everything with checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::places::{self, cannot};
use crate::process::{self, Daemon, Guard};
use crate::progress::{Stopwatch, human, say};

/// One program to build.
pub(crate) struct Recipe {
    /// What it is called, once it is built.
    pub(crate) program: &'static str,
    /// Which version, as the user should read it, such as `v1.2.3`; a program of our own has none.
    pub(crate) version: String,
    /// The directory of the Go module.
    pub(crate) module: PathBuf,
    /// The package in it, or in what it requires.
    pub(crate) package: String,
    /// More for the linker than what makes the program small.
    pub(crate) linker_flags: String,
    /// On two idle cores, with nothing downloaded.
    pub(crate) takes: &'static str,
    /// What to do without Go.
    pub(crate) without_go: &'static str,
}

impl Recipe {
    /// Builds the program; it appears there whole or not at all. `root` is in the same file system, for what is not whole yet.
    pub(crate) fn build(&self, guard: &Guard, root: &Path, installed: &Path) -> Result<()> {
        self.check_go()?;
        let Self { program, version, takes, .. } = self;
        let what = format!("{program} {version}");
        say(format!(
            "==> Building {} from the Go module proxy: about {takes} on two cores, only once",
            what.trim_end()
        ));
        let partial = root.join(format!("partial-{program}"));
        let watch = Stopwatch::start();
        let daemon = Daemon::start(guard, &format!("build-{program}"), self.command(&partial), root)?;
        let log = daemon.log().to_path_buf();
        daemon.finish(&format!("building {program}")).map_err(|failure| self.explain(failure, &log))?;
        fs::rename(&partial, installed).map_err(|error| cannot("install", installed, error))?;
        say(format!("    {program} built in {}", human(watch.elapsed())));
        Ok(())
    }

    fn command(&self, output: &Path) -> Command {
        let linker_flags = format!("-s -w{}", self.linker_flags);
        let mut go = Command::new("go");
        go.arg("build").arg("-C").arg(&self.module);
        go.args(["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &linker_flags, "-o"]);
        go.arg(output).arg(&self.package);
        // No C compiler needed; a user's Go workspace or flags do not change what is built.
        go.env("CGO_ENABLED", "0").env("GOWORK", "off").env("GOFLAGS", "");
        go
    }

    fn check_go(&self) -> Result<()> {
        if places::on_path("go").is_some() {
            return process::capture(Command::new("go").arg("version")).map(drop);
        }
        let what = format!("{} must be built, and there is no Go to build it with", self.program);
        let advice = format!("install Go 1.26 or newer (https://go.dev/doc/install){}", self.without_go);
        Err(Failure::new(what).advice(advice))
    }

    fn explain(&self, failure: Failure, log: &Path) -> Failure {
        let advice = format!(
            "if it says that the Go version is too old, install Go 1.26 or newer; if modules cannot be downloaded, \
             check `go env GOPROXY`{}. The whole log: {}",
            self.without_go,
            log.display()
        );
        failure.advice(advice)
    }
}

/// The pinned version of a module, as its own line of a `go.mod` has it.
pub(crate) fn pinned<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    let line = go_mod.lines().find_map(|line| line.strip_prefix("require ")?.strip_prefix(module)?.strip_prefix(' '));
    line.map(str::trim)
}

/// This machine as Go names it.
pub(crate) fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{processor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_the_line_of_its_module_and_no_other() {
        let go_mod =
            "go 1.26.0\n\nrequire example.org/tool/v3 v3.1.0\n\nrequire (\n\texample.org/tool v0.9.0 // indirect\n)\n";
        assert_eq!(pinned(go_mod, "example.org/tool/v3"), Some("v3.1.0"));
        assert_eq!(pinned(go_mod, "example.org/tool"), None);
    }
}
