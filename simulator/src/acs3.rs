//! ACS3-HMAC-SHA256, from the vendor's "V3 version of request structure and signature": the canonical request
//! and its signature.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use crate::signature::{Authorization, Refusal, Signed, encode, header, hex};

/// Name of the algorithm, first word of the header and of the string to sign.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Headers that every request has; all of them are signed.
const REQUIRED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

/// Reads the value of an `Authorization` header.
pub fn parse(value: &str) -> Result<Authorization, Refusal> {
    Authorization::parse_as(value, ALGORITHM, "Credential=")
}

/// Checks the signature of a request: `host`, `content-type` if there is one, and every `x-acs-…` must be
/// signed. The date's distance from now, the nonce, the access key and the security token are for the caller
/// to judge.
pub fn verify(request: Signed<'_>, sent: &Authorization, secret: &str) -> Result<(), Refusal> {
    let listed = |name: &str| sent.signed_headers.iter().any(|signed| signed == name);
    if !REQUIRED.into_iter().all(listed) || !signed_when_present(request.headers).iter().all(|name| listed(name)) {
        return Err(Refusal::HeaderNotSigned);
    }
    let names: Vec<&str> = sent.signed_headers.iter().map(String::as_str).collect();
    let expected = sign(request, &names, secret)?;
    if expected == sent.signature { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// The names of the headers that a request has and that must be signed, sorted.
pub fn signed_when_present(headers: &HeaderMap) -> Vec<&str> {
    let must_be_signed = |name: &&str| *name == "host" || *name == "content-type" || name.starts_with("x-acs-");
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).filter(must_be_signed).collect();
    names.sort_unstable();
    names
}

/// The signature over the named headers, which must be sorted and in lower case.
pub fn sign(request: Signed<'_>, names: &[&str], secret: &str) -> Result<String, Refusal> {
    let canonical = canonical_request(request, names)?;
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| Refusal::Malformed)?;
    mac.update(format!("{ALGORITHM}\n{digest}").as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

/// The value of the `Authorization` header for a request signed over the named headers.
pub fn authorization(
    request: Signed<'_>,
    names: &[&str],
    access_key_id: &str,
    secret: &str,
) -> Result<String, Refusal> {
    let signature = sign(request, names, secret)?;
    let names = names.join(";");
    Ok(format!("{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"))
}

/// The canonical request: method, path, query, headers, their names, hash of the body.
pub fn canonical_request(request: Signed<'_>, names: &[&str]) -> Result<String, Refusal> {
    let mut headers = String::new();
    for name in names {
        let value = header(request, name)?;
        let _ = writeln!(headers, "{name}:{}", value.trim());
    }
    Ok([
        request.method.as_str().to_uppercase(),
        request.uri.path().to_owned(),
        canonical_query(request.uri.query().unwrap_or_default()),
        headers,
        names.join(";"),
        body_hash(request)?,
    ]
    .join("\n"))
}

/// The query, decoded, sorted by name and value, encoded anew; `=` follows every name.
fn canonical_query(query: &str) -> String {
    let mut pairs = pairs(query);
    pairs.sort();
    let encoded = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

/// The decoded names and values of a query or a form, in the order of the wire. A `+` is a space in both: the
/// vendor's SDKs write queries so.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The hash that was announced, which must be the body's.
fn body_hash(request: Signed<'_>) -> Result<String, Refusal> {
    let announced = header(request, "x-acs-content-sha256")?;
    if announced == hex(&Sha256::digest(request.body)) { Ok(announced) } else { Err(Refusal::BodyHash) }
}
