//! What is known of the credentials in use, whichever accounts present them.
//!
//! Clouds lock and throttle credentials, not account objects: so pauses, pace and tokens are those of a credential.
//! Credentials are told apart by a digest of all their parts, which is of no use outside of this process. Whoever has only
//! the id of somebody's key has another credential, and can make nobody pause.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use secrecy::SecretString;

use super::budget::Budget;
use super::exchange::IssuedKeys;
use super::renewal::Renewal;
use super::signature::keyed_digest;
use super::skew::Skew;
use super::{Observer, Vendor};

/// What tells credentials apart.
type Digest = [u8; 32];

/// What is known of the credentials in use. Clones know the same: a process has one, and all its sessions are made with it.
///
/// # Guarantees
///
/// - Sessions that present the same credential share its pauses, its pace, and what is issued for it: tokens, temporary keys.
/// - A pause after a refusal outlives the sessions, and so does how often it was refused, for as long again as the longest
///   pause: an account that is made anew does not try it sooner.
/// - Nothing that could be presented to a cloud outlives the sessions.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    salt: [u8; 32],
    observer: Arc<dyn Observer>,
    budgets: Mutex<HashMap<Digest, Arc<Budget>>>,
    tokens: Mutex<HashMap<Digest, Weak<Renewal<SecretString>>>>,
    keys: Mutex<HashMap<Digest, Weak<IssuedKeys>>>,
    huawei: Arc<Skew>,
    alibaba: Arc<Skew>,
}

/// An account's use of a credential.
pub(super) struct InUse {
    budget: Arc<Budget>,
    requests_per_second: Option<u32>,
}

impl Default for Keyring {
    /// One that tells nobody how calls go.
    fn default() -> Self {
        Self::new(())
    }
}

impl Keyring {
    /// Without any credential yet. The observer is told how the calls of all go.
    pub fn new(observer: impl Observer) -> Self {
        let observer: Arc<dyn Observer> = Arc::new(observer);
        let skew = |vendor| {
            let observer = Arc::clone(&observer);
            Arc::new(Skew::new(move |seconds| observer.clock_is_off(vendor, seconds)))
        };
        Self(Arc::new(Inner {
            salt: rand::random(),
            budgets: Mutex::default(),
            tokens: Mutex::default(),
            keys: Mutex::default(),
            huawei: skew(Vendor::Huawei),
            alibaba: skew(Vendor::Alibaba),
            observer,
        }))
    }

    /// The use of a credential of these parts, by an account that wants to make no more calls a second than this.
    pub(super) fn credential(&self, vendor: Vendor, parts: &[&str], requests_per_second: Option<u32>) -> InUse {
        let digest = self.digest(vendor, parts);
        let mut budgets = lock(&self.0.budgets);
        budgets.retain(|_, budget| Arc::strong_count(budget) > 1 || budget.is_remembered());
        let new = || Arc::new(Budget::new(vendor, Arc::clone(&self.0.observer), rand::random::<f64>));
        let budget = budgets.entry(digest).or_insert_with(new);
        budget.join(requests_per_second);
        InUse { budget: Arc::clone(budget), requests_per_second }
    }

    /// The tokens that are fetched with these parts: a credential, and what its tokens are for.
    pub(super) fn tokens(&self, vendor: Vendor, parts: &[&str]) -> Arc<Renewal<SecretString>> {
        shared(&self.0.tokens, self.digest(vendor, parts))
    }

    /// The temporary keys that what has these parts is exchanged for.
    pub(super) fn keys(&self, vendor: Vendor, parts: &[&str]) -> Arc<IssuedKeys> {
        shared(&self.0.keys, self.digest(vendor, parts))
    }

    /// How far our clock is off from a vendor's.
    pub(super) fn skew(&self, vendor: Vendor) -> Arc<Skew> {
        Arc::clone(match vendor {
            Vendor::Huawei => &self.0.huawei,
            Vendor::Alibaba => &self.0.alibaba,
        })
    }

    /// Who is told how calls go.
    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.0.observer)
    }

    fn digest(&self, vendor: Vendor, parts: &[&str]) -> Digest {
        let vendor = vendor.to_string();
        keyed_digest(&self.0.salt, [vendor.as_str()].iter().chain(parts))
    }
}

impl Deref for InUse {
    type Target = Budget;

    fn deref(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.budget.leave(self.requests_per_second);
    }
}

/// The one that is in use, or a new one.
fn shared<T: Default>(all: &Mutex<HashMap<Digest, Weak<T>>>, digest: Digest) -> Arc<T> {
    let mut all = lock(all);
    all.retain(|_, one| one.strong_count() > 0);
    if let Some(known) = all.get(&digest).and_then(Weak::upgrade) {
        return known;
    }
    let new = Arc::new(T::default());
    all.insert(digest, Arc::downgrade(&new));
    new
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::*;
    use crate::clouds::{Fault, Purpose, Urgency};

    fn known(keyring: &Keyring) -> usize {
        lock(&keyring.0.budgets).len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_is_all_of_its_parts() {
        let keyring = Keyring::default();
        let credential = |vendor, parts: &[&str]| keyring.credential(vendor, parts, None);
        let one = credential(Vendor::Huawei, &["key", "id", "secret"]);
        let same = credential(Vendor::Huawei, &["key", "id", "secret"]);
        assert!(Arc::ptr_eq(&one.budget, &same.budget));
        for (vendor, parts) in [
            (Vendor::Alibaba, &["key", "id", "secret"][..]),
            (Vendor::Huawei, &["key", "id", "other"]),
            (Vendor::Huawei, &["key", "other", "secret"]),
            (Vendor::Huawei, &["key", "id", "secret", ""]),
            (Vendor::Huawei, &["key", "id", "secret", "token"]),
            (Vendor::Huawei, &["key", "ids", "ecret"]),
            (Vendor::Huawei, &["key", "idsecret"]),
        ] {
            assert!(!Arc::ptr_eq(&one.budget, &credential(vendor, parts).budget), "{parts:?}");
        }
        let elsewhere = Keyring::default();
        assert_ne!(keyring.digest(Vendor::Huawei, &["id"]), elsewhere.digest(Vendor::Huawei, &["id"]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_uses_is_forgotten_but_for_what_was_refused() {
        let keyring = Keyring::default();
        let credential = |id| keyring.credential(Vendor::Huawei, &[id], None);
        drop(credential("good"));
        let refused = credential("refused");
        let fault = Fault::of("list", "no");
        let purpose = Purpose::new(Urgency::Look, "a", "b");
        let Ok(turn) = refused.turn(&purpose, Instant::now()).await else { panic!("closed") };
        refused.refused(&turn, &fault);
        drop(turn);
        drop(refused);
        assert_eq!((known(&keyring), Arc::strong_count(&credential("third").budget)), (1, 2));
        // Its rest, and as long as the longest one.
        advance(Duration::from_secs(30 + 600 - 1)).await;
        assert!(credential("refused").is_remembered());
        assert_eq!(known(&keyring), 1);
        advance(Duration::from_secs(1)).await;
        assert!(!credential("refused").is_remembered());
        drop(credential("fourth"));
        assert_eq!(known(&keyring), 1, "the fourth");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_forgotten_with_the_last_session() {
        let keyring = Keyring::default();
        let tokens = |project| keyring.tokens(Vendor::Huawei, &["user", project]);
        let one = tokens("one");
        assert!(Arc::ptr_eq(&one, &tokens("one")));
        assert!(!Arc::ptr_eq(&one, &tokens("two")));
        let gone = Arc::downgrade(&one);
        drop(one);
        assert!(gone.upgrade().is_none());
    }
}
