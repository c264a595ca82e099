//! Who is told how calls go.

use std::time::Duration;

use super::{Urgency, Vendor};

/// Is told how calls go. `()` does not care.
pub trait Observer: Send + Sync + 'static {
    /// A vendor's clock was noticed to be so many seconds ahead of ours.
    fn clock_is_off(&self, _vendor: Vendor, _seconds: i64) {}

    /// A call waits for its turn.
    fn call_waits(&self, _vendor: Vendor, _urgency: Urgency) {}

    /// It no longer does, after so long: it goes, or gave up.
    fn call_waited(&self, _vendor: Vendor, _urgency: Urgency, _waited: Duration) {}

    /// A request was made.
    fn request_made(&self, _request: &RequestMade) {}

    /// A service said that there are too many requests.
    fn throttled(&self, _service: &'static str) {}
}

/// A request that was made.
#[derive(Debug, Clone, Copy)]
pub struct RequestMade {
    /// Who was asked: `dli`, `ehpc`.
    pub service: &'static str,
    /// What for, in the words that errors use.
    pub operation: &'static str,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
}

impl Observer for () {}
