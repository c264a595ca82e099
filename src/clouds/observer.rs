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
}

impl Observer for () {}
