//! `deploy/argocd/argocd-cm.yaml`: the scripts of `deploy/argocd/resource_customizations` as entries of Argo CD's ConfigMap.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::places::cannot;

const HEAD: &str = "\
# What Argo CD is to know of the kinds of cloudaccess.dev: docs/argocd.md says how to install it.
# Made from resource_customizations/ by `cargo xtask generate`.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
data:
";

/// The scripts of every kind, in `GROUP/KIND/`.
pub(crate) fn config_map(scripts: &Path) -> Result<String> {
    let mut text = HEAD.to_owned();
    for group in directories(scripts)? {
        for kind in directories(&group)? {
            let key = format!("{}_{}", name(&group), name(&kind));
            entry(&mut text, 2, &format!("resource.customizations.health.{key}"), &read(&kind.join("health.lua"))?);
            let actions = kind.join("actions");
            if actions.is_dir() {
                entry(&mut text, 2, &format!("resource.customizations.actions.{key}"), &definitions(&actions)?);
            }
        }
    }
    Ok(text)
}

/// The actions of a kind, as the ConfigMap has them: YAML within YAML.
fn definitions(actions: &Path) -> Result<String> {
    let mut text = String::new();
    entry(&mut text, 0, "discovery.lua", &read(&actions.join("discovery.lua"))?);
    text.push_str("definitions:\n");
    for action in directories(actions)?.into_iter().filter(|action| action.join("action.lua").is_file()) {
        _ = writeln!(text, "- name: {}", name(&action));
        entry(&mut text, 2, "action.lua", &read(&action.join("action.lua"))?);
    }
    Ok(text)
}

/// A field with a text of several lines, so far indented.
fn entry(text: &mut String, indent: usize, key: &str, value: &str) {
    _ = writeln!(text, "{:indent$}{key}: |", "");
    for line in value.lines() {
        let indent = if line.is_empty() { 0 } else { indent + 2 };
        _ = writeln!(text, "{:indent$}{line}", "");
    }
}

/// The directories in one, by name.
fn directories(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| cannot("read", directory, error);
    let entries = fs::read_dir(directory).map_err(failed)?;
    let paths: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().map_err(failed)?;
    let mut directories: Vec<_> = paths.into_iter().filter(|path| path.is_dir()).collect();
    directories.sort();
    if directories.is_empty() {
        return Err(Failure::new(format!("{} has no directories", directory.display())));
    }
    Ok(directories)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| cannot("read", path, error))
}
