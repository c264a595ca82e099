//! The official envtest archive: etcd, kube-apiserver and kubectl, built and published by the Kubernetes project.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha512};

use super::{ETCD, KUBE_APISERVER, KUBECTL, versions};
use crate::failure::{Failure, Result};
use crate::go;
use crate::places::{cannot, make_directory, make_empty_directory};
use crate::process;
use crate::progress::say;

const INDEX: &str = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml";

/// One archive in the index.
#[derive(Debug, Default, PartialEq, Eq)]
struct Release {
    /// The patch version of Kubernetes.
    patch: u32,
    hash: String,
    link: String,
}

/// Downloads, verifies and unpacks the newest archive of the wanted minor version into `directory`.
pub(super) fn install(root: &Path, directory: &Path, wanted: &str) -> Result<()> {
    let staging = root.join("partial-archive");
    make_empty_directory(&staging)?;
    let installed = install_by_way_of(&staging, directory, wanted);
    fs::remove_dir_all(&staging).map_err(|error| cannot("remove", &staging, error))?;
    installed
}

fn install_by_way_of(staging: &Path, directory: &Path, wanted: &str) -> Result<()> {
    let index = staging.join("index.yaml");
    download(INDEX, &index, 15)?;
    let index = fs::read_to_string(&index).map_err(|error| cannot("read", &index, error))?;
    let release = newest(&index, wanted, &go::platform())
        .ok_or_else(|| Failure::new(format!("the index has no archive like {wanted} for this machine")))?;

    say(format!("    downloading {}", release.link));
    let archive = staging.join("envtest.tar.gz");
    download(&release.link, &archive, 300)?;
    let bytes = fs::read(&archive).map_err(|error| cannot("read", &archive, error))?;
    if hexadecimal(&Sha512::digest(bytes)) != release.hash {
        return Err(Failure::new("the archive's SHA-512 is not the one in the index; it was not used"));
    }
    process::capture(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(staging))?;
    let unpacked = staging.join("controller-tools").join("envtest");
    make_directory(directory)?;
    [ETCD, KUBE_APISERVER, KUBECTL].iter().try_for_each(|program| {
        let installed = directory.join(program);
        fs::rename(unpacked.join(program), &installed).map_err(|error| cannot("install", &installed, error))
    })
}

/// Five seconds to connect: where the site cannot be reached, the build should start soon.
fn download(link: &str, to: &Path, seconds: u32) -> Result<()> {
    let limit = seconds.to_string();
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location", "--proto", "=https"]);
    curl.args(["--connect-timeout", "5", "--max-time", &limit, "--output"]).arg(to).arg(link);
    process::capture(&mut curl).map(drop).map_err(|failure| failure.about(format!("cannot download {link}")))
}

/// Reads the index, line by line: releases, in them archives, in them `hash` and `selfLink`.
fn newest(index: &str, wanted: &str, platform: &str) -> Option<Release> {
    let (major, minor) = versions::major_and_minor(wanted)?;
    let prefix = format!("envtest-v{major}.{minor}.");
    let suffix = format!("-{platform}.tar.gz:");
    let mut found: Vec<Release> = Vec::new();
    let mut inside = false;
    for line in index.lines().map(str::trim) {
        if line.starts_with("envtest-") {
            let patch = line.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(&suffix)).map(str::parse);
            inside = false;
            if let Some(Ok(patch)) = patch {
                inside = true;
                found.push(Release { patch, ..Release::default() });
            }
        }
        let Some(release) = found.last_mut().filter(|_| inside) else {
            continue;
        };
        if let Some(hash) = line.strip_prefix("hash: ") {
            release.hash = hash.into();
        } else if let Some(link) = line.strip_prefix("selfLink: ") {
            release.link = link.into();
        }
    }
    found.retain(|release| !release.hash.is_empty() && release.link.starts_with("https://"));
    found.into_iter().max_by_key(|release| release.patch)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCERPT: &str = "\
releases:
  v1.36.1:
    envtest-v1.36.1-linux-amd64.tar.gz:
      hash: aa11
      selfLink: https://example.org/envtest-v1.36.1-linux-amd64.tar.gz
    envtest-v1.36.1-linux-arm64.tar.gz:
      hash: bb11
      selfLink: https://example.org/envtest-v1.36.1-linux-arm64.tar.gz
  v1.36.0:
    envtest-v1.36.0-linux-amd64.tar.gz:
      hash: aa00
      selfLink: https://example.org/envtest-v1.36.0-linux-amd64.tar.gz
  v1.35.9:
    envtest-v1.35.9-linux-amd64.tar.gz:
      hash: aa59
      selfLink: https://example.org/envtest-v1.35.9-linux-amd64.tar.gz
";

    #[test]
    fn the_newest_patch_of_the_wanted_minor_version_is_taken() {
        let found = newest(EXCERPT, "v1.36.3", "linux-amd64");
        let link = "https://example.org/envtest-v1.36.1-linux-amd64.tar.gz".into();
        assert_eq!(found, Some(Release { patch: 1, hash: "aa11".into(), link }));
    }

    #[test]
    fn a_machine_that_the_index_does_not_know_gets_no_archive() {
        assert_eq!(newest(EXCERPT, "v1.36.3", "plan9-mips"), None);
        assert_eq!(newest(EXCERPT, "v1.40.0", "linux-amd64"), None);
    }
}
