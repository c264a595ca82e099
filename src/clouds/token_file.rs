//! A token in a file, which the kubelet replaces from time to time.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::environment::{Environment, EnvironmentError};
use super::redact::Redactor;
use super::{CloudError, Fault};

/// A file that is larger holds no token.
const LARGEST: u64 = 64 << 10;
/// Parts of a token that are shorter are words, such as `token`.
const SHORTEST_PART: usize = 16;

/// Where a token is. It is read anew for each use.
#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    variable: &'static str,
    pub(super) path: String,
}

/// A token as it was in its file.
pub(super) struct FileToken(SecretString);

impl TokenFile {
    /// The file that a variable names.
    pub(super) fn from_environment(
        environment: &Environment,
        variable: &'static str,
    ) -> Result<Self, EnvironmentError> {
        Ok(Self { variable, path: environment.require(variable)? })
    }

    /// The token that is in it now; or an error that says which file, and that nothing was sent.
    pub(super) async fn read(&self, operation: &'static str) -> Result<FileToken, CloudError> {
        let path = PathBuf::from(&self.path);
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            File::open(path)?.take(LARGEST + 1).read_to_string(&mut text).map(|_| SecretString::from(text))
        });
        let text = read.await.unwrap_or_else(|_| Err(io::Error::other("it was given up")));
        let why = match &text {
            Err(error) => format!("cannot be read ({error})"),
            Ok(text) if text.expose_secret().len() as u64 > LARGEST => "is too large for a token".to_owned(),
            Ok(text) => match text.expose_secret().trim() {
                "" => "is empty".to_owned(),
                token if token.bytes().all(|b| b.is_ascii_graphic()) => return Ok(FileToken(token.into())),
                _ => "holds something else than a token".to_owned(),
            },
        };
        let message = format!("not sent: the file {}, which {} names, {why}", self.path, self.variable);
        Err(CloudError::CredentialsRejected { fault: Fault::of(operation, message) })
    }
}

impl FileToken {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// A redactor that hides it too, and each of the parts that a signed token has.
    pub(super) fn hidden_by(&self, redactor: &Redactor) -> Redactor {
        let parts = self.expose().split('.').filter(|part| part.len() >= SHORTEST_PART).map(SecretString::from);
        redactor.hiding(&parts.chain([self.0.clone()]).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::script::Scratch;

    fn named(path: &str) -> TokenFile {
        TokenFile { variable: "TOKEN_FILE", path: path.to_owned() }
    }

    async fn why(content: &[u8]) -> String {
        let file = Scratch::new(content);
        let result = named(file.path()).read("exchange").await;
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_token_is_read_anew_each_time_without_the_lines_end() {
        let file = Scratch::new("one\n");
        let token = named(file.path());
        assert_eq!(token.read("exchange").await.unwrap().expose(), "one");
        file.write("two");
        assert_eq!(token.read("exchange").await.unwrap().expose(), "two");
    }

    #[tokio::test]
    async fn a_file_that_holds_no_token_is_told_with_its_variable_and_without_what_it_holds() {
        let told =
            named("/nowhere/token").read("exchange").await.err().map(|error| error.to_string()).unwrap_or_default();
        let expected = "exchange: not sent: the file /nowhere/token, which TOKEN_FILE names, cannot be read (No such";
        assert!(told.contains(expected), "{told}");
        for (content, expected) in [
            (&b" \n"[..], "is empty"),
            (b"\xff\xfe", "cannot be read"),
            (b"hunter2 hunter2", "something else than a token"),
            (b"hunter2\nhunter2", "something else than a token"),
            (&vec![b'a'; (64 << 10) + 1], "too large"),
        ] {
            let told = why(content).await;
            assert!(told.contains(expected) && !told.contains("hunter2") && !told.contains("aaaa"), "{told}");
        }
        assert_eq!(why(&vec![b'a'; 64 << 10]).await, "");
    }

    #[test]
    fn neither_a_token_nor_its_parts_show() {
        let token = FileToken("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ".into());
        let redactor = token.hidden_by(&Redactor::default());
        let words = format!("bad {} c2lnbmF0dXJlLXNpZ25hdHVyZQ", token.expose());
        assert_eq!(redactor.message(&words), "bad [redacted] [redacted]");
    }
}
