//! The account objects of both kinds, as one: a ClusterCloudAccount is a CloudAccount with rules, and without a namespace.

use std::sync::Arc;

use kube::api::ObjectMeta;
use kube::core::{DeserializeGuard, Object, Resource};
use kube::discovery::ApiResource;
use kube::{Api, Client};

use super::accounts::Known;
use super::entry::ObjectKey;
use super::policy::Policy;
use crate::api::{
    ACCOUNT_FINALIZER, AccountKind, CloudAccount, CloudAccountSpec, CloudAccountStatus, ClusterCloudAccount, RELEASE,
};

/// An account object of either kind, without its rules.
pub(crate) type AnyAccount = Object<CloudAccountSpec, CloudAccountStatus>;

/// Where accounts like this one are; its name is the key's.
pub(crate) fn accounts_like(client: &Client, key: &ObjectKey) -> Api<AnyAccount> {
    let resource = resource_of(key);
    match key.account_kind() {
        AccountKind::CloudAccount => Api::namespaced_with(client.clone(), &key.namespace, &resource),
        AccountKind::ClusterCloudAccount => Api::all_with(client.clone(), &resource),
    }
}

/// The type of accounts like this one.
pub(crate) fn resource_of(key: &ObjectKey) -> ApiResource {
    match key.account_kind() {
        AccountKind::CloudAccount => ApiResource::erase::<CloudAccount>(&()),
        AccountKind::ClusterCloudAccount => ApiResource::erase::<ClusterCloudAccount>(&()),
    }
}

/// Keeps an account while objects need it. Operators for different namespaces may share a ClusterCloudAccount: each has a
/// finalizer of its own there, named after the operator's own namespace.
pub(crate) fn finalizer_of(key: &ObjectKey, own_namespace: &str) -> String {
    match key.account_kind() {
        AccountKind::CloudAccount => ACCOUNT_FINALIZER.to_owned(),
        AccountKind::ClusterCloudAccount => format!("{own_namespace}.{ACCOUNT_FINALIZER}"),
    }
}

/// A kind of account objects.
pub(crate) trait AccountObject: Resource<DynamicType = ()> + Sized {
    /// What is known of such an object: its spec, its rules if its kind has such, and its status; or why its rules cannot be
    /// read.
    fn content(self) -> (CloudAccountSpec, Result<Option<Policy>, String>, Option<CloudAccountStatus>);
}

impl AccountObject for CloudAccount {
    fn content(self) -> (CloudAccountSpec, Result<Option<Policy>, String>, Option<CloudAccountStatus>) {
        (self.spec, Ok(None), self.status)
    }
}

impl AccountObject for ClusterCloudAccount {
    fn content(self) -> (CloudAccountSpec, Result<Option<Policy>, String>, Option<CloudAccountStatus>) {
        let policy = Policy::of(&self.spec).map(Some);
        (self.spec.account, policy, self.status)
    }
}

/// What the watch shows of an account object.
pub(crate) fn known<A: AccountObject>(account: DeserializeGuard<A>, own_namespace: &str) -> (ObjectKey, Known) {
    let meta = account.meta().clone();
    let key = ObjectKey::of(&meta);
    let finalizer = finalizer_of(&key, own_namespace);
    let guarded = meta.finalizers.iter().flatten().any(|name| *name == finalizer);
    let known = match account.0.map(A::content) {
        Ok((spec, Ok(policy), status)) => known_spec(&meta, spec, policy, status, guarded),
        Ok((_, Err(error), _)) => Known::Undecodable(error),
        Err(invalid) => Known::Undecodable(invalid.error),
    };
    (key, known)
}

fn known_spec(
    meta: &ObjectMeta,
    spec: CloudAccountSpec,
    policy: Option<Policy>,
    status: Option<CloudAccountStatus>,
    guarded: bool,
) -> Known {
    // Not the generation: deletion counts that up, and takes nothing from what is known of the credentials.
    let written = serde_json::to_string(&spec).unwrap_or_default();
    Known::Spec {
        spec: Arc::new(spec),
        policy: policy.map(Arc::new),
        version: format!("{} {written}", meta.uid.as_deref().unwrap_or_default()),
        generation: meta.generation.unwrap_or_default(),
        released: meta.annotations.as_ref().and_then(|it| it.get(RELEASE)).cloned(),
        guarded,
        deleting: meta.deletion_timestamp.is_some(),
        status: Arc::new(status.unwrap_or_default()),
    }
}
