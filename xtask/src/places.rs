//! Where things are: the workspace, its build directory, the user's cache, the programs on the `PATH`.
#![expect(clippy::disallowed_methods, reason = "the one place of xtask that reads the environment")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::process;
use crate::progress::say;

/// The directories that commands work in.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The checkout.
    pub(crate) workspace: PathBuf,
    /// Cargo's build directory.
    pub(crate) target: PathBuf,
    /// What outlives the checkout: control plane binaries, tools.
    pub(crate) cache: PathBuf,
}

impl Places {
    /// Asks cargo and the environment.
    pub(crate) fn find() -> Result<Self> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
        let answer = process::capture(&mut metadata)?;
        let parsed: Value = serde_json::from_str(&answer)
            .map_err(|error| Failure::new("cannot read what `cargo metadata` printed").why(error))?;
        let directory = |key: &str| match parsed.get(key).and_then(Value::as_str) {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(Failure::new(format!("`cargo metadata` printed no {key}"))),
        };
        Ok(Self {
            workspace: directory("workspace_root")?,
            target: directory("target_directory")?,
            cache: user_cache()?.join("cloud-access-operator"),
        })
    }

    /// A program that `cargo build` made.
    pub(crate) fn built(&self, program: &str) -> PathBuf {
        self.target.join("debug").join(program)
    }
}

/// The cargo that runs this command, as the user would start it.
///
/// What `cargo run` told xtask about its own package is kept from it: ring's build script watches these variables, so
/// that half of the dependencies would be compiled again at each change between `cargo xtask` and plain cargo.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let about_xtask = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name.to_str().is_some_and(|name| about_xtask.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The directory of control plane binaries that the user names.
pub(crate) fn kubebuilder_assets() -> Option<PathBuf> {
    env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// What the operator logs: what the user asks for, or a line per event.
pub(crate) fn log_filter() -> OsString {
    env::var_os("RUST_LOG").unwrap_or_else(|| "info".into())
}

/// The hosts that bypass the user's proxy, with this machine added: simulator and API server are here.
pub(crate) fn no_proxy() -> String {
    let users = env::var("NO_PROXY").or_else(|_| env::var("no_proxy")).unwrap_or_default();
    if users.is_empty() { "127.0.0.1,localhost".into() } else { format!("{users},127.0.0.1,localhost") }
}

/// A program on the `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| is_executable(candidate))
}

/// Whether a file can be run.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Makes a directory with its parents.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| cannot("make the directory", path, error))
}

/// Makes a directory that is empty, whatever was there.
pub(crate) fn make_empty_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("empty", path, error)),
        Err(_) | Ok(()) => make_directory(path),
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| cannot("write", path, error))
}

/// One download or build in a cache at a time, whichever checkouts ask for it, for as long as the answer lives.
pub(crate) fn lock(cache: &Path, what: &str) -> Result<fs::File> {
    let path = cache.join("lock");
    let failed = |error: std::io::Error| cannot("lock", &path, error);
    let file = fs::File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        say(format!("==> Another command is obtaining {what}, waiting for that one"));
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// A failure about a file.
pub(crate) fn cannot(verb: &str, path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("cannot {verb} {}", path.display())).why(error)
}

fn user_cache() -> Result<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| env::home_dir().map(|home| home.join(".cache"))).ok_or_else(|| {
        Failure::new("there is no place for downloaded and built programs")
            .why("neither HOME nor XDG_CACHE_HOME is set")
            .advice("set XDG_CACHE_HOME to a directory that may be written")
    })
}
