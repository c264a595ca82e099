//! What a pod's token is exchanged for: temporary keys, by the node's agent of Huawei's CCE and by Alibaba's STS.
//!
//! From the pages "Using Pod Identity" of CCE, and "AssumeRoleWithOIDC" of the Security Token Service.

mod cce;
mod sts;

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};

use crate::call::{Operation, Received};
use crate::settings::AccessKey;
use crate::simulator::Simulator;
use crate::world::World;

/// The token that the kubelet has put into the pod, and the keys that were issued for it.
pub(crate) struct Pods {
    token: String,
    issued: u64,
}

impl Pods {
    /// With this token, and nothing issued yet.
    pub(crate) fn new(token: &str) -> Self {
        Self { token: token.to_owned(), issued: 0 }
    }

    /// A key that nobody has had yet, in every run the same.
    fn issue(&mut self, prefix: &str) -> AccessKey {
        self.issued += 1;
        let number = self.issued;
        AccessKey {
            id: format!("{prefix}SIMULATED{number:08}"),
            secret: format!("simulatedTemporarySecret{number:08}"),
            security_token: Some(format!("simulatedSecurityToken{number:08}")),
        }
    }
}

/// The end of a life that begins now.
fn end_of(world: &World, seconds: u64) -> Timestamp {
    let life = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    world.time_of_day().checked_add(life).unwrap_or(Timestamp::MAX)
}

/// The exchanges that the simulator knows.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    if request.method == Method::POST && request.uri.path() == "/v1/credentials" {
        return Some(Box::new(cce::Exchange::read(request)));
    }
    let unsigned = request.uri.path() == "/" && request.header("x-acs-action").is_none();
    (unsigned && request.query("Action").as_deref() == Some("AssumeRoleWithOIDC"))
        .then(|| Box::new(sts::AssumeRole::read(request)) as Box<dyn Operation>)
}

#[expect(clippy::must_use_candidate, reason = "called for what they do, whatever they say")]
impl Simulator {
    /// The kubelet replaces the pod's token: from now on only this one is exchanged.
    pub fn set_pod_token(&self, token: &str) {
        token.clone_into(&mut self.world().pods.token);
    }

    /// All keys that were issued for a pod's token die; says how many.
    pub fn revoke_issued_keys(&self) -> usize {
        let mut world = self.world();
        world.keyring.remove_issued() + world.alibaba.remove_issued()
    }
}
