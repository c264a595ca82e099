//! Makes a vendor's words fit to be shown: one line, short, without a credential.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::signature::encode;

/// How long a message may be, in characters.
const MESSAGE_LIMIT: usize = 200;
/// How long a code or an id may be.
const TOKEN_LIMIT: usize = 64;
/// Shown in place of a credential.
const REDACTED: &str = "[redacted]";

/// Knows the credentials of one account, and takes them out of whatever is to be shown.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    credentials: Vec<SecretString>,
}

impl Redactor {
    /// Hides `credential` from now on: as it is, and percent-encoded as in a query and as in a canonical request of one.
    pub(super) fn hide(&mut self, credential: &str) {
        if credential.is_empty() {
            return;
        }
        let (all, once) =
            (utf8_percent_encode(credential, NON_ALPHANUMERIC).to_string(), encode(credential.as_bytes()));
        let twice = encode(once.as_bytes());
        for spelling in [visible(credential), all, once, twice] {
            if !spelling.is_empty() {
                self.credentials.push(SecretString::from(spelling));
            }
        }
        // A credential that contains another one goes first, or its rest would stay.
        self.credentials.sort_by_key(|credential| std::cmp::Reverse(credential.expose_secret().len()));
    }

    /// One that hides these too, in every spelling: what is sent with one call, such as passwords and tokens.
    pub(super) fn hiding(&self, credentials: &[SecretString]) -> Self {
        let mut redactor = self.clone();
        for credential in credentials {
            redactor.hide(credential.expose_secret());
        }
        redactor
    }

    /// A message: one line of at most 200 characters.
    pub(super) fn message(&self, words: &str) -> String {
        // Unprintable characters go first: between its letters they would hide a credential.
        let mut words = visible(words);
        for credential in &self.credentials {
            words = words.replace(credential.expose_secret(), REDACTED);
        }
        let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if one_line.chars().count() <= MESSAGE_LIMIT {
            return one_line;
        }
        one_line.chars().take(MESSAGE_LIMIT - 1).chain(['…']).collect()
    }

    /// A code or an id; none if it does not look like one.
    pub(super) fn token(&self, word: &str) -> Option<String> {
        let plain = !word.is_empty()
            && word.len() <= TOKEN_LIMIT
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b));
        (plain && self.message(word) == word).then(|| word.to_owned())
    }
}

/// Without characters that do not show, or that change how others show (text direction, joiners).
fn visible(words: &str) -> String {
    let shows = |c: &char| !matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    words
        .chars()
        .filter(shows)
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.hide("s3cr/t+key");
        redactor.hide("AKID");
        redactor
    }

    #[test]
    fn a_credential_never_shows_however_it_is_spelled() {
        let redactor = redactor().hiding(&[SecretString::from("Pa5s.-w+rd")]);
        for words in ["key s3cr/t+key is bad", "key s3cr%2Ft%2Bkey is bad", "key s3\u{0}cr/t\u{200b}+key is bad"] {
            assert_eq!(redactor.message(words), "key [redacted] is bad");
        }
        for words in ["Pa5s.-w+rd", "Pa5s%2E%2Dw%2Brd", "Pa5s.-w%2Brd", "Pa5s.-w%252Brd"] {
            assert_eq!(redactor.message(&format!("a={words}&b")), "a=[redacted]&b");
            assert_eq!(redactor.token(words), None);
        }
    }

    #[test]
    fn a_credential_across_the_limit_does_not_show_in_part() {
        let shown = redactor().message(&format!("{} s3cr/t+key", "x".repeat(195)));
        assert!(!shown.contains("s3"), "{shown}");
    }

    #[test]
    fn a_passing_token_is_hidden_too() {
        let token = SecretString::from("MIIC-token");
        assert_eq!(redactor().hiding(&[token]).message("bad MIIC-token"), "bad [redacted]");
    }

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(redactor().message("a\r\n\tb  \u{202e}c\u{7}"), "a b c");
        assert_eq!(redactor().message(&"é".repeat(300)).chars().count(), 200);
    }

    #[test]
    fn a_code_that_is_none_is_left_out() {
        assert_eq!(redactor().token("DLI.0002").as_deref(), Some("DLI.0002"));
        for word in ["", "a b", "<html>", "AKID", &"1".repeat(65)] {
            assert_eq!(redactor().token(word), None, "{word}");
        }
    }
}
