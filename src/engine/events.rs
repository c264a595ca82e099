//! Tells of transitions in Kubernetes events. Losing one is no failure: status is the truth.

use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::entry::Entry;
use super::status::Rest;
use crate::api::AccessObject;
use crate::plan::{Class, Outcome};

/// The longest note that the API server takes.
const LONGEST_NOTE: usize = 1000;

/// The longest action that the API server takes.
const LONGEST_ACTION: usize = 128;

/// Events that wait to be published; what comes while it is full is lost.
const LONGEST_QUEUE: usize = 4096;

/// How long publishing one may take.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Events being published at once.
const CONCURRENT: usize = 4;

type Told = (Event, ObjectReference);

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
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(LONGEST_NOTE).collect()),
            // Events that differ in nothing else are counted as one, with the first note: so they differ in this.
            action: note.chars().take(LONGEST_ACTION).collect(),
            secondary: None,
        };
        let told = (event, object);
        if let Err(lost) = self.0.try_send(told) {
            let (_, object) = lost.into_inner();
            debug!(object = object.name, "an event was lost: too many wait to be published");
        }
    }
}

impl EventPublisher {
    /// Publishes until every [`Events`] is dropped.
    pub async fn run(self, client: Client, instance: String) {
        let reporter = Reporter { controller: "cloud-access-operator".to_owned(), instance: Some(instance) };
        let recorder = &Recorder::new(client, reporter);
        stream::unfold(self.0, async |mut receiver| receiver.recv().await.map(|told| (told, receiver)))
            .for_each_concurrent(CONCURRENT, |(event, reference)| async move {
                match timeout(LONGEST_CALL, recorder.publish(&event, &reference)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => debug!(%error, "an event was lost"),
                    Err(_) => debug!("an event was lost: the API server did not take it in time"),
                }
            })
            .await;
    }
}
