//! How fast calls may go, before and after throttling.

use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Makes as many calls as may go within so many seconds.
async fn spend(rate: &mut Rate, seconds: u32, most: usize) -> usize {
    let end = Instant::now() + seconds * SECOND;
    for made in 0..most {
        if let Some(next) = rate.next(Instant::now()) {
            if next >= end {
                advance(end - Instant::now()).await;
                return made;
            }
            advance(next - Instant::now()).await;
        }
        rate.take(Instant::now());
    }
    most
}

fn halve(rate: &mut Rate, again: bool) {
    rate.halve(again, Instant::now(), Instant::now());
}

fn limit(rate: &Rate) -> Option<f64> {
    let now = Instant::now();
    rate.limit(now).map(|limit| (limit.at(now) * 1000.0).round() / 1000.0)
}

#[tokio::test(start_paused = true)]
async fn without_a_pace_and_throttling_there_is_no_limit() {
    let mut rate = Rate::new(Instant::now());
    assert_eq!(spend(&mut rate, 1, 100_000).await, 100_000);
    assert_eq!(limit(&rate), None);
}

#[tokio::test(start_paused = true)]
async fn throttling_halves_the_calls_that_were_made_and_the_rate_recovers_in_steps_of_a_tenth() {
    let mut rate = Rate::new(Instant::now());
    spend(&mut rate, 1, 40).await;
    halve(&mut rate, false);
    assert_eq!(limit(&rate), Some(20.0));
    for expected in [24.0, 28.0, 32.0, 36.0] {
        advance(10 * SECOND).await;
        assert_eq!(limit(&rate), Some(expected));
    }
    advance(10 * SECOND).await;
    assert_eq!(limit(&rate), None, "as it was");
    assert_eq!(spend(&mut rate, 1, 100_000).await, 100_000);
}

#[tokio::test(start_paused = true)]
async fn calls_keep_to_what_throttling_has_taught() {
    let mut rate = Rate::new(Instant::now());
    spend(&mut rate, 1, 40).await;
    rate.halve(false, Instant::now(), Instant::now() + 5 * SECOND);
    assert_eq!(rate.next(Instant::now()), Some(Instant::now() + 5 * SECOND));
    advance(5 * SECOND).await;
    let made = spend(&mut rate, 10, usize::MAX).await;
    assert!((200..=222).contains(&made), "{made} in ten seconds, from 20 to 24 a second");
}

#[tokio::test(start_paused = true)]
async fn each_throttling_halves_anew_and_recovery_ends_where_it_all_began() {
    let mut rate = Rate::new(Instant::now());
    spend(&mut rate, 1, 40).await;
    halve(&mut rate, false);
    spend(&mut rate, 2, usize::MAX).await;
    halve(&mut rate, false);
    let halved = limit(&rate).unwrap();
    assert!((10.0..10.6).contains(&halved), "{halved}");
    advance(60 * SECOND).await;
    assert!(limit(&rate).unwrap() < 24.0, "slower than before");
    advance(80 * SECOND).await;
    assert!(limit(&rate).unwrap() < 40.0);
    advance(10 * 60 * SECOND).await;
    assert_eq!(limit(&rate), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_between_pauses_says_nothing_of_a_rate() {
    let mut rate = Rate::new(Instant::now());
    spend(&mut rate, 1, 40).await;
    halve(&mut rate, false);
    advance(10 * SECOND).await;
    rate.take(Instant::now());
    halve(&mut rate, true);
    assert_eq!(limit(&rate), Some(12.0), "half of 24, not of one");
    advance(10 * SECOND).await;
    rate.take(Instant::now());
    halve(&mut rate, false);
    assert_eq!(limit(&rate), Some(1.0), "one call a second was made, and is too much");
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_never_less_than_one_call_a_second() {
    let mut rate = Rate::new(Instant::now());
    for _ in 0..20 {
        halve(&mut rate, true);
        assert_eq!(limit(&rate), Some(1.0));
    }
    let made = spend(&mut rate, 30, usize::MAX).await;
    assert!((30..40).contains(&made), "{made}, what has recovered among them");
    assert_eq!(Rate::new(Instant::now()).interval(Instant::now()), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_accounts_own_pace_holds_below_the_limit_and_above() {
    let mut rate = Rate::new(Instant::now());
    rate.join(10);
    spend(&mut rate, 2, usize::MAX).await;
    halve(&mut rate, false);
    assert_eq!(rate.interval(Instant::now()), SECOND / 5);
    rate.join(2);
    assert_eq!(rate.interval(Instant::now()), SECOND / 2);
    rate.leave(2);
    advance(50 * SECOND).await;
    assert_eq!(rate.interval(Instant::now()), SECOND / 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_did_not_go_leaves_its_place_to_the_next() {
    let mut rate = Rate::new(Instant::now());
    rate.join(1);
    rate.take(Instant::now());
    assert!(rate.next(Instant::now()).is_some());
    rate.give_back(Instant::now());
    assert!(rate.next(Instant::now()).is_none());
}
