//! What the engines of all kinds share, and what of it comes from outside.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch as signal;

use super::accounts::{Accounts, ResolveAccount};
use super::brake::Brake;
use super::calls::Calls;
use super::events::Events;
use super::guard::Guard;
use super::health::Health;
use super::ready::InPasses;
use super::secrets::Secrets;
use super::tenants::Tenants;
use super::unmanaged::Unmanaged;
use super::{Settings, figures};
use crate::clock::Clock;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What the engines are connected to.
pub struct Outside {
    /// The client for the API server.
    pub client: Client,
    /// How they pace themselves.
    pub settings: Settings,
    /// What time it is.
    pub clock: Clock,
    /// Makes of an account object what can be connected.
    pub resolve: ResolveAccount,
    /// Where events go.
    pub events: Events,
    /// What they count.
    pub metrics: Metrics,
    /// Until when they may act.
    pub leadership: Leadership,
    /// Turns true when the process is to stop.
    pub stop: signal::Receiver<bool>,
}

/// What every kind's engine shares.
#[derive(Clone)]
pub struct Context {
    pub(super) client: Client,
    pub(super) calls: Arc<Calls>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) accounts: Arc<Accounts>,
    pub(super) tenants: Arc<Tenants>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) brake: Arc<Brake>,
    pub(super) guard: Arc<Guard>,
    pub(super) health: Arc<Health>,
    pub(super) unmanaged: Arc<Unmanaged>,
    pub(super) in_passes: Arc<InPasses>,
    pub(super) metrics: Metrics,
    pub(super) events: Events,
    pub(super) leadership: Leadership,
    /// Turns true when the process is to stop.
    pub(super) stop: signal::Receiver<bool>,
}

impl Context {
    /// What every kind's engine shares.
    #[must_use]
    pub fn new(outside: Outside) -> Self {
        let Outside { client, settings, clock, resolve, events, metrics, leadership, stop } = outside;
        let secrets = Arc::new(Secrets::new(client.clone(), &settings));
        let tenants = Arc::new(Tenants::default());
        let accounts = Accounts::new(resolve, Arc::clone(&secrets), Arc::clone(&tenants), &settings);
        let accounts = Arc::new(accounts);
        figures::count_accounts(&metrics, &accounts);
        let brake = Arc::new(Brake::new(client.clone(), settings.call_timeout, events.clone()));
        let health = Arc::new(Health::default());
        let guard = Arc::new(Guard::new(client.clone(), settings.call_timeout, settings.own_namespace.clone()));
        let unmanaged = Arc::new(Unmanaged::new(metrics.clone(), settings.stalled_after));
        let calls = Arc::new(Calls::new(settings.call_timeout));
        Self {
            client,
            calls,
            settings,
            clock,
            accounts,
            tenants,
            secrets,
            brake,
            guard,
            health,
            unmanaged,
            in_passes: Arc::default(),
            metrics,
            events,
            leadership,
            stop,
        }
    }
}
