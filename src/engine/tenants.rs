//! The namespaces that objects are in, by their labels: what a ClusterCloudAccount lets a namespace ask for depends on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::problem::Problem;

/// The labels of a namespace.
pub(crate) type Labels = Arc<BTreeMap<String, String>>;

/// The namespaces, as the watch shows them.
#[derive(Default)]
pub(crate) struct Tenants {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    labels: HashMap<String, Labels>,
    /// Why the namespaces could never be listed.
    unreadable: Option<String>,
}

impl Tenants {
    /// What the watch shows of a namespace; `None` when it is gone. Returns whether that is news.
    pub(crate) fn set(&self, namespace: &str, labels: Option<BTreeMap<String, String>>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match labels {
            Some(labels) if state.labels.get(namespace).is_some_and(|known| **known == labels) => false,
            Some(labels) => {
                state.labels.insert(namespace.to_owned(), Arc::new(labels));
                true
            }
            None => state.labels.remove(namespace).is_some(),
        }
    }

    /// The namespaces could not be listed, or can be.
    pub(crate) fn set_unreadable(&self, why: Option<String>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).unreadable = why;
    }

    /// The namespaces there are.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).labels.keys().cloned().collect()
    }

    /// The labels of a namespace, if they are known.
    pub(crate) fn labels(&self, namespace: &str) -> Result<Labels, Problem> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || match &state.unreadable {
            Some(why) => Problem::not_ready(format!(
                "the labels of namespace {namespace} decide what its objects may ask for, and the operator cannot list \
                 namespaces: {why}"
            )),
            None => Problem::not_ready(format!(
                "the labels of namespace {namespace} decide what its objects may ask for, and are not known yet"
            )),
        };
        state.labels.get(namespace).cloned().ok_or_else(unknown)
    }
}
