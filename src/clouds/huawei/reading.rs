//! One reading of a list, however many calls it takes: how long it may take, and how it waits for a throttled account.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use super::reply::Answer;
use super::request::{Call, Service};
use crate::clouds::{CloudError, Purpose};

/// How long reading one list may take, however many pages it has.
const LIST_WINDOW: Duration = Duration::from_mins(2);
/// How long one call may wait for its turn.
const TURN_WINDOW: Duration = Duration::from_secs(20);

/// A pause that is worth waiting for.
const MOMENT: Duration = Duration::from_secs(2);

/// A reading under way.
pub(super) struct Reading<'a> {
    session: &'a Session,
    service: Service,
    purpose: &'a Purpose,
    send_by: Instant,
    /// Something of it was read.
    begun: AtomicBool,
}

impl<'a> Reading<'a> {
    /// A reading that takes at most two minutes and one exchange.
    pub(super) fn new(session: &'a Session, service: Service, purpose: &'a Purpose) -> Self {
        Self::until(session, service, purpose, Instant::now() + LIST_WINDOW)
    }

    /// A reading whose last call is sent by `send_by`.
    pub(super) fn until(session: &'a Session, service: Service, purpose: &'a Purpose, send_by: Instant) -> Self {
        Self { session, service, purpose, send_by, begun: AtomicBool::new(false) }
    }

    /// Makes one call of the reading.
    ///
    /// A reading under way waits for a throttled account to go on: begun anew, one of more calls than the cloud takes in a
    /// burst would never come to its end. One not begun waits for a moment only, as when writes have just used up the burst.
    pub(super) async fn get(&self, operation: &'static str, target: String) -> Result<Answer, CloudError> {
        let mut call = Call::get(self.service, operation, target, self.send_by);
        loop {
            call.send_by = self.send_by.min(Instant::now() + TURN_WINDOW);
            match self.session.call(&call, self.purpose).await {
                Err(CloudError::Throttled { retry_after: Some(pause), .. })
                    if (self.begun.load(Ordering::Relaxed) || pause <= MOMENT)
                        && Instant::now() + pause < self.send_by =>
                {
                    tokio::time::sleep(pause).await;
                }
                result => {
                    self.begun.fetch_or(result.is_ok(), Ordering::Relaxed);
                    return result;
                }
            }
        }
    }

    /// Remembers the size of the first page of a list; returns the largest one that the service ever gave before.
    pub(super) fn largest_page(&self, rows: usize) -> usize {
        self.session.largest_page(self.service, rows)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clouds::huawei::session::tests::{key, session};
    use crate::clouds::script::{Script, answer, answer_with, kind, purpose};

    #[tokio::test(start_paused = true)]
    async fn a_reading_under_way_waits_for_a_throttled_account_and_one_not_begun_for_a_moment_only() {
        let throttled = |after: &str| answer_with(429, "retry-after", after, json!({}));
        for (answers, calls, expected, waited) in [
            (vec![throttled("7"), answer(200, json!({}))], 1, "throttled", 0),
            (vec![throttled("2"), answer(200, json!({}))], 1, "ok", 2),
            (vec![answer(200, json!({})), throttled("7"), answer(200, json!({}))], 2, "ok", 7),
            (vec![answer(200, json!({})), throttled("200"), answer(200, json!({}))], 2, "throttled", 0),
        ] {
            let session = session(&Script::of(answers), key());
            let purpose = purpose();
            let (reading, start) = (Reading::new(&session, Service::Dws, &purpose), Instant::now());
            let mut result = reading.get("list", "/x".to_owned()).await;
            for _ in 1..calls {
                result = reading.get("list", "/x".to_owned()).await;
            }
            assert_eq!((kind(&result), start.elapsed().as_secs()), (expected, waited));
        }
    }
}
