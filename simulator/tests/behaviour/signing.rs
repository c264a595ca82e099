//! The verifier against signatures that the vendor's SDK has made.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use simulator::signature::{Authorization, Refusal, Signed, canonical_request, verify};

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    secret: String,
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
    canonical_request: String,
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("signatures.json")).unwrap();
    assert_eq!(vectors.len(), 11);
    vectors
}

impl Vector {
    fn with<T>(&self, look: impl FnOnce(Signed<'_>, &Authorization) -> T) -> T {
        let method: Method = self.method.parse().unwrap();
        let uri: Uri = self.target.parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        }
        let sent = Authorization::parse(&self.headers["Authorization"]).unwrap();
        look(Signed { method: &method, uri: &uri, headers: &headers, body: self.body.as_bytes() }, &sent)
    }

    fn verified(&self) -> Result<(), Refusal> {
        self.with(|request, sent| verify(request, sent, &self.secret))
    }
}

#[test]
fn every_signature_of_the_vendors_sdk_is_accepted() {
    for vector in vectors() {
        assert_eq!(vector.verified(), Ok(()), "{}", vector.name);
        let canonical = vector.with(|request, sent| {
            let names: Vec<&str> = sent.signed_headers.iter().map(String::as_str).collect();
            canonical_request(request, &names)
        });
        assert_eq!(canonical.as_ref(), Ok(&vector.canonical_request), "{}", vector.name);
    }
}

#[test]
fn any_part_that_was_tampered_with_is_noticed() {
    for vector in vectors() {
        let mut tampered: Vec<(&str, Vector)> = Vec::new();
        let mut tamper = |what, change: &dyn Fn(&mut Vector)| {
            let mut other = vector.clone();
            change(&mut other);
            tampered.push((what, other));
        };
        tamper("method", &|v| {
            v.method = if v.method == "GET" { "PUT" } else { "GET" }.to_owned();
        });
        tamper("path", &|v| v.target = v.target.replacen("0123", "0124", 1));
        tamper("query", &|v| {
            v.target.push_str(if v.target.contains('?') { "&x=1" } else { "?x=1" });
        });
        tamper("body", &|v| v.body.push(' '));
        tamper("secret", &|v| v.secret.push('x'));
        for name in vector.with(|_, sent| sent.signed_headers.clone()) {
            let change = |v: &mut Vector| {
                let found = v.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(&name));
                found.unwrap().1.push('0');
            };
            tamper("header", &change);
        }
        for (what, other) in tampered {
            assert!(other.verified().is_err(), "{}: {what}", vector.name);
        }
    }
}

#[test]
fn headers_that_are_not_listed_as_signed_may_differ() {
    for mut vector in vectors() {
        vector.headers.insert("User-Agent".to_owned(), "a proxy".to_owned());
        assert_eq!(vector.verified(), Ok(()), "{}", vector.name);
    }
}

#[test]
fn host_and_date_must_be_signed_and_signed_headers_must_be_there() {
    for vector in vectors() {
        for required in ["host", "x-sdk-date"] {
            let verdict = vector.with(|request, sent| {
                let mut sent = sent.clone();
                sent.signed_headers.retain(|name| name != required);
                verify(request, &sent, &vector.secret)
            });
            assert_eq!(verdict, Err(Refusal::HeaderNotSigned), "{}: {required}", vector.name);
        }
        let mut without = vector.clone();
        without.headers.remove("X-Project-Id");
        assert_eq!(without.verified(), Err(Refusal::HeaderMissing), "{}", vector.name);
    }
}

#[test]
fn an_authorization_header_of_another_form_is_malformed() {
    for value in [
        "",
        "Basic abc",
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 Access=a, Signature=s",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date;host, Signature=s",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=Host;x-sdk-date, Signature=s",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=s, More=m",
    ] {
        assert_eq!(Authorization::parse(value), Err(Refusal::Malformed), "{value}");
    }
}

#[test]
fn a_body_hash_that_is_announced_must_be_the_bodys_unless_json_is_left_unsigned() {
    let announced = |value: &str, kind: &str| {
        let mut vector = vectors().into_iter().find(|v| v.name == "explicit_content_sha256").unwrap();
        vector.headers.insert("X-Sdk-Content-Sha256".to_owned(), value.to_owned());
        vector.headers.insert("Content-Type".to_owned(), kind.to_owned());
        vector.with(|request, sent| {
            let names: Vec<&str> = sent.signed_headers.iter().map(String::as_str).collect();
            canonical_request(request, &names).map(|_| ())
        })
    };
    assert_eq!(announced(&"0".repeat(64), "application/json"), Err(Refusal::BodyHash));
    assert_eq!(announced("UNSIGNED-PAYLOAD", "application/json"), Err(Refusal::BodyHash));
    assert_eq!(announced("UNSIGNED-PAYLOAD", "application/octet-stream"), Ok(()));
}

#[test]
fn the_order_of_query_parameters_on_the_wire_does_not_matter() {
    let mut vector = vectors().into_iter().find(|v| v.name == "dli_list_users_get_paged").unwrap();
    vector.target = vector.target.replace("limit=100&offset=0", "offset=0&limit=100");
    assert_eq!(vector.verified(), Ok(()));
}

#[test]
fn a_signed_header_that_is_there_twice_is_refused() {
    for vector in vectors() {
        let verdict = vector.with(|request, sent| {
            let mut headers = request.headers.clone();
            headers.append("x-project-id", HeaderValue::from_static("another"));
            verify(Signed { headers: &headers, ..request }, sent, &vector.secret)
        });
        assert_eq!(verdict, Err(Refusal::HeaderMissing), "{}", vector.name);
    }
}
