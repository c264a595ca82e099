//! Turns a CloudAccount and its Secret into a cloud account: one function per vendor.

use std::sync::Arc;

use crate::api::{AlibabaAccount, CloudAccountSpec, EhpcApiVersion, HuaweiAccount};
use crate::clock::Clock;
use crate::clouds::endpoint::{AllowedEndpoints, Endpoint};
use crate::clouds::{Account, Keyring, Transport, alibaba, huawei};
use crate::engine::{InvalidSpec, Problem, SecretData};
use crate::plan::Outcome;

/// A cloud account from its object and its Secret. No call is made.
pub fn resolve_account(
    spec: &CloudAccountSpec,
    secret: &SecretData,
    allowed: &AllowedEndpoints,
    keyring: &Keyring,
    transport: &Arc<dyn Transport>,
    clock: &Clock,
) -> Result<Account, Problem> {
    let (transport, clock, pace) = (Arc::clone(transport), clock.clone(), spec.requests_per_second);
    match (&spec.huawei, &spec.alibaba) {
        (Some(account), None) => {
            let settings = huawei_settings(account, secret, allowed, pace)?;
            huawei::Session::new(settings, keyring, transport, clock)
                .map(Account::Huawei)
                .map_err(|error| not_ready(error.to_string()))
        }
        (None, Some(account)) => {
            let settings = alibaba_settings(account, secret, allowed, pace)?;
            alibaba::Session::new(settings, keyring, transport, clock)
                .map(Account::Alibaba)
                .map_err(|error| not_ready(error.to_string()))
        }
        _ => Err(not_ready("exactly one vendor must be given: spec.huawei or spec.alibaba")),
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

fn checked(endpoint: Option<&String>, allowed: &AllowedEndpoints) -> Result<Option<Endpoint>, Problem> {
    let checked = endpoint.map(|endpoint| allowed.check(endpoint)).transpose();
    checked.map_err(|error| not_ready(error.to_string()))
}

fn huawei_settings(
    account: &HuaweiAccount,
    secret: &SecretData,
    allowed: &AllowedEndpoints,
    requests_per_second: Option<u32>,
) -> Result<huawei::Settings, Problem> {
    let given = account.endpoints.clone().unwrap_or_default();
    Ok(huawei::Settings {
        region: account.region.clone(),
        project_id: account.project_id.clone(),
        endpoints: huawei::Endpoints {
            dli: checked(given.dli.as_ref(), allowed)?,
            dws: checked(given.dws.as_ref(), allowed)?,
            data_arts: checked(given.data_arts.as_ref(), allowed)?,
            iam: checked(given.iam.as_ref(), allowed)?,
        },
        credentials: huawei_credentials(secret)?,
        requests_per_second,
    })
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

fn alibaba_settings(
    account: &AlibabaAccount,
    secret: &SecretData,
    allowed: &AllowedEndpoints,
    requests_per_second: Option<u32>,
) -> Result<alibaba::Settings, Problem> {
    let (Some(id), Some(key)) = (secret.text("access-key-id")?, secret.secret("secret-access-key")?) else {
        return Err(not_ready(format!("Secret {} must hold access-key-id and secret-access-key", secret.name())));
    };
    Ok(alibaba::Settings {
        region: account.region.clone(),
        endpoint: checked(account.endpoint.as_ref(), allowed)?,
        generation: match account.ehpc_api_version {
            EhpcApiVersion::V2018 => alibaba::Generation::V2018,
            EhpcApiVersion::V2024 => alibaba::Generation::V2024,
        },
        credentials: alibaba::Credentials::AccessKey {
            id,
            secret: key,
            security_token: secret.secret("security-token")?,
        },
        requests_per_second,
    })
}
