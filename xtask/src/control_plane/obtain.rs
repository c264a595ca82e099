//! Finds etcd, kube-apiserver, kubectl and the controllers: named by the user, cached, downloaded, or built.

use std::path::{Path, PathBuf};

use super::{Binaries, ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBECTL, archive, build, versions};
use crate::failure::{Failure, Result};
use crate::go;
use crate::places::{self, Places};
use crate::process::Guard;
use crate::progress::say;

/// What is locked, as others read it who wait.
const LOCKED: &str = "the control plane";

/// The binaries, from the first place that has them; what is downloaded or built is cached for the next time.
pub(crate) fn obtain(places: &Places, guard: &Guard) -> Result<Binaries> {
    let machine = places::on_path(KUBECTL);
    if let Some(named) = named_by_the_user(machine.as_deref())? {
        return Ok(named);
    }
    let cache = Cache::of(places)?;
    if let Some(cached) = cache.look(machine.as_deref()) {
        return Ok(cached);
    }
    places::make_directory(&cache.root)?;
    let _lock = places::lock(&cache.root, LOCKED)?;
    // Somebody else may have filled the cache while we waited for the lock.
    if let Some(cached) = cache.look(machine.as_deref()) {
        return Ok(cached);
    }
    say("==> Control plane: no binaries yet, trying the official envtest archive");
    match archive::install(&cache.root, &cache.downloaded, versions::kubernetes()?) {
        Ok(()) => {}
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        Err(failure) => {
            say(format!("    not to be had: {failure}"));
            let mut programs = vec![ETCD, KUBE_APISERVER];
            programs.extend(machine.is_none().then_some(KUBECTL));
            build::install(places, guard, &cache.root, &cache.built, &programs)?;
        }
    }
    cache.look(machine.as_deref()).ok_or_else(|| {
        Failure::new("the control plane was obtained, but its binaries are not where they should be")
            .why(format!("looked in {}", cache.root.display()))
            .advice("remove that directory and try again")
    })
}

/// kube-controller-manager. The official archive lacks it, so that it is built wherever the others are from; only where
/// `KUBEBUILDER_ASSETS` happens to have it, that one is used.
pub(crate) fn obtain_controllers(places: &Places, guard: &Guard) -> Result<PathBuf> {
    let cache = Cache::of(places)?;
    let named = places::kubebuilder_assets().map(|directory| directory.join(KUBE_CONTROLLER_MANAGER));
    let built = cache.built.join(KUBE_CONTROLLER_MANAGER);
    if let Some(found) = named.into_iter().chain([built.clone()]).find(|path| places::is_executable(path)) {
        return Ok(found);
    }
    places::make_directory(&cache.root)?;
    let _lock = places::lock(&cache.root, LOCKED)?;
    build::install(places, guard, &cache.root, &cache.built, &[KUBE_CONTROLLER_MANAGER])?;
    Ok(built)
}

/// `KUBEBUILDER_ASSETS` is believed: if it lacks a program, that is an error, not a reason to look elsewhere.
fn named_by_the_user(machine: Option<&Path>) -> Result<Option<Binaries>> {
    let Some(directory) = places::kubebuilder_assets() else {
        return Ok(None);
    };
    if let Some(found) = complete(&directory, machine) {
        return Ok(Some(found));
    }
    Err(Failure::new(format!("KUBEBUILDER_ASSETS names {}, where a program is missing", directory.display()))
        .why(format!("{ETCD} and {KUBE_APISERVER} must be there, {KUBECTL} there or on the PATH"))
        .advice("correct KUBEBUILDER_ASSETS, or unset it: the programs are then downloaded or built"))
}

/// The binaries of a directory that has them all.
fn complete(directory: &Path, machine_kubectl: Option<&Path>) -> Option<Binaries> {
    let program = |name: &str| Some(directory.join(name)).filter(|path| places::is_executable(path));
    Some(Binaries {
        etcd: program(ETCD)?,
        kube_apiserver: program(KUBE_APISERVER)?,
        kubectl: machine_kubectl.map(Path::to_path_buf).or_else(|| program(KUBECTL))?,
    })
}

/// Where downloaded and built binaries stay.
struct Cache {
    root: PathBuf,
    downloaded: PathBuf,
    built: PathBuf,
}

impl Cache {
    fn of(places: &Places) -> Result<Self> {
        let root = places.cache.join("control-plane");
        let (kubernetes, etcd, platform) = (versions::kubernetes()?, versions::etcd()?, go::platform());
        Ok(Self {
            downloaded: root.join(format!("{kubernetes}-envtest-{platform}")),
            built: root.join(format!("{kubernetes}-etcd-{etcd}-{platform}")),
            root,
        })
    }

    fn look(&self, machine_kubectl: Option<&Path>) -> Option<Binaries> {
        complete(&self.downloaded, machine_kubectl).or_else(|| complete(&self.built, machine_kubectl))
    }
}
