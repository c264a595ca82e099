//! Brings objects and accounts from the API server into the store. One undecodable object stops no other.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource, ResourceExt};
use tokio::sync::watch as signal;
use tracing::{error, info, warn};

use super::account_objects::{self, AccountObject};
use super::accounts::Known;
use super::entry::{Entry, ObjectKey};
use super::kind::AccessKind;
use super::received::Received;
use super::renewal::renewed;
use super::{AccountUse, Context, Engine, Settings};

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
    if known.wait_for(|count| *count >= watches).await.is_err() {
        // They have ended before.
        pending::<()>().await;
    }
}

/// Waits for a signal.
pub(crate) async fn until(mut signal: signal::Receiver<bool>) {
    drop(signal.wait_for(|given| *given).await);
}

/// Watches the objects of a kind. `known` is raised with the first complete list.
pub(crate) async fn objects<K: AccessKind>(engine: &Arc<Engine<K>>, scope: Scope, known: &signal::Sender<usize>) {
    let api = namespaced(engine.objects.client(), scope.as_deref());
    let events = watch::<Received<K::Object>>(api, &engine.settings);
    pin_mut!(events);
    let mut first = true;
    while let Some(event) = events.next().await {
        let Seen::Event(event) = event else { continue };
        match event {
            Event::Init => engine.store.begin_list(scope.as_ref()),
            Event::InitApply(object) | Event::Apply(object) => see(engine, &object),
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

fn see<K: AccessKind>(engine: &Engine<K>, object: &Received<K::Object>) {
    if let Err(error) = &object.content {
        error!(
            kind = %K::Object::kind(&()),
            object = %ObjectKey::of(object.meta()),
            error,
            "an object cannot be decoded; what it owns is left alone"
        );
    }
    let entry = Entry::new(object);
    let known = engine.store.get(&entry.key);
    let is_request = known.is_some_and(|known| entry.asks_at_most_for_a_look_since(&known));
    let wait = if is_request { engine.settings.debounce.max(REQUEST_WAIT) } else { engine.settings.debounce };
    engine.schedule_in(wait, engine.store.put(entry));
}

/// Watches accounts of one kind, and tells every kind of access of a change. `scope` is the namespace of their keys, if they
/// all have the same. `known` is raised with the first complete list, or when there can be none: whoever needs an account of a
/// kind that cannot be listed waits, and nobody else.
pub(crate) async fn accounts<A>(
    context: &Context,
    api: Api<DeserializeGuard<A>>,
    scope: Scope,
    kinds: &[AccountUse],
    known: &signal::Sender<usize>,
) where
    A: AccountObject + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let is_of_cluster = scope.as_deref() == Some("");
    let events = watch(api, &context.settings);
    pin_mut!(events);
    let mut first = true;
    let mut listed = Vec::new();
    let set = |key: &ObjectKey, account: Option<Known>| {
        let held = account.as_ref().map_or(0, Known::held);
        context.metrics.set_revocations_held(&key.namespace, &key.name, held);
        if context.accounts.set(key, account) {
            context.health.account_changed();
            for kind in kinds {
                (kind.changed)(key);
            }
        }
    };
    while let Some(event) = events.next().await {
        match event {
            Seen::Event(Event::Init) => listed.clear(),
            Seen::Event(Event::InitApply(account)) => {
                let (key, account) = account_objects::known(account, &context.settings.own_namespace);
                listed.push(key.clone());
                set(&key, Some(account));
            }
            Seen::Event(Event::Apply(account)) => {
                let (key, account) = account_objects::known(account, &context.settings.own_namespace);
                set(&key, Some(account));
            }
            Seen::Event(Event::InitDone) => {
                let in_scope = |key: &ObjectKey| match &scope {
                    Some(namespace) => *namespace == key.namespace,
                    None => !key.namespace.is_empty(),
                };
                let gone = context.accounts.keys().into_iter().filter(|key| in_scope(key) && !listed.contains(key));
                gone.for_each(|key| set(&key, None));
                if is_of_cluster {
                    context.accounts.set_no_cluster_accounts(None);
                }
                if std::mem::take(&mut first) {
                    info!(kind = %A::kind(&()), accounts = listed.len(), "all accounts are known");
                    known.send_modify(|count| *count += 1);
                }
            }
            Seen::Event(Event::Delete(account)) => set(&ObjectKey::of(account.meta()), None),
            Seen::Refused(why) if is_of_cluster && first => {
                context.accounts.set_no_cluster_accounts(Some(why));
                first = false;
                known.send_modify(|count| *count += 1);
            }
            Seen::Refused(_) => {}
        }
    }
}

/// Watches the labels of namespaces, and tells every kind of a change. `known` is raised with the first complete list, or when
/// there can be none: whoever has an account with rules waits then, and nobody else.
pub(crate) async fn tenants(context: &Context, kinds: &[AccountUse], known: &signal::Sender<usize>) {
    let namespaces = Api::<PartialObjectMeta<Namespace>>::all(context.client.clone());
    let events = seen(renewed(namespaces, &context.settings), "Namespace", "namespaces");
    pin_mut!(events);
    let mut first = true;
    let mut listed = BTreeSet::new();
    let set = |namespace: &str, labels: Option<BTreeMap<String, String>>| {
        if context.tenants.set(namespace, labels) {
            for kind in kinds {
                (kind.tenant_changed)(namespace);
            }
        }
    };
    while let Some(event) = events.next().await {
        match event {
            Seen::Event(Event::Init) => listed.clear(),
            Seen::Event(Event::InitApply(namespace)) => {
                listed.insert(namespace.name_any());
                set(&namespace.name_any(), Some(namespace.labels().clone()));
            }
            Seen::Event(Event::Apply(namespace)) => set(&namespace.name_any(), Some(namespace.labels().clone())),
            Seen::Event(Event::InitDone) => {
                context.tenants.set_unreadable(None);
                let gone = context.tenants.names().into_iter().filter(|name| !listed.contains(name));
                gone.for_each(|name| set(&name, None));
                if std::mem::take(&mut first) {
                    info!(namespaces = listed.len(), "all namespaces are known");
                    known.send_modify(|count| *count += 1);
                }
            }
            Seen::Event(Event::Delete(namespace)) => set(&namespace.name_any(), None),
            Seen::Refused(why) if first => {
                context.tenants.set_unreadable(Some(why));
                first = false;
                known.send_modify(|count| *count += 1);
            }
            Seen::Refused(_) => {}
        }
    }
}

/// What a watch brings.
enum Seen<O> {
    Event(Event<O>),
    /// The list cannot be had: the API server knows no such resource, or does not let the operator read it.
    Refused(String),
}

/// Objects in a namespace, or in all.
pub(crate) fn namespaced<O>(client: &Client, namespace: Option<&str>) -> Api<O>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace))
}

/// What a watch of custom resources brings.
fn watch<O>(api: Api<O>, settings: &Settings) -> impl Stream<Item = Seen<O>> + use<O>
where
    O: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let resource = format!("{}.{}", O::plural(&()), O::group(&()));
    seen(renewed(api, settings), O::kind(&()).into_owned(), resource)
}

/// What goes wrong with a watch is logged, and tried again with growing pauses; what cannot be had, once.
fn seen<O>(
    events: impl Stream<Item = watcher::Result<Event<O>>>,
    kind: impl Into<String>,
    resource: impl Into<String>,
) -> impl Stream<Item = Seen<O>> {
    let (kind, resource, mut is_told) = (kind.into(), resource.into(), false);
    events.filter_map(move |event| {
        let seen = match event {
            Ok(event) => {
                is_told = false;
                Some(Seen::Event(event))
            }
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                if !std::mem::replace(&mut is_told, true) {
                    error!("{resource} is not installed: apply the manifests in crds/; waiting for it");
                }
                Some(Seen::Refused(format!("{resource} is not installed")))
            }
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 403 => {
                if !std::mem::replace(&mut is_told, true) {
                    error!("the operator may not list {resource}: let its ServiceAccount list and watch them; waiting");
                }
                Some(Seen::Refused("its ServiceAccount may not".to_owned()))
            }
            Err(error) => {
                warn!(kind, %error, "a watch failed; it is tried again");
                None
            }
        };
        std::future::ready(seen)
    })
}
