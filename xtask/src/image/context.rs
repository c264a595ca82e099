//! A copy of the files that the Dockerfile's build can see, to build from nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Result;
use crate::places::{cannot, make_directory};

/// Makes `directory` hold these files of the workspace, and no others.
pub(super) fn stage(workspace: &Path, visible: &[String], directory: &Path) -> Result<()> {
    make_directory(directory)?;
    let wanted: BTreeSet<PathBuf> = visible.iter().map(|path| directory.join(path)).collect();
    for path in files(directory)?.difference(&wanted) {
        fs::remove_file(path).map_err(|error| cannot("remove", path, error))?;
    }
    for path in visible {
        let (from, to) = (workspace.join(path), directory.join(path));
        let content = fs::read(&from).map_err(|error| cannot("read", &from, error))?;
        // What is the same keeps its time, by which cargo knows that there is nothing to build.
        if fs::read(&to).is_ok_and(|there| there == content) {
            continue;
        }
        make_directory(to.parent().unwrap_or(directory))?;
        fs::write(&to, content).map_err(|error| cannot("write", &to, error))?;
    }
    Ok(())
}

/// All files below a directory.
pub(super) fn files(directory: &Path) -> Result<BTreeSet<PathBuf>> {
    let failed = |error| cannot("read", directory, error);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            found.append(&mut files(&entry.path())?);
        } else {
            found.insert(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_can_be_seen_and_leaves_alone_what_has_not_changed() -> Result<()> {
        let root = std::env::temp_dir().join(format!("image-context-{}", std::process::id()));
        let (workspace, directory) = (root.join("workspace"), root.join("copy"));
        make_directory(&workspace.join("src"))?;
        for (path, content) in [("Cargo.toml", "[package]"), ("src/main.rs", "fn main() {}"), ("secret", "x")] {
            fs::write(workspace.join(path), content).unwrap();
        }
        let visible = ["Cargo.toml".to_owned(), "src/main.rs".to_owned()];
        stage(&workspace, &visible, &directory)?;
        let time = fs::metadata(directory.join("Cargo.toml")).unwrap().modified().unwrap();
        fs::write(directory.join("src/stale.rs"), "").unwrap();
        fs::write(workspace.join("src/main.rs"), "fn main() { }").unwrap();
        stage(&workspace, &visible, &directory)?;
        let expected = visible.each_ref().map(|path| directory.join(path));
        assert_eq!(files(&directory)?, BTreeSet::from(expected));
        assert_eq!(fs::read_to_string(directory.join("src/main.rs")).unwrap(), "fn main() { }");
        assert_eq!(fs::metadata(directory.join("Cargo.toml")).unwrap().modified().unwrap(), time);
        fs::remove_dir_all(&root).unwrap();
        Ok(())
    }
}
