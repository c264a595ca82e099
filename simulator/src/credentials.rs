//! Who is calling: access keys with their lock-out, security tokens, IAM tokens, and the project.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Received;
use crate::iam::TokenState;
use crate::settings::AccessKey;
use crate::signature::{Authorization, verify};
use crate::switches::DateRefusal;
use crate::world::World;

/// More than this many bad signatures in a row lock a key.
const TOLERATED: u32 = 5;
/// For how long it is locked.
const LOCKED_FOR: Duration = Duration::from_mins(5);
/// How far a signature's date may be from the cloud's clock, either way.
const DATE_TOLERANCE_SECONDS: i64 = 15 * 60;

/// The access keys of the account and how they have behaved.
#[derive(Default)]
pub(crate) struct Keyring {
    keys: BTreeMap<String, Held>,
}

struct Held {
    key: AccessKey,
    /// Of one that was issued for a while.
    expires_at: Option<Timestamp>,
    bad_in_a_row: u32,
    locked_until: Option<Instant>,
}

impl Keyring {
    /// Keys without a history.
    pub(crate) fn new(keys: &[AccessKey]) -> Self {
        let mut keyring = Self::default();
        for key in keys {
            keyring.insert(key.clone());
        }
        keyring
    }

    /// Adds a key, or replaces the one of that id.
    pub(crate) fn insert(&mut self, key: AccessKey) {
        self.hold(key, None);
    }

    /// Adds a temporary key that ends then.
    pub(crate) fn issue(&mut self, key: AccessKey, expires_at: Timestamp) {
        self.hold(key, Some(expires_at));
    }

    fn hold(&mut self, key: AccessKey, expires_at: Option<Timestamp>) {
        let held = Held { key, expires_at, bad_in_a_row: 0, locked_until: None };
        self.keys.insert(held.key.id.clone(), held);
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

impl Held {
    fn locked(&mut self, now: Instant) -> bool {
        if self.locked_until.is_some_and(|until| until <= now) {
            self.locked_until = None;
            self.bad_in_a_row = 0;
        }
        self.locked_until.is_some()
    }

    fn note(&mut self, good: bool, now: Instant) {
        self.bad_in_a_row = if good { 0 } else { self.bad_in_a_row + 1 };
        if self.bad_in_a_row > TOLERATED {
            self.locked_until = Some(now + LOCKED_FOR);
        }
    }
}

/// Who the caller claims to be, for the journal: an access key id, or the user of a token.
pub(crate) fn claimed(world: &World, request: &Received) -> Option<String> {
    if let Some(token) = request.header("x-auth-token") {
        let user = world.iam.user_of(token)?;
        return Some(format!("user:{user}"));
    }
    let value = request.header("authorization")?;
    Authorization::parse(value).ok().map(|sent| sent.access_key_id)
}

/// Lets a call into the account and, if it names one, into a project; or says why not.
pub(crate) fn authenticate(world: &mut World, request: &Received, project: Option<&str>) -> Result<(), Answer> {
    if let Some(token) = request.header("x-auth-token") {
        token_is_good(world, token)?;
    } else {
        signature_is_good(world, request)?;
    }
    let mut named = project.into_iter().chain(request.header("x-project-id"));
    if named.all(|project| project == world.settings.project_id) {
        return Ok(());
    }
    let message = "No permission to access the project: the project in the URI or in X-Project-Id is not the caller's";
    Err(Answer::gateway(403, "APIGW.0302", message))
}

fn token_is_good(world: &World, token: &str) -> Result<(), Answer> {
    match world.iam.state_of(token, world.time_of_day()) {
        TokenState::Good => Ok(()),
        TokenState::Over => Err(Answer::gateway(401, "APIGW.0307", "The token must be updated")),
        TokenState::Unknown => Err(unauthenticated("decrypt token fail")),
    }
}

fn signature_is_good(world: &mut World, request: &Received) -> Result<(), Answer> {
    let sent = request
        .header("authorization")
        .and_then(|value| Authorization::parse(value).ok())
        .ok_or_else(|| unauthenticated("Authorization header is missing or malformed"))?;
    let now = Instant::now();
    let (off, today) = (date_is_off(world, request), world.time_of_day());
    let date_code = world.switches.date_refusal;
    let Some(held) = world.keyring.keys.get_mut(&sent.access_key_id) else {
        return Err(unauthenticated("Get secretKey failed, ak not exist"));
    };
    if held.locked(now) {
        return Err(unauthenticated(
            "the access failure limit is exceeded, the access key is locked, try again in 5 minutes",
        ));
    }
    if off {
        return Err(date_refused(date_code));
    }
    let good = verify(request.signed(), &sent, &held.key.secret).is_ok();
    held.note(good, now);
    if !good {
        return Err(unauthenticated("verify aksk signature fail"));
    }
    if request.header("x-security-token") != held.key.security_token.as_deref() {
        return Err(unauthenticated("verify security token fail"));
    }
    if held.expires_at.is_some_and(|end| end <= today) {
        return Err(unauthenticated("the security token has expired"));
    }
    Ok(())
}

/// Whether the signature's date is missing, unreadable, or too far from the cloud's clock.
fn date_is_off(world: &World, request: &Received) -> bool {
    let sent = request
        .header("x-sdk-date")
        .and_then(|text| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok())
        .and_then(|date| TimeZone::UTC.to_timestamp(date).ok());
    let distance = |sent: Timestamp| {
        let seconds = sent.as_second() - world.time_of_day().as_second();
        seconds.abs() > DATE_TOLERANCE_SECONDS
    };
    sent.is_none_or(distance)
}

fn date_refused(code: DateRefusal) -> Answer {
    let code = match code {
        DateRefusal::Apigw0301 => "APIGW.0301",
        DateRefusal::Apigw0303 => "APIGW.0303",
    };
    let message = "Incorrect IAM authentication information: signature expired, check X-Sdk-Date";
    Answer::gateway(401, code, message)
}

fn unauthenticated(why: &str) -> Answer {
    let message = format!("Incorrect IAM authentication information: {why}");
    Answer::gateway(401, "APIGW.0301", &message)
}
