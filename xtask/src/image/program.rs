//! The binary that the image ships: built by the Dockerfile's command, and looked at from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use object::elf::{DT_NEEDED, PT_INTERP};
use object::read::elf::{Dyn as _, ElfFile64, ProgramHeader as _};
use serde_json::json;

use super::context;
use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_empty_directory};
use crate::process;
use crate::progress::{Stopwatch, human, say};

/// How the allocator is told to work; it is compiled in.
const ALLOCATOR: &str = "JEMALLOC_SYS_WITH_MALLOC_CONF";

const STARTS: usize = 9;
/// What the median of the starts may take, on a machine that has other work.
const START_LIMIT: Duration = Duration::from_secs(1);

/// Builds it from these files of the workspace, and no others.
pub(super) fn build(places: &Places, visible: &[String]) -> Result<PathBuf> {
    let source = places.target.join("image").join("context");
    context::stage(&places.workspace, visible, &source)?;
    let target = places.target.join("image").join("target");
    let mut cargo = places::cargo();
    cargo.arg("image-binary").current_dir(&source).env("CARGO_TARGET_DIR", &target);
    process::run("building the image's binary", &mut cargo)?;
    let host = process::capture(Command::new("rustc").args(["--print", "host-tuple"]).current_dir(&places.workspace))?;
    Ok(target.join(host.trim()).join("release").join("cloud-access-operator"))
}

/// Fails unless it needs no other file, says its version, and starts at once where it cannot write; `directory` is for that.
pub(super) fn check(program: &Path, directory: &Path) -> Result<()> {
    let content = fs::read(program).map_err(|error| cannot("read", program, error))?;
    is_static(&content)?;
    let size = fs::metadata(program).map_err(|error| cannot("read", program, error))?.len();
    say(format!("    ok: static, {:.1} MiB", mebibytes(size)));
    has_its_allocator(&content)?;

    let (read_only, kubeconfig) = (directory.join("read-only"), directory.join("nowhere.kubeconfig"));
    make_empty_directory(&read_only)?;
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555))
        .map_err(|error| cannot("protect", &read_only, error))?;
    let version = process::capture(Command::new(program).arg("--version").current_dir(&read_only))?;
    let expected = concat!("cloud-access-operator ", env!("CARGO_PKG_VERSION"));
    if version.trim() != expected {
        return Err(Failure::new(format!("`--version` printed {version:?}, and not {expected:?}")));
    }
    say(format!("    ok: `--version` prints {expected}"));

    fs::write(&kubeconfig, nowhere()).map_err(|error| cannot("write", &kubeconfig, error))?;
    let starts: Result<Vec<Duration>> = (0..STARTS).map(|_| start(program, &kubeconfig, &read_only)).collect();
    let mut starts = starts?;
    starts.sort();
    let (median, slowest) = (starts[STARTS / 2], starts[STARTS - 1]);
    let told = format!("of {STARTS} starts to the first line, the median took {median:.1?}, the slowest {slowest:.1?}");
    if median > START_LIMIT {
        return Err(Failure::new(format!("{told}: more than {}", human(START_LIMIT))));
    }
    say(format!("    ok: {told}"));
    Ok(())
}

/// A size as people say it.
pub(super) fn mebibytes(bytes: u64) -> f64 {
    // Kibibytes of a program, or of its memory, are far below 2^32.
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

/// Neither a loader nor a library is asked for.
fn is_static(content: &[u8]) -> Result<()> {
    let unreadable = |error| Failure::new("the binary is no 64-bit ELF file").why(error);
    let file = ElfFile64::<object::Endianness>::parse(content).map_err(unreadable)?;
    let endian = file.endian();
    for header in file.elf_program_headers() {
        if header.p_type(endian) == PT_INTERP {
            return Err(Failure::new("the binary is not static: it asks for a loader"));
        }
        let entries = header.dynamic(endian, content).map_err(unreadable)?.unwrap_or_default();
        if entries.iter().any(|entry| entry.d_tag(endian) == DT_NEEDED) {
            return Err(Failure::new("the binary is not static: it asks for a library"));
        }
    }
    Ok(())
}

/// The allocator's settings of .cargo/config.toml took effect.
fn has_its_allocator(content: &[u8]) -> Result<()> {
    let config = include_str!("../../../.cargo/config.toml");
    let line = config.lines().find_map(|line| line.strip_prefix(ALLOCATOR)?.trim_start().strip_prefix('='));
    let settings = line.map(|value| value.trim().trim_matches('"')).filter(|settings| !settings.is_empty());
    let settings = settings.ok_or_else(|| Failure::new(format!(".cargo/config.toml has no {ALLOCATOR}")))?;
    if content.windows(settings.len()).any(|bytes| bytes == settings.as_bytes()) {
        say("    ok: the allocator works as .cargo/config.toml says");
        return Ok(());
    }
    Err(Failure::new("the allocator's settings are not in the binary").why(settings))
}

/// A cluster that cannot be reached: what comes before that is what is measured.
fn nowhere() -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    })
    .to_string()
}

/// From the start of the process to the line that tells of it.
fn start(program: &Path, kubeconfig: &Path, directory: &Path) -> Result<Duration> {
    let failed = |error: std::io::Error| Failure::new("the image's binary did not start").why(error);
    let mut command = Command::new(program);
    command.args(["--metrics-address", "127.0.0.1:0"]).env("KUBECONFIG", kubeconfig).env("RUST_LOG", "info");
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::piped());
    let watch = Stopwatch::start();
    let mut child = command.spawn().map_err(failed)?;
    let mut said = String::new();
    let mut output = BufReader::new(child.stderr.take().ok_or_else(|| Failure::new("the binary's output is lost"))?);
    while !said.contains("cloud-access-operator starts") && output.read_line(&mut said).map_err(failed)? > 0 {}
    let took = watch.elapsed();
    child.kill().and_then(|()| child.wait()).map_err(failed)?;
    if said.contains("cloud-access-operator starts") {
        return Ok(took);
    }
    Err(Failure::new("the image's binary did not say that it starts").why(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_loader_is_not_static() {
        let this = fs::read(std::env::current_exe().unwrap()).unwrap();
        let told = is_static(&this).map_err(|failure| failure.to_string());
        assert_eq!(told, Err("the binary is not static: it asks for a loader".into()));
        assert!(is_static(b"#!/bin/sh").is_err());
    }
}
