//! When calls get their turns, and when none do.

use futures::future::{join, join_all};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn purpose(urgency: Urgency, namespace: &str, target: &str) -> Purpose {
    Purpose::new(urgency, namespace, target)
}

fn change() -> Purpose {
    purpose(Urgency::Change, "team", "etl")
}

fn unproven(rate: Option<u32>) -> Budget {
    let budget = Budget::new(Vendor::Huawei, Arc::new(()), || 1.0);
    budget.join(rate);
    budget
}

/// Of credentials that the cloud has just accepted.
fn budget(rate: u32) -> Budget {
    let budget = unproven(Some(rate));
    budget.gate.accepted(Instant::now());
    budget
}

async fn turn(budget: &Budget, within: Duration) -> Result<Turn<'_>, Wait> {
    budget.turn(&change(), Instant::now() + within).await
}

async fn spend(budget: &Budget, calls: usize) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        assert!(turn(budget, 100 * SECOND).await.is_ok());
    }
    start.elapsed()
}

/// A call that gets its turn within the hour, is under way for as long as that takes, and then says who it was.
async fn call(budget: &Budget, purpose: Purpose, takes: Duration) -> Purpose {
    let Ok(turn) = budget.turn(&purpose, Instant::now() + 3600 * SECOND).await else { panic!("no turn") };
    sleep(takes).await;
    budget.accepted(&turn);
    purpose
}

#[tokio::test(start_paused = true)]
async fn without_a_pace_calls_go_as_they_come() {
    assert_eq!(spend(&unproven(None), 1000).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn calls_keep_to_the_pace() {
    let budget = budget(5);
    assert_eq!(spend(&budget, 5).await.as_millis(), 800);
    assert_eq!(spend(&budget, 50).await.as_millis(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn the_lowest_pace_of_those_in_use_holds() {
    let budget = budget(5);
    for rate in [Some(1), None, Some(2), Some(1)] {
        budget.join(rate);
    }
    for (left, seconds) in [(None, 4), (Some(1), 4), (Some(1), 2), (Some(2), 0)] {
        budget.leave(left);
        advance(60 * SECOND).await;
        spend(&budget, 5).await;
        assert_eq!(spend(&budget, 4).await.as_secs(), seconds, "without {left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_profits_at_once_when_the_slowest_account_goes() {
    let budget = budget(100);
    budget.join(Some(1));
    spend(&budget, 1).await;
    let leaves = async {
        sleep(SECOND / 10).await;
        budget.leave(Some(1));
    };
    let start = Instant::now();
    let waits = async {
        assert!(turn(&budget, 9 * SECOND).await.is_ok());
        assert!(turn(&budget, 9 * SECOND).await.is_ok());
        start.elapsed()
    };
    assert!(join(waits, leaves).await.0 <= SECOND + SECOND / 50);
}

#[tokio::test(start_paused = true)]
async fn an_idle_account_may_burst_for_one_second_and_not_more() {
    let budget = budget(5);
    advance(60 * SECOND).await;
    assert_eq!(spend(&budget, 5).await.as_millis(), 0);
    assert_eq!(spend(&budget, 1).await.as_millis(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_would_come_too_late_is_refused_and_takes_no_place() {
    let budget = budget(1);
    spend(&budget, 1).await;
    let start = Instant::now();
    assert_eq!(turn(&budget, SECOND / 2).await.err(), Some(Wait::TooLong));
    assert_eq!(start.elapsed(), Duration::ZERO, "that is certain from the beginning");
    let two = join(turn(&budget, SECOND + SECOND / 2), turn(&budget, SECOND + SECOND / 2)).await;
    assert!(two.0.is_ok());
    assert_eq!(two.1.err(), Some(Wait::TooLong));
    assert_eq!(spend(&budget, 1).await, SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_sixteen_calls_run_at_once() {
    let budget = budget(1000);
    let mut turns = Vec::new();
    for _ in 0..16 {
        turns.push(turn(&budget, SECOND).await);
    }
    assert!(turns.iter().all(Result::is_ok));
    assert_eq!(turn(&budget, SECOND).await.err(), Some(Wait::TooLong));
    turns.pop();
    assert!(turn(&budget, SECOND).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_credentials_that_are_not_proven_one_call_goes_at_a_time() {
    let budget = unproven(None);
    let Ok(trial) = turn(&budget, SECOND).await else { panic!("closed") };
    assert_eq!(turn(&budget, SECOND).await.err(), Some(Wait::OnTrial));
    budget.accepted(&trial);
    let start = Instant::now();
    let (others, ()) = join(join_all((0..16).map(|_| turn(&budget, SECOND))), async { drop(trial) }).await;
    assert!(others.iter().all(Result::is_ok) && start.elapsed().is_zero());
    drop(others);
    advance(10 * SECOND).await;
    let _trial = turn(&budget, SECOND).await;
    assert_eq!(turn(&budget, SECOND).await.err(), Some(Wait::OnTrial), "it was long ago");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_credentials_that_are_refused_is_refused_at_once() {
    let budget = unproven(None);
    let Ok(trial) = turn(&budget, SECOND).await else { panic!("closed") };
    let fault = Fault::of("list", "bad signature");
    let (others, ()) = join(join_all((0..50).map(|_| turn(&budget, SECOND))), async {
        budget.refused(&trial, &fault);
    })
    .await;
    assert!(others.into_iter().all(|other| other.err() == Some(Wait::Refused(fault.clone()))));
    assert!(budget.is_remembered());
    drop(trial);
    advance(30 * SECOND).await;
    assert!(turn(&budget, SECOND).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_comes_while_five_thousand_grants_wait_is_the_next_call() {
    let budget = budget(20);
    let order = Mutex::new(Vec::new());
    let made = |purpose| async {
        let made = call(&budget, purpose, 2 * SECOND).await;
        order.lock().unwrap().push((made.urgency, Instant::now()));
    };
    let grants = join_all((0..5000).map(|_| made(change())));
    let came = Instant::now() + 100 * SECOND;
    let revocation = async {
        sleep(100 * SECOND).await;
        made(purpose(Urgency::Revocation, "other", "q")).await;
    };
    join(grants, revocation).await;
    let order = order.into_inner().unwrap();
    let at = order.iter().position(|(urgency, _)| *urgency == Urgency::Revocation).unwrap();
    assert!(order[at].1 <= came + 2 * SECOND + SECOND / 8, "as soon as one of the sixteen under way is done");
    let before = order[..at].iter().filter(|(_, ended)| *ended > came).count();
    assert!(before <= 16, "{before}: those that were under way");
    assert_eq!(order.len(), 5001);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_while_others_wait_for_the_pace_goes_before_them() {
    let budget = budget(1);
    spend(&budget, 1).await;
    let looks = join_all((0..3).map(|_| call(&budget, purpose(Urgency::Look, "a", "q"), Duration::ZERO)));
    let start = Instant::now();
    let revocation = async {
        sleep(SECOND * 9 / 10).await;
        call(&budget, purpose(Urgency::Revocation, "b", "q"), Duration::ZERO).await;
        start.elapsed()
    };
    let (_, revoked) = join(looks, revocation).await;
    assert_eq!((revoked, start.elapsed()), (SECOND, 4 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn nobody_starves() {
    let budget = budget(10);
    let calls = FuturesUnordered::new();
    for number in 0..300 {
        calls.push(call(&budget, purpose(Urgency::Revocation, "loud", &number.to_string()), SECOND));
        calls.push(call(&budget, purpose(Urgency::Change, "loud", &number.to_string()), SECOND));
    }
    for urgency in Urgency::ALL {
        calls.push(call(&budget, purpose(urgency, "quiet", "q"), SECOND));
    }
    let order: Vec<_> = calls.collect().await;
    for urgency in Urgency::ALL {
        let at = order.iter().position(|made| made.urgency == urgency && &*made.namespace == "quiet").unwrap();
        assert!(at < 25, "{urgency}: {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_line_the_place_and_the_watch() {
    let budget = budget(1);
    spend(&budget, 1).await;
    // The first one keeps the time for all: it gives up, and another one does.
    let first = async { tokio::time::timeout(SECOND / 2, turn(&budget, 9 * SECOND)).await.is_err() };
    let start = Instant::now();
    let second = async { turn(&budget, 9 * SECOND).await.map(|_| start.elapsed()).ok() };
    assert_eq!(join(first, second).await, (true, Some(SECOND)));
    // Called, and dropped before it noticed: its turn is the next one's, at once.
    let mut called = Box::pin(turn(&budget, 9 * SECOND));
    assert!(called.as_mut().now_or_never().is_none());
    let mut next = Box::pin(turn(&budget, 9 * SECOND));
    assert!(next.as_mut().now_or_never().is_none());
    advance(SECOND).await;
    budget.change(|_| ());
    assert_eq!(budget.state().under_way.len(), 1);
    drop(called);
    drop(turn(&budget, 9 * SECOND).now_or_never());
    assert!(next.now_or_never().is_some_and(|next| next.is_ok()));
    assert!(budget.state().under_way.is_empty() && budget.state().line.next().is_none());
    assert_eq!(spend(&budget, 1).await, SECOND, "one place was taken, not two");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_pauses_as_a_whole_and_ever_longer() {
    let budget = budget(100);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
        assert_eq!(budget.throttled(&going, None), expected * SECOND);
        assert_eq!(turn(&budget, 100 * SECOND).await.err(), Some(Wait::Paused(expected * SECOND)));
        advance(expected * SECOND).await;
    }
    let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
    budget.answered(&going);
    assert_eq!(budget.throttled(&going, None), SECOND);
}

#[tokio::test(start_paused = true)]
async fn calls_throttled_together_count_once() {
    let budget = budget(100);
    let (Ok(one), Ok(two)) = join(turn(&budget, SECOND), turn(&budget, SECOND)).await else { panic!("paused") };
    assert_eq!(budget.throttled(&one, None), SECOND);
    assert_eq!(budget.throttled(&two, None), SECOND);
    advance(SECOND).await;
    let Ok(next) = turn(&budget, SECOND).await else { panic!("paused") };
    assert_eq!(budget.throttled(&next, None), 2 * SECOND, "the second time, not the third");
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_asks_for_is_honoured_within_reason() {
    let budget = budget(100);
    let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
    assert_eq!(budget.throttled(&going, Some(7 * SECOND)), 7 * SECOND);
    assert_eq!(budget.throttled(&going, Some(Duration::MAX)), LONGEST_ASKED_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_line_when_the_pause_begins_does_not_go() {
    let budget = budget(1);
    let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
    let (waiting, ()) = join(turn(&budget, 5 * SECOND), async {
        sleep(SECOND / 2).await;
        budget.throttled(&going, Some(3 * SECOND));
    })
    .await;
    assert_eq!(waiting.err(), Some(Wait::Paused(3 * SECOND)));
}

#[tokio::test(start_paused = true)]
async fn who_was_called_when_the_pause_begins_does_not_go_either() {
    let budget = budget(1);
    let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
    let mut called = Box::pin(turn(&budget, 9 * SECOND));
    assert!(called.as_mut().now_or_never().is_none());
    advance(SECOND).await;
    budget.change(|_| ());
    assert_eq!(budget.state().under_way.len(), 2);
    budget.throttled(&going, Some(3 * SECOND));
    assert_eq!(called.await.err(), Some(Wait::Paused(3 * SECOND)));
    assert_eq!(budget.state().under_way.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_goes_when_one_is_free_and_the_pace_allows() {
    let budget = unproven(Some(1));
    let Ok(going) = turn(&budget, SECOND).await else { panic!("closed") };
    let start = Instant::now();
    let leaves = async {
        sleep(SECOND / 2).await;
        drop(going);
    };
    let waits = async { turn(&budget, 9 * SECOND).await.map(|_| start.elapsed()).ok() };
    assert_eq!(join(waits, leaves).await.0, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn who_waits_through_a_pause_of_no_length_goes_on_waiting() {
    let budget = Budget::new(Vendor::Huawei, Arc::new(()), || 0.0);
    let Ok(trial) = turn(&budget, SECOND).await else { panic!("closed") };
    let (waiting, ()) = join(turn(&budget, 5 * SECOND), async {
        budget.throttled(&trial, None);
        drop(trial);
    })
    .await;
    assert!(waiting.is_ok());
}

#[tokio::test(start_paused = true)]
async fn after_throttling_calls_go_at_half_the_rate_and_recover() {
    let budget = unproven(None);
    budget.gate.accepted(Instant::now());
    spend(&budget, 40).await;
    let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
    let pause = budget.throttled(&going, None);
    drop(going);
    advance(pause).await;
    let took = spend(&budget, 21).await.as_millis();
    assert!((950..=1000).contains(&took), "20 a second, not 40: {took}");
    assert!(budget.is_remembered());
    advance(60 * SECOND).await;
    assert!(!budget.is_remembered());
    assert_eq!(spend(&budget, 100).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_throttled_between_two_pauses_halves_the_limit_and_not_its_own_rate() {
    let budget = budget(1000);
    spend(&budget, 80).await;
    for _ in 0..3 {
        let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
        let pause = budget.throttled(&going, None);
        drop(going);
        advance(pause).await;
    }
    let took = spend(&budget, 11).await.as_millis();
    assert!((950..=1050).contains(&took), "10 a second, an eighth of 80: {took}");
}

#[derive(Default)]
struct Watcher(Mutex<(i32, Vec<(Urgency, Duration)>)>);

impl Observer for Watcher {
    fn call_waits(&self, _: Vendor, _: Urgency) {
        self.0.lock().unwrap().0 += 1;
    }

    fn call_waited(&self, _: Vendor, urgency: Urgency, waited: Duration) {
        let mut told = self.0.lock().unwrap();
        told.0 -= 1;
        told.1.push((urgency, waited));
    }
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_told_how_long_each_call_waited_even_if_it_gave_up() {
    let watcher = Arc::new(Watcher::default());
    let budget = Budget::new(Vendor::Huawei, watcher.clone(), || 1.0);
    budget.join(Some(1));
    budget.gate.accepted(Instant::now());
    assert!(turn(&budget, SECOND).await.is_ok());
    let late = async { turn(&budget, 3 * SECOND / 2).await.is_err() };
    let look = call(&budget, purpose(Urgency::Look, "a", "q"), Duration::ZERO);
    let gone = async { tokio::time::timeout(SECOND / 2, turn(&budget, 9 * SECOND)).await.is_err() };
    let waiting = async {
        sleep(SECOND / 4).await;
        watcher.0.lock().unwrap().0
    };
    let goes = async { turn(&budget, 9 * SECOND).await.is_ok() };
    let all = tokio::join!(goes, late, look, gone, waiting);
    assert_eq!((all.1, all.3, all.4), (true, true, 4));
    let told = watcher.0.lock().unwrap();
    assert_eq!(told.0, 0);
    let expected = [(0, Urgency::Change), (500, Urgency::Change), (1000, Urgency::Change), (1500, Urgency::Change)];
    let expected = expected.into_iter().chain([(2000, Urgency::Look)]);
    let told: Vec<_> = told.1.iter().map(|(urgency, waited)| (waited.as_millis(), *urgency)).collect();
    assert_eq!(told, expected.collect::<Vec<_>>());
}
