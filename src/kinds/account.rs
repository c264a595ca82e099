//! Turns a CloudAccount and its Secret into a cloud account: one function per vendor.

use std::sync::Arc;

use crate::api::{CloudAccountSpec, HuaweiAccount};
use crate::clock::Clock;
use crate::clouds::endpoint::{AllowedEndpoints, EndpointError};
use crate::clouds::{Account, Transport, huawei};
use crate::engine::{InvalidSpec, Problem, SecretData};
use crate::plan::Outcome;

/// A cloud account from its object and its Secret. No call is made.
pub fn resolve_account(
    spec: &CloudAccountSpec,
    secret: &SecretData,
    allowed: &AllowedEndpoints,
    transport: &Arc<dyn Transport>,
    clock: &Clock,
) -> Result<Account, Problem> {
    let Some(huawei) = &spec.huawei else {
        return Err(not_ready("the account names no vendor: give spec.huawei".to_owned()));
    };
    let settings = huawei::Settings {
        region: huawei.region.clone(),
        project_id: huawei.project_id.clone(),
        endpoints: huawei_endpoints(huawei, allowed)?,
        credentials: huawei_credentials(secret)?,
        requests_per_second: spec.requests_per_second,
    };
    let session = huawei::Session::new(settings, Arc::clone(transport), clock.clone());
    session.map(Account::Huawei).map_err(|error| not_ready(error.to_string()))
}

/// The session of an account of Huawei Cloud; the kind that needs one says so of any other.
pub(super) fn huawei_session(account: &Account) -> Result<huawei::Session, InvalidSpec> {
    match account {
        Account::Huawei(session) => Ok(session.clone()),
    }
}

fn not_ready(message: String) -> Problem {
    Problem::new(Outcome::AccountNotReady, message)
}

fn huawei_endpoints(account: &HuaweiAccount, allowed: &AllowedEndpoints) -> Result<huawei::Endpoints, Problem> {
    let check = |endpoint: &Option<String>| {
        let checked = endpoint.as_ref().map(|endpoint| allowed.check(endpoint)).transpose();
        checked.map_err(|error: EndpointError| not_ready(error.to_string()))
    };
    let given = account.endpoints.clone().unwrap_or_default();
    Ok(huawei::Endpoints { dli: check(&given.dli)?, iam: check(&given.iam)? })
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
