//! Turns an account object and its Secret into a cloud account: one function per vendor.

use std::sync::Arc;

use crate::api::{AlibabaAccount, CloudAccountSpec, EhpcApiVersion, HuaweiAccount};
use crate::clock::Clock;
use crate::clouds::endpoint::{AllowedEndpoints, Endpoint};
use crate::clouds::{Account, Environment, Keyring, Transport, alibaba, huawei};
use crate::engine::{InvalidSpec, Problem, SecretData};
use crate::plan::Outcome;

/// What it takes to reach clouds, beside what accounts say.
pub struct Clouds {
    /// Which endpoints accounts may name.
    pub allowed: AllowedEndpoints,
    /// What is known of credentials, whoever presents them.
    pub keyring: Keyring,
    /// How calls are carried.
    pub transport: Arc<dyn Transport>,
    /// What time it is.
    pub clock: Clock,
    /// The operator's own identities.
    pub environment: Environment,
}

impl Clouds {
    /// A cloud account from its object and its Secret; without a Secret, with an identity of the operator's own. No call is made.
    ///
    /// # Errors
    ///
    /// Why it cannot be used, in words for whoever wrote the account.
    pub fn resolve(&self, spec: &CloudAccountSpec, secret: Option<&SecretData>) -> Result<Account, Problem> {
        let (transport, clock, keyring) = (Arc::clone(&self.transport), self.clock.clone(), &self.keyring);
        match (&spec.huawei, &spec.alibaba) {
            (Some(account), None) => {
                let settings = self.huawei_settings(account, secret, spec.requests_per_second)?;
                huawei::Session::new(settings, keyring, transport, clock)
                    .map(Account::Huawei)
                    .map_err(|error| not_ready(error.to_string()))
            }
            (None, Some(account)) => {
                let settings = self.alibaba_settings(account, secret, spec.requests_per_second)?;
                alibaba::Session::new(settings, keyring, transport, clock)
                    .map(Account::Alibaba)
                    .map_err(|error| not_ready(error.to_string()))
            }
            _ => Err(not_ready("exactly one vendor must be given: spec.huawei or spec.alibaba")),
        }
    }

    fn checked(&self, service: &str, endpoint: Option<&String>) -> Result<Option<Endpoint>, Problem> {
        let checked = endpoint.map(|endpoint| self.allowed.check_for(service, endpoint)).transpose();
        checked.map_err(|error| not_ready(error.to_string()))
    }

    fn huawei_settings(
        &self,
        account: &HuaweiAccount,
        secret: Option<&SecretData>,
        requests_per_second: Option<u32>,
    ) -> Result<huawei::Settings, Problem> {
        let given = account.endpoints.clone().unwrap_or_default();
        let own = || {
            account
                .credentials
                .pod_identity
                .ok_or_else(|| not_ready("its credentials name neither secretRef nor podIdentity"))?;
            let identity = huawei::PodIdentity::from_environment(&self.environment);
            identity.map(huawei::Credentials::PodIdentity).map_err(|error| not_ready(error.to_string()))
        };
        Ok(huawei::Settings {
            region: account.region.clone(),
            project_id: account.project_id.clone(),
            endpoints: huawei::Endpoints {
                dli: self.checked("dli", given.dli.as_ref())?,
                dws: self.checked("dws", given.dws.as_ref())?,
                data_arts: self.checked("dayu", given.data_arts.as_ref())?,
                iam: self.checked("iam", given.iam.as_ref())?,
            },
            credentials: secret.map_or_else(own, huawei_credentials)?,
            requests_per_second,
        })
    }

    fn alibaba_settings(
        &self,
        account: &AlibabaAccount,
        secret: Option<&SecretData>,
        requests_per_second: Option<u32>,
    ) -> Result<alibaba::Settings, Problem> {
        let own = || {
            account.credentials.rrsa.ok_or_else(|| not_ready("its credentials name neither secretRef nor rrsa"))?;
            let role = alibaba::Rrsa::from_environment(&self.environment);
            role.map(alibaba::Credentials::Rrsa).map_err(|error| not_ready(error.to_string()))
        };
        Ok(alibaba::Settings {
            region: account.region.clone(),
            endpoint: self.checked("ehpc", account.endpoint.as_ref())?,
            generation: match account.ehpc_api_version {
                EhpcApiVersion::V2018 => alibaba::Generation::V2018,
                EhpcApiVersion::V2024 => alibaba::Generation::V2024,
            },
            credentials: secret.map_or_else(own, alibaba_credentials)?,
            requests_per_second,
        })
    }
}

/// The session of an account of Huawei Cloud.
pub(super) fn huawei_session(account: &Account) -> Result<huawei::Session, InvalidSpec> {
    match account {
        Account::Huawei(session) => Ok(session.clone()),
        Account::Alibaba(_) => Err(other_vendor("Alibaba Cloud", "Huawei Cloud")),
    }
}

/// The session of an account of Alibaba Cloud.
pub(super) fn alibaba_session(account: &Account) -> Result<alibaba::Session, InvalidSpec> {
    match account {
        Account::Alibaba(session) => Ok(session.clone()),
        Account::Huawei(_) => Err(other_vendor("Huawei Cloud", "Alibaba Cloud")),
    }
}

fn other_vendor(is: &str, needed: &str) -> InvalidSpec {
    InvalidSpec(format!("it is an account of {is}, and an object of this kind needs one of {needed}"))
}

fn not_ready(why: impl Into<String>) -> Problem {
    Problem::new(Outcome::AccountNotReady, why)
}

fn huawei_credentials(secret: &SecretData) -> Result<huawei::Credentials, Problem> {
    let (id, key) = (secret.text("access-key-id")?, secret.secret("secret-access-key")?);
    let (domain, user, password) = (secret.text("domain-name")?, secret.text("user-name")?, secret.secret("password")?);
    match (id, key, domain, user, password) {
        (Some(id), Some(secret_key), None, None, None) => Ok(huawei::Credentials::AccessKey {
            id,
            secret: secret_key,
            security_token: secret.secret("security-token")?,
        }),
        (None, None, Some(domain_name), Some(user_name), Some(password)) => {
            Ok(huawei::Credentials::Password { domain_name, user_name, password })
        }
        _ => Err(not_ready(format!(
            "Secret {} must hold either access-key-id and secret-access-key, or domain-name, user-name and password",
            secret.name()
        ))),
    }
}

fn alibaba_credentials(secret: &SecretData) -> Result<alibaba::Credentials, Problem> {
    let (Some(id), Some(key)) = (secret.text("access-key-id")?, secret.secret("secret-access-key")?) else {
        return Err(not_ready(format!("Secret {} must hold access-key-id and secret-access-key", secret.name())));
    };
    Ok(alibaba::Credentials::AccessKey { id, secret: key, security_token: secret.secret("security-token")? })
}
