//! Keeps accounts from vanishing while claims need them: without its credentials, nothing that was granted could be revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::{Client, Resource};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::AccountUse;
use super::account_objects::{accounts_like, finalizer_of};
use super::accounts::{Accounts, Hold};
use super::entry::ObjectKey;

/// How often accounts that are being deleted are looked at.
const DELETING_INTERVAL: Duration = Duration::from_secs(2);

/// Every so many times, all accounts are: one may be needed since before there was a guard.
const ALL_EVERY: u32 = 30;

/// An account is not let go for so long after a claim was about to need it: its object may not be known to need it yet.
const CLAIM_WINDOW: Duration = Duration::from_secs(30);

/// Keeps accounts from vanishing.
pub(crate) struct Guard {
    client: Client,
    call_timeout: Duration,
    /// Of the operator.
    own_namespace: String,
    /// Which accounts are known to carry the finalizer, by their uids, and when a claim last was about to need each.
    guarded: Mutex<BTreeMap<String, Instant>>,
}

impl Guard {
    pub(crate) fn new(client: Client, call_timeout: Duration, own_namespace: String) -> Self {
        Self { client, call_timeout, own_namespace, guarded: Mutex::default() }
    }

    /// A claim is about to need the account, which cannot vanish any more when this returns.
    pub(crate) async fn protect(&self, key: &ObjectKey, uid: &str) -> Result<(), String> {
        let mut guarded = self.guarded.lock().await;
        if !guarded.contains_key(uid) {
            self.set(key, true).await?;
        }
        guarded.insert(uid.to_owned(), Instant::now());
        Ok(())
    }

    /// Lets go accounts that are being deleted and that nobody needs any more, and guards those that somebody needs. Does not
    /// return.
    pub(crate) async fn watch_over(&self, accounts: &Accounts, kinds: &[AccountUse]) {
        let mut round = 0_u32;
        loop {
            sleep(DELETING_INTERVAL).await;
            round = round.wrapping_add(1);
            let all = round.is_multiple_of(ALL_EVERY);
            for Hold { key, uid, guarded, deleting } in accounts.holds() {
                if !(all || deleting) {
                    continue;
                }
                // Until every object is known, nobody knows that none needs the account.
                let needs = |needed, kind: &AccountUse| Some(needed | (kind.needs)(&key)?);
                let Some(needed) = kinds.iter().try_fold(false, needs) else { continue };
                let done = match (needed, guarded) {
                    (true, false) if !deleting => self.protect_anew(&key, &uid).await,
                    (false, true) if deleting => self.release(&key, &uid).await,
                    _ => Ok(()),
                };
                if let Err(error) = done {
                    warn!(account = %key, error, "the finalizer of an account could not be set; it is tried again");
                }
            }
        }
    }

    /// Somebody took the finalizer away, or there was none before.
    async fn protect_anew(&self, key: &ObjectKey, uid: &str) -> Result<(), String> {
        self.guarded.lock().await.remove(uid);
        self.protect(key, uid).await
    }

    async fn release(&self, key: &ObjectKey, uid: &str) -> Result<(), String> {
        let mut guarded = self.guarded.lock().await;
        if guarded.get(uid).is_some_and(|last| last.elapsed() < CLAIM_WINDOW) {
            return Ok(());
        }
        guarded.remove(uid);
        self.set(key, false).await?;
        info!(account = %key, "no object needs the account any more");
        Ok(())
    }

    /// Adds or takes away our finalizer, and no other.
    async fn set(&self, key: &ObjectKey, guard: bool) -> Result<(), String> {
        let (accounts, finalizer) = (accounts_like(&self.client, key), finalizer_of(key, &self.own_namespace));
        let work = async {
            let account = accounts.get(&key.name).await?;
            let mut finalizers = account.meta().finalizers.clone().unwrap_or_default();
            let is_guarded = finalizers.contains(&finalizer);
            if is_guarded == guard {
                return Ok(());
            }
            finalizers.retain(|name| *name != finalizer);
            finalizers.extend(guard.then_some(finalizer));
            let version = &account.meta().resource_version;
            let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}}));
            accounts.patch(&key.name, &PatchParams::default(), &patch).await.map(drop)
        };
        match timeout(self.call_timeout, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kube::Error::Api(status))) if !guard && status.code == 404 => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }
}
