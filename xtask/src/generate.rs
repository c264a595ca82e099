//! `cargo xtask generate`: the files in the repository that are written from the code or from others, and whether they are stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_directory, make_empty_directory};
use crate::process;
use crate::progress::say;
use crate::{argocd, chart};

/// Files: path in the workspace, and content.
type Files = BTreeMap<String, Vec<u8>>;

/// Where the definitions of the kinds are: for kubectl, and again in the chart, which can read no file outside of its folder.
const DEFINITIONS: [&str; 2] = ["crds", "charts/cloud-access-operator/files/crds"];

const CHART_README: &str = "charts/cloud-access-operator/README.md";
const CHART_VALUES: &str = "charts/cloud-access-operator/values.yaml";

const ARGOCD_SCRIPTS: &str = "deploy/argocd/resource_customizations";
const ARGOCD_CONFIG_MAP: &str = "deploy/argocd/argocd-cm.yaml";

/// Writes them anew.
pub(crate) fn generate(places: &Places) -> Result<()> {
    let (fresh, old) = (generated(places)?, present(places)?);
    for name in old.keys().filter(|name| !fresh.contains_key(*name)) {
        let path = places.workspace.join(name);
        fs::remove_file(&path).map_err(|error| cannot("remove", &path, error))?;
        say(format!("    {name}: removed, there is no such kind any more"));
    }
    for (name, content) in &fresh {
        let path = places.workspace.join(name);
        let changed = old.get(name) != Some(content);
        if changed {
            path.parent().map_or(Ok(()), make_directory)?;
            fs::write(&path, content).map_err(|error| cannot("write", &path, error))?;
        }
        say(format!("    {name}: {}", if changed { "written" } else { "unchanged" }));
    }
    Ok(())
}

/// The names of files that are not what would be written.
pub(crate) fn stale(places: &Places) -> Result<Vec<String>> {
    let (fresh, old) = (generated(places)?, present(places)?);
    let names = fresh.keys().chain(old.keys().filter(|name| !fresh.contains_key(*name)));
    Ok(names.filter(|name| old.get(*name) != fresh.get(*name)).cloned().collect())
}

/// What the operator, built now, writes, and what is made of other files.
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
    let definitions = definitions(&directory)?;
    if definitions.is_empty() {
        return Err(Failure::new("`cloud-access-operator crds` wrote no file"));
    }
    let mut files = Files::new();
    for folder in DEFINITIONS {
        files.extend(definitions.iter().map(|(name, content)| (format!("{folder}/{name}"), content.clone())));
    }
    let readme = chart::with_values(&read(places, CHART_README)?, &read(places, CHART_VALUES)?)?;
    files.insert(CHART_README.to_owned(), readme.into_bytes());
    let config_map = argocd::config_map(&places.workspace.join(ARGOCD_SCRIPTS))?;
    files.insert(ARGOCD_CONFIG_MAP.to_owned(), config_map.into_bytes());
    Ok(files)
}

/// What is there of that.
fn present(places: &Places) -> Result<Files> {
    let mut files = Files::new();
    for name in [CHART_README, ARGOCD_CONFIG_MAP] {
        files.insert(name.to_owned(), read(places, name)?.into_bytes());
    }
    for folder in DEFINITIONS {
        let definitions = definitions(&places.workspace.join(folder))?;
        files.extend(definitions.into_iter().map(|(name, content)| (format!("{folder}/{name}"), content)));
    }
    Ok(files)
}

fn read(places: &Places, name: &str) -> Result<String> {
    let path = places.workspace.join(name);
    fs::read_to_string(&path).map_err(|error| cannot("read", &path, error))
}

/// Lists the others for kustomize, and is written by hand.
const KUSTOMIZATION: &str = "kustomization.yaml";

/// The YAML files of a directory; one that does not exist has none.
fn definitions(directory: &Path) -> Result<Files> {
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
