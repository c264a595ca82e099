//! Resolves names for connections, and leaves out the addresses that may not be connected to.
//!
//! The addresses that are checked are the very ones that are connected to, so that a name cannot lead elsewhere in between.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{self, Range};
use super::endpoint::AllowedEndpoints;

/// Asks for the addresses of a name. Tests answer themselves.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What the machine itself says.
pub(super) fn system() -> Lookup {
    Arc::new(|host| {
        let addresses = async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        };
        addresses.boxed()
    })
}

/// Which addresses the names that are asked for may have.
pub(super) enum Rules {
    /// This machine's own only: for what goes in the clear.
    Loopback,
    /// All: for where the operator's own environment says.
    Anywhere,
    /// Those of the allow-list. The proxy may be anywhere: its host was chosen by the administrator.
    Allowed {
        /// The allow-list.
        allowed: AllowedEndpoints,
        /// The host of the proxy, if there is one.
        proxy: Option<String>,
    },
}

/// A resolver that leaves out what may not be connected to.
pub(super) struct Guard {
    lookup: Lookup,
    rules: Arc<Rules>,
}

impl Guard {
    pub(super) fn new(lookup: Lookup, rules: Rules) -> Self {
        Self { lookup, rules: Arc::new(rules) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let found = (self.lookup)(host.clone());
        let rules = Arc::clone(&self.rules);
        Box::pin(async move {
            let found = found.await?;
            let permitted = match &*rules {
                Rules::Loopback => address::permitted(&host, found, false, &Range::LOOPBACK)?,
                Rules::Anywhere => found,
                Rules::Allowed { proxy: Some(proxy), .. } if *proxy == host => found,
                Rules::Allowed { allowed, .. } => allowed.permitted(&host, found)?,
            };
            // Port 0 stands for the one in the URL.
            Ok(Box::new(permitted.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Gives these answers, one after another.
    fn answers(answers: &[&[&str]]) -> Lookup {
        let parsed = answers.iter().rev().map(|texts| texts.iter().filter_map(|text| text.parse().ok()).collect());
        let left: Mutex<Vec<Vec<IpAddr>>> = Mutex::new(parsed.collect());
        Arc::new(move |_| {
            let next = left.lock().ok().and_then(|mut left| left.pop());
            async move { next.ok_or_else(|| io::Error::other("no such host")) }.boxed()
        })
    }

    fn guard(lookup: Lookup, extra: &[&str]) -> Guard {
        let allowed = AllowedEndpoints::new(extra).unwrap_or_else(|error| panic!("{error}"));
        Guard::new(lookup, Rules::Allowed { allowed, proxy: Some("proxy.example".to_owned()) })
    }

    async fn resolve(guard: &Guard, host: &str) -> Result<Vec<String>, String> {
        let name = host.parse::<Name>().map_err(|error| error.to_string())?;
        let found = guard.resolve(name).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.to_string()).collect())
    }

    #[tokio::test]
    async fn private_addresses_of_a_vendors_name_are_left_out() {
        let lookup = answers(&[&["10.0.0.1", "1.1.1.1", "169.254.169.254", "::ffff:127.0.0.1"]]);
        let found = resolve(&guard(lookup, &[]), "dli.cn-north-4.myhuaweicloud.com").await;
        assert_eq!(found, Ok(vec!["1.1.1.1:0".to_owned()]));
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_the_second_time_is_refused_then() {
        let guard = guard(answers(&[&["1.1.1.1"], &["127.0.0.1"], &["1.1.1.1"]]), &[]);
        let host = "dli.cn-north-4.myhuaweicloud.com";
        assert!(resolve(&guard, host).await.is_ok());
        let refused = resolve(&guard, host).await.err().unwrap_or_default();
        assert!(refused.contains("private or reserved addresses (127.0.0.1)"), "{refused}");
        assert!(resolve(&guard, host).await.is_ok());
    }

    #[tokio::test]
    async fn ranges_are_for_the_host_they_were_given_for() {
        let lookup = answers(&[&["10.0.0.1"], &["10.0.0.1"], &["1.1.1.1"], &["10.0.0.1"]]);
        let guard = guard(lookup, &["https://dli.private.example=10.0.0.0/8", "https://gateway.example"]);
        assert_eq!(resolve(&guard, "DLI.private.example").await, Ok(vec!["10.0.0.1:0".to_owned()]));
        assert!(resolve(&guard, "gateway.example").await.is_err());
        let refused = resolve(&guard, "dli.private.example").await.err().unwrap_or_default();
        assert!(refused.contains("1.1.1.1, which is not in the ranges"), "{refused}");
        assert!(resolve(&guard, "sub.dli.private.example").await.is_err());
    }

    #[tokio::test]
    async fn the_proxy_may_be_anywhere_and_an_unknown_name_says_so() {
        let guard = guard(answers(&[&["10.0.0.1"]]), &[]);
        assert_eq!(resolve(&guard, "proxy.example").await, Ok(vec!["10.0.0.1:0".to_owned()]));
        assert_eq!(resolve(&guard, "other.example").await, Err("no such host".to_owned()));
    }

    #[tokio::test]
    async fn what_goes_in_the_clear_stays_on_this_machine() {
        let guard = Guard::new(answers(&[&["10.0.0.1", "127.0.0.1", "::1"], &["10.0.0.1"]]), Rules::Loopback);
        assert_eq!(resolve(&guard, "localhost").await, Ok(vec!["127.0.0.1:0".to_owned(), "[::1]:0".to_owned()]));
        assert!(resolve(&guard, "localhost").await.is_err());
    }
}
