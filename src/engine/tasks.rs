//! What runs until the operator is told to stop: for each kind its watches and passes, and what keeps accounts.

use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kube::{Api, Resource};
use tokio::sync::{mpsc, watch as signal};

use super::entry::ObjectKey;
use super::group::{self, Group};
use super::health::Keeper;
use super::kind::AccessKind;
use super::objects::Objects;
use super::store::Store;
use super::tally::Counts;
use super::{Context, Engine, figures, queue, watch};
use crate::api::{CloudAccount, ClusterCloudAccount};

/// A part of the operator that runs until it is told to stop.
pub type Task = futures::future::BoxFuture<'static, ()>;

/// The tasks of one kind, and what to call when an account changes.
pub struct KindTasks {
    /// Watches its objects, and runs its passes.
    pub run: Task,
    /// Ends when all its objects are known.
    pub all_known: Task,
    /// What has to do with accounts.
    pub account_use: AccountUse,
}

/// What a kind has to do with accounts.
pub struct AccountUse {
    /// Looks again at the claims of an account.
    pub(crate) changed: Box<dyn Fn(&ObjectKey) + Send + Sync>,
    /// Looks again at the claims of a namespace whose accounts have rules.
    pub(crate) tenant_changed: Box<dyn Fn(&str) + Send + Sync>,
    /// Adds how many of its objects name each account, by how they rest.
    pub(crate) count: Box<dyn Fn(&mut Counts) + Send + Sync>,
    /// Some of its objects need an account to be revoked; `None` until all are known.
    pub(crate) needs: Needs,
}

type Needs = Box<dyn Fn(&ObjectKey) -> Option<bool> + Send + Sync>;

/// The tasks of one kind. `accounts_known` turns true with the first complete list of accounts: no pass runs before.
#[must_use]
pub fn kind_tasks<K: AccessKind>(context: &Context, accounts_known: signal::Receiver<bool>) -> KindTasks {
    let (requests, mut queue) = mpsc::unbounded_channel();
    let accounts = Arc::clone(&context.accounts);
    let engine = Arc::new(Engine::<K> {
        settings: context.settings.clone(),
        clock: context.clock.clone(),
        accounts: Arc::clone(&accounts),
        secrets: Arc::clone(&context.secrets),
        brake: Arc::clone(&context.brake),
        guard: Arc::clone(&context.guard),
        health: Arc::clone(&context.health),
        unmanaged: Arc::clone(&context.unmanaged),
        in_passes: Arc::clone(&context.in_passes),
        metrics: context.metrics.of_kind(&K::Object::kind(&())),
        store: Store::new(move |entry| group::locate::<K>(entry, &accounts).group),
        objects: Objects::new(context.client.clone(), Arc::clone(&context.calls)),
        clients: Mutex::default(),
        memories: Mutex::default(),
        requests,
        events: context.events.clone(),
        leadership: context.leadership.clone(),
    });
    figures::count_objects(context, &engine);
    let stop = context.stop.clone();
    let (known, objects_known) = signal::channel(0);
    let scopes = watch::scopes(&context.settings.namespaces);
    let all_known = Box::pin(watch::all_of(scopes.len(), objects_known.clone()));
    let account_use = account_use(&engine, objects_known.clone(), scopes.len());
    let run = async move {
        let complete = watch::all_of(scopes.len(), objects_known);
        let watches = join_all(scopes.into_iter().map(|scope| watch::objects(&engine, scope, &known)));
        let passes = async {
            // Before these, a claim could be taken for the only one on its principal, or its account for missing. Who does not
            // lead knows all the same.
            let ready = async { futures::join!(watch::until(accounts_known), complete, engine.leadership.gained()) };
            // Whatever is asked for meanwhile, all groups are looked at once passes begin.
            let waiting = async {
                while queue.recv().await.is_some() {}
                pending::<()>().await;
            };
            tokio::select! {
                _ = ready => {}
                () = waiting => {}
                () = watch::until(stop.clone()) => return,
            }
            engine.schedule_all(engine.store.groups_of(|_| true));
            // Of some, the last object may have gone while nobody looked.
            let held = engine.accounts.held_targets(K::SERVICE).into_iter();
            engine.schedule_all(held.map(|target| Group::Target(target.into())).collect());
            queue::run(Arc::clone(&engine), queue, stop.clone()).await;
        };
        let clock = engine.heed_clock();
        futures::pin_mut!(watches, passes, clock);
        futures::future::select(futures::future::select(watches, clock), passes).await;
    };
    KindTasks { run: Box::pin(run), all_known, account_use }
}

fn account_use<K: AccessKind>(engine: &Arc<Engine<K>>, lists: signal::Receiver<usize>, scopes: usize) -> AccountUse {
    let (for_changes, for_tenants, for_needs) = (Arc::clone(engine), Arc::clone(engine), Arc::clone(engine));
    let for_counts = Arc::clone(engine);
    AccountUse {
        changed: Box::new(move |account| for_changes.account_changed(account)),
        tenant_changed: Box::new(move |namespace| for_tenants.tenant_changed(namespace)),
        count: Box::new(move |counts| for_counts.store.tally().add_to(counts)),
        needs: Box::new(move |account| {
            let complete = *lists.borrow() >= scopes;
            complete.then(|| for_needs.store.tally().needs(account))
        }),
    }
}

/// Watches accounts of both kinds, and namespaces; tells every kind when one changes, and keeps the statuses of accounts. `known`
/// turns true with the first complete lists.
pub async fn watch_accounts(context: Context, kinds: Vec<AccountUse>, known: signal::Sender<bool>) {
    let (listed, lists) = signal::channel(0);
    let scopes = watch::scopes(&context.settings.namespaces);
    let complete = watch::all_of(scopes.len() + 2, lists);
    let own = scopes.into_iter().map(|scope| {
        let api = watch::namespaced(&context.client, scope.as_deref());
        watch::accounts::<CloudAccount>(&context, api, scope, &kinds, &listed)
    });
    let of_all = watch::accounts::<ClusterCloudAccount>(
        &context,
        Api::all(context.client.clone()),
        Some(String::new()),
        &kinds,
        &listed,
    );
    let watches = async { futures::join!(join_all(own), of_all, watch::tenants(&context, &kinds, &listed)) };
    let tell = async {
        complete.await;
        known.send_replace(true);
        context.leadership.gained().await;
        futures::join!(Keeper::new(&context, &kinds).keep(), context.guard.watch_over(&context.accounts, &kinds));
    };
    let stopped = watch::until(context.stop.clone());
    futures::pin_mut!(watches, tell, stopped);
    futures::future::select(stopped, futures::future::select(watches, tell)).await;
}
