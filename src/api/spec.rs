//! The spec fields that every access kind has, and what the engine needs from a custom resource.

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use kube::core::NamespaceResourceScope;
use kube::core::object::{HasSpec, HasStatus};
use kube::{KubeSchema, Resource};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};

use super::{AccessStatus, AccountRef};

/// RFC 3339, with an offset of less than a day: the format `date-time` lets pass any, and what is no time cannot be decoded.
const TIME: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// A time of a spec. The last days of the year 9999, which people write for "never", are later than any time there is.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse().or_else(|error| match Pieces::parse(text) {
        Ok(pieces) if pieces.date().year() == 9999 && pieces.offset().is_some() => Ok(Timestamp::MAX),
        _ => Err(error),
    })
}

fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_time(&text).map_err(D::Error::custom)).transpose()
}

/// A custom resource that asks for access.
pub trait AccessObject:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasSpec<Spec: AccessSpec>
    + HasStatus<Status = AccessStatus>
    + Clone
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<O> AccessObject for O where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasSpec<Spec: AccessSpec>
        + HasStatus<Status = AccessStatus>
        + Clone
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// The spec of a custom resource that asks for access.
pub trait AccessSpec: Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// The fields that every kind has.
    fn common(&self) -> &CommonSpec;
}

/// The spec fields that every kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.validFrom) || !has(self.validUntil) || self.validFrom < self.validUntil").message("validFrom must be before validUntil"))]
pub struct CommonSpec {
    /// The account through which the cloud is reached: a CloudAccount in the namespace of this object, or a
    /// ClusterCloudAccount. Cannot be changed: delete this object and create another.
    #[x_kube(validation = Rule::new("self == oldSelf").message("accountRef cannot be changed: delete this object and create another"))]
    pub account_ref: AccountRef,

    /// What to do with access that others granted; see [`AdoptionPolicy`], whose text is what users read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What to do with granted access when the object is deleted; see [`DeletionPolicy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Whether the cloud is changed, or only looked at; see [`Mode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// While true, nothing is granted for this object and nothing that was granted is taken away, whatever is edited.
    /// Deletion and validUntil take effect all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// No access before this time, such as 2026-03-01T08:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40), regex(pattern = TIME))]
    pub valid_from: Option<Timestamp>,

    /// No access from this time on, such as 2026-03-31T18:00:00Z; what was granted for this object is taken away then. Can be
    /// set to a later time, also when it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40), regex(pattern = TIME))]
    pub valid_until: Option<Timestamp>,
}

impl CommonSpec {
    /// What others granted becomes this object's own.
    #[must_use]
    pub fn adopts(&self) -> bool {
        self.adoption_policy == Some(AdoptionPolicy::Adopt)
    }

    /// Deleting the object leaves its access in place.
    #[must_use]
    pub fn retains(&self) -> bool {
        self.deletion_policy == Some(DeletionPolicy::Retain)
    }

    /// The cloud is only looked at.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.mode == Some(Mode::Observe)
    }

    /// Nothing is done for now.
    #[must_use]
    pub fn suspends(&self) -> bool {
        self.suspend == Some(true)
    }
}

/// What to do with access that others granted before this object asked for it. Keep (the default) leaves it alone: it
/// counts as satisfied, and stays when this object is deleted. Adopt makes it this object's own, and removes whatever
/// else others granted to the same user on the same target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// Leave it alone.
    Keep,
    /// Make it this object's own.
    Adopt,
}

/// What to do with granted access when this object is deleted. Revoke (the default) takes it away. Retain leaves it in the
/// cloud, where nothing keeps track of it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Take it away.
    Revoke,
    /// Leave it in the cloud.
    Retain,
}

/// Whether the cloud is changed. Enforce (the default) grants and revokes. Observe only looks, and says in status.plan what
/// Enforce would change; what was granted before stays, and is taken away when this object is deleted or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Grant and revoke.
    Enforce,
    /// Look, and say what would be changed.
    Observe,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schema lets pass must be read: whoever makes an object unreadable must not get around its end.
    #[test]
    fn every_time_that_the_schema_lets_pass_is_read() {
        for date in ["0000-01-01", "0000-12-31", "2024-02-29", "9999-12-31"] {
            for time in ["00:00:00", "23:59:59", "23:59:59.999999999"] {
                for offset in ["Z", "+00:00", "-00:00", "+23:59", "-23:59"] {
                    let text = format!("{date}T{time}{offset}");
                    assert!(parse_time(&text).is_ok(), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_time_is_read_with_its_offset_and_the_end_of_all_years_is_never() {
        let read = |text: &str| parse_time(text).ok();
        assert_eq!(read("2026-03-01T09:00:00+01:00"), Some("2026-03-01T08:00:00Z".parse().unwrap()));
        assert_eq!(read("9999-12-31T23:59:59Z"), Some(Timestamp::MAX));
        assert_eq!(read("9999-12-31T23:59:59-12:00"), Some(Timestamp::MAX));
        for no_time in ["9999-13-31T23:59:59Z", "9999-12-31T23:59:59", "9999-12-31", "2026-03-01T09:00:00+99:00", ""] {
            assert_eq!(read(no_time), None, "{no_time}");
        }
    }
}
