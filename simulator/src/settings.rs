//! What a simulated account is made of at its start.

use std::sync::Arc;

use jiff::Timestamp;

use crate::switches::Switches;

/// Where the simulator takes the time of day from: signature dates, token expiry, the journal.
/// Waiting and delays follow tokio's clock, so that they can be paused.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An access key of an IAM user, permanent or temporary.
#[derive(Clone)]
pub struct AccessKey {
    /// The public half, as it appears in `Access=`.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// The token that a temporary key must be accompanied by, in `X-Security-Token`.
    pub security_token: Option<String>,
}

/// An IAM user who can obtain a token with a password.
#[derive(Clone)]
pub struct IamUser {
    /// User name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// What a simulated account is made of; everything has a default.
#[derive(Clone)]
pub struct Settings {
    /// The only project of the account.
    pub project_id: String,
    /// Region; also the name of the project, as the vendor does it.
    pub region: String,
    /// IAM domain (account) name.
    pub domain_name: String,
    /// Access keys that sign requests.
    pub access_keys: Vec<AccessKey>,
    /// Users who may ask for tokens.
    pub iam_users: Vec<IamUser>,
    /// The owner of every queue, listed as an administrator.
    pub queue_owner: String,
    /// Time of day.
    pub clock: Clock,
    /// Behaviours to start with, and to return to on reset.
    pub switches: Switches,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            project_id: "0123456789abcdef0123456789abcdef".to_owned(),
            region: "cn-north-4".to_owned(),
            domain_name: "sim-domain".to_owned(),
            access_keys: vec![AccessKey {
                id: "SIMULATEDACCESSKEY01".to_owned(),
                secret: "simulatedSecretKeySimulatedSecretKey0001".to_owned(),
                security_token: None,
            }],
            iam_users: vec![IamUser { name: "sim-operator".to_owned(), password: "simulatedPassword1".to_owned() }],
            queue_owner: "sim-owner".to_owned(),
            clock: Arc::new(Timestamp::now),
            switches: Switches::default(),
        }
    }
}
