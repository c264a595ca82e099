//! What a simulated account is made of at its start.

use std::sync::Arc;

use jiff::Timestamp;

use crate::switches::Switches;

/// Where the simulator takes the time of day from: signature dates, token expiry, the journal.
/// Waiting and delays follow tokio's clock, so that they can be paused.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An access key of an IAM or RAM user, permanent or temporary.
#[derive(Clone)]
pub struct AccessKey {
    /// The public half, as it appears in `Access=` or `Credential=`.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// The token that a temporary key must be accompanied by, in `X-Security-Token` or `x-acs-security-token`.
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
    /// IAM domain (account) id.
    pub domain_id: String,
    /// Access keys that sign requests.
    pub access_keys: Vec<AccessKey>,
    /// Users who may ask for tokens.
    pub iam_users: Vec<IamUser>,
    /// Access keys that sign requests to Alibaba Cloud.
    pub alibaba_keys: Vec<AccessKey>,
    /// Region of Alibaba Cloud.
    pub alibaba_region: String,
    /// The token that a pod has at the start, and may exchange for temporary keys of both clouds.
    pub pod_token: String,
    /// The RAM role that it may assume.
    pub role_arn: String,
    /// Who vouches for it there.
    pub oidc_provider_arn: String,
    /// The owner of every queue, and of the account, listed as an administrator.
    pub queue_owner: String,
    /// The owner's IAM user id.
    pub owner_id: String,
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
            domain_id: "d0000000000000000000000000000001".to_owned(),
            access_keys: vec![AccessKey {
                id: "SIMULATEDACCESSKEY01".to_owned(),
                secret: "simulatedSecretKeySimulatedSecretKey0001".to_owned(),
                security_token: None,
            }],
            iam_users: vec![IamUser { name: "sim-operator".to_owned(), password: "simulatedPassword1".to_owned() }],
            alibaba_keys: vec![AccessKey {
                id: "SIMULATEDALIBABAKEY01".to_owned(),
                secret: "simulatedAlibabaSecret0001".to_owned(),
                security_token: None,
            }],
            alibaba_region: "cn-hangzhou".to_owned(),
            pod_token: "simulated.pod.token".to_owned(),
            role_arn: "acs:ram::113511544585:role/sim-role".to_owned(),
            oidc_provider_arn: "acs:ram::113511544585:oidc-provider/sim-provider".to_owned(),
            queue_owner: "sim-owner".to_owned(),
            owner_id: "0e000000000000000000000000000000".to_owned(),
            clock: Arc::new(Timestamp::now),
            switches: Switches::default(),
        }
    }
}
