//! Secrets, each read on its own by name and believed for a while: never listed, never watched.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{GetParams, Request};
use kube::{Client, Resource};
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
            || Problem::new(Outcome::SecretNotFound, format!("Secret {} has no key {key}, or a blank one", self.name));
        self.secret(key)?.ok_or_else(missing)
    }

    fn utf8(&self, key: &str) -> Result<Option<&str>, Problem> {
        let text = self.data.get(key).map(|bytes| std::str::from_utf8(&bytes.0)).transpose();
        text.map_err(|_| Problem::not_ready(format!("key {key} of Secret {} is not UTF-8 text", self.name)))
    }
}

/// How long a Secret is used as it was last read while the API server does not say what it is now.
const LAST_GOOD: Duration = Duration::from_mins(5);

/// How long all who ask share one failure to read a Secret.
const FAILED: Duration = Duration::from_secs(1);

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

/// What is known of one Secret; locked while it is being read.
type Slot = Arc<tokio::sync::Mutex<LastRead>>;

#[derive(Default)]
struct LastRead {
    /// What was last read, and when.
    good: Option<(Instant, Arc<SecretData>)>,
    /// Why it could not be read since, and when.
    failed: Option<(Instant, Unreadable)>,
}

impl LastRead {
    fn younger_than(&self, age: Duration) -> Option<Arc<SecretData>> {
        let good = self.good.as_ref().filter(|(read, _)| read.elapsed() < age);
        good.map(|(_, secret)| Arc::clone(secret))
    }

    /// What is to be done without another read, if one failed a moment ago.
    fn just_failed(&self) -> Option<Result<Arc<SecretData>, Unreadable>> {
        let (_, why) = self.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED)?;
        Some(self.without_answer(why))
    }

    /// A read that says nothing of the Secret leaves what was last read, for a while.
    fn without_answer(&self, why: &Unreadable) -> Result<Arc<SecretData>, Unreadable> {
        let last = self.younger_than(LAST_GOOD).filter(|_| matches!(why, Unreadable::Failed(_)));
        last.ok_or_else(|| why.clone())
    }
}

/// Why a Secret could not be read.
#[derive(Debug, Clone)]
enum Unreadable {
    Missing,
    Forbidden,
    /// The API server did not say what it is.
    Failed(String),
}

impl Unreadable {
    fn problem(self, key: &ObjectKey, needed_by: &str) -> Problem {
        let ObjectKey { namespace, name } = key;
        match self {
            Self::Missing => Problem::new(
                Outcome::SecretNotFound,
                format!("{needed_by} needs Secret {name} in namespace {namespace}, which does not exist: create it"),
            ),
            Self::Forbidden => Problem::not_ready(format!(
                "the operator may not read Secret {name}: allow its ServiceAccount to get Secrets in this namespace"
            )),
            Self::Failed(why) => {
                Problem::not_ready(format!("Secret {name} could not be read: {why}; it will be tried again"))
            }
        }
    }
}

impl From<kube::Error> for Unreadable {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else { return Self::Failed(error.to_string()) };
        if status.is_not_found() {
            Self::Missing
        } else if status.is_forbidden() {
            Self::Forbidden
        } else {
            // Its words may be the whole of an answer that nobody expected.
            Self::Failed(format!("the API server answered HTTP {}", status.code))
        }
    }
}

impl Secrets {
    pub(crate) fn new(client: Client, settings: &Settings) -> Self {
        let (interval, timeout) = (settings.secret_interval, settings.call_timeout);
        let slots = Slots { of: HashMap::new(), swept: Instant::now() };
        Self { client, interval, timeout, slots: Mutex::new(slots) }
    }

    /// A Secret as it is, or was less than `age` and less than the interval ago; longer ago while the API server does not
    /// answer. `needed_by` says who needs it, for messages.
    pub(crate) async fn get(
        &self,
        key: &ObjectKey,
        age: Duration,
        needed_by: &str,
    ) -> Result<Arc<SecretData>, Problem> {
        let slot = self.slot(key);
        let mut last = slot.lock().await;
        if let Some(secret) = last.younger_than(age.min(self.interval)) {
            return Ok(secret);
        }
        if let Some(failed) = last.just_failed() {
            return failed.map_err(|why| why.problem(key, needed_by));
        }
        match self.read(key).await {
            Ok(secret) => {
                let secret = Arc::new(secret);
                *last = LastRead { good: Some((Instant::now(), Arc::clone(&secret))), failed: None };
                Ok(secret)
            }
            Err(why) => {
                let secret = last.without_answer(&why);
                let good = last.good.take().filter(|_| secret.is_ok());
                *last = LastRead { good, failed: Some((Instant::now(), why)) };
                secret.map_err(|why| why.problem(key, needed_by))
            }
        }
    }

    /// What was read of a Secret is not believed any more.
    pub(crate) async fn doubt(&self, key: &ObjectKey) {
        *self.slot(key).lock().await = LastRead::default();
    }

    /// The slot of a Secret. Once an interval, those that nobody has asked for since long are forgotten.
    fn slot(&self, key: &ObjectKey) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.swept.elapsed() >= self.interval {
            slots.swept = Instant::now();
            slots.of.retain(|_, slot| {
                let of_use = slot.try_lock().map(|last| last.younger_than(LAST_GOOD.max(self.interval)).is_some());
                Arc::strong_count(slot) > 1 || of_use.unwrap_or(true)
            });
        }
        Arc::clone(slots.of.entry(key.clone()).or_default())
    }

    async fn read(&self, key: &ObjectKey) -> Result<SecretData, Unreadable> {
        // The client puts a name into the path as it is, wherever that leads then. No Secret has another name.
        if !is_name(&key.name) {
            return Err(Unreadable::Missing);
        }
        let request = Request::new(Secret::url_path(&(), Some(&key.namespace))).get(&key.name, &GetParams::default());
        let request = request.map_err(|error| Unreadable::Failed(error.to_string()))?;
        let answer = tokio::time::timeout(self.timeout, self.client.request_text(request)).await;
        let answer = answer.map_err(|_| Unreadable::Failed("the API server did not answer in time".to_owned()))??;
        // Read here: whatever is not a Secret may still hold one, and the client would log it.
        let secret: Secret = serde_json::from_str(&answer)
            .map_err(|_| Unreadable::Failed("what the API server answered is not a Secret".to_owned()))?;
        let meta = &secret.metadata;
        let version = [meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default()];
        let data = secret.data.unwrap_or_default();
        Ok(SecretData { name: key.name.clone(), version: version.join("/").into(), data })
    }
}

/// An object may be called so: names joined by dots, of lower case letters, digits and dashes between them.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &[u8]| {
        let ends = label.first().is_some_and(|byte| inner(*byte)) && label.last().is_some_and(|byte| inner(*byte));
        ends && label.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    text.len() <= 253 && text.as_bytes().split(|byte| *byte == b'.').all(is_label)
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
