//! How far our clock is off from a cloud's, which is noticed when a signature is refused.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderMap;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// The clouds tolerate a clock that is off by 15 minutes. If ours seems to be off by less than this, in seconds, that is
/// not why a signature was refused.
const NOTICED: i64 = 5 * 60;

/// Seconds to add to our clock to get the cloud's, as far as it matters.
#[derive(Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// What time it is for the cloud, and the seconds that were added.
    pub(super) fn now(&self, clock: &Clock) -> (Timestamp, i64) {
        let skew = self.0.load(Ordering::Relaxed);
        let now = clock.now();
        (now.checked_add(SignedDuration::from_secs(skew)).unwrap_or(now), skew)
    }

    /// A signature of `used` was refused at `theirs`, by the cloud's clock. Was the time the reason? Then the cloud's is
    /// used from now on.
    pub(super) fn correct(&self, used: i64, clock: &Clock, theirs: Timestamp) -> bool {
        let off = theirs.duration_since(clock.now()).as_secs();
        let noticed = (off - used).abs() >= NOTICED;
        if noticed {
            tracing::warn!(seconds = off, "the clock differs from the cloud's; signing with the cloud's time");
            self.0.store(off, Ordering::Relaxed);
        }
        noticed
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
