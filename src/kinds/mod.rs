//! The kinds of access: one file each.

mod account;
mod queue_grant;

pub use account::resolve_account;
pub use queue_grant::{Privilege, QueueGrant, QueueGrantSpec, Queues};

/// Calls a macro once with every kind of access, as types that implement [`crate::engine::AccessKind`].
#[macro_export]
macro_rules! every_kind {
    ($then:ident) => {
        $then!($crate::kinds::Queues)
    };
}

/// Every CRD of the operator.
#[must_use]
pub fn crds() -> Vec<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> {
    macro_rules! all {
        ($($kind:ty),*) => {
            vec![
                $crate::api::crd::crd::<$crate::api::CloudAccount>(),
                $($crate::api::crd::crd::<<$kind as $crate::engine::AccessKind>::Object>()),*
            ]
        };
    }
    every_kind!(all)
}
