//! The accounts that claims name: their objects as the watch shows them, and connections made with their Secrets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Settings;
use super::entry::{ObjectKey, shorten};
use super::policy::Policy;
use super::problem::Problem;
use super::secrets::{SecretData, Secrets};
use super::tenants::{Labels, Tenants};
use crate::api::{AccountKind, CloudAccountSpec, CloudAccountStatus};
use crate::clouds::Account;
use crate::plan::Outcome;

/// Makes a cloud account of an account object and its Secret, or an identity of the operator's own. No call is made.
pub type ResolveAccount = Arc<dyn Fn(&CloudAccountSpec, Option<&SecretData>) -> Result<Account, Problem> + Send + Sync>;

/// Stands for the version of a Secret where there is none.
const OWN: &str = "own";

/// An account that calls can be made through.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) account: Account,
    /// Differs whenever the account object or its Secret does.
    pub(crate) version: Arc<str>,
}

/// The accounts that claims name.
pub(crate) struct Accounts {
    resolve: ResolveAccount,
    secrets: Arc<Secrets>,
    tenants: Arc<Tenants>,
    /// Where ClusterCloudAccounts have their Secrets.
    own_namespace: String,
    /// No object is unknown for being in a namespace that is not watched.
    watches_all: bool,
    known: Mutex<BTreeMap<ObjectKey, Known>>,
    /// Why ClusterCloudAccounts could never be listed.
    unlisted: Mutex<Option<String>>,
    connections: Mutex<HashMap<ObjectKey, Connection>>,
}

/// Who may ask an account for what, for objects of one namespace.
pub(crate) enum Permission {
    /// Whoever may create an object in the namespace of the account.
    Any,
    /// Whom the policy allows it, by the labels of the namespace.
    By(Arc<Policy>, Labels),
}

/// An account object as the watch shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    /// Its spec, a version that differs whenever the spec does or another release of what it holds back, and its status.
    Spec {
        spec: Arc<CloudAccountSpec>,
        /// Who may ask it for what, of a ClusterCloudAccount.
        policy: Option<Arc<Policy>>,
        version: String,
        generation: i64,
        released: Option<String>,
        /// It carries our finalizer.
        guarded: bool,
        /// It is being deleted: it serves revocations, and nothing else.
        deleting: bool,
        status: Arc<CloudAccountStatus>,
    },
    /// It cannot be decoded.
    Undecodable(String),
}

/// An account object that can be read.
struct Readable {
    spec: Arc<CloudAccountSpec>,
    policy: Option<Arc<Policy>>,
    version: String,
}

impl Known {
    /// How many revocations it holds back.
    pub(crate) fn held(&self) -> u64 {
        match self {
            Self::Spec { status, .. } => status.held.as_ref().map_or(0, |held| u64::from(held.count)),
            Self::Undecodable(_) => 0,
        }
    }

    /// It differs in nothing that claims depend on: its status is our own writing.
    fn asks_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Spec { version, policy, released, deleting, .. },
                Self::Spec {
                    version: other_version,
                    policy: other_policy,
                    released: other_released,
                    deleting: other_deleting,
                    ..
                },
            ) => (version, policy, released, deleting) == (other_version, other_policy, other_released, other_deleting),
            _ => self == other,
        }
    }
}

/// An account as it stands.
pub(crate) struct Standing {
    pub(crate) generation: i64,
    pub(crate) version: String,
    /// What its rules allow, in words.
    pub(crate) rules: Vec<String>,
    /// What its status says.
    pub(crate) status: Arc<CloudAccountStatus>,
}

/// What keeps an account, and whether it is to go.
pub(crate) struct Hold {
    pub(crate) key: ObjectKey,
    pub(crate) uid: String,
    /// It carries our finalizer.
    pub(crate) guarded: bool,
    /// It is being deleted.
    pub(crate) deleting: bool,
}

impl Accounts {
    pub(crate) fn new(
        resolve: ResolveAccount,
        secrets: Arc<Secrets>,
        tenants: Arc<Tenants>,
        settings: &Settings,
    ) -> Self {
        let (own_namespace, watches_all) = (settings.own_namespace.clone(), settings.namespaces.is_empty());
        let (known, connections) = (Mutex::default(), Mutex::default());
        let unlisted = Mutex::default();
        Self { resolve, secrets, tenants, own_namespace, watches_all, known, unlisted, connections }
    }

    /// ClusterCloudAccounts could not be listed, or can be.
    pub(crate) fn set_no_cluster_accounts(&self, why: Option<String>) {
        *self.unlisted.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Who may ask the account for what, for objects of a namespace; or why that is not known.
    pub(crate) fn permission(&self, key: &ObjectKey, namespace: &str) -> Result<Permission, Problem> {
        if key.account_kind() == AccountKind::CloudAccount {
            return Ok(Permission::Any);
        }
        let policy = self.known(key)?.policy;
        let policy = policy.ok_or_else(|| Problem::not_ready(format!("{} has no rules", key.account())))?;
        Ok(Permission::By(policy, self.tenants.labels(namespace)?))
    }

    /// What the watch shows of an account object; `None` when it is gone, and with it its credentials. Returns whether
    /// that is news.
    pub(crate) fn set(&self, key: &ObjectKey, account: Option<Known>) -> bool {
        // One lock at a time: a thread that held this one and waited for the connections would stop one that does the reverse.
        let Some(account) = account else {
            let was_known = self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(key).is_some();
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return was_known;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.insert(key.clone(), account.clone());
        before.is_none_or(|before| !before.asks_the_same_as(&account))
    }

    /// What keeps each account that can be read.
    pub(crate) fn holds(&self) -> Vec<Hold> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let readable = known.iter().filter_map(|(key, account)| match account {
            Known::Spec { version, guarded, deleting, .. } => {
                Some(Hold { key: key.clone(), uid: uid_of(version), guarded: *guarded, deleting: *deleting })
            }
            Known::Undecodable(_) => None,
        });
        readable.collect()
    }

    /// The uid of an account; blank if it cannot be read.
    pub(crate) fn uid(&self, key: &ObjectKey) -> String {
        self.known(key).map(|known| uid_of(&known.version)).unwrap_or_default()
    }

    /// Why an account serves revocations, and nothing else.
    fn ending(&self, key: &ObjectKey) -> Option<Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let deleting = matches!(known.get(key), Some(Known::Spec { deleting: true, .. }));
        deleting.then(|| {
            Problem::not_ready(format!(
                "{} is being deleted: what was granted through it can still be revoked, and nothing be granted",
                key.account()
            ))
        })
    }

    /// The account may hold back revocations.
    pub(crate) fn limits_revocations(&self, key: &ObjectKey) -> bool {
        self.known(key).is_ok_and(|known| known.spec.revocation_limit.is_some())
    }

    /// The accounts that can be read, as they stand.
    pub(crate) fn standings(&self) -> BTreeMap<ObjectKey, Standing> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = |(key, account): (&ObjectKey, &Known)| match account {
            Known::Spec { version, generation, policy, status, .. } => {
                let rules = policy.as_ref().map(|policy| policy.in_words()).unwrap_or_default();
                let (version, status) = (version.clone(), Arc::clone(status));
                Some((key.clone(), Standing { generation: *generation, version, rules, status }))
            }
            Known::Undecodable(_) => None,
        };
        known.iter().filter_map(standing).collect()
    }

    /// The statuses of the accounts that can be read.
    pub(crate) fn statuses(&self) -> Vec<(ObjectKey, Arc<CloudAccountStatus>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(key, account): (&ObjectKey, &Known)| match account {
            Known::Spec { status, .. } => Some((key.clone(), Arc::clone(status))),
            Known::Undecodable(_) => None,
        };
        known.iter().filter_map(status).collect()
    }

    /// The connection that calls are made through now.
    pub(crate) fn connected(&self, key: &ObjectKey) -> Option<Connection> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Nobody but this operator serves objects that name the account.
    pub(crate) fn sees_all_of(&self, key: &ObjectKey) -> bool {
        self.watches_all || key.account_kind() == AccountKind::CloudAccount
    }

    /// The accounts that list something of this target as held back.
    pub(crate) fn holding(&self, target: &str) -> Vec<ObjectKey> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |account: &Known| match account {
            Known::Spec { status, .. } => {
                status.held.as_ref().is_some_and(|held| held.revocations.iter().any(|one| one.target == target))
            }
            Known::Undecodable(_) => false,
        };
        known.iter().filter(|(_, account)| holds(account)).map(|(key, _)| key.clone()).collect()
    }

    /// The targets of a service of which some account lists something as held back.
    pub(crate) fn held_targets(&self, service: &str) -> BTreeSet<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let own = known.iter().filter(|(key, _)| self.sees_all_of(key));
        let held = own.filter_map(|(_, account)| match account {
            Known::Spec { status, .. } => status.held.as_ref(),
            Known::Undecodable(_) => None,
        });
        let targets = held.flat_map(|held| &held.revocations).map(|one| one.target.clone());
        targets.filter(|target| target.rsplit('/').nth(1) == Some(service)).collect()
    }

    /// The account objects there are.
    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Some account has its credentials in this Secret.
    pub(crate) fn holds_credentials(&self, secret: &ObjectKey) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(key, account)| match account {
            Known::Spec { spec, .. } => {
                self.secret_namespace(key) == secret.namespace && spec.secret() == Some(secret.name.as_str())
            }
            Known::Undecodable(_) => false,
        })
    }

    fn known(&self, key: &ObjectKey) -> Result<Readable, Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(key) {
            Some(Known::Spec { spec, policy, version, .. }) => {
                Ok(Readable { spec: Arc::clone(spec), policy: policy.clone(), version: version.clone() })
            }
            Some(Known::Undecodable(error)) => Err(Problem::not_ready(format!(
                "this version of the operator cannot read {}: {}",
                key.account(),
                shorten(error)
            ))),
            None => Err(self.missing(key)),
        }
    }

    /// Why there is no such account.
    fn missing(&self, key: &ObjectKey) -> Problem {
        let place = match key.account_kind() {
            AccountKind::CloudAccount => format!(" in namespace {}", key.namespace),
            AccountKind::ClusterCloudAccount => {
                let unreadable = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(why) = &*unreadable {
                    return Problem::not_ready(format!("the operator cannot list ClusterCloudAccounts: {why}"));
                }
                String::new()
            }
        };
        let message =
            format!("there is no {}{place}: create it, or delete this object and name another", key.account());
        Problem::new(Outcome::AccountNotFound, message)
    }

    /// The Secret with an account's credentials. A ClusterCloudAccount that names none uses the operator's own identity, which is
    /// nobody's who has but a namespace.
    fn secret_of(&self, key: &ObjectKey, spec: &CloudAccountSpec) -> Result<Option<ObjectKey>, Problem> {
        match (spec.secret(), key.account_kind()) {
            (Some(name), _) => {
                Ok(Some(ObjectKey { namespace: self.secret_namespace(key).to_owned(), name: name.to_owned() }))
            }
            (None, AccountKind::ClusterCloudAccount) => Ok(None),
            (None, AccountKind::CloudAccount) => Err(Problem::not_ready(format!("{} names no Secret", key.account()))),
        }
    }

    /// Where an account has its Secret: in its own namespace, or in the operator's if it has none.
    fn secret_namespace<'a>(&'a self, key: &'a ObjectKey) -> &'a str {
        match key.account_kind() {
            AccountKind::CloudAccount => &key.namespace,
            AccountKind::ClusterCloudAccount => &self.own_namespace,
        }
    }

    /// What the cloud sees of an account: vendor, region and project.
    pub(crate) fn realm(&self, key: &ObjectKey) -> Result<String, Problem> {
        let known = self.known(key)?;
        known.spec.realm().ok_or_else(|| Problem::not_ready(format!("{} names no vendor", key.account())))
    }

    /// How often targets of this account are looked at when nothing happens, if it says so itself.
    pub(crate) fn drift_interval(&self, key: &ObjectKey) -> Option<Duration> {
        self.known(key).ok()?.spec.drift_interval()
    }

    /// A connection to the account: the one there is, unless the account object or its Secret has changed, which is read again if
    /// that was longer ago than `age`, or than Secrets are believed anyway. With a problem, it
    /// serves revocations and nothing else: the account is being deleted, or its Secret went first.
    pub(crate) async fn connect(
        &self,
        key: &ObjectKey,
        age: Duration,
    ) -> Result<(Connection, Option<Problem>), Problem> {
        let Readable { spec, version, .. } = self.known(key)?;
        let secret = match self.secret_of(key, &spec)? {
            Some(secret) => self.secrets.get(&secret, age, &key.account()).await.map(Some),
            None => Ok(None),
        };
        let ending = self.ending(key);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let last_good = connections.get(key).filter(|last| last.version.starts_with(&format!("{version} "))).cloned();
        if let (Some(last), Err(problem)) = (last_good, &secret)
            && problem.outcome == Outcome::SecretNotFound
        {
            return Ok((last, Some(problem.clone())));
        }
        let connection = secret.and_then(|secret| {
            let version: Arc<str> = format!("{version} {}", secret.as_ref().map_or(OWN, |it| it.version())).into();
            match connections.get(key) {
                Some(connection) if connection.version == version => Ok(connection.clone()),
                _ => {
                    let account = (self.resolve)(&spec, secret.as_deref()).map_err(|problem| problem.of_account(key));
                    account.map(|account| Connection { account, version })
                }
            }
        });
        match &connection {
            Ok(connection) => connections.insert(key.clone(), connection.clone()),
            Err(_) => connections.remove(key),
        };
        connection.map(|connection| (connection, ending))
    }

    /// The cloud refused the account's credentials: its Secret is read again before the next call.
    pub(crate) async fn doubt(&self, key: &ObjectKey) {
        let secret = self.known(key).and_then(|known| self.secret_of(key, &known.spec));
        if let Ok(Some(secret)) = secret {
            self.secrets.doubt(&secret).await;
        }
    }
}

/// The uid in a version of an account.
fn uid_of(version: &str) -> String {
    version.split(' ').next().unwrap_or_default().to_owned()
}
