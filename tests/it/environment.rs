//! The control plane that `cargo xtask test` starts. Tests share it, but for those that change what all see.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use kube::Client;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static CONTROL_PLANE: RwLock<()> = RwLock::const_new(());

/// Where its kubeconfigs are, and its audit log, for as long as this lives.
pub struct Environment<G> {
    directory: PathBuf,
    _guard: G,
}

impl<G> Deref for Environment<G> {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.directory
    }
}

/// The control plane as it is shipped, with others.
pub async fn environment() -> Environment<RwLockReadGuard<'static, ()>> {
    Environment { directory: directory(), _guard: CONTROL_PLANE.read().await }
}

/// The control plane for a test that changes it, and changes it back.
pub async fn environment_alone() -> Environment<RwLockWriteGuard<'static, ()>> {
    Environment { directory: directory(), _guard: CONTROL_PLANE.write().await }
}

/// Where the kubeconfig of another control plane is, on which nothing is installed: for tests that install.
pub fn empty_environment() -> PathBuf {
    directory().join("empty")
}

fn directory() -> PathBuf {
    let environment = std::env::var("CLOUD_ACCESS_TEST_ENV");
    PathBuf::from(environment.unwrap_or_else(|_| panic!("this test needs a control plane: run `cargo xtask test`")))
}

/// A client that may do everything.
pub async fn admin(environment: &Path) -> Client {
    client_of("admin", environment).await
}

/// A client that may do what this one may, such as `operator`.
pub async fn client_of(persona: &str, environment: &Path) -> Client {
    Client::try_from(config_of(persona, environment).await).unwrap()
}

/// A client that may do what this user may.
pub async fn client_as(user: &str, environment: &Path) -> Client {
    let mut config = config_of("admin", environment).await;
    config.auth_info.impersonate = Some(user.to_owned());
    Client::try_from(config).unwrap()
}

async fn config_of(persona: &str, environment: &Path) -> kube::Config {
    let kubeconfig = environment.join(format!("{persona}.kubeconfig"));
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()
}
