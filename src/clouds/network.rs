//! What an administrator says of the network: root certificates of their own, and the environment's proxy.

use reqwest::{Certificate, NoProxy, Url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::AllowedEndpoints;
use super::environment::Environment;

/// How the clouds are reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Which hosts may be reached, and at which addresses.
    pub allowed: AllowedEndpoints,
    /// Who may vouch for them, besides the machine's own root certificates.
    pub roots: Roots,
    /// What they are reached through.
    pub proxy: Option<Proxy>,
}

/// Why root certificates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// There is nothing in it that could be one.
    #[error(
        "it holds no certificate: write those of your certificate authority in PEM, each from BEGIN to END CERTIFICATE"
    )]
    Empty,
    /// One of them is broken.
    #[error("certificate {0} in it cannot be read")]
    Broken(usize),
}

/// Root certificates that are trusted besides the machine's own.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    pub(super) certificates: Vec<Certificate>,
}

impl Roots {
    /// Reads a bundle in PEM.
    pub fn from_pem(bundle: &[u8]) -> Result<Self, RootsError> {
        let mut certificates = Vec::new();
        for (number, der) in (1..).zip(CertificateDer::pem_slice_iter(bundle)) {
            let broken = || RootsError::Broken(number);
            let der = der.map_err(|_| broken())?;
            certificates.push(Certificate::from_der(&der).map_err(|_| broken())?);
            // The client would find out, too, and could not say which one it is.
            RootCertStore::empty().add(der).map_err(|_| broken())?;
        }
        if certificates.is_empty() { Err(RootsError::Empty) } else { Ok(Self { certificates }) }
    }
}

/// Why a proxy cannot be used. Its URL may hold a password, and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not the URL of a proxy: write http://host:port or https://host:port, with user:password@ before the host if needed"
)]
pub struct ProxyError;

/// A proxy, which is asked by CONNECT to pass on what is encrypted.
#[derive(Debug, Clone)]
pub struct Proxy {
    url: SecretString,
    /// As in the URL, and as the resolver is asked for it.
    pub(super) host: String,
    /// What is reached without it.
    except: String,
}

impl Proxy {
    /// What `HTTPS_PROXY`, or else `ALL_PROXY`, and `NO_PROXY` say; in either case.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>, ProxyError> {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name));
        let url = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let except = first(&["NO_PROXY", "no_proxy"]);
        url.map(|url| Self::new(&url, &except.unwrap_or_default())).transpose()
    }

    /// The proxy at `url`, but for the hosts in `except`: names with what is below them, addresses and ranges, separated by
    /// commas.
    pub fn new(url: &str, except: &str) -> Result<Self, ProxyError> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let parsed = Url::parse(&url).map_err(|_| ProxyError)?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(ProxyError)?.to_ascii_lowercase();
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(ProxyError);
        }
        Ok(Self { url: SecretString::from(url), host, except: except.to_owned() })
    }

    /// The same, for the client.
    pub(super) fn rule(&self) -> reqwest::Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::https(self.url.expose_secret())?;
        Ok(proxy.no_proxy(NoProxy::from_string(&self.except)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_a_good_certificate_is_refused() {
        let refused = |bundle: &str| Roots::from_pem(bundle.as_bytes()).err();
        assert_eq!(refused(""), Some(RootsError::Empty));
        assert_eq!(refused("some words\n"), Some(RootsError::Empty));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(broken), Some(RootsError::Broken(1)));
        assert_eq!(refused("-----BEGIN CERTIFICATE-----\nAAAA\n"), Some(RootsError::Broken(1)));
    }

    #[test]
    fn a_proxy_has_a_host_and_speaks_http() {
        for (url, host) in [
            ("http://proxy.example:3128", "proxy.example"),
            ("https://user:pass@Proxy.example", "proxy.example"),
            ("proxy.example:3128", "proxy.example"),
            ("http://10.0.0.1:3128/", "10.0.0.1"),
        ] {
            assert_eq!(Proxy::new(url, "").map(|proxy| proxy.host), Ok(host.to_owned()), "{url}");
        }
        for url in ["", "http://", "socks5://proxy.example", "ftp://proxy.example", "http://a b", "http://:3128"] {
            assert!(Proxy::new(url, "").is_err(), "{url}");
        }
    }

    #[test]
    fn a_proxys_password_is_not_shown() {
        let shown = format!("{:?}", Proxy::new("http://user:hunter2@proxy.example", ""));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
