//! Tells of transitions in Kubernetes events. Losing one is no failure: status is the truth.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::entry::Entry;
use super::status::Rest;
use crate::api::AccessObject;
use crate::clock::Clock;
use crate::plan::{Class, Outcome};

/// The longest note that the API server takes.
const LONGEST_NOTE: usize = 1000;

/// Events that wait to be published; what comes while it is full is lost.
const LONGEST_QUEUE: usize = 4096;

/// How long publishing one may take.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Events being published at once.
const CONCURRENT: usize = 4;

/// The longest name of an object that the name of an event begins with: it has to leave room for what tells events apart.
const LONGEST_NAME: usize = 200;

/// Who says so.
const CONTROLLER: &str = "cloud-access-operator";

/// Whether somebody should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    /// It is as it should be.
    Normal,
    /// It is not.
    Warning,
}

struct Told {
    object: ObjectReference,
    type_: EventType,
    reason: String,
    note: String,
}

/// Takes what is to be told, without waiting.
#[derive(Clone)]
pub struct Events(mpsc::Sender<Told>);

/// Publishes what [`Events`] took, until all of them are dropped.
pub struct EventPublisher(mpsc::Receiver<Told>);

impl Events {
    /// A pair of taker and publisher.
    #[must_use]
    pub fn channel() -> (Self, EventPublisher) {
        let (sender, receiver) = mpsc::channel(LONGEST_QUEUE);
        (Self(sender), EventPublisher(receiver))
    }

    /// Tells how an object rests, or that it goes.
    pub(crate) fn tell<O: AccessObject>(&self, entry: &Entry<O>, rest: &Rest, gone: bool) {
        let reference = ObjectReference {
            api_version: Some(O::api_version(&()).into_owned()),
            kind: Some(O::kind(&()).into_owned()),
            namespace: Some(entry.key.namespace.clone()),
            name: Some(entry.key.name.clone()),
            uid: Some(entry.uid.clone()),
            ..ObjectReference::default()
        };
        let fine = gone || rest.outcome.class() == Class::Ready || rest.outcome == Outcome::Suspended;
        let type_ = if fine { EventType::Normal } else { EventType::Warning };
        let reason = if gone { "Released" } else { rest.outcome.reason() };
        self.publish(reference, type_, reason, &rest.message);
    }

    /// Tells this of an object.
    pub(crate) fn publish(&self, object: ObjectReference, type_: EventType, reason: &str, note: &str) {
        let note = note.chars().take(LONGEST_NOTE).collect();
        if let Err(lost) = self.0.try_send(Told { object, type_, reason: reason.to_owned(), note }) {
            debug!(object = lost.into_inner().object.name, "an event was lost: too many wait to be published");
        }
    }
}

impl EventPublisher {
    /// Publishes until every [`Events`] is dropped. Only transitions are told, so that nothing is gained from remembering
    /// what was: a recorder that counts what happens again would keep the events of the last minutes, and go through all of
    /// them for each new one.
    pub async fn run(self, client: Client, clock: Clock) {
        let (client, clock) = (&client, &clock);
        stream::unfold(self.0, async |mut receiver| receiver.recv().await.map(|told| (told, receiver)))
            .for_each_concurrent(CONCURRENT, |told| async move {
                let namespace = told.object.namespace.as_deref().filter(|namespace| !namespace.is_empty());
                let events: Api<Event> = Api::namespaced(client.clone(), namespace.unwrap_or("default"));
                let event = told.at(clock.now());
                match timeout(LONGEST_CALL, events.create(&PostParams::default(), &event)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => debug!(%error, "an event was lost"),
                    Err(_) => debug!("an event was lost: the API server did not take it in time"),
                }
            })
            .await;
    }
}

impl Told {
    /// The event that tells it.
    fn at(self, now: Timestamp) -> Event {
        let name: String = self.object.name.iter().flat_map(|name| name.chars()).take(LONGEST_NAME).collect();
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:016x}", rand::random::<u64>())),
                namespace: self.object.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some(self.reason.clone()),
            event_time: Some(MicroTime(now)),
            note: Some(self.note),
            reason: Some(self.reason),
            regarding: Some(self.object),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(CONTROLLER.to_owned()),
            type_: Some(format!("{:?}", self.type_)),
            ..Event::default()
        }
    }
}
