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
