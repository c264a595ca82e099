//! The image's binary as it runs in a pod: alone in its root directory, without a right, where nothing can be written, with names
//! and credentials as the cluster gives them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::context::files;
use super::names::{self, ADDRESS, API_SERVER};
use super::program::mebibytes;
use crate::control_plane::{ControlPlane, Options};
use crate::demo;
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_directory, make_empty_directory};
use crate::process;
use crate::progress::say;

/// The user of distroless images that is not root.
const USER: u32 = 65532;
/// Where the image's certificate authorities are, and those of Debian and what comes of it.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Where a pod finds the credentials of its ServiceAccount.
const CREDENTIALS: &str = "var/run/secrets/kubernetes.io/serviceaccount";

/// Runs it, and sees it grant the samples of every kind.
pub(super) fn check(places: &Places, program: &Path) -> Result<()> {
    if !is_root()? {
        say("    NOT CHECKED: the binary as it runs in a pod, alone in its root directory; that takes root.");
        say("    Run `cargo xtask image` as root where you can; CI does.");
        return Ok(());
    }
    say("==> Running it as a pod would: alone in its root directory, as a user without rights");
    let root = places.target.join("image").join("root");
    let asked = names::serve()?;
    let launch = |control_plane: &ControlPlane| {
        lay_out(&root, program, control_plane)?;
        operator(&root, control_plane)
    };
    let mut environment = Environment::start_as(places, Options::default(), &demo::kinds(), launch)?;
    let laid_out = files(&root)?;
    demo::grant(&mut environment)?;
    let memory = has_no_rights(environment.operator())?;
    say(format!("    ok: user and group {USER}, no other group, no capability; {memory}"));
    if !asked.has(API_SERVER) {
        return Err(Failure::new(format!("the operator found the API server without asking for {API_SERVER}")));
    }
    say(format!("    ok: it asked the name server for {API_SERVER}"));
    let now = files(&root)?;
    if now != laid_out {
        return Err(Failure::new(format!("the operator wrote files: {:?}", now.difference(&laid_out))));
    }
    say("    ok: it wrote no file");
    Ok(())
}

fn is_root() -> Result<bool> {
    let this = Path::new("/proc/self");
    Ok(fs::metadata(this).map_err(|error| cannot("read", this, error))?.uid() == 0)
}

/// What the image has, and what a kubelet adds. Less is there than in a pod: no `/proc`, no `/tmp`, of devices only random numbers,
/// which a static program reads from there.
fn lay_out(root: &Path, program: &Path, control_plane: &ControlPlane) -> Result<()> {
    make_empty_directory(root)?;
    let read = |path: &Path| fs::read(path).map_err(|error| cannot("read", path, error));
    let authorities = read(&Path::new("/").join(AUTHORITIES))
        .map_err(|failure| failure.advice("install the package `ca-certificates`"))?;
    let names = format!(
        "search cloud-access-system.svc.cluster.local svc.cluster.local cluster.local\nnameserver {ADDRESS}\noptions ndots:5\n"
    );
    for (path, content, mode) in [
        ("cloud-access-operator", read(program)?, 0o555),
        (AUTHORITIES, authorities, 0o444),
        ("etc/resolv.conf", names.into_bytes(), 0o444),
        ("etc/hosts", b"127.0.0.1 localhost\n".to_vec(), 0o444),
        (&format!("{CREDENTIALS}/token"), control_plane.operator_token()?.into_bytes(), 0o440),
        (&format!("{CREDENTIALS}/ca.crt"), read(control_plane.certificates())?, 0o444),
        (&format!("{CREDENTIALS}/namespace"), b"cloud-access-system".to_vec(), 0o444),
    ] {
        let path = root.join(path);
        make_directory(path.parent().unwrap_or(root))?;
        fs::write(&path, content).map_err(|error| cannot("write", &path, error))?;
        // Root's files, in root's directories: the operator can write nowhere.
        chown(&path, None, Some(USER)).map_err(|error| cannot("hand over", &path, error))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(|error| cannot("protect", &path, error))?;
    }
    let devices = root.join("dev");
    make_directory(&devices)?;
    process::capture(Command::new("cp").args(["-a", "/dev/random", "/dev/urandom"]).arg(&devices)).map(drop)
}

/// With the environment of a pod, but that the API server's host is a name.
fn operator(root: &Path, control_plane: &ControlPlane) -> Result<Command> {
    let port = control_plane.url().rsplit(':').next().unwrap_or_default();
    let mut operator = Command::new(chroot()?);
    operator.arg(format!("--userspec={USER}:{USER}")).arg("--groups=").arg(root).arg("/cloud-access-operator");
    operator.env_clear().env("POD_NAME", "cloud-access-operator-0").env("POD_NAMESPACE", "cloud-access-system");
    operator.env("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc").env("KUBERNETES_SERVICE_PORT", port);
    Ok(operator)
}

fn chroot() -> Result<PathBuf> {
    let missing =
        || Failure::new("there is no `chroot` on the PATH").advice("install coreutils, and put it on the PATH");
    places::on_path("chroot").ok_or_else(missing)
}

/// Fails if the process may do anything that other users may not. Returns what memory it takes.
fn has_no_rights(process: u32) -> Result<String> {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = fs::read_to_string(&path).map_err(|error| cannot("read", &path, error))?;
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    let user = [USER.to_string(), USER.to_string(), USER.to_string(), USER.to_string()].join(" ");
    let none = "0000000000000000";
    for (name, expected) in [("Uid", &*user), ("Gid", &user), ("Groups", ""), ("CapEff", none), ("CapPrm", none)] {
        let found = line(name);
        if found != expected {
            return Err(Failure::new(format!("the operator runs with {name} {found:?}, and not {expected:?}")));
        }
    }
    let size = |name: &str| line(name).trim_end_matches(" kB").parse().map(|kib: u64| mebibytes(kib * 1024));
    let size = |name: &str| size(name).map_err(|error| cannot("read", &path, error));
    Ok(format!("{:.1} MiB resident, {:.1} of them pages of the binary", size("VmRSS")?, size("RssFile")?))
}
