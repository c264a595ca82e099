//! Which hosts credentials may be sent to: the vendors' own, and those the operator's administrator has listed.
//!
//! Whoever may write an account object chooses its endpoint, and the operator sends credentials there. So an endpoint is
//! an [`Endpoint`] only after [`AllowedEndpoints::check`], and service clients take nothing else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

const ALLOWED_BY_DEFAULT: &str = "allowed are https://<service>.<region>.myhuaweicloud.com (or .eu), \
     https://ehpc.<region>.aliyuncs.com (or ehpc-vpc) and what the operator's --allow-endpoint lists";

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
    /// It is nobody's that may get credentials.
    #[error("`{0}` is not an allowed endpoint: {ALLOWED_BY_DEFAULT}")]
    NotAllowed(String),
}

/// The hosts credentials may be sent to.
#[derive(Debug, Clone, Default)]
pub struct AllowedEndpoints {
    extra: Vec<Endpoint>,
}

impl AllowedEndpoints {
    /// The vendors' domains and the administrator's own entries: `host`, `host:port` (both mean https) or a whole origin.
    /// Plain http must be spelled out and is for loopback addresses only.
    ///
    /// # Errors
    ///
    /// The first entry that is not one of these.
    pub fn new<S: AsRef<str>>(extra: impl IntoIterator<Item = S>) -> Result<Self, EndpointError> {
        let extra = extra.into_iter().map(|entry| {
            let entry = entry.as_ref();
            let endpoint = if entry.contains("://") { parse(entry)? } else { parse(&format!("https://{entry}"))? };
            if endpoint.https || is_loopback(&endpoint.host) {
                Ok(endpoint)
            } else {
                Err(EndpointError::Unencrypted(shown(entry)))
            }
        });
        Ok(Self { extra: extra.collect::<Result<_, _>>()? })
    }

    /// Checks what an account object says.
    ///
    /// # Errors
    ///
    /// Anything that is not exactly an allowed origin.
    pub fn check(&self, url: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = parse(url)?;
        if endpoint.is_vendors() || self.extra.contains(&endpoint) {
            return Ok(endpoint);
        }
        Err(if endpoint.https { EndpointError::NotAllowed(shown(url)) } else { EndpointError::Unencrypted(shown(url)) })
    }
}

/// Is this host, as written in a URI, this machine itself?
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `service` or `service.region`: one label more, and it may be a customer's own host
/// (`bucket.obs.cn-north-4.myhuaweicloud.com`).
fn is_huaweis(labels: &str) -> bool {
    match labels.split_once('.') {
        None => !labels.is_empty(),
        Some((service, region)) => !service.is_empty() && is_huawei_region(region),
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
mod tests {
    use super::*;

    fn allowed(extra: &[&str]) -> Result<AllowedEndpoints, EndpointError> {
        AllowedEndpoints::new(extra)
    }

    fn accepts(extra: &[&str], url: &str) -> bool {
        allowed(extra).is_ok_and(|list| list.check(url).is_ok())
    }

    #[test]
    fn the_vendors_hosts_are_allowed_over_https() {
        for url in [
            "https://dli.cn-north-4.myhuaweicloud.com",
            "https://dli.cn-north-4.myhuaweicloud.com/",
            "https://DLI.cn-north-4.MyHuaweiCloud.com:443",
            "https://dli.eu-west-101.myhuaweicloud.eu",
            "https://iam.myhuaweicloud.com",
            "https://ehpc.cn-hangzhou.aliyuncs.com",
            "https://ehpc-vpc.cn-wuhan-lr.aliyuncs.com",
            "https://ehpc.me-east-1.aliyuncs.com",
            "https://ehpc.cn-hongkong.aliyuncs.com",
        ] {
            assert!(accepts(&[], url), "{url}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for url in [
            "http://dli.cn-north-4.myhuaweicloud.com",
            "https://dli.cn-north-4.myhuaweicloud.com:8443",
            "https://dli.cn-north-4.myhuaweicloud.com/v1.0",
            "https://dli.cn-north-4.myhuaweicloud.com?x",
            "https://dli.cn-north-4.myhuaweicloud.com#x",
            "https://dli.cn-north-4.myhuaweicloud.com.",
            "https://evil.com#.myhuaweicloud.com",
            "https://evil.com/.myhuaweicloud.com",
            "https://evil.com\\.myhuaweicloud.com",
            "https://evil.com?.myhuaweicloud.com",
            "https://user:pass@dli.cn-north-4.myhuaweicloud.com",
            "https://dli.cn-north-4.myhuaweicloud.com@evil.com",
            "https://evilmyhuaweicloud.com",
            "https://dli.cn-north-4.evilmyhuaweicloud.com",
            "https://myhuaweicloud.com.evil",
            "https://dli.cn-north-4.myhuaweicloud.com.evil.com",
            "https://myhuaweicloud.com",
            "https://.myhuaweicloud.com",
            "https://bucket.obs.cn-north-4.myhuaweicloud.com",
            "https://bucket.obs.myhuaweicloud.com",
            "https://dli.cn-north-4.myhuaweicl\u{00f6}ud.com",
            "https://dli%2ecn-north-4.myhuaweicloud.com",
            "https:// dli.cn-north-4.myhuaweicloud.com",
            "https://dli.cn-north-4.myhuaweicloud.com\n",
            "https:dli.cn-north-4.myhuaweicloud.com",
            "dli.cn-north-4.myhuaweicloud.com",
            "//dli.cn-north-4.myhuaweicloud.com",
            "file:///etc/passwd",
            "https://",
            "https://:443",
            "https://dli.cn-north-4.myhuaweicloud.com:",
            "https://dli.cn-north-4.myhuaweicloud.com:0443",
            "https://dli.cn-north-4.myhuaweicloud.com:99999",
            "https://127.0.0.1",
            "http://127.0.0.1",
            "http://localhost",
            "https://[::1]",
            "https://169.254.169.254",
            "https://2130706433",
            "https://0x7f000001",
            "https://0x7f.1",
            "https://127.1",
            "https://0177.0.0.1",
            "https://[::ffff:127.0.0.1]",
            "",
        ] {
            assert!(!accepts(&[], url), "{url}");
        }
    }

    #[test]
    fn of_alibabas_hosts_only_those_of_ehpc_are_allowed_and_no_customers() {
        for url in [
            "http://ehpc.cn-hangzhou.aliyuncs.com",
            "https://bucket.oss-cn-hangzhou.aliyuncs.com",
            "https://ehpc.oss-cn-hangzhou.aliyuncs.com",
            "https://ehpc.oss-accelerate.aliyuncs.com",
            "https://bucket.cn-hangzhou.aliyuncs.com",
            "https://ehpc.bucket.cn-hangzhou.aliyuncs.com",
            "https://ehpc.cn-hangzhou.oss.aliyuncs.com",
            "https://ehpc.cn-hangzhou.aliyuncs.com.evil.com",
            "https://ehpc.cn-hangzhou.evilaliyuncs.com",
            "https://ehpc.cn-.aliyuncs.com",
            "https://ehpc.aliyuncs.com",
            "https://ehpc.cn-north-4.myhuaweicloud.com.aliyuncs.com",
        ] {
            assert!(!accepts(&[], url), "{url}");
        }
    }

    #[test]
    fn an_administrators_entry_allows_exactly_itself() {
        let extra = ["dli.private.example", "gateway.example:8443", "http://127.0.0.1:9000", "https://[::1]:1"];
        for url in [
            "https://dli.private.example",
            "https://gateway.example:8443",
            "http://127.0.0.1:9000",
            "https://[0:0::1]:1",
            "https://dli.cn-north-4.myhuaweicloud.com",
        ] {
            assert!(accepts(&extra, url), "{url}");
        }
        for url in [
            "http://dli.private.example",
            "https://dli.private.example:8443",
            "https://sub.dli.private.example",
            "https://gateway.example",
            "https://127.0.0.1:9000",
            "http://127.0.0.1:9001",
            "http://127.0.0.1",
            "http://localhost:9000",
            "http://[::1]:1",
        ] {
            assert!(!accepts(&extra, url), "{url}");
        }
    }

    #[test]
    fn plain_http_cannot_be_allowed_beyond_this_machine() {
        for entry in
            ["http://dli.private.example", "http://10.0.0.1:80", "http://127.0.0.1.evil.com", "http://127.1:80"]
        {
            assert!(allowed(&[entry]).is_err(), "{entry}");
        }
        for entry in ["http://localhost:80", "http://127.8.9.10:80", "http://[::1]:80"] {
            assert!(allowed(&[entry]).is_ok(), "{entry}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_allowed_and_hides_a_password() {
        let list = AllowedEndpoints::default();
        let refused =
            |url: &str| list.check(url).map_or_else(|error| error.to_string(), |endpoint| endpoint.to_string());
        assert_eq!(
            refused("https://evil.com"),
            "`https://evil.com` is not an allowed endpoint: allowed are https://<service>.<region>.myhuaweicloud.com \
             (or .eu), https://ehpc.<region>.aliyuncs.com (or ehpc-vpc) and what the operator's --allow-endpoint lists"
        );
        assert!(!refused("https://me:hunter2@evil.com").contains("hunter2"));
        assert!(refused("http://dli.cn-north-4.myhuaweicloud.com").contains("is not encrypted"));
    }

    #[test]
    fn an_origin_has_one_spelling() {
        let spelled = |url: &str| parse(url).map(|endpoint| endpoint.to_string()).unwrap_or_default();
        assert_eq!(spelled("HTTPS://Host.Example:443/"), "https://host.example");
        assert_eq!(spelled("http://127.0.0.1:80"), "http://127.0.0.1");
        assert_eq!(spelled("https://host.example:80"), "https://host.example:80");
        assert_eq!(spelled("https://[::1]:8443"), "https://[::1]:8443");
    }
}
