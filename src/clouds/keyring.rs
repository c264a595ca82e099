//! What is known of the credentials in use, whichever accounts present them.
//!
//! Clouds lock and throttle credentials, not account objects: so pauses, pace and tokens are those of a credential.
//! Credentials are told apart by a digest of all their parts, which is of no use outside of this process. Whoever has only
//! the id of somebody's key has another credential, and can make nobody pause.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use secrecy::SecretString;

use super::Vendor;
use super::budget::Budget;
use super::exchange::IssuedKeys;
use super::gate::Gate;
use super::renewal::Renewal;
use super::signature::keyed_digest;
use super::skew::Skew;

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
    standings: Mutex<HashMap<Digest, Arc<Standing>>>,
    tokens: Mutex<HashMap<Digest, Weak<Renewal<SecretString>>>>,
    keys: Mutex<HashMap<Digest, Weak<IssuedKeys>>>,
    huawei: Arc<Skew>,
    alibaba: Arc<Skew>,
}

/// How a credential stands with its cloud.
pub(super) struct Standing {
    pub(super) gate: Gate,
    pub(super) budget: Budget,
}

/// An account's use of a credential.
pub(super) struct InUse {
    standing: Arc<Standing>,
    requests_per_second: Option<u32>,
}

impl Default for Keyring {
    /// One that tells nobody of clocks that are off.
    fn default() -> Self {
        Self::new(|_, _| {})
    }
}

impl Keyring {
    /// Without any credential yet. `on_skew` is told by how many seconds a vendor's clock is ahead of ours, each time that
    /// this is noticed.
    pub fn new(on_skew: impl Fn(Vendor, i64) + Send + Sync + 'static) -> Self {
        let on_skew = Arc::new(on_skew);
        let skew = |vendor| {
            let on_skew = Arc::clone(&on_skew);
            Arc::new(Skew::new(move |seconds| on_skew(vendor, seconds)))
        };
        Self(Arc::new(Inner {
            salt: rand::random(),
            standings: Mutex::default(),
            tokens: Mutex::default(),
            keys: Mutex::default(),
            huawei: skew(Vendor::Huawei),
            alibaba: skew(Vendor::Alibaba),
        }))
    }

    /// The use of a credential of these parts, by an account that wants to make no more calls a second than this.
    pub(super) fn credential(&self, vendor: Vendor, parts: &[&str], requests_per_second: Option<u32>) -> InUse {
        let digest = self.digest(vendor, parts);
        let mut standings = lock(&self.0.standings);
        standings.retain(|_, standing| Arc::strong_count(standing) > 1 || standing.is_remembered());
        let standing = standings
            .entry(digest)
            .or_insert_with(|| Arc::new(Standing { gate: Gate::default(), budget: Budget::new(rand::random::<f64>) }));
        standing.budget.join(requests_per_second);
        InUse { standing: Arc::clone(standing), requests_per_second }
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

    fn digest(&self, vendor: Vendor, parts: &[&str]) -> Digest {
        let vendor = vendor.to_string();
        keyed_digest(&self.0.salt, [vendor.as_str()].iter().chain(parts))
    }
}

impl Standing {
    fn is_remembered(&self) -> bool {
        self.gate.is_remembered() || self.budget.is_paused()
    }
}

impl Deref for InUse {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.standing
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.standing.budget.leave(self.requests_per_second);
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
    use crate::clouds::Fault;

    fn known(keyring: &Keyring) -> usize {
        lock(&keyring.0.standings).len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_is_all_of_its_parts() {
        let keyring = Keyring::default();
        let credential = |vendor, parts: &[&str]| keyring.credential(vendor, parts, None);
        let one = credential(Vendor::Huawei, &["key", "id", "secret"]);
        let same = credential(Vendor::Huawei, &["key", "id", "secret"]);
        assert!(Arc::ptr_eq(&one.standing, &same.standing));
        for (vendor, parts) in [
            (Vendor::Alibaba, &["key", "id", "secret"][..]),
            (Vendor::Huawei, &["key", "id", "other"]),
            (Vendor::Huawei, &["key", "other", "secret"]),
            (Vendor::Huawei, &["key", "id", "secret", ""]),
            (Vendor::Huawei, &["key", "id", "secret", "token"]),
            (Vendor::Huawei, &["key", "ids", "ecret"]),
            (Vendor::Huawei, &["key", "idsecret"]),
        ] {
            assert!(!Arc::ptr_eq(&one.standing, &credential(vendor, parts).standing), "{parts:?}");
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
        let Ok(pass) = refused.gate.pass(Instant::now()).await else { panic!("closed") };
        refused.gate.refused(&pass, &fault);
        drop(pass);
        drop(refused);
        assert_eq!((known(&keyring), Arc::strong_count(&credential("third").standing)), (1, 2));
        // Its rest, and as long as the longest one.
        advance(Duration::from_secs(30 + 600 - 1)).await;
        assert!(credential("refused").gate.is_remembered());
        assert_eq!(known(&keyring), 1);
        advance(Duration::from_secs(1)).await;
        assert!(!credential("refused").gate.is_remembered());
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
