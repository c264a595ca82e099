//! SDK-HMAC-SHA256, from the vendor's "API Request Signing Guide": the canonical request and its signature; and what
//! it has in common with the other vendor's algorithm.

use std::fmt::Write;

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Name of the algorithm, first word of the header and of the string to sign.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request as it came over the wire.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path and query.
    pub uri: &'a Uri,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// The only value of a header; none if it is missing, or there twice. The host may stand in the request's
    /// target instead.
    pub(crate) fn header(self, name: &str) -> Option<String> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
            (None, None) if name == "host" => self.uri.authority().map(ToString::to_string),
            (None | Some(_), _) => None,
        }
    }
}

/// Why a request does not count as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The `Authorization` header is not of the form the vendor's page gives.
    Malformed,
    /// A header that must be signed is not listed.
    HeaderNotSigned,
    /// A header listed as signed, or one that every request has, is missing or there twice.
    HeaderMissing,
    /// The hash that was announced does not belong to this body.
    BodyHash,
    /// The signature is another one.
    Mismatch,
}

/// The parts of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// `Access=`, `Credential=`
    pub access_key_id: String,
    /// `SignedHeaders=`, in lower case and sorted.
    pub signed_headers: Vec<String>,
    /// `Signature=`
    pub signature: String,
}

impl Authorization {
    /// Reads the header's value.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        Self::parse_as(value, ALGORITHM, "Access=")
    }

    /// Reads the header's value as another algorithm has it, which gives the key another name.
    pub(crate) fn parse_as(value: &str, algorithm: &str, key: &str) -> Result<Self, Refusal> {
        let mut fields = value
            .strip_prefix(algorithm)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(Refusal::Malformed)?
            .split(',')
            .map(str::trim);
        let mut field = |name: &str| {
            let value = fields.next().and_then(|field| field.strip_prefix(name));
            value.map(str::to_owned).ok_or(Refusal::Malformed)
        };
        let access_key_id = field(key)?;
        let signed_headers: Vec<String> = field("SignedHeaders=")?.split(';').map(str::to_owned).collect();
        let signature = field("Signature=")?;
        let in_order = signed_headers.windows(2).all(|pair| pair[0] < pair[1]);
        let lower_case = !signed_headers.iter().any(|h| h.contains(char::is_uppercase));
        if fields.next().is_some() || !in_order || !lower_case {
            return Err(Refusal::Malformed);
        }
        Ok(Self { access_key_id, signed_headers, signature })
    }
}

/// Checks the signature of a request: `host` and `x-sdk-date` must be signed. The date's distance from now, the
/// access key and the security token are for the caller to judge.
pub fn verify(request: Signed<'_>, sent: &Authorization, secret: &str) -> Result<(), Refusal> {
    for required in ["host", "x-sdk-date"] {
        if !sent.signed_headers.iter().any(|name| name == required) {
            return Err(Refusal::HeaderNotSigned);
        }
    }
    let names: Vec<&str> = sent.signed_headers.iter().map(String::as_str).collect();
    let expected = sign(request, &names, secret)?;
    if expected == sent.signature { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// The signature over the named headers, which must be sorted and in lower case.
pub fn sign(request: Signed<'_>, names: &[&str], secret: &str) -> Result<String, Refusal> {
    let date = header(request, "x-sdk-date")?;
    let canonical = canonical_request(request, names)?;
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| Refusal::Malformed)?;
    mac.update(format!("{ALGORITHM}\n{date}\n{digest}").as_bytes());
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
    Ok(format!("{ALGORITHM} Access={access_key_id}, SignedHeaders={names}, Signature={signature}"))
}

/// The canonical request: method, URI, query, headers, their names, hash of the body.
pub fn canonical_request(request: Signed<'_>, names: &[&str]) -> Result<String, Refusal> {
    let mut headers = String::new();
    for name in names {
        let value = header(request, name)?;
        let _ = writeln!(headers, "{name}:{}", value.trim());
    }
    Ok([
        request.method.as_str().to_uppercase(),
        canonical_uri(request.uri.path()),
        canonical_query(request.uri.query().unwrap_or_default()),
        headers,
        names.join(";"),
        body_hash(request)?,
    ]
    .join("\n"))
}

/// The path, decoded and encoded anew segment by segment, with a slash at its end.
fn canonical_uri(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut encoded = decoded.split('/').map(encode).collect::<Vec<_>>().join("/");
    if !encoded.ends_with('/') {
        encoded.push('/');
    }
    encoded
}

/// The query, decoded, sorted by name and value, encoded anew; `=` follows every name.
fn canonical_query(query: &str) -> String {
    let mut pairs = query_pairs(query);
    pairs.sort();
    let encoded = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

/// The decoded names and values of a query, in the order of the wire. A `+` is a plus.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The hash that was announced, if it is the body's, else the body's hash.
fn body_hash(request: Signed<'_>) -> Result<String, Refusal> {
    let actual = hex(&Sha256::digest(request.body));
    if !request.headers.contains_key("x-sdk-content-sha256") {
        return Ok(actual);
    }
    let announced = header(request, "x-sdk-content-sha256")?;
    let json = header(request, "content-type").is_ok_and(|kind| kind.contains("json"));
    let unsigned = announced == "UNSIGNED-PAYLOAD" && !json;
    if unsigned || announced == actual { Ok(announced) } else { Err(Refusal::BodyHash) }
}

/// The only value of a header that has to be there.
pub(crate) fn header(request: Signed<'_>, name: &str) -> Result<String, Refusal> {
    request.header(name).ok_or(Refusal::HeaderMissing)
}

/// Percent-encoded, all but letters, digits, `-`, `_`, `.` and `~`.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED_KEPT).to_string()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
