//! Who may talk to the API server: tokens for personas, a kubeconfig for each.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::failure::Result;
use crate::places::{cannot, write_private};

/// May do everything.
pub(super) const ADMIN: &str = "admin";

/// Keeps the access of one team, in one namespace.
const TENANT: &str = "tenant";
const TENANTS_NAMESPACE: &str = "team-data";

/// The operator, by its ServiceAccount's token.
pub(super) const OPERATOR: &str = "operator";
pub(super) const OPERATOR_NAMESPACE: &str = "cloud-access-system";

/// Takes everything out of a namespace that is deleted.
pub(super) const NAMESPACE_CONTROLLER: &str = "namespace-controller";

/// Name and groups; `personas.yaml` says what they may do.
const PERSONAS: [(&str, &str); 4] = [
    (ADMIN, "system:masters"),
    (TENANT, "tenants"),
    ("viewer", "viewers"),
    (NAMESPACE_CONTROLLER, "namespace-controllers"),
];

/// The personas' tokens, made up anew at each start.
pub(super) struct Tokens(Vec<(&'static str, &'static str, String)>);

impl Tokens {
    /// Makes them up.
    pub(super) fn new() -> Result<Self> {
        let personas = PERSONAS.iter().map(|(name, groups)| Ok((*name, *groups, random_token()?)));
        personas.collect::<Result<_>>().map(Self)
    }

    /// Writes them in the form that kube-apiserver reads.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut lines = String::new();
        for (name, groups, token) in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{token},{name},{name},\"{groups}\"");
        }
        write_private(path, &lines)
    }

    /// Writes a kubeconfig for each of them.
    pub(super) fn write_kubeconfigs(&self, server: &Server) -> Result<()> {
        self.0.iter().try_for_each(|(name, _, token)| server.write_kubeconfig(name, token).map(drop))
    }
}

/// Where the API server is, and how a client knows that it is the right one.
#[derive(Debug)]
pub(super) struct Server {
    /// As clients reach it.
    pub(super) url: String,
    /// The certificates that it made for itself.
    pub(super) certificates: PathBuf,
    /// Where kubeconfigs are written.
    pub(super) directory: PathBuf,
}

impl Server {
    /// The kubeconfig of somebody.
    pub(super) fn kubeconfig(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.kubeconfig"))
    }

    /// Writes the kubeconfig of somebody who holds a token.
    pub(super) fn write_kubeconfig(&self, name: &str, token: &str) -> Result<PathBuf> {
        let Self { url, certificates, .. } = self;
        let certificates = certificates.display();
        let namespace = match name {
            TENANT => TENANTS_NAMESPACE,
            OPERATOR => OPERATOR_NAMESPACE,
            _ => "default",
        };
        let content = format!(
            "apiVersion: v1
kind: Config
current-context: {name}
clusters:
  - name: cloud-access
    cluster:
      server: {url}
      certificate-authority: '{certificates}'
users:
  - name: {name}
    user:
      token: {token}
contexts:
  - name: {name}
    context:
      cluster: cloud-access
      user: {name}
      namespace: {namespace}
"
        );
        let path = self.kubeconfig(name);
        write_private(&path, &content)?;
        Ok(path)
    }
}

fn random_token() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| cannot("read", source, error))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
