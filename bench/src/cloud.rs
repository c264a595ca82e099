//! The clouds as a bare client reaches them: the library's own clients, and nothing of the engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use cloud_access_operator::clock::Clock;
use cloud_access_operator::clouds::endpoint::AllowedEndpoints;
use cloud_access_operator::clouds::network::Network;
use cloud_access_operator::clouds::{Account, CloudError, HttpTransport, Keyring, Purpose, Urgency, alibaba, huawei};
use cloud_access_operator::engine::{AccessKind, Change, Listing, Target};
use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::Result;
use crate::kinds::PASSWORD;
use crate::simulator::Simulator;
use crate::workload::Item;

/// One service, through one account. What was not sent, as its turn did not come in time, is sent again.
pub trait Cloud: Send + Sync {
    /// Reads the complete list of a target; says how many rows it has.
    fn list<'a>(&'a self, target: &'a str, named: BTreeSet<String>) -> BoxFuture<'a, Result<usize>>;

    /// Gives the objects of one target what they ask for, or takes it away.
    fn write<'a>(&'a self, target: &'a str, items: &'a [Item], grant: bool) -> BoxFuture<'a, Result<()>>;
}

/// The client of a kind.
pub struct Client<K: AccessKind>(K::Client);

impl<K: AccessKind> Client<K> {
    /// A client for the account.
    pub fn boxed(account: &Account) -> Result<Box<dyn Cloud>> {
        Ok(Box::new(Self(K::connect(account)?)))
    }

    fn change(item: &Item, grant: bool) -> Result<Change<K::Details>> {
        let claim = K::claim(&serde_json::from_value(item.manifest()["spec"].take())?)?;
        let nothing = BTreeSet::new();
        let (before, after) = if grant { (nothing, claim.wanted) } else { (claim.wanted, nothing) };
        let secret = claim.secret.filter(|_| grant).map(|_| SecretString::from(PASSWORD));
        let details = Some(claim.details).filter(|_| grant);
        let (unseen, purpose) = (BTreeSet::new(), purpose(&item.target));
        Ok(Change { principal: claim.principal, before, after, unseen, details, secret, purpose })
    }
}

/// All calls are alike.
fn purpose(target: &str) -> Purpose {
    Purpose::new(Urgency::Change, "bench", target)
}

impl<K: AccessKind> Cloud for Client<K> {
    fn list<'a>(&'a self, target: &'a str, named: BTreeSet<String>) -> BoxFuture<'a, Result<usize>> {
        async move {
            let target = Target { id: target, named, purpose: purpose(target) };
            loop {
                match K::list(&self.0, &target).await {
                    Ok(Listing::Complete { rows, .. }) => return Ok(rows.len()),
                    Ok(Listing::TargetGone) => return Err(format!("{} is gone", target.id).into()),
                    Err(CloudError::TurnMissed { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        .boxed()
    }

    fn write<'a>(&'a self, target: &'a str, items: &'a [Item], grant: bool) -> BoxFuture<'a, Result<()>> {
        async move {
            let mut left = items.iter().map(|item| Self::change(item, grant)).collect::<Result<Vec<_>>>()?;
            while !left.is_empty() {
                let written = K::write(&self.0, target, &left).await;
                let mut missed = Vec::new();
                for (change, written) in left.into_iter().zip(written) {
                    match written {
                        Ok(()) => {}
                        Err(CloudError::TurnMissed { .. }) => missed.push(change),
                        Err(error) => return Err(error.into()),
                    }
                }
                left = missed;
            }
            Ok(())
        }
        .boxed()
    }
}

/// The two accounts, with budgets of their own.
#[derive(Debug, Clone)]
pub struct Accounts {
    huawei: Account,
    alibaba: Account,
}

impl Accounts {
    /// Accounts at the simulator. No call is made.
    pub fn new(simulator: &Simulator) -> Result<Self> {
        let allowed = AllowedEndpoints::new([&simulator.url])?;
        let endpoint = Some(allowed.check(&simulator.url)?);
        let network = Network { allowed, ..Network::default() };
        let transport = Arc::new(HttpTransport::new(&network)?);
        let keyring = Keyring::default();
        let huawei = huawei::Settings {
            region: simulator.told("region")?,
            project_id: simulator.told("project_id")?,
            endpoints: huawei::Endpoints {
                dli: endpoint.clone(),
                dws: endpoint.clone(),
                data_arts: endpoint.clone(),
                iam: endpoint.clone(),
            },
            credentials: huawei::Credentials::AccessKey {
                id: simulator.told("access_key_id")?,
                secret: simulator.told("secret_access_key")?.into(),
                security_token: None,
            },
            requests_per_second: None,
        };
        let alibaba = alibaba::Settings {
            region: simulator.told("alibaba_region")?,
            endpoint,
            generation: alibaba::Generation::V2018,
            credentials: alibaba::Credentials::AccessKey {
                id: simulator.told("alibaba_access_key_id")?,
                secret: simulator.told("alibaba_access_key_secret")?.into(),
                security_token: None,
            },
            requests_per_second: None,
        };
        let huawei = huawei::Session::new(huawei, &keyring, transport.clone(), Clock::system())?;
        let alibaba = alibaba::Session::new(alibaba, &keyring, transport, Clock::system())?;
        Ok(Self { huawei: Account::Huawei(huawei), alibaba: Account::Alibaba(alibaba) })
    }

    /// The account of this name.
    #[must_use]
    pub fn of(&self, name: &str) -> &Account {
        if name == "alibaba" { &self.alibaba } else { &self.huawei }
    }
}
