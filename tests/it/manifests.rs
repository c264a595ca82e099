//! What ships: CRDs are not stale, and keep the rules of the API; every sample can be read.

use std::fs;
use std::path::Path;

use cloud_access_operator::kinds::crds;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_crds_are_what_the_code_says() {
    for crd in crds() {
        let path = root().join("crds").join(format!("{}.yaml", crd.spec.names.plural));
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        let generated = serde_saphyr::to_string(&crd).unwrap();
        assert!(shipped == generated, "{} is stale: run `cargo xtask generate`", path.display());
    }
}
