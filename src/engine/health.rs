//! How accounts stand: whether their Secrets can be used, what the cloud said of their credentials, and how their claims rest.
//! Told in their statuses. A Secret that changed is found here, also while nobody makes a call.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::account_objects::accounts_like;
use super::accounts::{Accounts, Standing};
use super::entry::ObjectKey;
use super::reaction::Trouble;
use super::shared::{has_say, says_the_same};
use super::status::{fit, progress};
use super::tally::Counts;
use super::tasks::AccountUse;
use super::unmanaged::Unmanaged;
use super::{Context, Settings};
use crate::api::{ClaimCount, CloudAccountStatus, Condition, ConditionStatus, ConditionType};
use crate::clock::Clock;
use crate::plan::Outcome;

/// What changes is gathered for so long, so that much of it costs one write to its account.
const GATHERING: Duration = Duration::from_secs(5);

/// And for so long when an account itself has changed: somebody may be waiting for it.
const SOON: Duration = Duration::from_millis(500);

/// How often is looked at least whether the Secret of an account is another one, unless Secrets are believed for longer; and how
/// old what is known of it may be then. Together less than a minute.
const CHECKED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));

/// What is known of accounts beyond their objects.
#[derive(Default)]
pub(crate) struct Health {
    /// What the cloud last said of the credentials, and by which version of the account.
    said: Mutex<HashMap<ObjectKey, Said>>,
    account_changed: Notify,
}

/// By which version of an account, and what was wrong with its credentials.
type Said = (Arc<str>, Option<Trouble>);

/// How an account stands.
enum Verdict {
    /// The cloud knew who was calling.
    Accepted,
    /// Nothing is wrong with it, as far as can be told without a call.
    NotUsed,
    Troubled(Outcome, String),
}

impl Health {
    /// The cloud was called with this version of an account; the trouble is about its credentials.
    pub(crate) fn called(&self, key: &ObjectKey, version: Arc<str>, trouble: Option<&Trouble>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = |trouble: Option<&Trouble>| trouble.map(|trouble| trouble.outcome);
        // The same again has other words, such as the id of another request: not worth a write.
        let is_known =
            said.get(key).is_some_and(|(of, known)| *of == version && outcome(known.as_ref()) == outcome(trouble));
        if !is_known {
            said.insert(key.clone(), (version, trouble.cloned()));
            self.account_changed.notify_one();
        }
    }

    /// An account is new, or another one.
    pub(crate) fn account_changed(&self) {
        self.account_changed.notify_one();
    }

    fn verdict(&self, key: &ObjectKey, reached: &Reached) -> Verdict {
        match reached {
            Reached::Not(outcome, message) => Verdict::Troubled(*outcome, message.clone()),
            Reached::By(version) => {
                let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                match said.get(key).filter(|(of, _)| of == version) {
                    Some((_, Some(trouble))) => Verdict::Troubled(trouble.outcome, trouble.message.clone()),
                    Some((_, None)) => Verdict::Accepted,
                    None => Verdict::NotUsed,
                }
            }
        }
    }
}

/// What came of making a connection. No call is made for it.
#[derive(Debug, Clone, PartialEq)]
enum Reached {
    By(Arc<str>),
    Not(Outcome, String),
}

/// When an account was last looked at, and in which version.
struct Look {
    at: Instant,
    version: String,
    reached: Reached,
}

/// Keeps the statuses of accounts.
pub(crate) struct Keeper<'a> {
    client: &'a Client,
    clock: &'a Clock,
    settings: &'a Settings,
    accounts: &'a Accounts,
    health: &'a Health,
    unmanaged: &'a Unmanaged,
    kinds: &'a [AccountUse],
    reached: HashMap<ObjectKey, Look>,
    /// What was last written, or found written: what the watch shows may be older.
    written: HashMap<ObjectKey, CloudAccountStatus>,
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(context: &'a Context, kinds: &'a [AccountUse]) -> Self {
        Self {
            client: &context.client,
            clock: &context.clock,
            settings: &context.settings,
            accounts: &context.accounts,
            health: &context.health,
            unmanaged: &context.unmanaged,
            kinds,
            reached: HashMap::new(),
            written: HashMap::new(),
        }
    }

    /// Keeps them up to date. Does not return.
    pub(crate) async fn keep(mut self) {
        loop {
            tokio::select! {
                () = self.health.account_changed.notified() => sleep(SOON).await,
                () = sleep(GATHERING) => {}
            }
            let standings = self.accounts.standings();
            self.reached.retain(|key, _| standings.contains_key(key));
            self.written.retain(|key, _| standings.contains_key(key));
            let counts = self.counts();
            for (key, standing) in standings {
                self.reach(&key, &standing).await;
                self.tell(&key, &standing, counts.get(&key)).await;
            }
        }
    }

    /// Makes a connection, for which its Secret is read if that was long ago. What has changed by it is looked at by everybody.
    async fn reach(&mut self, key: &ObjectKey, standing: &Standing) {
        let before = self.reached.get(key);
        let is_due = before.is_none_or(|look| {
            look.version != standing.version || look.at.elapsed() >= CHECKED.0.max(self.settings.secret_interval)
        });
        if !is_due {
            return;
        }
        let reached = match self.accounts.connect(key, CHECKED.1).await {
            Ok((connection, None)) => Reached::By(connection.version),
            Ok((_, Some(problem))) | Err(problem) => Reached::Not(problem.outcome, problem.message),
        };
        if before.is_some_and(|before| before.reached != reached) {
            for kind in self.kinds {
                (kind.changed)(key);
            }
        }
        let look = Look { at: Instant::now(), version: standing.version.clone(), reached };
        self.reached.insert(key.clone(), look);
    }

    /// How many objects name each account, by how they rest.
    fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for kind in self.kinds {
            (kind.count)(&mut counts);
        }
        counts
    }

    async fn tell(&mut self, key: &ObjectKey, standing: &Standing, counts: Option<&BTreeMap<String, u32>>) {
        let Some(Look { reached, .. }) = self.reached.get(key) else { return };
        let verdict = self.health.verdict(key, reached);
        let before = self.written.get(key).unwrap_or(&standing.status);
        let claims = counts.into_iter().flatten();
        let status = CloudAccountStatus {
            observed_generation: Some(standing.generation),
            conditions: conditions(
                before,
                &verdict,
                standing.generation,
                self.clock.now(),
                self.settings.stalled_after,
            ),
            claims: claims.map(|(reason, count)| ClaimCount { reason: reason.clone(), count: *count }).collect(),
            credentials_expire_at: self
                .accounts
                .connected(key)
                .and_then(|connection| connection.account.credentials_expire_at()),
            rules: standing.rules.clone(),
            unmanaged: self.unmanaged.of(key, &standing.status.unmanaged),
            // Kept by others.
            revocations: standing.status.revocations.clone(),
            held: standing.status.held.clone(),
        };
        let written = self.written.get(key);
        if says_the_same(&standing.status, &status) && written.is_none_or(|written| says_the_same(written, &status)) {
            self.written.entry(key.clone()).or_insert(status);
            return;
        }
        if !self.accounts.sees_all_of(key) && !has_say(&standing.status, written, &status) {
            return;
        }
        let patch = Patch::Merge(json!({"status": {
            "observedGeneration": status.observed_generation,
            "conditions": status.conditions,
            "claims": status.claims,
            "credentialsExpireAt": status.credentials_expire_at,
            "rules": status.rules,
            "unmanaged": status.unmanaged,
        }}));
        let accounts = accounts_like(self.client, key);
        let params = PatchParams::default();
        match timeout(self.settings.call_timeout, accounts.patch_status(&key.name, &params, &patch)).await {
            Ok(Ok(_)) => drop(self.written.insert(key.clone(), status)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {}
            Ok(Err(error)) => {
                warn!(account = %key, %error, "how the account stands could not be written; it is tried again");
            }
            Err(_) => warn!(account = %key, "how the account stands could not be written in time; it is tried again"),
        }
    }
}

/// The conditions that say so, after these.
fn conditions(
    before: &CloudAccountStatus,
    verdict: &Verdict,
    generation: i64,
    now: Timestamp,
    stalled_after: Duration,
) -> Vec<Condition> {
    let (reason, message, progress) = match verdict {
        Verdict::Accepted => ("Accepted", "the cloud accepts the credentials".to_owned(), None),
        Verdict::NotUsed => ("NotUsed", "nothing is missing; no object has made use of it yet".to_owned(), None),
        Verdict::Troubled(outcome, message) => {
            let (progress, _) = progress(&before.conditions, *outcome, generation, now, stalled_after);
            (outcome.reason(), message.clone(), progress)
        }
    };
    let mut types = vec![(ConditionType::Ready, ConditionStatus::from(!matches!(verdict, Verdict::Troubled(..))))];
    types.extend(progress.map(|type_| (type_, ConditionStatus::True)));
    let condition = |(type_, status): (ConditionType, ConditionStatus)| Condition {
        type_,
        status,
        reason: reason.to_owned(),
        message: fit(&message).into(),
        last_transition_time: before
            .condition(type_)
            .filter(|condition| condition.status == status)
            .map_or(now, |condition| condition.last_transition_time),
        observed_generation: generation,
    };
    types.into_iter().map(condition).collect()
}
