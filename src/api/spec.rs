//! The spec fields that every access kind has, and what the engine needs from a custom resource.

use std::fmt::Debug;

use kube::core::NamespaceResourceScope;
use kube::{KubeSchema, Resource};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AccessStatus, AccountRef};

/// A custom resource that asks for access.
pub trait AccessObject:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The spec fields that every kind has.
    fn common(&self) -> &CommonSpec;

    /// What the operator wrote back, if it ever did.
    fn status(&self) -> Option<&AccessStatus>;
}

/// Implements [`AccessObject`] for a custom resource whose spec has the common fields in `common`.
#[macro_export]
macro_rules! access_object {
    ($object:ty) => {
        impl $crate::api::AccessObject for $object {
            fn common(&self) -> &$crate::api::CommonSpec {
                &self.spec.common
            }

            fn status(&self) -> Option<&$crate::api::AccessStatus> {
                self.status.as_ref()
            }
        }
    };
}

/// The spec fields that every kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonSpec {
    /// The account through which the cloud is reached, in the namespace of this object. Cannot be changed: delete this
    /// object and create another.
    #[x_kube(validation = Rule::new("self == oldSelf").message("accountRef cannot be changed: delete this object and create another"))]
    pub account_ref: AccountRef,

    /// What to do with access that others granted; see [`AdoptionPolicy`], whose text is what users read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What to do with granted access when the object is deleted; see [`DeletionPolicy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
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
