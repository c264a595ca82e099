//! What users write: the parts of spec and status that every kind shares, the account, and the generated CRDs.

mod account;
mod account_status;
mod cluster_account;
mod condition;
pub mod crd;
mod duration;
mod spec;
mod status;

pub use account::{
    AccountKind, AccountRef, AlibabaAccount, AlibabaCredentials, CloudAccount, CloudAccountSpec, EhpcApiVersion,
    HuaweiAccount, HuaweiCredentials, HuaweiEndpoints, OwnIdentity, RevocationLimit, SecretKeyRef, SecretName,
};
pub use account_status::{
    ClaimCount, CloudAccountStatus, CountedRevocations, HeldRevocation, HeldRevocations, Unmanaged,
};
pub use cluster_account::{
    AccessRule, ClusterCloudAccount, ClusterCloudAccountSpec, LabelExpression, LabelOperator, NamespaceSelector,
    RiskyPolicy,
};
pub use condition::{Condition, ConditionStatus, ConditionType};
pub use duration::parse_duration;
pub(crate) use spec::parse_time;
pub use spec::{AccessObject, AccessSpec, AdoptionPolicy, CommonSpec, DeletionPolicy, Mode};
pub use status::AccessStatus;

/// The API group of every kind.
pub const GROUP: &str = "cloudaccess.dev";

/// Keeps an object until its access is revoked.
pub const FINALIZER: &str = "cloudaccess.dev/revoke";

/// Keeps an account while objects need it.
pub const ACCOUNT_FINALIZER: &str = "cloudaccess.dev/in-use";

/// Its value is a time, or anything new: the object is looked at now, and what failed is tried again.
pub const REQUESTED_AT: &str = "cloudaccess.dev/requestedAt";

/// On an account: the id of the revocations that are let go, as its status.held says.
pub const RELEASE: &str = "cloudaccess.dev/releaseRevocations";
