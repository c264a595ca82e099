//! Which hosts credentials may be sent to: the vendors' own, and those the operator's administrator has listed.
//!
//! Whoever may write an account object chooses its endpoint, and the operator sends credentials there. So an endpoint is
//! an [`Endpoint`] only after [`AllowedEndpoints::check`], and service clients take nothing else. Where its name may lead
//! is looked at when a connection is made.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::{self, AddressError, Range};

/// A domain of a vendor's.
struct Domain {
    name: &'static str,
    /// Is this, in front of the domain, one of the vendor's own hosts?
    is_own: fn(&str) -> bool,
}

const VENDOR_DOMAINS: [Domain; 3] = [
    Domain { name: "myhuaweicloud.com", is_own: is_huaweis },
    Domain { name: "myhuaweicloud.eu", is_own: is_huaweis },
    Domain { name: "aliyuncs.com", is_own: is_alibabas },
];

const ALLOWED_BY_DEFAULT: &str = "allowed are https://<service>.<region>.myhuaweicloud.com (or .eu), with dli, dws, dayu or iam \
     where that service is asked for, https://ehpc.<region>.aliyuncs.com (or ehpc-vpc) and what the operator's --allow-endpoint lists";

/// The services of Huawei's that the operator calls. Others answer with what customers put there
/// (`obs.cn-north-4.myhuaweicloud.com/bucket/object`), and could show anybody any access list.
const HUAWEI_SERVICES: [&str; 4] = ["dli", "dws", "dayu", "iam"];

/// The areas that Alibaba's regions begin with.
const ALIBABA_AREAS: [&str; 6] = ["ap", "cn", "eu", "me", "na", "us"];

/// An origin that credentials may be sent to. Only an allow-list makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    https: bool,
    host: String,
    /// Only if it is not the scheme's own.
    port: Option<u16>,
}

impl Endpoint {
    /// Huawei's own host: `service` is a constant of the code, the region has been validated.
    pub(super) fn huawei(service: &'static str, region: &str) -> Self {
        let domain = if region == "eu-west-101" { "myhuaweicloud.eu" } else { "myhuaweicloud.com" };
        Self { https: true, host: format!("{service}.{region}.{domain}"), port: None }
    }

    /// Alibaba's own host: `service` is a constant of the code, the region has been validated.
    pub(super) fn alibaba(service: &'static str, region: &str) -> Self {
        Self { https: true, host: format!("{service}.{region}.aliyuncs.com"), port: None }
    }

    /// Host, and port unless it is the scheme's own: what the `Host` header says.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn is_vendors(&self) -> bool {
        self.https
            && self.port.is_none()
            && VENDOR_DOMAINS.iter().any(|Domain { name, is_own }| {
                self.host.strip_suffix(name).and_then(|rest| rest.strip_suffix('.')).is_some_and(is_own)
            })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// Why an endpoint is refused. The message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not written as an origin.
    #[error("`{0}` is not an endpoint: write https://host or https://host:port, without user, path, query or fragment")]
    Malformed(String),
    /// Its host is written in a way that different readers read differently.
    #[error("`{0}` is not a host name or a plain IP address")]
    Host(String),
    /// Credentials would travel in the clear.
    #[error("`{0}` is not encrypted: use https (http is for loopback addresses that --allow-endpoint lists)")]
    Unencrypted(String),
    /// The addresses that it may have are not written as such.
    #[error(
        "`{0}` does not say which addresses the host may have: write https://host=10.0.0.0/8, more ranges after a +"
    )]
    Ranges(String),
    /// It is nobody's that may get credentials.
    #[error("`{0}` is not an allowed endpoint: {ALLOWED_BY_DEFAULT}")]
    NotAllowed(String),
}

/// An entry of the administrator's.
#[derive(Debug, Clone)]
struct Entry {
    endpoint: Endpoint,
    /// The addresses that its host may have; empty: public ones.
    ranges: Vec<Range>,
}

/// The hosts credentials may be sent to.
#[derive(Debug, Clone, Default)]
pub struct AllowedEndpoints {
    extra: Vec<Entry>,
}

impl AllowedEndpoints {
    /// The vendors' domains and the administrator's own entries: `host`, `host:port` (both mean https) or a whole origin,
    /// and behind a `=` the addresses that the host may have, if they are not public. Plain http must be spelled out and is
    /// for loopback addresses only.
    ///
    /// # Errors
    ///
    /// The first entry that is not one of these.
    pub fn new<S: AsRef<str>>(extra: impl IntoIterator<Item = S>) -> Result<Self, EndpointError> {
        let extra = extra.into_iter().map(|entry| Entry::parse(entry.as_ref()));
        Ok(Self { extra: extra.collect::<Result<_, _>>()? })
    }

    /// Checks what an account object says of one service, by the first label of its hosts: of the vendors' own hosts, only those
    /// of that service are accepted.
    ///
    /// # Errors
    ///
    /// Anything that is not exactly an allowed origin.
    pub fn check_for(&self, service: &str, url: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = self.check(url)?;
        let label = endpoint.host.split('.').next().unwrap_or_default();
        let is_of_service = label.strip_suffix("-vpc").unwrap_or(label) == service;
        if is_of_service || self.lists(&endpoint) { Ok(endpoint) } else { Err(EndpointError::NotAllowed(shown(url))) }
    }

    fn lists(&self, endpoint: &Endpoint) -> bool {
        self.extra.iter().any(|entry| entry.endpoint == *endpoint)
    }

    /// Checks that an endpoint is one of any service.
    ///
    /// # Errors
    ///
    /// Anything that is not exactly an allowed origin.
    pub fn check(&self, url: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = parse(url)?;
        if endpoint.is_vendors() || self.lists(&endpoint) {
            return Ok(endpoint);
        }
        Err(if endpoint.https { EndpointError::NotAllowed(shown(url)) } else { EndpointError::Unencrypted(shown(url)) })
    }

    /// Those of a host's addresses that may be connected to. What all entries of the host say counts together.
    pub(super) fn permitted(
        &self,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<IpAddr>, AddressError> {
        let entries: Vec<&Entry> =
            self.extra.iter().filter(|entry| entry.endpoint.https && entry.endpoint.host == host).collect();
        let public = entries.is_empty() || entries.iter().any(|entry| entry.ranges.is_empty());
        let ranges: Vec<Range> = entries.iter().flat_map(|entry| entry.ranges.iter().copied()).collect();
        address::permitted(host, addresses, public, &ranges)
    }
}

impl Entry {
    fn parse(entry: &str) -> Result<Self, EndpointError> {
        let (origin, ranges) = match entry.split_once('=') {
            Some((origin, ranges)) => (origin, Some(ranges)),
            None => (entry, None),
        };
        let endpoint = if origin.contains("://") { parse(origin)? } else { parse(&format!("https://{origin}"))? };
        if !endpoint.https && !is_loopback(&endpoint.host) {
            return Err(EndpointError::Unencrypted(shown(entry)));
        }
        let wrong = || EndpointError::Ranges(shown(entry));
        let ranges = match ranges {
            // An address is where it says, and what goes in the clear stays on this machine.
            Some(_) if !endpoint.https || address_of(&endpoint.host).is_some() => return Err(wrong()),
            Some(ranges) => ranges.split('+').map(Range::parse).collect::<Option<_>>().ok_or_else(wrong)?,
            None => match address_of(&endpoint.host) {
                Some(address) => vec![Range::only(address)],
                None if is_loopback(&endpoint.host) => Range::LOOPBACK.to_vec(),
                None => Vec::new(),
            },
        };
        Ok(Self { endpoint, ranges })
    }
}

/// Is this host, as written in a URI, this machine itself?
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || address_of(host).is_some_and(|address| address.is_loopback())
}

/// The address that a host, as written in a URI, is itself.
pub(super) fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// `service.region`, or `iam` for all regions: one label more, and it may be a customer's own host
/// (`bucket.obs.cn-north-4.myhuaweicloud.com`).
fn is_huaweis(labels: &str) -> bool {
    match labels.split_once('.') {
        None => labels == "iam",
        Some((service, region)) => HUAWEI_SERVICES.contains(&service) && is_huawei_region(region),
    }
}

/// Nothing but what the operator calls: here customers' own hosts have no label more
/// (`bucket.oss-cn-hangzhou.aliyuncs.com`, and a bucket may be called `ehpc`).
fn is_alibabas(labels: &str) -> bool {
    matches!(labels.split_once('.'), Some(("ehpc" | "ehpc-vpc", region)) if is_alibaba_region(region))
}

/// `cn-north-4`: the shape of a region of Huawei's, which no service name has.
pub(super) fn is_huawei_region(label: &str) -> bool {
    is_label(label)
        && label.len() <= 32
        && label.contains('-')
        && label.starts_with(|c: char| c.is_ascii_lowercase())
        && label.ends_with(|c: char| c.is_ascii_digit())
}

/// `cn-hangzhou`, `cn-wuhan-lr`, `me-east-1`: the shape of a region of Alibaba's, which begins with an area.
pub(super) fn is_alibaba_region(label: &str) -> bool {
    is_label(label)
        && label.len() <= 32
        && label.split_once('-').is_some_and(|(area, place)| {
            ALIBABA_AREAS.contains(&area) && place.starts_with(|c: char| c.is_ascii_lowercase())
        })
}

fn parse(url: &str) -> Result<Endpoint, EndpointError> {
    let malformed = || EndpointError::Malformed(shown(url));
    let (https, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        _ => return Err(malformed()),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if !authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b)) {
        return Err(malformed());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = port.map(|digits| parse_port(digits).ok_or_else(malformed)).transpose()?;
    let host = parse_host(host).ok_or_else(|| EndpointError::Host(shown(url)))?;
    let usual = if https { 443 } else { 80 };
    Ok(Endpoint { https, host, port: port.filter(|port| *port != usual) })
}

fn parse_port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

/// The host in its one spelling. A name whose last label is a number would be read as an address by some
/// (`2130706433`, `0x7f.1`), so it has to be one in its usual form.
fn parse_host(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(address.to_string());
    }
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next()?;
    let numeric = last.starts_with(|c: char| c.is_ascii_digit());
    (host.len() <= 253 && host.split('.').all(is_label) && !numeric).then_some(host)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// What somebody wrote, fit for a message. Whatever stands before an `@` may be a password.
fn shown(url: &str) -> String {
    let clean: String = url.chars().filter(|c| !c.is_control()).take(200).collect();
    match clean.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => clean,
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
