//! Alibaba's gateway: who is calling, in which way, and how often.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use jiff::Timestamp;

use super::api::{Generation, asked_for};
use super::switches::Post2018;
use super::{Switches, error};
use crate::acs3::{self, verify};
use crate::answer::Answer;
use crate::call::Received;
use crate::rate::Rate;
use crate::settings::AccessKey;
use crate::signature::Refusal;
use crate::world::World;

/// How far a request's date may be from the cloud's clock, either way.
const DATE_TOLERANCE_SECONDS: i64 = 15 * 60;

/// The access keys of the account, and what the gateway remembers of earlier requests.
pub(crate) struct Gate {
    keys: BTreeMap<String, Held>,
    nonces: BTreeSet<String>,
    rate: Rate,
}

struct Held {
    key: AccessKey,
    /// Of one that was issued for a while.
    expires_at: Option<Timestamp>,
}

impl Gate {
    /// With these keys, and no request seen yet.
    pub(crate) fn new(keys: &[AccessKey]) -> Self {
        let mut gate = Self { keys: BTreeMap::new(), nonces: BTreeSet::new(), rate: Rate::default() };
        for key in keys {
            gate.insert(key.clone());
        }
        gate
    }

    /// Adds a key, or replaces the one of that id.
    pub(crate) fn insert(&mut self, key: AccessKey) {
        self.keys.insert(key.id.clone(), Held { key, expires_at: None });
    }

    /// Adds a temporary key that ends then.
    pub(crate) fn issue(&mut self, key: AccessKey, expires_at: Timestamp) {
        self.keys.insert(key.id.clone(), Held { key, expires_at: Some(expires_at) });
    }

    /// Takes away those that were issued; says how many.
    pub(crate) fn remove_issued(&mut self) -> usize {
        self.keys.extract_if(.., |_, held| held.expires_at.is_some()).count()
    }

    /// Takes a key away; says whether it was there.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.keys.remove(id).is_some()
    }
}

/// The access key id that the caller claims to have, for the journal.
pub(crate) fn claimed(request: &Received) -> Option<String> {
    let value = request.header("authorization")?;
    acs3::parse(value).ok().map(|sent| sent.access_key_id)
}

/// Lets a call in, or says why not.
pub(crate) fn admit(world: &mut World, request: &Received) -> Result<(), Answer> {
    signature_is_good(world, request)?;
    let nonce = request.header("x-acs-signature-nonce").unwrap_or_default();
    if !world.alibaba.nonces.insert(nonce.to_owned()) {
        return Err(error(400, "SignatureNonceUsed", "Specified signature nonce was used already."));
    }
    let switches = &world.switches.ehpc;
    method_is_right(switches, request)?;
    world.alibaba.rate.admit(switches.throttling).map_err(|_| throttled(switches))
}

/// A wrong method never reaches the product.
fn method_is_right(switches: &Switches, request: &Received) -> Result<(), Answer> {
    let Some(api) = asked_for(request) else {
        return Ok(());
    };
    if request.method == api.method {
        return Ok(());
    }
    let status = match (api.generation, switches.post_2018) {
        (Generation::V2018, Post2018::Accepted) if request.method == Method::POST => return Ok(()),
        (Generation::V2018, Post2018::Refused403) => 403,
        (Generation::V2018 | Generation::V2024, _) => 400,
    };
    Err(error(status, "UnsupportedHTTPMethod", "This http method is not supported."))
}

fn throttled(switches: &Switches) -> Answer {
    let message = "Request was denied due to user flow control.";
    let answer = error(switches.throttling_status, "Throttling.User", message);
    match switches.retry_after_ms {
        Some(wait) => answer.with_header("x-acs-retry-after", &wait.to_string()),
        None => answer,
    }
}

fn signature_is_good(world: &World, request: &Received) -> Result<(), Answer> {
    let sent = request
        .header("authorization")
        .and_then(|value| acs3::parse(value).ok())
        .ok_or_else(|| refused(Refusal::Malformed))?;
    let held = world.alibaba.keys.get(&sent.access_key_id);
    let Held { key, expires_at } =
        held.ok_or_else(|| error(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."))?;
    if date_is_off(world, request) {
        return Err(error(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."));
    }
    verify(request.signed(), &sent, &key.secret).map_err(refused)?;
    match (request.header("x-acs-security-token"), key.security_token.as_deref()) {
        (sent, held) if sent == held && expires_at.is_none_or(|end| world.time_of_day() < end) => Ok(()),
        (Some(_), Some(_)) => Err(error(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")),
        (None | Some(_), _) => {
            Err(error(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."))
        }
    }
}

/// Whether the date is missing, unreadable, or too far from the cloud's clock.
fn date_is_off(world: &World, request: &Received) -> bool {
    let sent = request.header("x-acs-date").and_then(|text| text.parse::<Timestamp>().ok());
    let distance = |sent: Timestamp| (sent.as_second() - world.time_of_day().as_second()).abs();
    sent.is_none_or(|sent| distance(sent) > DATE_TOLERANCE_SECONDS)
}

fn refused(why: Refusal) -> Answer {
    match why {
        Refusal::Malformed | Refusal::HeaderNotSigned | Refusal::HeaderMissing => {
            error(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        }
        Refusal::BodyHash | Refusal::Mismatch => {
            error(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
        }
    }
}
