//! The accounts that claims name: their objects as the watch shows them, and connections made with their Secrets.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::time::Instant;

use super::Settings;
use super::entry::{ObjectKey, shorten};
use crate::api::CloudAccountSpec;
use crate::clouds::Account;
use crate::plan::Outcome;

/// Why an account cannot be used, in words for whoever owns the object that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProblem {
    /// What a claim that needs the account rests with.
    pub outcome: Outcome,
    /// What happened, why, and what to do.
    pub message: String,
}

/// Makes a cloud account of an account object and its Secret. No call is made.
pub type ResolveAccount = Arc<dyn Fn(&CloudAccountSpec, &SecretData) -> Result<Account, AccountProblem> + Send + Sync>;

/// The content of a Secret.
pub struct SecretData {
    name: String,
    data: BTreeMap<String, ByteString>,
}

impl SecretData {
    /// The Secret's name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A value that is no secret. Blank is missing; blanks and line ends around it are left out, as `echo` leaves one.
    pub fn text(&self, key: &str) -> Result<Option<String>, AccountProblem> {
        let Some(bytes) = self.data.get(key) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes.0).map_err(|_| AccountProblem {
            outcome: Outcome::AccountNotReady,
            message: format!("key {key} of Secret {} is not UTF-8 text", self.name),
        })?;
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// A value that is a secret.
    pub fn secret(&self, key: &str) -> Result<Option<SecretString>, AccountProblem> {
        Ok(self.text(key)?.map(SecretString::from))
    }
}

/// An account that calls can be made through.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) account: Account,
    /// Differs whenever the account object or its Secret does.
    pub(crate) version: Arc<str>,
}

/// The accounts that claims name.
pub(crate) struct Accounts {
    client: Client,
    resolve: ResolveAccount,
    /// How long a Secret is believed to be as it was read.
    secret_interval: Duration,
    /// The longest that reading one may take.
    call_timeout: Duration,
    known: Mutex<BTreeMap<ObjectKey, Known>>,
    connections: Mutex<HashMap<ObjectKey, Slot>>,
}

/// One account's connection; the lock is held while its Secret is read, so that many passes read it once.
type Slot = Arc<tokio::sync::Mutex<Option<Connected>>>;

/// An account object as the watch shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    /// Its spec, and a version that differs whenever the spec does.
    Spec { spec: Arc<CloudAccountSpec>, version: String },
    /// It cannot be decoded.
    Undecodable(String),
}

struct Connected {
    connection: Connection,
    /// The version of the account object.
    account_version: String,
    /// When its Secret was read; `None` once that is doubted.
    read: Option<Instant>,
}

impl Accounts {
    pub(crate) fn new(client: Client, resolve: ResolveAccount, settings: &Settings) -> Self {
        Self {
            client,
            resolve,
            secret_interval: settings.secret_interval,
            call_timeout: settings.call_timeout,
            known: Mutex::new(BTreeMap::new()),
            connections: Mutex::new(HashMap::new()),
        }
    }

    /// What the watch shows of an account object; `None` when it is gone, and with it its credentials. Returns whether
    /// that is news.
    pub(crate) fn set(&self, key: &ObjectKey, account: Option<Known>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = account else {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return known.remove(key).is_some();
        };
        known.insert(key.clone(), account.clone()) != Some(account)
    }

    /// The account objects there are.
    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn known(&self, key: &ObjectKey) -> Result<(Arc<CloudAccountSpec>, String), AccountProblem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(key) {
            Some(Known::Spec { spec, version }) => Ok((Arc::clone(spec), version.clone())),
            Some(Known::Undecodable(error)) => Err(not_ready(format!(
                "this version of the operator cannot read CloudAccount {}: {}",
                key.name,
                shorten(error)
            ))),
            None => Err(AccountProblem {
                outcome: Outcome::AccountNotFound,
                message: format!(
                    "there is no CloudAccount {} in namespace {}: create it, or correct accountRef",
                    key.name, key.namespace
                ),
            }),
        }
    }

    /// What the cloud sees of an account: vendor, region and project.
    pub(crate) fn realm(&self, key: &ObjectKey) -> Result<String, AccountProblem> {
        let (spec, _) = self.known(key)?;
        spec.realm().ok_or_else(|| not_ready(format!("CloudAccount {} names no vendor", key.name)))
    }

    /// How often targets of this account are looked at when nothing happens, if it says so itself.
    pub(crate) fn drift_interval(&self, key: &ObjectKey) -> Option<Duration> {
        let (spec, _) = self.known(key).ok()?;
        spec.drift_interval()
    }

    /// A connection to the account. Its Secret is read at most once an interval.
    pub(crate) async fn connect(&self, key: &ObjectKey) -> Result<Connection, AccountProblem> {
        let (spec, version) = self.known(key)?;
        let slot = {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(connections.entry(key.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(connected) = &*slot
            && connected.read.is_some_and(|read| read.elapsed() < self.secret_interval)
            && connected.account_version == version
        {
            return Ok(connected.connection.clone());
        }
        match self.read(key, &spec, &version, slot.as_ref()).await {
            Ok(connection) => {
                let read = Some(Instant::now());
                *slot = Some(Connected { connection: connection.clone(), account_version: version, read });
                Ok(connection)
            }
            Err(problem) => {
                *slot = None;
                Err(problem)
            }
        }
    }

    async fn read(
        &self,
        key: &ObjectKey,
        spec: &CloudAccountSpec,
        version: &str,
        before: Option<&Connected>,
    ) -> Result<Connection, AccountProblem> {
        let name = spec.secret().ok_or_else(|| not_ready(format!("CloudAccount {} names no Secret", key.name)))?;
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &key.namespace);
        let secret = tokio::time::timeout(self.call_timeout, secrets.get_opt(name)).await;
        let secret = secret.map_err(|_| not_ready(format!("Secret {name} could not be read in time")))?;
        let secret = secret.map_err(|error| secret_unreadable(name, &error))?;
        let secret = secret.ok_or_else(|| AccountProblem {
            outcome: Outcome::SecretNotFound,
            message: format!(
                "CloudAccount {} needs Secret {name} in namespace {}, which does not exist: create it",
                key.name, key.namespace
            ),
        })?;
        let meta = &secret.metadata;
        let secret_version =
            [meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default()].join("/");
        let version: Arc<str> = format!("{version} {secret_version}").into();
        if let Some(before) = before
            && before.connection.version == version
        {
            return Ok(before.connection.clone());
        }
        let data = SecretData { name: name.to_owned(), data: secret.data.unwrap_or_default() };
        let account = (self.resolve)(spec, &data)?;
        Ok(Connection { account, version })
    }

    /// The cloud refused the account's credentials: its Secret is read again before the next call.
    pub(crate) async fn doubt(&self, key: &ObjectKey) {
        let slot = {
            let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.get(key).cloned()
        };
        if let Some(slot) = slot
            && let Some(connected) = &mut *slot.lock().await
        {
            connected.read = None;
        }
    }
}

fn not_ready(message: String) -> AccountProblem {
    AccountProblem { outcome: Outcome::AccountNotReady, message }
}

fn secret_unreadable(name: &str, error: &kube::Error) -> AccountProblem {
    if let kube::Error::Api(status) = error
        && status.code == 403
    {
        return not_ready(format!(
            "the operator may not read Secret {name}: allow its ServiceAccount to get Secrets in this namespace"
        ));
    }
    not_ready(format!("Secret {name} could not be read: {error}; it will be tried again"))
}
