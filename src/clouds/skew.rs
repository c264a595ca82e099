//! How far our clock is off from a cloud's, which is noticed when a signature is refused.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderMap;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// The clouds tolerate a clock that is off by 15 minutes. If ours seems to be off by less than this, in seconds, that is
/// not why a signature was refused.
const NOTICED: i64 = 5 * 60;

/// A clock that seems to be off by more is no reason to sign with another time: whoever says so cannot be relied on.
const CORRECTED: i64 = 24 * 60 * 60;

/// Seconds to add to our clock to get the cloud's, as far as it matters.
pub(super) struct Skew {
    seconds: AtomicI64,
    /// Is told of them when they change.
    told: Box<dyn Fn(i64) + Send + Sync>,
}

impl Skew {
    pub(super) fn new(told: impl Fn(i64) + Send + Sync + 'static) -> Self {
        Self { seconds: AtomicI64::new(0), told: Box::new(told) }
    }

    /// What time it is for the cloud, and the seconds that were added.
    pub(super) fn now(&self, clock: &Clock) -> (Timestamp, i64) {
        let skew = self.seconds.load(Ordering::Relaxed);
        let now = clock.now();
        (now.checked_add(SignedDuration::from_secs(skew)).unwrap_or(now), skew)
    }

    /// A signature of `used` was refused at `theirs`, by the cloud's clock. Was the time the reason? Then the cloud's is
    /// used from now on, unless another call has seen to that in between.
    pub(super) fn correct(&self, used: i64, clock: &Clock, theirs: Timestamp) -> bool {
        let off = theirs.duration_since(clock.now()).as_secs();
        if off.abs() > CORRECTED {
            tracing::warn!(seconds = off, "an answer's date is too far from our clock to be believed");
            return false;
        }
        let known = self.seconds.load(Ordering::Relaxed);
        let differs = |from: i64| (off - from).abs() >= NOTICED;
        if differs(used) && differs(known) {
            tracing::warn!(seconds = off, "the clock differs from the cloud's; signing with the cloud's time");
            self.seconds.store(off, Ordering::Relaxed);
            (self.told)(off);
        }
        differs(used)
    }
}

/// What time it is for whoever answered.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    parse_date(headers.get(http::header::DATE)?.to_str().ok()?)
}

/// A date as HTTP writes it.
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}
