//! Calls to the clouds, by the leader alone.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, poll_fn};

use super::Leadership;
use crate::clouds::{Transport, TransportError};

/// A way to the clouds that is closed while this process does not lead: it is looked at before each request is sent.
pub struct LeaderOnly {
    transport: Arc<dyn Transport>,
    leadership: Leadership,
}

impl LeaderOnly {
    /// That way, for the leader.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, leadership: Leadership) -> Self {
        Self { transport, leadership }
    }
}

impl Transport for LeaderOnly {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let lost = |_| TransportError::Interrupted("another replica may lead".to_owned());
        async move {
            self.leadership.check().map_err(|_| TransportError::Refused("another replica may lead"))?;
            let mut exchange = self.transport.send(request);
            // A process that was frozen in the middle of it goes no further.
            poll_fn(|context| {
                self.leadership.check().map_err(lost)?;
                exchange.poll_unpin(context)
            })
            .await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::watch as signal;
    use tokio::time::{Instant, sleep};

    use super::super::leadership::Term;
    use super::*;

    /// Takes a second for each request, and counts those that it was given.
    #[derive(Default)]
    struct Slow(AtomicUsize);

    impl Transport for Slow {
        fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            async {
                sleep(Duration::from_secs(1)).await;
                Ok(http::Response::default())
            }
            .boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_lead_sends_nothing_and_goes_on_with_nothing() {
        let (slow, until) = (Arc::new(Slow::default()), Instant::now() + Duration::from_millis(1500));
        let (_term, leadership) = signal::channel(Some(Term { since: Instant::now(), until: Some(until) }));
        let way = LeaderOnly::new(Arc::<Slow>::clone(&slow), Leadership::new(leadership));
        assert!(way.send(http::Request::default()).await.is_ok());
        let cut = way.send(http::Request::default()).await;
        assert!(matches!(cut, Err(TransportError::Interrupted(_))), "it may have arrived: {cut:?}");
        let refused = way.send(http::Request::default()).await;
        assert!(matches!(refused, Err(TransportError::Refused(_))), "{refused:?}");
        assert_eq!(slow.0.load(Ordering::Relaxed), 2);
    }
}
