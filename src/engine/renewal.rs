//! A watch that begins anew with a list: every so often, for changes that it may have lost; and when the API server no longer
//! knows the version that it was to go on from, however it says so.

use std::fmt::Debug;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::Settings;

/// Objects in a page of a list: a page is decoded as a whole.
const PAGE: u32 = 100;

/// The first and the longest pause between lists of which each was too old at once.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The watch of some objects.
struct Watch<O> {
    api: Api<O>,
    config: watcher::Config,
    interval: Duration,
    random: fn() -> f64,
    running: Option<Running<O>>,
    pause: Duration,
}

/// As it runs.
struct Running<O> {
    events: BoxStream<'static, watcher::Result<Event<O>>>,
    /// Since when all is listed, and until when that is good enough; nothing while it is being listed.
    listed: Option<(Instant, Instant)>,
}

/// What a watch brings, for ever.
pub(super) fn renewed<O>(api: Api<O>, settings: &Settings) -> impl Stream<Item = watcher::Result<Event<O>>> + use<O>
where
    O: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let seconds = u32::try_from(settings.watch_timeout.as_secs()).unwrap_or(u32::MAX).max(1);
    let config = watcher::Config::default().page_size(PAGE).timeout(seconds);
    let (interval, random) = (settings.resync_interval, settings.random);
    let watch = Watch { api, config, interval, random, running: None, pause: PAUSE.0 / 2 };
    stream::unfold(watch, async |mut watch| watch.next().await.map(|event| (event, watch)))
}

impl<O> Watch<O>
where
    O: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    async fn next(&mut self) -> Option<watcher::Result<Event<O>>> {
        loop {
            let running = self.running.get_or_insert_with(|| {
                let events = watcher(self.api.clone(), self.config.clone()).default_backoff();
                Running { events: events.boxed(), listed: None }
            });
            let event = match running.listed {
                Some((_, until)) => timeout_at(until, running.events.next()).await.unwrap_or_default(),
                // A list that takes longer is not given up.
                None => running.events.next().await,
            };
            let Some(event) = event else {
                self.running = None;
                continue;
            };
            match &event {
                Ok(Event::Init) => running.listed = None,
                Ok(Event::InitDone) => {
                    let now = Instant::now();
                    running.listed = Some((now, now + self.interval.mul_f64(0.9 + 0.2 * (self.random)())));
                }
                // As an event of the watch the library takes it for what it is, and lists at once; as its answer, for a failure
                // like others, and never does.
                Err(error) if is_too_old(error) => {
                    let lasted = running.listed.is_some_and(|(since, _)| since.elapsed() > PAUSE.1);
                    self.running = None;
                    self.pause = if lasted { PAUSE.0 } else { (self.pause * 2).min(PAUSE.1) };
                    sleep(self.pause).await;
                }
                Ok(Event::InitApply(_) | Event::Apply(_) | Event::Delete(_)) | Err(_) => {}
            }
            return Some(event);
        }
    }
}

fn is_too_old(error: &watcher::Error) -> bool {
    let (watcher::Error::WatchStartFailed(kube::Error::Api(status)) | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    status.code == 410
}
