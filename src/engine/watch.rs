//! Brings objects and accounts from the API server into the store. One undecodable object stops no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use tokio::sync::watch as signal;
use tracing::{error, info, warn};

use super::accounts::Known;
use super::entry::{Entry, ObjectKey};
use super::kind::AccessKind;
use super::{AccountUse, Context, Engine};
use crate::api::{ACCOUNT_FINALIZER, CloudAccount, RELEASE};

/// Looks that are asked for are gathered for so long, however often somebody asks: each costs the target its list.
const REQUEST_WAIT: Duration = Duration::from_secs(1);

/// What one watch covers: a namespace, or all.
pub(crate) type Scope = Option<String>;

/// The watches that cover these namespaces, each once; none named means all.
pub(crate) fn scopes(namespaces: &[String]) -> Vec<Scope> {
    let named: BTreeSet<_> = namespaces.iter().filter(|namespace| !namespace.is_empty()).cloned().map(Some).collect();
    if named.is_empty() { vec![None] } else { named.into_iter().collect() }
}

/// Waits until so many watches have listed everything once.
pub(crate) async fn all_of(watches: usize, mut known: signal::Receiver<usize>) {
    drop(known.wait_for(|count| *count >= watches).await);
}

/// Waits for a signal.
pub(crate) async fn until(mut signal: signal::Receiver<bool>) {
    drop(signal.wait_for(|given| *given).await);
}

/// Watches the objects of a kind. `known` is raised with the first complete list.
pub(crate) async fn objects<K: AccessKind>(engine: &Arc<Engine<K>>, scope: Scope, known: &signal::Sender<usize>) {
    let events = watch::<K::Object>(engine.objects.client(), scope.as_deref());
    pin_mut!(events);
    let mut first = true;
    while let Some(event) = events.next().await {
        match event {
            Event::Init => engine.store.begin_list(scope.as_ref()),
            Event::InitApply(object) | Event::Apply(object) => see(engine, object),
            Event::InitDone => {
                engine.schedule_all(engine.store.end_list(scope.as_ref()));
                if std::mem::take(&mut first) {
                    info!(kind = %K::Object::plural(&()), objects = engine.store.len(), "all objects are known");
                    known.send_modify(|count| *count += 1);
                }
            }
            Event::Delete(object) => {
                let meta = object.meta();
                let gone = engine.store.remove(&ObjectKey::of(meta), meta.uid.as_deref().unwrap_or_default());
                engine.schedule_all(gone.into_iter().collect());
            }
        }
    }
}

fn see<K: AccessKind>(engine: &Engine<K>, object: DeserializeGuard<K::Object>) {
    if let Err(invalid) = &object.0 {
        error!(
            kind = %K::Object::kind(&()),
            object = %ObjectKey::of(&invalid.metadata),
            error = invalid.error,
            "an object cannot be decoded; what it owns is left alone"
        );
    }
    let entry = Entry::new(object);
    let known = engine.store.get(&entry.key);
    let is_request = known.is_some_and(|known| entry.asks_at_most_for_a_look_since(&known));
    let wait = if is_request { engine.settings.debounce.max(REQUEST_WAIT) } else { engine.settings.debounce };
    engine.schedule_in(wait, engine.store.put(entry));
}

/// Watches accounts, and tells every kind of a change. `known` is raised with the first complete list.
pub(crate) async fn accounts(context: &Context, scope: Scope, kinds: &[AccountUse], known: &signal::Sender<usize>) {
    let events = watch::<CloudAccount>(&context.client, scope.as_deref());
    pin_mut!(events);
    let mut first = true;
    let mut listed = Vec::new();
    let set = |key: &ObjectKey, account: Option<Known>| {
        let held = account.as_ref().map_or(0, Known::held);
        context.metrics.set_revocations_held(&key.namespace, &key.name, held);
        if context.accounts.set(key, account) {
            context.unmanaged.account_changed();
            for kind in kinds {
                (kind.changed)(key);
            }
        }
    };
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(account) => {
                let (key, account) = known_account(account);
                listed.push(key.clone());
                set(&key, Some(account));
            }
            Event::Apply(account) => {
                let (key, account) = known_account(account);
                set(&key, Some(account));
            }
            Event::InitDone => {
                let in_scope = |key: &ObjectKey| scope.as_ref().is_none_or(|namespace| *namespace == key.namespace);
                let gone = context.accounts.keys().into_iter().filter(|key| in_scope(key) && !listed.contains(key));
                gone.for_each(|key| set(&key, None));
                if std::mem::take(&mut first) {
                    info!(accounts = listed.len(), "all accounts are known");
                    known.send_modify(|count| *count += 1);
                }
            }
            Event::Delete(account) => set(&ObjectKey::of(account.meta()), None),
        }
    }
}

fn known_account(account: DeserializeGuard<CloudAccount>) -> (ObjectKey, Known) {
    let meta = account.meta();
    let key = ObjectKey::of(meta);
    let version = format!("{} {}", meta.uid.as_deref().unwrap_or_default(), meta.generation.unwrap_or_default());
    let known = match account.0 {
        Ok(account) => {
            let released = account.metadata.annotations.as_ref().and_then(|it| it.get(RELEASE)).cloned();
            let finalizers = account.metadata.finalizers.iter().flatten();
            let guarded = finalizers.into_iter().any(|name| name == ACCOUNT_FINALIZER);
            let deleting = account.metadata.deletion_timestamp.is_some();
            let status = Arc::new(account.status.unwrap_or_default());
            Known::Spec { spec: Arc::new(account.spec), version, released, guarded, deleting, status }
        }
        Err(invalid) => Known::Undecodable(invalid.error),
    };
    (key, known)
}

/// The events of a watch. What goes wrong is logged, and tried again with growing pauses.
fn watch<O>(client: &Client, namespace: Option<&str>) -> impl Stream<Item = Event<DeserializeGuard<O>>> + use<O>
where
    O: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + 'static,
{
    let api: Api<DeserializeGuard<O>> =
        namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
    let events = watcher(api, watcher::Config::default()).default_backoff();
    events.filter_map(async |event| match event {
        Ok(event) => Some(event),
        Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
            let crd = format!("{}.{}", O::plural(&()), O::group(&()));
            error!("CustomResourceDefinition {crd} is not installed: apply the manifests in crds/; waiting for it");
            None
        }
        Err(error) => {
            warn!(kind = %O::kind(&()), %error, "a watch failed; it is tried again");
            None
        }
    })
}
