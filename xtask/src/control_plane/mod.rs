//! A real etcd and kube-apiserver on this machine: where the binaries come from, and how they are run.

mod access;
mod archive;
mod build;
mod controllers;
mod launch;
mod obtain;
mod versions;

pub(crate) use launch::{ControlPlane, Options};
pub(crate) use obtain::{obtain, obtain_controllers};

use std::path::PathBuf;

/// The programs a control plane is made of, and the one to talk to it.
#[derive(Debug)]
pub(crate) struct Binaries {
    /// The store.
    pub(crate) etcd: PathBuf,
    /// The API server.
    pub(crate) kube_apiserver: PathBuf,
    /// The user's tool.
    pub(crate) kubectl: PathBuf,
}

/// The programs' names, as the archive and the caches have them.
const ETCD: &str = "etcd";
const KUBE_APISERVER: &str = "kube-apiserver";
const KUBECTL: &str = "kubectl";

/// In no archive, and needed by few: always built, unless the user has it.
const KUBE_CONTROLLER_MANAGER: &str = "kube-controller-manager";
