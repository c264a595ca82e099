//! An access key: parts that belong together.

use secrecy::{ExposeSecret, SecretString};

/// An access key, permanent or temporary. Its parts are never mixed with another's.
pub(super) struct AccessKey {
    /// The public half.
    pub(super) id: String,
    /// The half that signs.
    pub(super) secret: SecretString,
    /// Comes with a temporary key, and goes with every request of it.
    pub(super) security_token: Option<SecretString>,
}

impl AccessKey {
    /// Says which part does not fit into a header. The id is followed by a comma there, so `is_id` says which bytes one has.
    pub(super) fn check(&self, is_id: fn(u8) -> bool) -> Result<(), &'static str> {
        let fits = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        if self.id.is_empty() || !self.id.bytes().all(is_id) {
            Err("access key id")
        } else if self.secret.expose_secret().is_empty() {
            Err("secret access key")
        } else if !self.token().is_none_or(fits) {
            Err("security token")
        } else {
            Ok(())
        }
    }

    /// The security token.
    pub(super) fn token(&self) -> Option<&str> {
        self.security_token.as_ref().map(ExposeSecret::expose_secret)
    }

    /// What must not show.
    pub(super) fn hidden(&self) -> Vec<SecretString> {
        let parts =
            [Some(SecretString::from(self.id.as_str())), Some(self.secret.clone()), self.security_token.clone()];
        parts.into_iter().flatten().collect()
    }
}
