//! Holds back what an account's revocationLimit does not let go. What it lets go is counted in the account's status before
//! the cloud is touched, so that a restart forgets none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio::time::Instant;
use tracing::warn;

use super::account_objects::{AnyAccount, accounts_like, resource_of};
use super::changes::Write;
use super::entry::ObjectKey;
use super::events::{EventType, Events};
use super::gather::Principal;
use super::holds::Held;
use super::kind::AccessKind;
use super::ledger::{Answer, Ledger, Limit, Question};
use super::parts::Part;
use super::pass::Pass;
use super::reaction::Trouble;
use super::steps::instant_of;
use super::wording::words;
use crate::api::RELEASE;
use crate::plan::Access;

/// What could not be listed is asked for again so soon: the list is full, or one that was released is being worked off.
const UNLISTED_WAIT: Duration = Duration::from_mins(1);

/// How often a count is written anew when somebody else wrote to the account meanwhile.
const MOST_TRIES: usize = 5;

/// Asks accounts what may go.
pub(crate) struct Brake {
    client: Client,
    timeout: Duration,
    events: Events,
    /// One question at a time: what one lets go, the next one has to count.
    asking: tokio::sync::Mutex<()>,
}

impl Brake {
    pub(crate) fn new(client: Client, timeout: Duration, events: Events) -> Self {
        Self { client, timeout, events, asking: tokio::sync::Mutex::default() }
    }

    /// What goes now. It is counted, and what does not is listed, when this returns.
    async fn ask(&self, key: &ObjectKey, question: &Question<'_>) -> Result<Answer, String> {
        let _one_at_a_time = self.asking.lock().await;
        let accounts = accounts_like(&self.client, key);
        for _ in 0..MOST_TRIES {
            let account = self.call(accounts.get(&key.name)).await.map_err(|error| error.to_string())?;
            let ledger = Ledger::of(&account.status.clone().unwrap_or_default());
            let released = account.annotations().get(RELEASE).map(String::as_str);
            let answer = ledger.answer(Limit::of(&account.spec), &Question { released, ..*question });
            if answer.ledger == ledger {
                return Ok(answer);
            }
            let patch = Patch::Merge(json!({
                "metadata": {"resourceVersion": account.resource_version()},
                "status": {"revocations": answer.ledger.counted, "held": answer.ledger.held},
            }));
            match self.call(accounts.patch_status(&key.name, &PatchParams::default(), &patch)).await {
                Ok(_) => {
                    if ledger.held.is_none() && answer.ledger.held.is_some() {
                        self.tell(key, &account);
                    }
                    return Ok(answer);
                }
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("the account is being changed all the time".to_owned())
    }

    /// Nobody asks for anything on the target any more. Returns whether every account knows.
    pub(crate) async fn forget(&self, accounts: &[ObjectKey], target: &str, now: Timestamp) -> bool {
        let (about, principals) = (&BTreeSet::new(), Some(&BTreeSet::new()));
        let mut all = true;
        for account in accounts {
            let question = Question { target, revocations: &[], about, principals, released: None, now };
            if let Err(error) = self.ask(account, &question).await {
                warn!(%account, error, "the account lists revocations as held back that nobody asks for any more");
                all = false;
            }
        }
        all
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        let late = |_| kube::Error::Service("the API server did not answer in time".into());
        tokio::time::timeout(self.timeout, call).await.map_err(late)?
    }

    fn tell(&self, key: &ObjectKey, account: &AnyAccount) {
        let reference: ObjectReference = account.object_ref(&resource_of(key));
        let note =
            format!("revocationLimit of {} is used up: what goes beyond is held back, see status.held", key.account());
        self.events.publish(reference, EventType::Warning, "RevocationHeld", &note);
    }
}

impl<K: AccessKind> Pass<'_, K> {
    /// What of these writes goes now. What is held back is left out of them, and remembered.
    pub(crate) async fn brake(
        &self,
        mut writes: Vec<Write<K::Details>>,
        principals: &[Principal<K>],
    ) -> Vec<Write<K::Details>> {
        let Some(target) = self.target_key else { return writes };
        let parts: BTreeMap<String, Part> =
            writes.iter().map(|write| (write.change.principal.clone(), write.part.clone())).collect();
        for account in self.asked_accounts(target, &writes) {
            let (revoking, others): (Vec<_>, Vec<_>) =
                writes.into_iter().partition(|write| write.part.account == account && write.revokes.is_some());
            writes = others;
            let revocations: Vec<_> = revoking.iter().filter_map(|write| write.revocation(target)).collect();
            let (about, all) =
                (self.decided(&account, &parts, principals), self.names.iter().map(String::as_str).collect());
            let all = self.engine.accounts.sees_all_of(&account).then_some(&all);
            let (released, now) = (None, self.engine.clock.now());
            let question =
                Question { target, revocations: &revocations, about: &about, principals: all, released, now };
            match self.engine.brake.ask(&account, &question).await {
                Ok(answer) => {
                    let until = self.until(answer.again_at, now);
                    let listed = answer.ledger.held.map(|held| held.revocations).unwrap_or_default();
                    for ((write, goes), (_, asked)) in revoking.into_iter().zip(answer.goes).zip(&revocations) {
                        let until = if listed.contains(asked) { until } else { until.min(UNLISTED_WAIT) };
                        writes.extend(if goes {
                            Some(self.lets_go(write))
                        } else {
                            self.hold_back(write, until, None)
                        });
                    }
                }
                Err(error) => {
                    warn!(%account, error, "what the account lets go is not known: nothing is revoked through it now");
                    let wait = self.engine.settings.retry_after_refusal;
                    writes.extend(revoking.into_iter().filter_map(|write| self.hold_back(write, wait, Some(&error))));
                }
            }
        }
        writes
    }

    /// The accounts that limit some of these writes, or that list something of the target as held back.
    fn asked_accounts(&self, target: &str, writes: &[Write<K::Details>]) -> BTreeSet<ObjectKey> {
        let accounts = &self.engine.accounts;
        let revoking = writes.iter().filter(|write| write.revokes.is_some()).map(|write| &write.part.account);
        let limited = revoking.filter(|account| accounts.limits_revocations(account)).cloned();
        // What an account that cannot list holds back is not known to be over.
        let holding = accounts.holding(target).into_iter().filter(|account| {
            let has_no_claim = self.observation.trouble(account).is_none() && accounts.sees_all_of(account);
            has_no_claim || self.observation.client(account).is_some()
        });
        limited.chain(holding).collect()
    }

    /// Until the account is asked again.
    fn until(&self, again_at: Option<Timestamp>, now: Timestamp) -> Duration {
        let longest = self.engine.settings.drift_interval;
        again_at.map_or(longest, |at| instant_of(at, now).saturating_duration_since(Instant::now()))
    }

    /// It was counted: it is not counted again when it has to be tried again.
    fn lets_go(&self, write: Write<K::Details>) -> Write<K::Details> {
        if let Some((_, access)) = &write.revokes {
            self.memory().holds.let_go(&write.change.principal, &write.part.account, access);
        }
        write
    }

    /// The write without what it revokes, if anything is left of it.
    fn hold_back(
        &self,
        mut write: Write<K::Details>,
        wait: Duration,
        error: Option<&str>,
    ) -> Option<Write<K::Details>> {
        let Some((_, access)) = write.revokes.take() else { return Some(write) };
        let trouble = Trouble::held_back(self.held_back(&write, &access, error));
        let (principal, account) = (write.change.principal.clone(), write.part.account.clone());
        let held = Held { access: access.clone(), trouble, until: Instant::now() + wait };
        self.memory().holds.hold_back(principal, account, held);
        write.change.after.extend(access.iter().cloned());
        write.part = write.part.without(&access)?;
        Some(write)
    }

    fn held_back(&self, write: &Write<K::Details>, access: &Access, error: Option<&str>) -> String {
        let (account, principal) = (write.part.account.account(), &write.change.principal);
        let what = format!("revoking {} from {principal} on {} {}", words(access), K::TARGET, self.target);
        if let Some(error) = error {
            return format!(
                "{what} waits: what the revocationLimit of {account} lets go could not be read or counted: {error}"
            );
        }
        format!(
            "{what} is held back: the revocationLimit of {account} is used up; it goes when the window has \
             passed, or when it is released, see status.held of the account"
        )
    }

    /// The principals of which is known all that an account may hold back: whose whole part is written through it now, or who
    /// have none. What of others was held back before stays so.
    fn decided<'p>(
        &self,
        account: &ObjectKey,
        parts: &BTreeMap<String, Part>,
        principals: &'p [Principal<K>],
    ) -> BTreeSet<&'p str> {
        let decided = |it: &&Principal<K>| match parts.get(&it.name).filter(|part| part.account == *account) {
            Some(part) => !part.is_cut,
            None => !self.has_part(it, account),
        };
        principals.iter().filter(decided).map(|principal| principal.name.as_str()).collect()
    }
}
