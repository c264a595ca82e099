//! Where the operator's own environment says that something is that issues its credentials.
//!
//! That may be on the node, where nothing else is reached, and unencrypted. So a request that goes there is marked as one, and
//! only an [`OwnEndpoint`] makes such requests: what an account object says is another type, and is judged by other rules.

use bytes::Bytes;
use http::{Request, Uri, request};

use super::endpoint::{address_of, is_loopback};

/// A URI from the operator's own environment: `https`, or `http` on the node.
#[derive(Debug, Clone)]
pub(super) struct OwnEndpoint {
    uri: Uri,
    written: String,
}

/// On a request: it goes to an [`OwnEndpoint`].
#[derive(Clone)]
struct Mark;

impl OwnEndpoint {
    /// Reads a URI. None if it is not one, or would leave the node unencrypted.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let uri: Uri = uri.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let safe = scheme == "https" || scheme == "http" && is_near(authority.host());
        (plain && safe).then(|| Self { written: uri.to_string(), uri })
    }

    /// Is it an origin, to which a query can be added?
    pub(super) fn is_origin(&self) -> bool {
        self.uri.path_and_query().is_none_or(|rest| rest == "/")
    }

    /// A request to an origin with this query.
    pub(super) fn post_with(&self, query: &str) -> request::Builder {
        Request::post(format!("{}?{query}", self.written)).extension(Mark)
    }

    /// A request to it.
    pub(super) fn post(&self) -> request::Builder {
        Request::post(self.uri.clone()).extension(Mark)
    }

    /// The URI as it is written.
    pub(super) fn written(&self) -> &str {
        &self.written
    }
}

/// Does it go where the operator's own environment says?
pub(super) fn is_own(request: &Request<Bytes>) -> bool {
    request.extensions().get::<Mark>().is_some()
}

/// Is this host, as written in a URI, the node itself, or an address that is handed out on it?
pub(super) fn is_near(host: &str) -> bool {
    is_loopback(host)
        || address_of(host).is_some_and(|address| match address.to_canonical() {
            std::net::IpAddr::V4(address) => address.is_link_local(),
            std::net::IpAddr::V6(address) => address.is_unicast_link_local(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::endpoint::AllowedEndpoints;

    #[test]
    fn it_is_encrypted_or_on_the_node() {
        for uri in [
            "https://sts.aliyuncs.com",
            "https://pod-identity.example:8443/v1/credentials?x=y",
            "http://169.254.170.23/v1/credentials",
            "http://127.0.0.1:9000/v1/credentials",
            "http://localhost/v1/credentials",
            "http://[::1]:9000/",
            "http://[fe80::1]/",
        ] {
            assert!(OwnEndpoint::parse(uri).is_some(), "{uri}");
        }
        for uri in [
            "",
            "169.254.170.23",
            "/v1/credentials",
            "ftp://169.254.170.23/",
            "http://10.0.0.1/v1/credentials",
            "http://100.100.100.200/",
            "http://2852039191/",
            "http://sts.aliyuncs.com",
            "http://localhost.example/",
            "http://169.254.170.23@evil.example/",
            "https://user:pass@sts.aliyuncs.com",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(OwnEndpoint::parse(uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn no_account_can_name_one_on_the_node() {
        let allowed = AllowedEndpoints::default();
        for uri in [
            "http://169.254.170.23/v1/credentials",
            "http://169.254.170.23",
            "https://169.254.170.23",
            "http://127.0.0.1:9000",
            "http://localhost",
            "http://[fe80::1]",
        ] {
            assert!(allowed.check(uri).is_err(), "{uri}");
        }
        // Nor can an administrator list it for accounts.
        assert!(AllowedEndpoints::new(["http://169.254.170.23"]).is_err());
    }
}
