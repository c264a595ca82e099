//! SDK-HMAC-SHA256, the signature of an access key: pure, from the request as it goes over the wire.
//!
//! The vendor's page is "API Request Signing Guide". What the page leaves open is settled by requests that the vendor's
//! SDK has signed: `tests/vectors/huawei_sign.json`.

use percent_encoding::percent_decode_str;

use crate::clouds::signature::{Signed, canonical_query, encode, hash, hmac};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// Carries the time of the signature.
pub(super) const DATE_HEADER: &str = "x-sdk-date";
/// Carries the hash of the body, if the caller has worked it out.
const CONTENT_HASH_HEADER: &str = "x-sdk-content-sha256";

/// A request as it goes over the wire.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// Path and query, percent-encoded.
    pub(super) target: &'a str,
    /// The headers to sign, the date among them.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Signs `request` with an access key.
pub(super) fn sign(request: &Unsigned<'_>, key_id: &str, secret: &str) -> Signed {
    let mut headers: Vec<(String, &str)> = request
        .headers
        .iter()
        // The vendor's SDK leaves these out, as proxies drop them.
        .filter(|(name, _)| !name.contains('_'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    headers.sort();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);

    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed_headers = names.join(";");
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let content_hash = header(CONTENT_HASH_HEADER).map_or_else(|| hash(request.body), str::to_owned);
    let mut canonical_request = format!("{}\n{}\n{}\n", request.method, canonical_path(path), canonical_query(query));
    for (name, value) in &headers {
        canonical_request.extend([name, ":", value, "\n"]);
    }
    canonical_request.extend(["\n", &signed_headers, "\n", &content_hash]);

    let date = header(DATE_HEADER).unwrap_or_default();
    let string_to_sign = format!("{ALGORITHM}\n{date}\n{}", hash(canonical_request.as_bytes()));
    let signature = hmac(secret, &string_to_sign);
    let authorization = format!("{ALGORITHM} Access={key_id}, SignedHeaders={signed_headers}, Signature={signature}");
    Signed { canonical_request, string_to_sign, signature, authorization }
}

/// Always ends in `/`, which the path on the wire does not. An encoded slash becomes a real one: so names with a slash
/// are never sent, or one path would carry the signature of another.
fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut canonical = decoded.split(|byte| *byte == b'/').map(encode).collect::<Vec<_>>().join("/");
    if !canonical.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        ak: String,
        sk: String,
        method: String,
        wire_target: String,
        headers_sent: BTreeMap<String, String>,
        signed_headers: Vec<String>,
        body: String,
        canonical_request: String,
        string_to_sign: String,
        signature: String,
        authorization: String,
    }

    #[test]
    fn every_request_that_the_vendors_sdk_signed_gets_the_same_signature() -> Result<(), serde_json::Error> {
        let file = include_str!("../../../tests/vectors/huawei_sign.json");
        let vectors: Vectors = serde_json::from_str(file)?;
        assert!(vectors.vectors.len() >= 11, "the file holds {} entries", vectors.vectors.len());
        for vector in vectors.vectors {
            let headers: Vec<(&str, &str)> = vector
                .headers_sent
                .iter()
                .filter(|(name, _)| vector.signed_headers.contains(&name.to_ascii_lowercase()))
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let request = Unsigned {
                method: &vector.method,
                target: &vector.wire_target,
                headers: &headers,
                body: vector.body.as_bytes(),
            };
            let expected = Signed {
                canonical_request: vector.canonical_request,
                string_to_sign: vector.string_to_sign,
                signature: vector.signature,
                authorization: vector.authorization,
            };
            assert_eq!(sign(&request, &vector.ak, &vector.sk), expected, "{}", vector.name);
        }
        Ok(())
    }

    fn signed(target: &str, headers: &[(&str, &str)], body: &[u8]) -> Signed {
        sign(&Unsigned { method: "GET", target, headers, body }, "id", "secret")
    }

    #[test]
    fn headers_with_an_underscore_are_not_signed() {
        let with = signed("/", &[("host", "h"), ("a_b", "1")], b"");
        assert_eq!(with, signed("/", &[("host", "h")], b""));
    }

    proptest! {
        #[test]
        fn nothing_makes_signing_panic(target in ".*", name in ".*", value in ".*", body: Vec<u8>) {
            signed(&target, &[(&name, &value)], &body);
        }

        #[test]
        fn the_signed_path_is_the_sent_path_and_a_slash(segments in prop::collection::vec("[^/]+", 1..4)) {
            let path = segments.iter().map(|segment| encode(segment.as_bytes())).collect::<Vec<_>>().join("/");
            prop_assert_eq!(canonical_path(&format!("/{path}")), format!("/{path}/"));
        }

        #[test]
        fn the_order_of_a_query_and_of_headers_does_not_matter(pairs in prop::collection::vec((".*", ".*"), 0..5)) {
            let query = |pairs: &[(String, String)]| {
                let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes())));
                format!("/?{}", pairs.collect::<Vec<_>>().join("&"))
            };
            let mut reversed = pairs.clone();
            reversed.reverse();
            let forth = signed(&query(&pairs), &[("host", "h"), ("x-sdk-date", "d")], b"");
            prop_assert_eq!(forth, signed(&query(&reversed), &[("X-Sdk-Date", " d "), ("Host", "h")], b""));
        }

        #[test]
        fn any_change_of_the_request_changes_the_signature(word in "[^/?&=%]+", body in "[^a].*") {
            let base = signed("/a?b=c", &[("host", "h")], b"a").signature;
            let encoded = encode(word.as_bytes());
            prop_assert_ne!(&base, &signed(&format!("/a{encoded}?b=c"), &[("host", "h")], b"a").signature);
            prop_assert_ne!(&base, &signed(&format!("/a?b=c{encoded}"), &[("host", "h")], b"a").signature);
            prop_assert_ne!(&base, &signed("/a?b=c", &[("host", "h")], body.as_bytes()).signature);
        }
    }
}
