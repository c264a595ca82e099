//! What the Lease says, and what may be done about it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;

/// Who writes into the Lease, and what it claims.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Unlike any other process's, ever.
    pub(super) identity: String,
    /// How long others are to wait after a renewal.
    pub(super) duration: Duration,
}

/// The Lease as it was last read, or answered.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    lease: Lease,
    /// Since when it has been seen to be as it is.
    since: Instant,
}

impl Seen {
    /// A Lease that was read now. What has not changed since `before` is as old as it was.
    pub(super) fn now(lease: Lease, before: Option<&Self>, now: Instant) -> Self {
        let same = before.filter(|before| before.version() == lease.metadata.resource_version.as_deref());
        Self { since: same.map_or(now, |same| same.since), lease }
    }

    fn version(&self) -> Option<&str> {
        self.lease.metadata.resource_version.as_deref()
    }

    fn spec(&self) -> LeaseSpec {
        self.lease.spec.clone().unwrap_or_default()
    }

    /// Who holds it, whether or not its time is over.
    pub(super) fn holder(&self) -> Option<&str> {
        let holder = self.lease.spec.as_ref()?.holder_identity.as_deref()?;
        (!holder.is_empty()).then_some(holder)
    }

    /// Who else holds it now, and until when.
    pub(super) fn rival(&self, candidate: &Candidate, now: Instant) -> Option<(&str, Instant)> {
        let seconds = self.spec().lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let claimed = seconds.filter(|seconds| *seconds > 0).map_or(candidate.duration, Duration::from_secs);
        let rival = self.holder().filter(|holder| *holder != candidate.identity)?;
        Some((rival, self.since + claimed)).filter(|(_, until)| now < *until)
    }

    /// The Lease as the candidate writes it when it takes or renews it. What others wrote beside it stays.
    pub(super) fn held_by(&self, candidate: &Candidate, now: Timestamp) -> Lease {
        let before = self.spec();
        let is_renewal = self.holder() == Some(candidate.identity.as_str());
        let transitions = before.lease_transitions.unwrap_or_default();
        let spec = LeaseSpec {
            acquire_time: if is_renewal { before.acquire_time } else { Some(MicroTime(now)) },
            lease_transitions: Some(if is_renewal { transitions } else { transitions.saturating_add(1) }),
            ..candidate.claim(now)
        };
        Lease { spec: Some(LeaseSpec { strategy: before.strategy, ..spec }), ..self.lease.clone() }
    }

    /// The Lease as its holder gives it back: whoever comes next need not wait.
    pub(super) fn released(&self, now: Timestamp) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(now)),
            ..self.spec()
        };
        Lease { spec: Some(spec), ..self.lease.clone() }
    }
}

impl Candidate {
    /// A Lease where there was none.
    pub(super) fn first(&self, name: &str, now: Timestamp) -> Lease {
        Lease {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec { acquire_time: Some(MicroTime(now)), lease_transitions: Some(0), ..self.claim(now) }),
        }
    }

    fn claim(&self, now: Timestamp) -> LeaseSpec {
        // The Lease knows whole seconds; others rather wait too long.
        let seconds = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn candidate(identity: &str) -> Candidate {
        Candidate { identity: identity.to_owned(), duration: 12 * SECOND }
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn versioned(mut lease: Lease, version: &str) -> Lease {
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    fn seen(holder: &str, version: &str, now: Instant) -> Seen {
        Seen::now(versioned(candidate(holder).first("lease", time(0)), version), None, now)
    }

    /// Who holds it, for a candidate called `us`.
    fn rival(seen: &Seen, now: Instant) -> Option<String> {
        seen.rival(&candidate("us"), now).map(|(rival, _)| rival.to_owned())
    }

    #[test]
    fn a_lease_is_held_for_its_duration_since_it_was_seen_to_change_whatever_times_it_tells() {
        let start = Instant::now();
        let first = seen("them", "1", start);
        assert_eq!(rival(&first, start).as_deref(), Some("them"));
        let again = Seen::now(first.lease.clone(), Some(&first), start + 11 * SECOND);
        assert_eq!(rival(&again, start + 11 * SECOND).as_deref(), Some("them"), "the same as before");
        assert_eq!(rival(&again, start + 12 * SECOND), None, "as old as when it was seen first");
        let renewed = versioned(first.held_by(&candidate("them"), time(-1000)), "2");
        let renewed = Seen::now(renewed, Some(&again), start + 12 * SECOND);
        assert_eq!(rival(&renewed, start + 23 * SECOND).as_deref(), Some("them"));
        assert_eq!(rival(&renewed, start + 24 * SECOND), None);
    }

    #[test]
    fn the_holder_says_how_long_it_holds_the_lease() {
        let start = Instant::now();
        let long = Candidate { duration: 30 * SECOND + Duration::from_millis(1), ..candidate("them") };
        let long = Seen::now(versioned(long.first("lease", time(0)), "1"), None, start);
        assert_eq!(rival(&long, start + 30 * SECOND).as_deref(), Some("them"));
        assert_eq!(rival(&long, start + 31 * SECOND), None);
        let mut nonsense = seen("them", "1", start);
        for seconds in [None, Some(0), Some(-5)] {
            nonsense.lease.spec.as_mut().unwrap().lease_duration_seconds = seconds;
            assert_eq!(rival(&nonsense, start + 11 * SECOND).as_deref(), Some("them"), "{seconds:?}");
            assert_eq!(rival(&nonsense, start + 12 * SECOND), None, "{seconds:?}");
        }
    }

    #[test]
    fn nobody_is_a_rival_who_gave_it_back_or_is_this_process() {
        let start = Instant::now();
        assert_eq!(rival(&seen("us", "1", start), start), None);
        let theirs = seen("them", "1", start);
        let released = Seen::now(versioned(theirs.released(time(5)), "2"), Some(&theirs), start);
        assert_eq!((released.holder(), rival(&released, start)), (None, None));
        let nothing = Lease { spec: None, ..theirs.lease.clone() };
        assert_eq!(rival(&Seen::now(nothing, None, start), start), None);
    }

    #[test]
    fn a_renewal_changes_one_time_and_a_takeover_is_counted() {
        let start = Instant::now();
        let mut first = seen("them", "7", start);
        first.lease.metadata.labels = Some([("kept".to_owned(), "yes".to_owned())].into());
        let renewed = first.held_by(&candidate("them"), time(60));
        let spec = renewed.spec.as_ref().unwrap();
        assert_eq!((spec.acquire_time.as_ref().unwrap().0, spec.renew_time.as_ref().unwrap().0), (time(0), time(60)));
        assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(0), Some(12)));
        assert_eq!(renewed.metadata, first.lease.metadata, "with the version that makes it conditional");
        let taken = first.held_by(&candidate("us"), time(60)).spec.unwrap();
        assert_eq!((taken.acquire_time.unwrap().0, taken.lease_transitions), (time(60), Some(1)));
        assert_eq!(taken.holder_identity.as_deref(), Some("us"));
    }
}
