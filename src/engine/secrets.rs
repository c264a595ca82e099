//! Secrets, each read on its own by name and believed for a while: never listed, never watched.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::time::Instant;

use super::Settings;
use super::entry::ObjectKey;
use super::problem::Problem;
use crate::plan::Outcome;

/// The content of a Secret.
pub struct SecretData {
    name: String,
    /// Differs whenever the Secret does: its uid and resourceVersion.
    version: Arc<str>,
    data: BTreeMap<String, ByteString>,
}

impl SecretData {
    /// The Secret's name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Differs whenever the Secret does.
    pub(crate) fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// A value that is no secret. Blank is missing; blanks and line ends around it are left out, as `echo` leaves one.
    pub fn text(&self, key: &str) -> Result<Option<String>, Problem> {
        let text = self.utf8(key)?.map(str::trim).filter(|text| !text.is_empty());
        Ok(text.map(str::to_owned))
    }

    /// A value that is a secret, read as [`SecretData::text`] is.
    pub fn secret(&self, key: &str) -> Result<Option<SecretString>, Problem> {
        Ok(self.text(key)?.map(SecretString::from))
    }

    /// A secret value that has to be there.
    pub(crate) fn required(&self, key: &str) -> Result<SecretString, Problem> {
        let missing =
            || Problem::new(Outcome::SecretNotFound, format!("Secret {} has no key {key}: add it", self.name));
        self.secret(key)?.ok_or_else(missing)
    }

    fn utf8(&self, key: &str) -> Result<Option<&str>, Problem> {
        let text = self.data.get(key).map(|bytes| std::str::from_utf8(&bytes.0)).transpose();
        text.map_err(|_| Problem::not_ready(format!("key {key} of Secret {} is not UTF-8 text", self.name)))
    }
}

/// Reads Secrets. Many who ask for one at a time read it once.
pub(crate) struct Secrets {
    client: Client,
    /// How long a Secret is believed to be as it was read.
    interval: Duration,
    /// The longest that reading one may take.
    timeout: Duration,
    slots: Mutex<Slots>,
}

struct Slots {
    of: HashMap<ObjectKey, Slot>,
    /// When those that nobody needs any more were last forgotten.
    swept: Instant,
}

/// What was last read of one Secret, and when; locked while it is being read.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Arc<SecretData>)>>>;

impl Secrets {
    pub(crate) fn new(client: Client, settings: &Settings) -> Self {
        let (interval, timeout) = (settings.secret_interval, settings.call_timeout);
        let slots = Slots { of: HashMap::new(), swept: Instant::now() };
        Self { client, interval, timeout, slots: Mutex::new(slots) }
    }

    /// A Secret as it is, or was less than the interval ago. `needed_by` says who needs it, for messages.
    pub(crate) async fn get(&self, key: &ObjectKey, needed_by: &str) -> Result<Arc<SecretData>, Problem> {
        self.get_younger(key, self.interval, needed_by).await
    }

    /// A Secret as it is, or was less than `age` and less than the interval ago.
    pub(crate) async fn get_younger(
        &self,
        key: &ObjectKey,
        age: Duration,
        needed_by: &str,
    ) -> Result<Arc<SecretData>, Problem> {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((read, secret)) = &*slot
            && read.elapsed() < age.min(self.interval)
        {
            return Ok(Arc::clone(secret));
        }
        *slot = None;
        let secret = Arc::new(self.read(key, needed_by).await?);
        *slot = Some((Instant::now(), Arc::clone(&secret)));
        Ok(secret)
    }

    /// What was read of a Secret is not believed any more.
    pub(crate) async fn doubt(&self, key: &ObjectKey) {
        *self.slot(key).lock().await = None;
    }

    /// The slot of a Secret. Once an interval, those that nobody has asked for since are forgotten.
    fn slot(&self, key: &ObjectKey) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.swept.elapsed() >= self.interval {
            slots.swept = Instant::now();
            let fresh = |at: &Instant| at.elapsed() < self.interval;
            slots.of.retain(|_, slot| {
                let read = slot.try_lock().map(|read| read.as_ref().is_some_and(|(at, _)| fresh(at)));
                Arc::strong_count(slot) > 1 || read.unwrap_or(true)
            });
        }
        Arc::clone(slots.of.entry(key.clone()).or_default())
    }

    async fn read(&self, key: &ObjectKey, needed_by: &str) -> Result<SecretData, Problem> {
        let name = &key.name;
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &key.namespace);
        let secret = tokio::time::timeout(self.timeout, secrets.get_opt(name)).await;
        let secret = secret.map_err(|_| Problem::not_ready(format!("Secret {name} could not be read in time")))?;
        let secret = secret.map_err(|error| unreadable(name, &error))?;
        let secret = secret.ok_or_else(|| {
            let message = format!(
                "{needed_by} needs Secret {name} in namespace {}, which does not exist: create it",
                key.namespace
            );
            Problem::new(Outcome::SecretNotFound, message)
        })?;
        let meta = &secret.metadata;
        let version = [meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default()];
        let data = secret.data.unwrap_or_default();
        Ok(SecretData { name: name.clone(), version: version.join("/").into(), data })
    }
}

fn unreadable(name: &str, error: &kube::Error) -> Problem {
    if let kube::Error::Api(status) = error
        && status.code == 403
    {
        return Problem::not_ready(format!(
            "the operator may not read Secret {name}: allow its ServiceAccount to get Secrets in this namespace"
        ));
    }
    Problem::not_ready(format!("Secret {name} could not be read: {error}; it will be tried again"))
}
