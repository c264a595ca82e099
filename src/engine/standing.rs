//! What a claim may do now, and why. Pure.

use jiff::Timestamp;

use super::entry::Entry;
use super::reaction::Trouble;
use crate::api::AccessObject;
use crate::plan::Standing;

/// What a claim may do now, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stand {
    Live,
    Frozen(Freeze),
    Ended(End),
}

/// Why a claim adds nothing and loses nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Freeze {
    /// Somebody stopped it for a while.
    Suspended,
    /// Something that it needs cannot be used.
    Trouble(Trouble),
    /// It only looks.
    Observes,
}

/// Why a claim wants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Deleted,
    /// Its time was over at this time.
    Expired(Timestamp),
    /// Its time begins at this time.
    NotYetValid(Timestamp),
    /// Its account's rules do not allow what it asks for.
    NotAllowed,
}

impl Stand {
    /// Where an object stands. Whatever ends it goes before whatever stops it for a while.
    pub(crate) fn of<O: AccessObject>(entry: &Entry<O>, end: Option<End>, trouble: Option<Trouble>) -> Self {
        if let Some(end) = end {
            Self::Ended(end)
        } else if entry.suspends() {
            Self::Frozen(Freeze::Suspended)
        } else if let Some(trouble) = trouble {
            Self::Frozen(Freeze::Trouble(trouble))
        } else if entry.observes() {
            Self::Frozen(Freeze::Observes)
        } else {
            Self::Live
        }
    }

    /// As the rule sees it.
    pub(crate) fn standing(&self) -> Standing {
        match self {
            Self::Live => Standing::Live,
            Self::Frozen(_) => Standing::Frozen,
            Self::Ended(_) => Standing::Ended,
        }
    }

    /// It only looks.
    pub(crate) fn observes(&self) -> bool {
        *self == Self::Frozen(Freeze::Observes)
    }

    /// When its time was over, if it is.
    pub(crate) fn expired(&self) -> Option<Timestamp> {
        match self {
            Self::Ended(End::Expired(until)) => Some(*until),
            Self::Live | Self::Frozen(_) | Self::Ended(End::Deleted | End::NotYetValid(_) | End::NotAllowed) => None,
        }
    }
}

impl End {
    /// Why an object wants nothing at this time by itself, if it does not.
    pub(crate) fn of<O: AccessObject>(entry: &Entry<O>, now: Timestamp) -> Option<Self> {
        if entry.deleting { Some(Self::Deleted) } else { entry.validity().end(now) }
    }
}

/// When an object's access begins and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// An `until` that has passed before. What has passed stays passed, whatever the clock says.
    pub(crate) expired_at: Option<Timestamp>,
}

impl Validity {
    /// Access begins or ends at some time.
    pub(crate) fn is_bounded(self) -> bool {
        self.from.or(self.until).is_some()
    }

    /// Its time is over.
    pub(crate) fn has_expired(self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| self.is_over(until, now))
    }

    /// Why there is to be no access at this time, if there is not.
    fn end(self, now: Timestamp) -> Option<End> {
        match self.until.filter(|until| self.is_over(*until, now)) {
            Some(until) => Some(End::Expired(until)),
            None => self.from.filter(|from| now < *from).map(End::NotYetValid),
        }
    }

    fn is_over(self, until: Timestamp, now: Timestamp) -> bool {
        until <= now || self.expired_at.is_some_and(|passed| until <= passed)
    }

    /// When it next begins or ends.
    pub(crate) fn next_turn(self, now: Timestamp) -> Option<Timestamp> {
        [self.from, self.until].into_iter().flatten().filter(|turn| now < *turn && !self.has_expired(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(1_000_000 + second, 0)
    }

    fn validity(from: Option<i64>, until: Option<i64>, expired_at: Option<i64>) -> Validity {
        Validity { from: from.map(at), until: until.map(at), expired_at: expired_at.map(at) }
    }

    #[test]
    fn access_begins_at_the_second_and_ends_at_the_second() {
        let of = validity(Some(10), Some(20), None);
        assert_eq!(of.end(at(9)), Some(End::NotYetValid(at(10))));
        assert_eq!(of.end(at(10)), None);
        assert_eq!(of.end(at(19)), None);
        assert_eq!(of.end(at(20)), Some(End::Expired(at(20))));
    }

    #[test]
    fn what_has_passed_stays_passed_until_it_is_set_to_later() {
        assert_eq!(validity(None, Some(20), Some(20)).end(at(5)), Some(End::Expired(at(20))));
        assert_eq!(validity(None, Some(15), Some(20)).end(at(5)), Some(End::Expired(at(15))));
        assert_eq!(validity(None, Some(21), Some(20)).end(at(5)), None);
        assert_eq!(validity(None, Some(21), Some(20)).end(at(21)), Some(End::Expired(at(21))));
        assert_eq!(validity(None, None, Some(20)).end(at(5)), None, "no longer bounded");
    }

    #[test]
    fn it_turns_when_it_begins_and_when_it_ends() {
        assert_eq!(validity(Some(10), Some(20), None).next_turn(at(5)), Some(at(10)));
        assert_eq!(validity(Some(10), Some(20), None).next_turn(at(10)), Some(at(20)));
        assert_eq!(validity(Some(10), Some(20), None).next_turn(at(20)), None);
        assert_eq!(validity(Some(10), None, None).next_turn(at(5)), Some(at(10)));
        assert_eq!(validity(Some(10), Some(20), Some(20)).next_turn(at(5)), None, "it is over for good");
    }
}
