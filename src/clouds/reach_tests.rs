//! Who is reached, by real connections on loopback: which addresses of a name, with which certificates, through which proxy.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clouds::network::{Proxy, Roots};
use crate::clouds::own_endpoint::OwnEndpoint;

const VENDORS: &str = "dli.cn-north-4.myhuaweicloud.com";
const OWN: &str = "dli.private.example";

/// A certificate authority of the tests' own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> Roots {
        Roots::from_pem(self.0.pem().as_bytes()).unwrap()
    }

    /// A server that shows a certificate for these names, valid for a long time unless `expired`.
    fn server(&self, names: &[&str], expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if expired {
            params.not_after = date_time_ymd(2000, 1, 1);
        }
        server(&params.signed_by(&key, &self.0).unwrap(), &key)
    }
}

fn server(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A listener on loopback that counts who connects, and keeps what they say first.
struct Listener {
    socket: TcpListener,
    connections: AtomicUsize,
    heard: Mutex<String>,
}

impl Listener {
    async fn new(address: &str) -> Self {
        let socket = TcpListener::bind(address).await.unwrap();
        Self { socket, connections: AtomicUsize::new(0), heard: Mutex::default() }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Gives every connection this answer, behind TLS if there is a certificate.
    async fn serve(&self, tls: Option<&TlsAcceptor>, answer: &str) {
        loop {
            let (stream, _) = self.socket.accept().await.unwrap();
            self.connections.fetch_add(1, Ordering::SeqCst);
            match tls {
                None => self.answer(stream, answer).await,
                Some(tls) => {
                    // Fails when the other side does not like the certificate.
                    if let Ok(stream) = tls.accept(stream).await {
                        self.answer(stream, answer).await;
                    }
                }
            }
        }
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap_or_default();
        self.heard.lock().unwrap().push_str(&String::from_utf8_lossy(&request[..read]));
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    /// Sends one request, and serves meanwhile.
    async fn reached_by(
        &self,
        transport: &HttpTransport,
        host: &str,
        tls: &TlsAcceptor,
    ) -> Result<StatusCode, TransportError> {
        let uri = format!("https://{host}:{}/", self.port());
        self.hears(transport, http::Request::get(uri).body(Bytes::new()).unwrap(), tls).await
    }

    /// The same, with this request.
    async fn hears(
        &self,
        transport: &HttpTransport,
        request: http::Request<Bytes>,
        tls: &TlsAcceptor,
    ) -> Result<StatusCode, TransportError> {
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        tokio::select! {
            result = transport.send(request) => result.map(|answer| answer.status()),
            () = self.serve(Some(tls), answer) => panic!("the server has ended"),
        }
    }
}

async fn get(transport: &HttpTransport, uri: &str) -> Result<StatusCode, TransportError> {
    let request = http::Request::get(uri).body(Bytes::new()).unwrap();
    transport.send(request).await.map(|answer| answer.status())
}

/// Gives these answers to whatever is asked, one after another, the last one again and again.
fn names(answers: &[&[&str]]) -> Lookup {
    let parsed =
        answers.iter().map(|texts| texts.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect::<Vec<_>>());
    let (answers, asked): (Vec<_>, _) = (parsed.collect(), AtomicUsize::new(0));
    Arc::new(move |_| {
        let next = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        std::future::ready(Ok(answers[next].clone())).boxed()
    })
}

fn network(extra: &[&str], roots: Roots) -> Network {
    Network { allowed: AllowedEndpoints::new(extra).unwrap(), roots, proxy: None }
}

#[tokio::test]
async fn only_the_operators_own_environment_leads_to_inner_addresses_that_nobody_listed() {
    let (authority, listener) = (Authority::new(), Listener::new("127.0.0.1:0").await);
    let network = network(&[], authority.roots());
    let transport = HttpTransport::with_lookup(&network, &names(&[&["127.0.0.1"]])).unwrap();
    let (host, tls) =
        ("sts-vpc.cn-hangzhou.aliyuncs.com", authority.server(&["sts-vpc.cn-hangzhou.aliyuncs.com"], false));
    let refused = listener.reached_by(&transport, host, &tls).await;
    assert!(matches!(refused, Err(TransportError::Connect(_))), "{refused:?}");
    assert_eq!(listener.connections(), 0);

    let own = OwnEndpoint::parse(&format!("https://{host}:{}", listener.port())).unwrap();
    let request = || own.post().body(Bytes::new()).unwrap();
    assert_eq!(listener.hears(&transport, request(), &tls).await, Ok(StatusCode::OK));
    // Not to whoever answers there.
    let other = authority.server(&["evil.example"], false);
    assert!(listener.hears(&transport, request(), &other).await.is_err());
}

#[tokio::test]
async fn nothing_goes_to_the_node_in_the_clear_but_what_its_own_environment_says() {
    let transport = HttpTransport::new(&Network::default()).unwrap();
    for uri in ["http://169.254.170.23/v1/credentials", "http://[fe80::1]/v1/credentials"] {
        assert!(matches!(get(&transport, uri).await, Err(TransportError::Refused(_))), "{uri}");
        let own = OwnEndpoint::parse(uri).unwrap().post().body(Bytes::new()).unwrap();
        let sent = tokio::time::timeout(Duration::from_millis(100), transport.send(own)).await;
        assert!(!matches!(sent, Ok(Err(TransportError::Refused(_)))), "{uri}: {sent:?}");
        // The mark does not open the way to others.
        let mut moved = OwnEndpoint::parse(uri).unwrap().post().body(Bytes::new()).unwrap();
        *moved.uri_mut() = "http://10.0.0.1/".parse().unwrap();
        assert!(matches!(transport.send(moved).await, Err(TransportError::Refused(_))));
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_or_to_metadata_is_not_connected_to() {
    let authority = Authority::new();
    let tls = authority.server(&[VENDORS, OWN], false);
    for host in [VENDORS, OWN] {
        for addresses in [
            &["127.0.0.1"][..],
            &["169.254.169.254"],
            &["::ffff:127.0.0.1"],
            &["::1"],
            &["0.0.0.0"],
            &["100.100.100.200", "10.0.0.1", "127.0.0.1", "fe80::1"],
        ] {
            let listener = Listener::new("127.0.0.1:0").await;
            let network =
                network(&["https://dli.private.example", "https://other.example=127.0.0.0/8"], authority.roots());
            let transport = HttpTransport::with_lookup(&network, &names(&[addresses])).unwrap();
            let refused = listener.reached_by(&transport, host, &tls).await;
            let Err(error @ TransportError::Connect(_)) = refused else { panic!("{addresses:?}: {refused:?}") };
            assert!(error.to_string().contains("--allow-endpoint https://host=cidr"), "{error}");
            assert_eq!(listener.connections(), 0, "{addresses:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_is_an_address_is_connected_to_only_if_it_is_listed() {
    let authority = Authority::new();
    let tls = authority.server(&["127.0.0.1"], false);
    for (extra, connections) in [(&[][..], 0), (&["https://127.0.0.2:1"], 0), (&["https://127.0.0.1:1"], 1)] {
        let listener = Listener::new("127.0.0.1:0").await;
        let transport = HttpTransport::new(&network(extra, authority.roots())).unwrap();
        let result = listener.reached_by(&transport, "127.0.0.1", &tls).await;
        assert_eq!((result.is_ok(), listener.connections()), (connections == 1, connections), "{extra:?}: {result:?}");
    }
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let listener = Listener::new("127.0.0.1:0").await;
        let transport = HttpTransport::new(&network(&[], authority.roots())).unwrap();
        assert!(listener.reached_by(&transport, host, &tls).await.is_err(), "{host}");
        assert_eq!(listener.connections(), 0, "{host}");
    }
}

#[tokio::test]
async fn of_a_names_addresses_only_those_that_are_allowed_are_used() {
    let authority = Authority::new();
    let tls = authority.server(&[OWN], false);
    let listener = Listener::new("127.0.0.1:0").await;
    let elsewhere = Listener::new(&format!("127.0.0.2:{}", listener.port())).await;
    let network = network(&["https://dli.private.example=10.0.0.0/8+127.0.0.1"], authority.roots());
    let transport = HttpTransport::with_lookup(&network, &names(&[&["127.0.0.2", "127.0.0.1"]])).unwrap();
    let result = tokio::select! {
        result = listener.reached_by(&transport, OWN, &tls) => result,
        () = elsewhere.serve(Some(&tls), "") => panic!("the server has ended"),
    };
    assert_eq!((result, listener.connections(), elsewhere.connections()), (Ok(StatusCode::OK), 1, 0));
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_later_is_not_followed_there() {
    let authority = Authority::new();
    let tls = authority.server(&[OWN], false);
    let listener = Listener::new("127.0.0.1:0").await;
    let elsewhere = Listener::new(&format!("127.0.0.2:{}", listener.port())).await;
    let network = network(&["https://dli.private.example=127.0.0.1"], authority.roots());
    let transport = HttpTransport::with_lookup(&network, &names(&[&["127.0.0.1"], &["127.0.0.2"]])).unwrap();
    assert_eq!(listener.reached_by(&transport, OWN, &tls).await, Ok(StatusCode::OK));
    let refused = elsewhere.reached_by(&transport, OWN, &tls).await;
    let Err(TransportError::Connect(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("127.0.0.2, which is not in the ranges"), "{reason}");
    assert_eq!((listener.connections(), elsewhere.connections()), (1, 0));
}

#[tokio::test]
async fn only_a_good_certificate_of_a_trusted_authority_for_that_very_host_is_accepted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let key = KeyPair::generate().unwrap();
    let alone = CertificateParams::new(vec![OWN.to_owned()]).unwrap().self_signed(&key).unwrap();
    let alone = || server(&alone, &key);
    for (what, tls, roots, refusal) in [
        ("trusted by the bundle", authority.server(&[OWN], false), authority.roots(), None),
        ("without the bundle", authority.server(&[OWN], false), Roots::default(), Some("UnknownIssuer")),
        ("of an authority of the same name", stranger.server(&[OWN], false), authority.roots(), Some("BadSignature")),
        ("self-signed", alone(), Roots::default(), Some("UnknownIssuer")),
        ("self-signed, beside a bundle", alone(), authority.roots(), Some("invalid peer certificate")),
        ("for another host", authority.server(&["evil.example"], false), authority.roots(), Some("not valid for name")),
        ("expired", authority.server(&[OWN], true), authority.roots(), Some("expired")),
    ] {
        let listener = Listener::new("127.0.0.1:0").await;
        let network = network(&["https://dli.private.example=127.0.0.0/8"], roots);
        let transport = HttpTransport::with_lookup(&network, &names(&[&["127.0.0.1"]])).unwrap();
        match (listener.reached_by(&transport, OWN, &tls).await, refusal) {
            (Ok(StatusCode::OK), None) => assert!(!listener.heard.lock().unwrap().is_empty()),
            (Err(TransportError::Connect(reason)), Some(refusal)) => {
                assert!(reason.contains(refusal), "{what}: {reason}");
                assert_eq!(*listener.heard.lock().unwrap(), "", "{what}");
            }
            (result, _) => panic!("{what}: {result:?}"),
        }
    }
}

/// Finds only the proxy, so that whoever asks for another name finds nothing.
fn only_the_proxy() -> Lookup {
    Arc::new(|host| {
        let answer =
            if host == "proxy.example" { Ok(vec![IpAddr::from([127, 0, 0, 1])]) } else { Err(io::Error::other(host)) };
        std::future::ready(answer).boxed()
    })
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect_and_learns_nothing_else() {
    for host in ["127.0.0.1", "proxy.example"] {
        let listener = Listener::new("127.0.0.1:0").await;
        let url = format!("http://robot:pass@{host}:{}", listener.port());
        let mut network = network(&[], Roots::default());
        network.proxy = Some(Proxy::new(&url, "").unwrap());
        let transport = HttpTransport::with_lookup(&network, &only_the_proxy()).unwrap();
        let uri = format!("https://{VENDORS}/path?secret=1");
        let result = tokio::select! {
            result = get(&transport, &uri) => result,
            () = listener.serve(None, "HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n") => panic!("the server has ended"),
        };
        let heard = listener.heard.lock().unwrap().clone();
        assert!(heard.starts_with(&format!("CONNECT {VENDORS}:443 HTTP/1.1\r\n")), "{host}: {result:?} {heard}");
        assert!(heard.to_lowercase().contains("\r\nproxy-authorization: basic "), "{heard}");
        assert!(!heard.contains("secret"), "{heard}");
        assert!(matches!(result, Err(TransportError::Connect(_))), "{result:?}");
    }
}

#[tokio::test]
async fn what_is_reached_without_the_proxy_is_looked_at_and_so_are_plain_requests() {
    let listener = Listener::new("127.0.0.1:0").await;
    let url = format!("http://proxy.example:{}", listener.port());
    let mut network = network(&[], Roots::default());
    network.proxy = Some(Proxy::new(&url, "other.example, myhuaweicloud.com").unwrap());
    let transport = HttpTransport::with_lookup(&network, &names(&[&["127.0.0.1"]])).unwrap();
    let uri = format!("https://{VENDORS}:{}/", listener.port());
    let refused = get(&transport, &uri).await;
    let Err(TransportError::Connect(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("private or reserved"), "{reason}");
    let uri = format!("http://localhost:{}/", listener.port());
    let plain = tokio::select! {
        result = get(&transport, &uri) => result,
        () = listener.serve(None, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") => panic!("the server has ended"),
    };
    assert_eq!((plain, listener.connections()), (Ok(StatusCode::OK), 1));
    assert!(listener.heard.lock().unwrap().starts_with("GET / HTTP/1.1\r\n"));
}
