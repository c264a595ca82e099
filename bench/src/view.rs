//! What a watch sees: which objects are ready, since when, and how often objects were written to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::core::{NotUsed, Object};
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::sync::watch as signal;
use tokio::task::JoinSet;

use crate::Result;
use crate::cluster::{Space, resource};
use crate::kinds::{KINDS, Kind};

/// An object, as far as it is looked at.
type Seen = Object<NotUsed, Status>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// What is known of one object.
#[derive(Debug, Clone)]
struct Known {
    version: String,
    ready: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<(&'static str, String), Known>,
    ready: usize,
    first_ready: Option<Instant>,
    writes: usize,
    listed: usize,
}

/// A watch of every kind in one namespace, for as long as this lives.
pub struct View {
    state: Arc<Mutex<State>>,
    changed: signal::Receiver<()>,
    _watches: JoinSet<()>,
}

impl View {
    /// Watches, and waits until all lists are there.
    pub async fn of(space: &Space) -> Result<Self> {
        let (change, changed) = signal::channel(());
        let (state, change) = (Arc::<Mutex<State>>::default(), Arc::new(change));
        let mut watches = JoinSet::new();
        for kind in &KINDS {
            let resource = resource(kind.name, kind.plural);
            let api: Api<Seen> = Api::namespaced_with(space.admin().clone(), &space.namespace, &resource);
            let (state, change) = (Arc::clone(&state), Arc::clone(&change));
            watches.spawn(async move {
                let mut events = std::pin::pin!(watcher::watcher(api, watcher::Config::default()));
                while let Some(event) = events.next().await {
                    // What fails is tried again by the watcher; a list that comes again is no write.
                    if let Ok(event) = event {
                        locked(&state).apply(kind, event);
                        change.send_replace(());
                    }
                }
            });
        }
        let view = Self { state, changed, _watches: watches };
        view.wait(Duration::from_mins(1), "the lists of all kinds", |state| state.listed >= KINDS.len()).await?;
        Ok(view)
    }

    /// Waits until so many objects are ready; gives when that was seen.
    pub async fn all_ready(&self, objects: usize, limit: Duration) -> Result<Instant> {
        self.wait(limit, &format!("{objects} objects to be Ready"), |state| state.ready >= objects).await
    }

    /// Waits until an object is ready; gives when that was seen.
    pub async fn ready(&self, kind: &'static Kind, name: &str, limit: Duration) -> Result<Instant> {
        let key = (kind.name, name.to_owned());
        let ready = |state: &State| state.objects.get(&key).is_some_and(|known| known.ready.is_some());
        let seen = self.wait(limit, &format!("{name} to be Ready"), ready).await?;
        Ok(locked(&self.state).objects.get(&key).and_then(|known| known.ready).unwrap_or(seen))
    }

    /// Waits until no object is left.
    pub async fn all_gone(&self, limit: Duration) -> Result<Instant> {
        self.wait(limit, "all objects to be gone", |state| state.objects.is_empty()).await
    }

    /// When the first object was seen to be ready.
    #[must_use]
    pub fn first_ready(&self) -> Option<Instant> {
        locked(&self.state).first_ready
    }

    /// How often objects that were there were written to so far, whoever did.
    #[must_use]
    pub fn writes(&self) -> usize {
        locked(&self.state).writes
    }

    async fn wait(&self, limit: Duration, what: &str, done: impl Fn(&State) -> bool) -> Result<Instant> {
        let mut changed = self.changed.clone();
        let waited = tokio::time::timeout(limit, async {
            while !done(&locked(&self.state)) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        });
        if waited.await.is_err() || !done(&locked(&self.state)) {
            let state = locked(&self.state);
            let (ready, objects) = (state.ready, state.objects.len());
            return Err(format!("waited {limit:?} for {what}: {ready} of {objects} objects are Ready").into());
        }
        Ok(Instant::now())
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn apply(&mut self, kind: &'static Kind, event: Event<Seen>) {
        match event {
            Event::Apply(object) | Event::InitApply(object) => self.see(kind, &object),
            Event::Delete(object) => {
                self.writes += 1;
                let known = self.objects.remove(&(kind.name, object.name_any()));
                self.ready -= usize::from(known.is_some_and(|known| known.ready.is_some()));
            }
            Event::Init => {}
            Event::InitDone => self.listed += 1,
        }
    }

    fn see(&mut self, kind: &'static Kind, object: &Seen) {
        let version = object.resource_version().unwrap_or_default();
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let is_ready = conditions.clone().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let key = (kind.name, object.name_any());
        let before = self.objects.get(&key).cloned();
        self.writes += usize::from(before.as_ref().is_some_and(|known| known.version != version));
        let was_ready = before.and_then(|known| known.ready);
        let ready = is_ready.then(|| was_ready.unwrap_or_else(Instant::now));
        self.ready = self.ready + usize::from(is_ready) - usize::from(was_ready.is_some());
        self.first_ready = self.first_ready.or(ready);
        self.objects.insert(key, Known { version, ready });
    }
}
