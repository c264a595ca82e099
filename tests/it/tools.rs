//! The programs that `cargo xtask test` obtains for tests, such as Helm.

use std::path::PathBuf;

/// Where a program is.
pub fn tool(name: &str) -> PathBuf {
    let tools = std::env::var("CLOUD_ACCESS_TEST_TOOLS");
    let tools = tools.unwrap_or_else(|_| panic!("this test needs {name}: run the tests by `cargo xtask test`"));
    let tool = PathBuf::from(tools).join(name);
    assert!(tool.is_file(), "there is no {}: it has no line in xtask/src/tools.rs", tool.display());
    tool
}
