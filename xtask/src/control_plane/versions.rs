//! Which versions are built, read from the Go modules in `control-plane/`, so that they are written once.

use crate::failure::{Failure, Result};
use crate::go;

const ETCD: &str = include_str!("../../control-plane/etcd/go.mod");
const KUBERNETES: &str = include_str!("../../control-plane/kubernetes/go.mod");

/// The pinned version of Kubernetes, as `v1.2.3`.
pub(super) fn kubernetes() -> Result<&'static str> {
    pinned(KUBERNETES, "k8s.io/kubernetes")
}

/// The pinned version of etcd, as `v1.2.3`.
pub(super) fn etcd() -> Result<&'static str> {
    pinned(ETCD, "go.etcd.io/etcd/server/v3")
}

/// The minor version's parts: `("1", "2")` of `v1.2.3`.
pub(super) fn major_and_minor(version: &str) -> Option<(&str, &str)> {
    let (major, rest) = version.strip_prefix('v')?.split_once('.')?;
    Some((major, rest.split_once('.')?.0))
}

fn pinned(go_mod: &'static str, module: &str) -> Result<&'static str> {
    go::pinned(go_mod, module)
        .ok_or_else(|| Failure::new(format!("xtask/control-plane has no go.mod that requires {module}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_staging_module_has_the_version_that_matches_kubernetes() -> Result<()> {
        let version = kubernetes()?.replacen("v1.", " v0.", 1);
        let (staging, other): (Vec<&str>, Vec<&str>) =
            KUBERNETES.lines().filter(|line| line.contains(" => ")).partition(|line| line.ends_with(&version));
        assert!(!staging.is_empty(), "the go.mod replaces nothing");
        assert_eq!(other, Vec::<&str>::new());
        Ok(())
    }

    #[test]
    fn the_versions_are_found_in_the_go_modules() -> Result<()> {
        assert!(major_and_minor(kubernetes()?).is_some());
        assert!(major_and_minor(etcd()?).is_some());
        Ok(())
    }
}
