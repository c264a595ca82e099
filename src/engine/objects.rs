//! The Kubernetes calls of one kind: conditional patches and reads, each under a timeout.

use std::marker::PhantomData;
use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::calls::{Calls, NoAnswer};
use super::entry::{Entry, ObjectKey, Reading};
use super::received::Received;
use super::recorded::Recorded;
use crate::api::{AccessObject, AccessStatus};

/// Why a Kubernetes call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// The object is newer than we knew: its event is on the way.
    #[error("the object changed meanwhile")]
    Stale,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// The API server refused; it will refuse again.
    #[error("the API server refused: {0}")]
    Refused(String),
    /// The API server could not be reached or could not do it now.
    #[error("the API server did not answer as it should: {0}")]
    Unavailable(String),
}

/// The Kubernetes calls of one kind.
pub(crate) struct Objects<O> {
    client: Client,
    calls: Arc<Calls>,
    kind: PhantomData<fn() -> O>,
}

impl<O: AccessObject> Objects<O> {
    pub(crate) fn new(client: Client, calls: Arc<Calls>) -> Self {
        Self { client, calls, kind: PhantomData }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn api(&self, key: &ObjectKey) -> Api<Received<O>> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Replaces the finalizers, unless the object changed meanwhile.
    pub(crate) async fn set_finalizers(
        &self,
        entry: &Entry<O>,
        finalizers: &[String],
    ) -> Result<Entry<O>, ObjectError> {
        let patch = json!({"metadata": {"resourceVersion": entry.resource_version, "finalizers": finalizers}});
        let (api, params, patch) = (self.api(&entry.key), PatchParams::default(), Patch::Merge(&patch));
        let answer = self.call(entry.deleting, || api.patch(&entry.key.name, &params, &patch)).await?;
        Ok(keep_recorded(Entry::new(&answer), entry, entry.status()))
    }

    /// Replaces the status, unless the object changed meanwhile.
    pub(crate) async fn set_status(&self, entry: &Entry<O>, status: &AccessStatus) -> Result<Entry<O>, ObjectError> {
        let patch = json!({"metadata": {"resourceVersion": entry.resource_version}, "status": whole(status)});
        let (api, params, patch) = (self.api(&entry.key), PatchParams::default(), Patch::Merge(&patch));
        let answer = self.call(entry.deleting, || api.patch_status(&entry.key.name, &params, &patch)).await?;
        Ok(keep_recorded(Entry::new(&answer), entry, status))
    }

    /// The object as it is now.
    pub(crate) async fn get(&self, key: &ObjectKey) -> Result<Entry<O>, ObjectError> {
        let api = self.api(key);
        self.call(false, || api.get(&key.name)).await.map(|object| Entry::new(&object))
    }

    /// What an object that cannot be decoded says about itself.
    pub(crate) async fn read(&self, entry: &Entry<O>) -> Result<Reading, ObjectError> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &entry.key.namespace, &ApiResource::erase::<O>(&()));
        let object = self.call(entry.deleting, || api.get(&entry.key.name)).await?;
        if object.metadata.resource_version.as_ref() != Some(&entry.resource_version) {
            return Err(ObjectError::Stale);
        }
        Ok(Recorded::read(&object.data, &entry.key.namespace)
            .map_or(Reading::Unclear, |recorded| Reading::Recorded(Box::new(recorded))))
    }

    async fn call<T, F>(&self, revokes: bool, call: impl Fn() -> F) -> Result<T, ObjectError>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.calls.make(revokes, call).await.map_err(|why| match why {
            NoAnswer::Failed(kube::Error::Api(status)) => match status.code {
                409 => ObjectError::Stale,
                404 => ObjectError::Gone,
                400..=428 => ObjectError::Refused(status.message.clone()),
                _ => ObjectError::Unavailable(status.message.clone()),
            },
            NoAnswer::Failed(error) => ObjectError::Unavailable(error.to_string()),
            NoAnswer::TooLate(limit) => ObjectError::Unavailable(format!("no answer within {limit:?}")),
        })
    }
}

/// An answer that cannot be decoded still holds the status that we know.
fn keep_recorded<O: AccessObject>(answer: Entry<O>, before: &Entry<O>, status: &AccessStatus) -> Entry<O> {
    answer.with_reading(Reading::Recorded(Box::new(Recorded::of(before, status.clone()))))
}

/// The fields of a status that may be absent.
const OPTIONAL: [&str; 9] = [
    "observedGeneration",
    "target",
    "principal",
    "plan",
    "grantedAt",
    "expiredAt",
    "lastHandledReconcileAt",
    "secretVersion",
    "lastRequestId",
];

/// A status as a merge patch that leaves nothing of the previous one: what is absent is null, what is empty is there.
fn whole(status: &AccessStatus) -> Value {
    let mut patch = serde_json::to_value(status).unwrap_or_default();
    if let Some(fields) = patch.as_object_mut() {
        for field in OPTIONAL {
            fields.entry(field).or_insert(Value::Null);
        }
    }
    patch
}
