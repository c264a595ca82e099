//! The metrics: who asks for them is answered, who dawdles holds up nobody, and how scenarios look at them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloud_access_operator::clouds::Urgency;
use cloud_access_operator::metrics::Metrics;
use cloud_access_operator::plan::Outcome;
use cloud_access_operator::server::Server;
use futures::future::{Either, select};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::runner::Runner;
use crate::script::Script;
use crate::world::{World, in_virtual_time};

/// Who is asked for anything.
const SERVICES: [&str; 7] = ["dli", "dws", "dataarts", "iam", "ehpc", "sts", "pod-identity"];

/// How long a server on this machine may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where an operator serves its metrics, by its log: where it said last, if it was started more than once.
pub fn served_at(log: &str) -> Option<SocketAddr> {
    let line = log.lines().rfind(|line| line.contains("metrics are served"))?;
    serde_json::from_str::<Value>(line).ok()?["address"].as_str()?.parse().ok()
}

/// The metrics that are served there.
pub async fn fetch(address: SocketAddr) -> Result<String, String> {
    let answer = ask(address, "GET", "/metrics").await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end of headers")?;
    if head.split(' ').nth(1) == Some("200") { Ok(body.to_owned()) } else { Err(answer) }
}

/// Whether an operator, by its log, says that it knows all that it watches.
pub async fn is_ready(log: &str) -> bool {
    let Some(address) = served_at(log) else { return false };
    ask(address, "GET", "/readyz").await.is_ok_and(|answer| answer.starts_with("HTTP/1.0 200 "))
}

/// The whole answer to a request. HTTP/1.0: it ends with the connection, and is never chunked.
async fn ask(address: SocketAddr, method: &str, path: &str) -> Result<String, String> {
    let exchange = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(format!("{method} {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.map(|_| answer)
    };
    let answer = timeout(PATIENCE, exchange).await;
    answer.map_err(|_| "no answer")?.map_err(|error| error.to_string())
}

/// Whether each label has one of few values, but for those that name a namespace, an account or a target: no metric grows with
/// users or objects.
pub fn are_bounded(metrics: &str) -> Result<(), String> {
    let kinds = ["QueueGrant", "PoolMembership", "WorkspaceMember", "HpcUser"];
    let lower = kinds.map(str::to_ascii_lowercase);
    let outcomes = Outcome::ALL.map(Outcome::reason);
    let is_number = |value: &str| value.parse::<f64>().is_ok();
    // Words of the operator's own sources: no name of a user, a group or an object is one.
    let is_operation = |value: &str| value.contains(' ') && value.len() < 40;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, _)) = line.rsplit_once("} ") else { continue };
        let labels = series.split_once('{').map_or("", |(_, labels)| labels);
        for (label, value) in labels.split("\",").filter_map(|label| label.trim_end_matches('"').split_once("=\"")) {
            let is_known = match label {
                "namespace" | "account" | "target" => true,
                "kind" => kinds.contains(&value),
                "controller" => lower.iter().any(|kind| kind == value),
                "name" => lower.iter().any(|kind| kind == value) || value == "cloud-access-operator",
                "outcome" => outcomes.contains(&value) || ["New", "Other"].contains(&value),
                "stalled" => ["true", "false"].contains(&value),
                "class" => Urgency::ALL.iter().any(|class| class.to_string() == value),
                "vendor" => ["huawei", "alibaba"].contains(&value),
                "service" => SERVICES.contains(&value),
                "operation" => is_operation(value),
                "code" => value == "none" || value.len() == 3 && is_number(value),
                "result" => ["success", "requeue_after", "error"].contains(&value),
                "version" => value == env!("CARGO_PKG_VERSION"),
                "le" => value == "+Inf" || is_number(value),
                _ => false,
            };
            if !is_known {
                return Err(format!("the label {label} has no such value: {line}"));
            }
        }
    }
    Ok(())
}

/// Whether the metrics have this line, `NAME{label="value"} VALUE`, or no line of the series, `NAME{…} absent`.
pub fn shows(metrics: &str, expected: &str) -> Result<(), String> {
    let holds = match expected.strip_suffix(" absent") {
        Some(series) => !metrics.lines().any(|line| line.rsplit_once(' ').is_some_and(|(shown, _)| shown == series)),
        None => metrics.lines().any(|line| line == expected),
    };
    if holds { Ok(()) } else { Err(format!("instead:\n{metrics}")) }
}

/// Does the work while metrics with one series are served.
async fn while_served<T>(work: impl AsyncFnOnce(SocketAddr, watch::Sender<bool>) -> T) -> T {
    let metrics = Metrics::default();
    metrics.set_unmanaged_principals("etl", 2);
    let (ready, is_ready) = watch::channel(false);
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), metrics, is_ready).await.unwrap();
    let address = server.address();
    match select(pin!(work(address, ready)), pin!(server.run())).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => panic!("the server ended"),
    }
}

#[tokio::test]
async fn get_is_answered_with_the_metrics_and_nothing_else_is() {
    while_served(async |address, _| {
        let answer = ask(address, "GET", "/metrics").await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
        let type_ = "\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
        assert!(answer.contains(type_), "{answer}");
        assert!(answer.contains("\ncloud_access_unmanaged_principals{target=\"etl\"} 2\n"), "{answer}");
        assert!(answer.ends_with("\n# EOF\n"), "{answer}");
        assert!(ask(address, "GET", "/metrics?x=y").await.unwrap().starts_with("HTTP/1.0 200 "));
        for path in ["/", "/metrics/", "/metrics2", "/METRICS", "//metrics"] {
            for method in ["GET", "POST"] {
                let answer = ask(address, method, path).await.unwrap();
                assert!(answer.starts_with("HTTP/1.0 404 "), "{method} {path}: {answer}");
            }
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "STRANGE"] {
            let answer = ask(address, method, "/metrics").await.unwrap();
            assert!(answer.starts_with("HTTP/1.0 405 ") && answer.contains("\r\nallow: GET\r\n"), "{method}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_lives_says_so_and_is_ready_once_all_is_known() {
    while_served(async |address, ready| {
        let status = async |path| ask(address, "GET", path).await.unwrap()[9..12].to_owned();
        assert_eq!((status("/livez").await, status("/readyz").await), ("200".to_owned(), "503".to_owned()));
        ready.send_replace(true);
        assert_eq!((status("/livez").await, status("/readyz").await), ("200".to_owned(), "200".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn who_dawdles_is_cut_off_and_holds_up_others_no_longer() {
    while_served(async |address, _| {
        let mut dawdlers = Vec::new();
        for _ in 0..25 {
            dawdlers.push(TcpStream::connect(address).await.unwrap());
            let mut begun = TcpStream::connect(address).await.unwrap();
            begun.write_all(b"GET /metrics HTTP/1.1\r\nx: ").await.unwrap();
            dawdlers.push(begun);
        }
        // From here on time passes only while everybody waits.
        tokio::time::pause();
        let start = Instant::now();
        fetch(address).await.unwrap();
        // Who says nothing is cut off after a second.
        let waited = start.elapsed();
        assert!(waited > Duration::from_millis(500), "so many are not served at once");
        assert!(waited < Duration::from_secs(3), "a probe would have been given up: {waited:?}");
        for mut dawdler in dawdlers {
            let mut answer = Vec::new();
            drop(dawdler.read_to_end(&mut answer).await);
            assert!(answer.is_empty(), "{answer:?}");
        }
    })
    .await;
}

#[test]
fn what_a_scenario_expects_is_a_whole_line() {
    let metrics = Metrics::default();
    metrics.set_revocations_held("team", "huawei", 12);
    let series = r#"cloud_access_revocations_held{namespace="team",account="huawei"}"#;
    for (expected, holds) in [
        (format!("{series} 12"), true),
        (format!("{series} 1"), false),
        (format!("{series} absent"), false),
        ("cloud_access_revocations_held absent".to_owned(), true),
        (r#"cloud_access_revocations_held{namespace="team",account="alibaba"} absent"#.to_owned(), true),
    ] {
        assert_eq!(shows(&metrics.text(), &expected).is_ok(), holds, "{expected}");
    }
}

/// The shipped binary, with an API server that does not answer, and what it logs.
struct Lonely {
    child: Child,
    log: PathBuf,
}

impl Lonely {
    fn start(name: &str, metrics_address: &str) -> Self {
        let place = |file: String| Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let (kubeconfig, log) = (place(format!("{name}.kubeconfig")), place(format!("{name}.log")));
        let cluster = json!({"name": "none", "cluster": {"server": "http://127.0.0.1:1"}});
        let context = json!({"name": "none", "context": {"cluster": "none", "user": "none"}});
        let config = json!({
            "current-context": "none", "clusters": [cluster], "contexts": [context],
            "users": [{"name": "none", "user": {}}]
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-access-operator"));
        command.args(["--metrics-address", metrics_address]).env("KUBECONFIG", kubeconfig).env("RUST_LOG", "info");
        command.env("LOG_FORMAT", "json");
        let child = command.stdin(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Looks until something is there.
    async fn eventually<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < until, "{}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Lonely {
    fn drop(&mut self) {
        // Fails only when it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn the_binary_serves_where_it_logs_even_without_an_api_server_until_it_stops() {
    let mut operator = Lonely::start("serves", "127.0.0.1:0");
    let address = operator.eventually(|operator| served_at(&operator.log())).await;
    assert!(fetch(address).await.unwrap().ends_with("# EOF\n"));
    assert!(ask(address, "GET", "/livez").await.unwrap().starts_with("HTTP/1.0 200 "));
    assert!(!is_ready(&operator.log()).await, "nothing is known");
    let told = Command::new("kill").args(["-TERM", &operator.child.id().to_string()]).status();
    assert!(told.unwrap().success());
    let status = operator.eventually(|operator| operator.child.try_wait().unwrap()).await;
    assert!(status.success(), "{}", operator.log());
    fetch(address).await.unwrap_err();
}

#[tokio::test]
async fn an_operator_that_cannot_serve_metrics_does_not_start_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut operator = Lonely::start("cannot-serve", &address);
    let status = operator.eventually(|operator| operator.child.try_wait().unwrap()).await;
    assert!(!status.success());
    let advice = format!("metrics cannot be served at {address}: give another --metrics-address, or stop what listens");
    let log = operator.log();
    assert!(log.contains(&advice) && !log.contains("cloud-access-operator starts"), "{log}");
}

#[test]
fn a_scenario_sees_the_metrics_of_its_operator_in_the_pure_world() {
    let script = Script::parse("metrics", r#"expect metric cloud_access_unmanaged_principals{target="none"} absent"#);
    in_virtual_time(async { Runner::run(&script, World::pure(&[])).await });
}
