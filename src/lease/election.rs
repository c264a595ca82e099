//! Takes the Lease, renews it, and gives it back.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch as signal;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::leadership::{Leadership, Term};
use super::record::{Candidate, Seen};
use crate::clock::Clock;

/// A holder may act for three quarters of the duration. The last one is for what it has sent to arrive, and for clocks that
/// do not run alike.
const TERM: (u32, u32) = (3, 4);
/// A renewal is tried so many times in the duration, and takes no longer than until the next one.
const RENEWALS: u32 = 6;
/// Who waits for the Lease, or failed to renew it, looks at it so many times in the duration.
const LOOKS: u32 = 12;

/// Which Lease, and how it is held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the Lease is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// What this process is called: unlike any other, now or ever.
    pub identity: String,
    /// How long others wait after a renewal before they take over.
    pub duration: Duration,
}

/// Why this process must not act any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The API server did not let it renew in time.
    #[error("the Lease could not be renewed in time, and another replica may take it")]
    Expired,
    /// Another replica holds the Lease.
    #[error("{0} holds the Lease")]
    Taken(String),
}

/// One process that stands for election.
pub struct Election {
    leases: Api<Lease>,
    name: String,
    candidate: Candidate,
    clock: Clock,
    /// The Lease as it was last seen, if it was there.
    seen: Option<Seen>,
    /// It is known to be so still: nothing has failed since.
    is_current: bool,
    /// Something was sent that may have made it ours.
    may_hold: bool,
    term: signal::Sender<Option<Term>>,
}

/// How an attempt to hold the Lease ended.
enum Attempt {
    /// It is held by what was begun then.
    Held(Instant),
    /// By somebody else, until then unless it is renewed.
    Rival(String, Instant),
}

impl Election {
    /// A candidate, and whether it leads. `client` should neither retry nor share connections with what keeps the API server
    /// busy.
    #[must_use]
    pub fn new(client: Client, settings: Settings, clock: Clock) -> (Self, Leadership) {
        let Settings { namespace, name, identity, duration } = settings;
        let (term, leadership) = signal::channel(None);
        let election = Self {
            leases: Api::namespaced(client, &namespace),
            name,
            candidate: Candidate { identity, duration },
            clock,
            seen: None,
            is_current: false,
            may_hold: false,
            term,
        };
        (election, Leadership::new(leadership))
    }

    /// Gives the Lease back, if it is held: another replica takes it at once. To be called when nothing is under way any more.
    pub async fn release(mut self) {
        self.term.send_replace(None);
        if !self.may_hold {
            return;
        }
        // What was under way when the renewals ended may have changed it.
        for _ in 0..2 {
            match timeout(self.candidate.duration / RENEWALS, self.give_back()).await {
                Ok(Ok(())) => return info!("the Lease is given back"),
                Ok(Err(error)) => warn!(%error, "the Lease could not be given back"),
                Err(_) => warn!("the Lease could not be given back: the API server did not answer in time"),
            }
            self.is_current = false;
        }
    }

    /// Waits until the Lease is free, and takes it. Returns when the attempt began that has succeeded.
    pub async fn campaign(&mut self) -> Instant {
        let mut told = Ok(String::new());
        loop {
            let mut next = Instant::now() + self.candidate.duration / LOOKS;
            let obstacle = match self.attempt().await {
                Ok(Attempt::Held(began)) if Instant::now() < self.end_of(began) => return began,
                Ok(Attempt::Held(_)) => Err("the API server is too slow".to_owned()),
                Ok(Attempt::Rival(holder, until)) => {
                    next = next.min(until);
                    Ok(holder)
                }
                Err(error) => Err(error),
            };
            if told != obstacle {
                match &obstacle {
                    Ok(holder) => info!(holder, "another replica leads; this one watches, and waits"),
                    Err(error) => warn!(error, "the Lease cannot be taken; it is tried again"),
                }
                told = obstacle;
            }
            sleep_until(next).await;
        }
    }

    /// Leads, and renews the Lease until that fails for too long.
    pub async fn hold(&mut self, began: Instant) -> Lost {
        info!(identity = self.candidate.identity, "this replica leads");
        let lost = self.renew(began).await;
        self.term.send_replace(None);
        lost
    }

    async fn renew(&mut self, mut began: Instant) -> Lost {
        let since = Instant::now();
        loop {
            let until = self.end_of(began);
            self.term.send_replace(Some(Term { since, until: Some(until) }));
            sleep_until(began + self.candidate.duration / RENEWALS).await;
            let renewed = async {
                loop {
                    match self.attempt().await {
                        Ok(attempt) => return attempt,
                        Err(error) => warn!(error, "the Lease could not be renewed; it is tried again"),
                    }
                    sleep(self.candidate.duration / LOOKS).await;
                }
            };
            match timeout_at(until, renewed).await {
                Ok(Attempt::Held(again)) => began = again,
                Ok(Attempt::Rival(holder, _)) => return Lost::Taken(holder),
                Err(_) => return Lost::Expired,
            }
        }
    }

    fn end_of(&self, began: Instant) -> Instant {
        began + self.candidate.duration * TERM.0 / TERM.1
    }

    /// Takes or renews the Lease, unless somebody else holds it.
    async fn attempt(&mut self) -> Result<Attempt, String> {
        let limit = self.candidate.duration / RENEWALS;
        let attempt = timeout(limit, self.take()).await;
        let attempt = attempt.map_err(|_| format!("no answer within {limit:?}"));
        let attempt = attempt.and_then(|attempt| attempt.map_err(|error| error.to_string()));
        self.is_current = matches!(attempt, Ok(Attempt::Held(_)));
        attempt
    }

    async fn take(&mut self) -> Result<Attempt, kube::Error> {
        let began = Instant::now();
        self.look().await?;
        let rival = self.seen.as_ref().and_then(|seen| seen.rival(&self.candidate, Instant::now()));
        if let Some((holder, until)) = rival {
            let holder = holder.to_owned();
            self.may_hold = false;
            return Ok(Attempt::Rival(holder, until));
        }
        let now = self.clock.now();
        self.may_hold = true;
        let written = match &self.seen {
            None => self.leases.create(&PostParams::default(), &self.candidate.first(&self.name, now)).await?,
            Some(seen) => {
                self.leases.replace(&self.name, &PostParams::default(), &seen.held_by(&self.candidate, now)).await?
            }
        };
        self.seen = Some(Seen::now(written, None, Instant::now()));
        Ok(Attempt::Held(began))
    }

    /// Reads the Lease, unless it is known.
    async fn look(&mut self) -> Result<(), kube::Error> {
        if self.is_current {
            return Ok(());
        }
        let (lease, now) = (self.leases.get_opt(&self.name).await?, Instant::now());
        let rival = self.seen.as_ref().and_then(|seen| seen.rival(&self.candidate, now));
        // If somebody has deleted it, its holder does not know yet.
        if lease.is_some() || rival.is_none() {
            self.seen = lease.map(|lease| Seen::now(lease, self.seen.as_ref(), now));
        }
        Ok(())
    }

    async fn give_back(&mut self) -> Result<(), kube::Error> {
        self.look().await?;
        let ours = self.seen.as_ref().filter(|seen| seen.holder() == Some(self.candidate.identity.as_str()));
        let Some(ours) = ours else { return Ok(()) };
        let released = ours.released(self.clock.now());
        self.leases.replace(&self.name, &PostParams::default(), &released).await.map(drop)
    }
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
