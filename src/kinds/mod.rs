//! The kinds of access: one file each.

mod account;
mod hpc_user;
mod pool_membership;
mod queue_grant;
mod workspace_member;

pub use account::Clouds;
pub use hpc_user::{HpcClusters, HpcGroup, HpcUser, HpcUserSpec};
pub use pool_membership::{PoolMembership, PoolMembershipSpec, Pools};
pub use queue_grant::{Privilege, QueueGrant, QueueGrantSpec, Queues};
pub use workspace_member::{WorkspaceGroup, WorkspaceMember, WorkspaceMemberSpec, WorkspaceUser, Workspaces};

/// Calls a macro once with every kind of access, as types that implement [`crate::engine::AccessKind`].
#[macro_export]
macro_rules! every_kind {
    ($then:ident) => {
        $then!($crate::kinds::Queues, $crate::kinds::Pools, $crate::kinds::Workspaces, $crate::kinds::HpcClusters)
    };
}
