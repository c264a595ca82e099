//! Calls to the API server: so many at once, of all kinds together, each under a timeout.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Calls at once: enough to keep an API server busy, and not so many that whoever else asks it waits for ours (ADR 37). What it
/// gets beyond what it can do it refuses, ours and others'.
const AT_ONCE: usize = 32;
/// And beside these for what takes access away, so that it does not wait behind the others.
const FOR_REVOCATIONS: usize = 8;
/// The first and the longest pause of a call that was too much for the API server.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// The calls that may be under way.
pub(crate) struct Calls {
    timeout: Duration,
    any: Semaphore,
    revocations: Semaphore,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Failed(kube::Error),
    /// It took longer than this.
    TooLate(Duration),
}

impl Calls {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, any: Semaphore::new(AT_ONCE), revocations: Semaphore::new(FOR_REVOCATIONS) }
    }

    /// Makes a call when its turn has come, and again while it is too much for the API server, which has not carried it out then.
    /// The time runs from its turn on.
    pub(crate) async fn make<T, F>(&self, revokes: bool, call: impl Fn() -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        // Never closed: whoever waits gets a turn.
        let _turn = tokio::select! {
            biased;
            turn = self.revocations.acquire(), if revokes => turn,
            turn = self.any.acquire() => turn,
        };
        let patiently = async {
            let mut pause = PAUSE.0;
            loop {
                match call().await {
                    Err(kube::Error::Api(status)) if status.code == 429 => {
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE.1);
                    }
                    answer => return answer,
                }
            }
        };
        let answer = timeout(self.timeout, patiently).await.map_err(|_| NoAnswer::TooLate(self.timeout))?;
        answer.map_err(NoAnswer::Failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use kube::core::Status;
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn second() -> Result<(), kube::Error> {
        sleep(SECOND).await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_made_at_once_and_revocations_do_not_wait_behind_others() {
        let (calls, started) = (Calls::new(10 * SECOND), Instant::now());
        let others = join_all((0..3 * AT_ONCE).map(|_| calls.make(false, second)));
        let revocation = async {
            assert!(calls.make(true, second).await.is_ok());
            started.elapsed()
        };
        let (_, revoked_after) = tokio::join!(others, revocation);
        assert_eq!((started.elapsed(), revoked_after), (3 * SECOND, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_take_all_turns_that_there_are() {
        let (calls, started) = (Calls::new(10 * SECOND), Instant::now());
        join_all((0..AT_ONCE + FOR_REVOCATIONS).map(|_| calls.make(true, second))).await;
        assert_eq!(started.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_for_the_api_server_goes_again_until_time_is_up() {
        let calls = Calls::new(10 * SECOND);
        let refuse = || kube::Error::Api(Box::new(Status { code: 429, ..Status::default() }));
        let tries = AtomicUsize::new(0);
        let refused_twice = || async { if tries.fetch_add(1, Ordering::Relaxed) < 2 { Err(refuse()) } else { Ok(()) } };
        assert!(calls.make(false, refused_twice).await.is_ok());
        let refused = || async { Err::<(), _>(refuse()) };
        assert!(matches!(calls.make(false, refused).await, Err(NoAnswer::TooLate(_))));
    }
}
