//! What the vendors' signatures of requests have in common: encoding, hashing, HMAC with SHA-256. Pure.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A signature, and what it was made from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) canonical_request: String,
    pub(super) string_to_sign: String,
    pub(super) signature: String,
    /// The value of the `Authorization` header.
    pub(super) authorization: String,
}

/// Percent-encodes one path segment, or one name or value of a query or a form.
pub(super) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// A query in its one spelling: names and values encoded anew, sorted as bytes before they were encoded.
pub(super) fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decode_str(name).collect(), percent_decode_str(value).collect()))
        .collect();
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// HMAC-SHA256 in lower-case hexadecimal digits.
pub(super) fn hmac(key: &str, message: &str) -> String {
    let mut mac = keyed(key.as_bytes());
    mac.update(message.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// A digest of all the parts and where each of them ends, which tells nothing to whoever lacks the key.
pub(super) fn keyed_digest<'a>(key: &[u8], parts: impl IntoIterator<Item = &'a &'a str>) -> [u8; 32] {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(&part.len().to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    Hmac::new_from_slice(key).expect("a key of any length")
}

fn hex(bytes: &impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_encoded_word_decodes_to_itself_and_needs_no_further_encoding(word in ".*") {
            let encoded = encode(word.as_bytes());
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8_lossy(), word.as_str());
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)));
        }
    }
}
