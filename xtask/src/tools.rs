//! Programs that tests run beside the operator, such as Helm: built with Go from the modules in `tools/`, and cached.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::failure::Result;
use crate::go::{self, Recipe};
use crate::places::{self, Places, cannot, make_directory, make_empty_directory};
use crate::process::Guard;

/// A module in `tools/`, and the package that is built from it: one that it requires, or its own.
const TOOLS: &[(&str, &str)] = &[
    ("helm3", "helm.sh/helm/v3/cmd/helm"),
    ("helm4", "helm.sh/helm/v4/cmd/helm"),
    ("kstatus", "."),
    ("lua", "."),
    ("promtool", "github.com/prometheus/prometheus/cmd/promtool"),
];

/// A directory with all of them, below this one. What is missing is built first.
pub(crate) fn obtain(places: &Places, guard: &Guard, directory: &Path) -> Result<PathBuf> {
    let together = directory.join("tools");
    make_empty_directory(&together)?;
    for &(program, package) in TOOLS {
        add(&together, program, &install(places, guard, program, package)?)?;
    }
    Ok(together)
}

/// Puts a program among the others, under this name.
pub(crate) fn add(tools: &Path, name: &str, program: &Path) -> Result<()> {
    let link = tools.join(name);
    symlink(program, &link).map_err(|error| cannot("link", &link, error))
}

/// BuildKit's reader of Dockerfiles, for `cargo xtask image`.
pub(crate) fn dockerfile(places: &Places, guard: &Guard) -> Result<PathBuf> {
    install(places, guard, "dockerfile", ".")
}

/// Where a program is in the cache. If it is not there yet, it is built.
fn install(places: &Places, guard: &Guard, program: &'static str, package: &str) -> Result<PathBuf> {
    let cache = places.cache.join("test-tools");
    make_directory(&cache)?;
    let recipe = recipe(places, program, package)?;
    let installed = cache.join(format!("{program}-{}-{}", digest(&recipe.module)?, go::platform()));
    if !places::is_executable(&installed) {
        let _lock = places::lock(&cache, program)?;
        // Somebody else may have built it while we waited for the lock.
        if !places::is_executable(&installed) {
            recipe.build(guard, &cache, &installed)?;
        }
    }
    Ok(installed)
}

fn recipe(places: &Places, program: &'static str, package: &str) -> Result<Recipe> {
    let module = places.workspace.join("xtask/tools").join(program);
    let path = module.join("go.mod");
    let go_mod = fs::read_to_string(&path).map_err(|error| cannot("read", &path, error))?;
    let required = package.split_once("/cmd/").map_or(package, |(module, _)| module);
    Ok(Recipe {
        program,
        version: go::pinned(&go_mod, required).unwrap_or_default().to_owned(),
        module,
        package: package.to_owned(),
        linker_flags: String::new(),
        takes: "2 minutes",
        without_go: "",
    })
}

/// What the program is built from, in short: whatever changes there makes another program.
fn digest(module: &Path) -> Result<String> {
    let failed = |error| cannot("read", module, error);
    let entries = fs::read_dir(module).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut digest = Sha256::new();
    for path in &paths {
        let content = fs::read(path).map_err(|error| cannot("read", path, error))?;
        digest.update(Sha256::digest(content));
    }
    let short = digest.finalize().iter().take(8).fold(0_u64, |short, byte| short << 8 | u64::from(*byte));
    Ok(format!("{short:016x}"))
}
