//! The verifier of ACS3-HMAC-SHA256 against signatures that the vendor publishes or its SDKs have made.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use simulator::acs3::{canonical_request, parse, verify};
use simulator::signature::{Authorization, Refusal, Signed};

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
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("acs3.json")).unwrap();
    assert_eq!(vectors.len(), 10);
    vectors
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

impl Vector {
    fn with<T>(&self, look: impl FnOnce(Signed<'_>, &Authorization) -> T) -> T {
        let method: Method = self.method.parse().unwrap();
        let uri: Uri = self.target.parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        }
        let sent = parse(&self.headers["Authorization"]).unwrap();
        look(Signed { method: &method, uri: &uri, headers: &headers, body: self.body.as_bytes() }, &sent)
    }

    fn verified(&self) -> Result<(), Refusal> {
        self.with(|request, sent| verify(request, sent, &self.secret))
    }
}

#[test]
fn every_signature_of_the_vendor_is_accepted() {
    for vector in vectors() {
        let canonical = vector.with(|request, sent| {
            let names: Vec<&str> = sent.signed_headers.iter().map(String::as_str).collect();
            canonical_request(request, &names)
        });
        assert_eq!(canonical.as_ref(), Ok(&vector.canonical_request), "{}", vector.name);
        assert_eq!(vector.verified(), Ok(()), "{}", vector.name);
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
        tamper("method", &|v| v.method = if v.method == "GET" { "POST" } else { "GET" }.to_owned());
        tamper("path", &|v| v.target = v.target.replacen('/', "/x", 1));
        tamper("query", &|v| v.target.push_str(if v.target.contains('?') { "&x=1" } else { "?x=1" }));
        tamper("body", &|v| v.body.push('x'));
        tamper("secret", &|v| v.secret.push('x'));
        for name in vector.with(|_, sent| sent.signed_headers.clone()) {
            tamper("header", &|v| v.headers.get_mut(&name).unwrap().push('0'));
        }
        for (what, other) in tampered {
            assert!(other.verified().is_err(), "{}: {what}", vector.name);
        }
    }
}

#[test]
fn a_body_that_has_not_the_announced_hash_is_told_apart() {
    let mut vector = vector("2024-create-users-post-form");
    vector.body.push('x');
    assert_eq!(vector.verified(), Err(Refusal::BodyHash));
}

#[test]
fn host_content_type_and_every_header_of_the_vendor_must_be_signed() {
    for vector in vectors() {
        for required in vector.with(|_, sent| sent.signed_headers.clone()) {
            let verdict = vector.with(|request, sent| {
                let mut sent = sent.clone();
                sent.signed_headers.retain(|name| *name != required);
                verify(request, &sent, &vector.secret)
            });
            assert_eq!(verdict, Err(Refusal::HeaderNotSigned), "{}: {required}", vector.name);
        }
        for added in ["content-type", "x-acs-security-token"] {
            let mut with = vector.clone();
            if with.headers.insert(added.to_owned(), "unsigned".to_owned()).is_none() {
                assert_eq!(with.verified(), Err(Refusal::HeaderNotSigned), "{}: {added}", vector.name);
            }
        }
    }
}

#[test]
fn other_headers_may_differ() {
    for mut vector in vectors() {
        vector.headers.insert("accept".to_owned(), "application/json".to_owned());
        assert_eq!(vector.verified(), Ok(()), "{}", vector.name);
    }
}

#[test]
fn a_signed_header_that_is_missing_or_there_twice_is_refused() {
    for vector in vectors() {
        let mut without = vector.clone();
        without.headers.remove("x-acs-date");
        assert_eq!(without.verified(), Err(Refusal::HeaderMissing), "{}", vector.name);
        let verdict = vector.with(|request, sent| {
            let mut headers = request.headers.clone();
            headers.append("x-acs-version", HeaderValue::from_static("another"));
            verify(Signed { headers: &headers, ..request }, sent, &vector.secret)
        });
        assert_eq!(verdict, Err(Refusal::HeaderMissing), "{}", vector.name);
    }
}

#[test]
fn an_authorization_header_of_another_form_is_malformed() {
    for value in [
        "",
        "Basic abc",
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 Credential=a,Signature=s",
        "ACS3-HMAC-SHA256 Access=a,SignedHeaders=host,Signature=s",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=x-acs-date;host,Signature=s",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=Host;x-acs-date,Signature=s",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;x-acs-date,Signature=s,More=m",
    ] {
        assert_eq!(parse(value), Err(Refusal::Malformed), "{value}");
    }
}

#[test]
fn order_and_spelling_of_the_query_on_the_wire_do_not_matter() {
    let mut paged = vector("2018-list-users-get");
    paged.target = paged.target.replace("PageNumber=1&PageSize=50", "PageSize=50&PageNumber=%31");
    assert_eq!(paged.verified(), Ok(()));
    // As the vendor's SDKs write a blank.
    let mut blanks = vector("encoding-edge-cases");
    blanks.target = blanks.target.replace("%20", "+");
    assert_eq!(blanks.verified(), Ok(()));
}
