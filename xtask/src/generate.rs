//! `cargo xtask generate`: the files in the repository that the operator writes itself, and whether they are stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_directory, make_empty_directory};
use crate::process;
use crate::progress::say;

/// Files of a directory: name and content.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes `crds/` anew.
pub(crate) fn generate(places: &Places) -> Result<()> {
    let fresh = generated(places)?;
    let directory = places.workspace.join("crds");
    make_directory(&directory)?;
    let old = read(&directory)?;
    for name in old.keys().filter(|name| !fresh.contains_key(*name)) {
        let path = directory.join(name);
        fs::remove_file(&path).map_err(|error| cannot("remove", &path, error))?;
        say(format!("    crds/{name}: removed, there is no such kind any more"));
    }
    for (name, content) in &fresh {
        let path = directory.join(name);
        let changed = old.get(name) != Some(content);
        if changed {
            fs::write(&path, content).map_err(|error| cannot("write", &path, error))?;
        }
        say(format!("    crds/{name}: {}", if changed { "written" } else { "unchanged" }));
    }
    Ok(())
}

/// The names of files that are not what the operator would write.
pub(crate) fn stale(places: &Places) -> Result<Vec<String>> {
    let fresh = generated(places)?;
    let old = read(&places.workspace.join("crds"))?;
    let names = fresh.keys().chain(old.keys().filter(|name| !fresh.contains_key(*name)));
    Ok(names.filter(|name| old.get(*name) != fresh.get(*name)).map(|name| format!("crds/{name}")).collect())
}

/// What the operator, built now, writes.
fn generated(places: &Places) -> Result<Files> {
    say("==> Asking the operator for its custom resource definitions");
    let mut build = places::cargo();
    build.args(["build", "--locked", "--package", "cloud-access-operator", "--bin", "cloud-access-operator"]);
    process::run("building the operator", build.current_dir(&places.workspace))?;
    let directory = places.target.join("generated-crds");
    make_empty_directory(&directory)?;
    process::capture(
        Command::new(places.built("cloud-access-operator")).args(["crds", "--output-dir"]).arg(&directory),
    )?;
    let files = read(&directory)?;
    if files.is_empty() {
        return Err(Failure::new("`cloud-access-operator crds` wrote no file"));
    }
    Ok(files)
}

/// Lists the others for kustomize, and is written by hand.
const KUSTOMIZATION: &str = "kustomization.yaml";

/// The YAML files of a directory; one that does not exist has none.
fn read(directory: &Path) -> Result<Files> {
    let failed = |error| cannot("read", directory, error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Files::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Files::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml")
            && let Some(name) = path.file_name()
            && name != KUSTOMIZATION
        {
            let content = fs::read(&path).map_err(|error| cannot("read", &path, error))?;
            files.insert(name.to_string_lossy().into_owned(), content);
        }
    }
    Ok(files)
}
