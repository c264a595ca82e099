//! Why a claim rests: the condition's reason, the event's reason, the metric's label.

/// Why a claim rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The principal holds the access.
    Granted,
    /// The principal holds the access because others granted it: deleting the object will not revoke it.
    AlreadyHeld,
    /// Its time is over: nothing is granted for it any more.
    Expired,
    /// Its time has not come: nothing is granted for it yet.
    NotYetValid,
    /// It only observes, and there is nothing that it would change.
    InSync,
    /// It only observes, and says what it would change.
    Drifted,
    /// Work is under way.
    Progressing,
    /// The cloud asks for fewer requests.
    Throttled,
    /// The cloud did not answer, or said that it cannot right now.
    CloudUnavailable,
    /// The target cannot be changed right now.
    TargetNotReady,
    /// The cloud answered what cannot be relied on.
    UnexpectedReply,
    /// Somebody stopped it for a while.
    Suspended,
    /// Access is to be taken away, and its account lets no more be taken now.
    RevocationHeld,
    /// There is no such account object.
    AccountNotFound,
    /// The account object cannot be used as it is.
    AccountNotReady,
    /// The Secret with the credentials is missing.
    SecretNotFound,
    /// The cloud does not accept the credentials.
    CredentialsRejected,
    /// The cloud knows no such target.
    TargetNotFound,
    /// The target knows no such pool.
    PoolNotFound,
    /// The cloud knows no such principal.
    PrincipalNotFound,
    /// Somebody else holds what can be held only once.
    Conflict,
    /// The account's rules do not let the namespace ask for this.
    NotAllowed,
    /// The spec asks for something that cannot be.
    InvalidSpec,
    /// The account may not do this.
    AccessDenied,
    /// The cloud refused, for a reason of its own.
    Rejected,
}

/// What an outcome means for whoever waits for the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The cloud matches the spec.
    Ready,
    /// It will be tried again; nobody has to do anything yet.
    Waiting,
    /// What is missing may be on its way in the same commit: waiting at first, then stalled.
    WaitingThenStalled,
    /// Somebody has to change something.
    Stalled,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 25] = [
        Self::Granted,
        Self::AlreadyHeld,
        Self::Expired,
        Self::NotYetValid,
        Self::InSync,
        Self::Drifted,
        Self::Progressing,
        Self::Throttled,
        Self::CloudUnavailable,
        Self::TargetNotReady,
        Self::UnexpectedReply,
        Self::Suspended,
        Self::RevocationHeld,
        Self::AccountNotFound,
        Self::AccountNotReady,
        Self::SecretNotFound,
        Self::CredentialsRejected,
        Self::TargetNotFound,
        Self::PoolNotFound,
        Self::PrincipalNotFound,
        Self::Conflict,
        Self::NotAllowed,
        Self::InvalidSpec,
        Self::AccessDenied,
        Self::Rejected,
    ];

    /// Its name, as conditions and events spell it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::AlreadyHeld => "AlreadyHeld",
            Self::Expired => "Expired",
            Self::NotYetValid => "NotYetValid",
            Self::InSync => "InSync",
            Self::Drifted => "Drifted",
            Self::Progressing => "Progressing",
            Self::Throttled => "Throttled",
            Self::CloudUnavailable => "CloudUnavailable",
            Self::TargetNotReady => "TargetNotReady",
            Self::UnexpectedReply => "UnexpectedReply",
            Self::Suspended => "Suspended",
            Self::RevocationHeld => "RevocationHeld",
            Self::AccountNotFound => "AccountNotFound",
            Self::AccountNotReady => "AccountNotReady",
            Self::SecretNotFound => "SecretNotFound",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::TargetNotFound => "TargetNotFound",
            Self::PoolNotFound => "PoolNotFound",
            Self::PrincipalNotFound => "PrincipalNotFound",
            Self::Conflict => "Conflict",
            Self::NotAllowed => "NotAllowed",
            Self::InvalidSpec => "InvalidSpec",
            Self::AccessDenied => "AccessDenied",
            Self::Rejected => "Rejected",
        }
    }

    /// What it means for whoever waits for the object.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Granted | Self::AlreadyHeld | Self::Expired | Self::NotYetValid | Self::InSync | Self::Drifted => {
                Class::Ready
            }
            Self::Progressing
            | Self::Throttled
            | Self::CloudUnavailable
            | Self::TargetNotReady
            | Self::UnexpectedReply
            | Self::Suspended
            | Self::RevocationHeld => Class::Waiting,
            Self::AccountNotFound
            | Self::AccountNotReady
            | Self::SecretNotFound
            | Self::CredentialsRejected
            | Self::TargetNotFound
            | Self::PoolNotFound
            | Self::PrincipalNotFound => Class::WaitingThenStalled,
            Self::Conflict | Self::NotAllowed | Self::InvalidSpec | Self::AccessDenied | Self::Rejected => {
                Class::Stalled
            }
        }
    }

    /// The cloud said no to what was asked of it, and may say so again.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Rejected | Self::PrincipalNotFound)
    }

    /// It stays so until somebody changes an object, or a Secret.
    #[must_use]
    pub fn waits_for_somebody(self) -> bool {
        matches!(self, Self::Suspended | Self::Conflict | Self::NotAllowed | Self::InvalidSpec)
    }

    /// The outcome with that name.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.reason() == reason)
    }
}
