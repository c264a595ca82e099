//! ACS3-HMAC-SHA256, the signature of an access key: pure, from the request as it goes over the wire.
//!
//! The vendor's page is "Request syntax and signature method V3". What the page leaves open is settled by its own example
//! and by requests that the vendor's SDKs have signed: `tests/vectors/alibaba_sign.json`.

use crate::clouds::signature::{Signed, canonical_query, hash, hmac};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// A request as it goes over the wire. Its path is `/`.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// Percent-encoded.
    pub(super) query: &'a str,
    /// The headers; those that the vendor wants signed are.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Signs `request` with an access key.
pub(super) fn sign(request: &Unsigned<'_>, key_id: &str, secret: &str) -> Signed {
    let mut headers: Vec<(String, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .filter(|(name, _)| name == "host" || name == "content-type" || name.starts_with("x-acs-"))
        .collect();
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed_headers = names.join(";");

    let mut canonical_request = format!("{}\n/\n{}\n", request.method, canonical_query(request.query));
    for (name, value) in &headers {
        canonical_request.extend([name, ":", value, "\n"]);
    }
    canonical_request.extend(["\n", &signed_headers, "\n", &hash(request.body)]);

    let string_to_sign = format!("{ALGORITHM}\n{}", hash(canonical_request.as_bytes()));
    let signature = hmac(secret, &string_to_sign);
    let authorization = format!("{ALGORITHM} Credential={key_id},SignedHeaders={signed_headers},Signature={signature}");
    Signed { canonical_request, string_to_sign, signature, authorization }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::clouds::signature::encode;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        scheme: String,
        access_key_id: String,
        access_key_secret: String,
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        body: String,
        canonical_request: String,
        string_to_sign: String,
        signature: String,
        authorization: String,
    }

    #[test]
    fn every_request_that_the_vendor_signed_gets_the_same_signature() -> Result<(), serde_json::Error> {
        let file = include_str!("../../../tests/vectors/alibaba_sign.json");
        let vectors: Vectors = serde_json::from_str(file)?;
        assert!(vectors.vectors.len() >= 10, "the file holds {} entries", vectors.vectors.len());
        for vector in vectors.vectors {
            assert_eq!(vector.scheme, ALGORITHM, "{}", vector.name);
            let headers: Vec<(&str, &str)> =
                vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let request = Unsigned {
                method: &vector.method,
                query: vector.url.split_once('?').map_or("", |(_, query)| query),
                headers: &headers,
                body: vector.body.as_bytes(),
            };
            let expected = Signed {
                canonical_request: vector.canonical_request,
                string_to_sign: vector.string_to_sign,
                signature: vector.signature,
                authorization: vector.authorization,
            };
            assert_eq!(sign(&request, &vector.access_key_id, &vector.access_key_secret), expected, "{}", vector.name);
        }
        Ok(())
    }

    fn signed(query: &str, headers: &[(&str, &str)], body: &[u8]) -> Signed {
        sign(&Unsigned { method: "GET", query, headers, body }, "id", "secret")
    }

    #[test]
    fn only_host_content_type_and_the_vendors_headers_are_signed() {
        let with = signed("", &[("host", "h"), ("accept", "a"), ("user-agent", "u"), ("x-acs-action", "A")], b"");
        assert_eq!(with, signed("", &[("host", "h"), ("x-acs-action", "A")], b""));
        assert!(with.authorization.contains("SignedHeaders=host;x-acs-action,"));
    }

    proptest! {
        #[test]
        fn nothing_makes_signing_panic(query in ".*", name in ".*", value in ".*", body: Vec<u8>) {
            signed(&query, &[(&name, &value)], &body);
        }

        #[test]
        fn the_order_of_a_query_and_of_headers_does_not_matter(pairs in prop::collection::vec((".*", ".*"), 0..5)) {
            let query = |pairs: &[(String, String)]| {
                let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes())));
                pairs.collect::<Vec<_>>().join("&")
            };
            let mut reversed = pairs.clone();
            reversed.reverse();
            let forth = signed(&query(&pairs), &[("host", "h"), ("x-acs-date", "d")], b"");
            prop_assert_eq!(forth, signed(&query(&reversed), &[("X-Acs-Date", " d "), ("Host", "h")], b""));
        }

        #[test]
        fn any_change_of_the_request_changes_the_signature(word in "[^&=%]+", body in "[^a].*") {
            let base = signed("b=c", &[("host", "h")], b"a").signature;
            let encoded = encode(word.as_bytes());
            prop_assert_ne!(&base, &signed(&format!("b=c{encoded}"), &[("host", "h")], b"a").signature);
            prop_assert_ne!(&base, &signed(&format!("b{encoded}=c"), &[("host", "h")], b"a").signature);
            prop_assert_ne!(&base, &signed("b=c", &[("host", &format!("h{encoded}"))], b"a").signature);
            prop_assert_ne!(&base, &signed("b=c", &[("host", "h")], body.as_bytes()).signature);
        }
    }
}
