//! "Using Pod Identity": `POST` to the agent on the node, with the pod's token. What it answers when it refuses is not told.

use serde_json::{Value, json};

use super::end_of;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;

/// A key for the agency that belongs to the pod.
pub(super) struct Exchange {
    token: Option<String>,
    /// An empty object.
    well_formed: bool,
}

impl Exchange {
    pub(super) fn read(request: &Received) -> Self {
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        Self { token: request.header("authorization").map(str::to_owned), well_formed: body == Some(json!({})) }
    }
}

impl Operation for Exchange {
    fn summary(&self) -> Summary {
        Summary { service: "cce", operation: "ExchangePodIdentity", ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Pod
    }

    fn run(&self, world: &mut World) -> Outcome {
        if !self.well_formed {
            return Answer::plain(400, "PodIdentity.0400", "The request body is invalid").into();
        }
        if self.token.as_deref() != Some(world.pods.token.as_str()) {
            return Answer::plain(401, "PodIdentity.0401", "The token of the pod is not accepted").into();
        }
        let expires_at = end_of(world, world.switches.pod_key_lifetime_seconds);
        let key = world.pods.issue("HSTA");
        let body = json!({
            "assumedAgency": {"urn": "iam::d0000000000000000000000000000001:agency:sim-agency", "id": "sim-agency"},
            "audience": "",
            "credentials": {
                "accessKeyId": key.id,
                "secretAccessKey": key.secret,
                "securityToken": key.security_token,
                "expiration": expires_at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            },
            "podIdentityAssociationId": "",
            "subject": {"namespace": "", "serviceAccount": ""},
        });
        world.keyring.issue(key, expires_at);
        Answer::ok(body).into()
    }
}
