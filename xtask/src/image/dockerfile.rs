//! The Dockerfile as BuildKit reads it: its lint, the image that comes of it, and the files that a build can see.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::places::Places;
use crate::process::{self, Guard};
use crate::progress::say;
use crate::tools;

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// Fails unless the lint is silent and the image is what manifests expect. Returns the files that a build can see.
pub(super) fn check(places: &Places, guard: &Guard) -> Result<Vec<String>> {
    let tool = tools::dockerfile(places, guard)?;
    let printed = process::capture(Command::new(tool).arg(&places.workspace).args(PLATFORMS))
        .map_err(|failure| failure.about("BuildKit cannot use the Dockerfile, or its lint complains"))?;
    let unreadable = |error| Failure::new("cannot read what xtask/tools/dockerfile printed").why(error);
    let report: Value = serde_json::from_str(&printed).map_err(unreadable)?;
    let images: BTreeMap<String, Value> = serde_json::from_value(report["images"].clone()).map_err(unreadable)?;
    for (platform, image) in &images {
        expect(image).map_err(|failure| failure.about(format!("the image for {platform} is not what it should be")))?;
    }
    say(format!("    ok: nothing to complain of; the same image for {}", PLATFORMS.join(" and ")));
    serde_json::from_value(report["context"].clone()).map_err(unreadable)
}

/// What others rely on: manifests, and who looks at the image in a registry.
fn expect(image: &Value) -> Result<()> {
    let label = |name: &str| format!("/Labels/org.opencontainers.image.{name}");
    for (pointer, expected) in [
        ("/User".to_owned(), json!("65532:65532")),
        ("/Entrypoint".to_owned(), json!(["/cloud-access-operator"])),
        ("/Cmd".to_owned(), Value::Null),
        ("/ExposedPorts".to_owned(), json!({"8080/tcp": {}})),
        (label("title"), json!("cloud-access-operator")),
        (label("version"), json!(env!("CARGO_PKG_VERSION"))),
        (label("licenses"), json!("Apache-2.0")),
    ] {
        let found = image.pointer(&pointer).cloned().unwrap_or_default();
        if found != expected {
            return Err(Failure::new(format!("{pointer} is {found}, and not {expected}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    const DOCKERFILE: &str = include_str!("../../../Dockerfile");
    const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

    #[test]
    fn the_image_is_built_by_the_pinned_rust_and_by_the_command_that_is_tested() {
        let pinned = TOOLCHAIN.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
        assert!(DOCKERFILE.contains(&format!("/rust:{pinned}-")), "rust-toolchain.toml has {pinned}");
        let built = DOCKERFILE.lines().filter(|line| line.contains("cargo ")).collect::<Vec<_>>();
        assert_eq!(built, [r"    cargo image-binary \"]);
    }
}
