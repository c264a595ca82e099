//! Over a real connection: what a closed connection looks like, and the binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use simulator::{Action, Fault};
use tokio::net::TcpListener;

use crate::harness::{Cloud, PROJECT};

/// Everything that comes over the connection until it is closed.
async fn exchange(address: SocketAddr, request: &Request<Body>) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
    }
    text.push_str("\r\n");
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test]
async fn over_http_a_reset_sends_no_byte_and_a_truncated_answer_half_of_them() {
    let cloud = Cloud::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = cloud.simulator.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let request = cloud.signed("GET", &format!("/v1.0/{PROJECT}/queues/queue1/users"), "");

    let whole = exchange(address, &request).await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with('}'), "{whole}");
    cloud.simulator.add_fault(Fault::next(Action::Reset));
    assert_eq!(exchange(address, &request).await, "");
    cloud.simulator.add_fault(Fault::next(Action::TruncatedBody));
    let half = exchange(address, &request).await;
    let (head, body) = half.split_once("\r\n\r\n").unwrap();
    let announced = format!("content-length: {}", whole.split_once("\r\n\r\n").unwrap().1.len());
    assert!(head.contains(&announced) && head.starts_with("HTTP/1.1 200"), "{half}");
    assert!(!body.is_empty() && !body.ends_with('}'), "{half}");
    server.abort();
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_binary_says_where_it_listens_and_serves_there() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.args(["--queue", "q1", "--queue", "q2:general", "--project-id", "p1", "--switches"]);
    command.arg(r#"{"latency_ms": 1}"#).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&told["project_id"], &told["access_key_id"]), (&"p1".into(), &"SIMULATEDACCESSKEY01".into()));
    let address = told["address"].as_str().unwrap().parse().unwrap();
    let get = |path: &str| Request::get(path).header("host", "cloud.test").body(Body::empty()).unwrap();
    let queues = exchange(address, &get("/_admin/dli/queues")).await;
    assert!(queues.ends_with(r#"{"q1":"sql","q2":"general"}"#), "{queues}");
    let switches = exchange(address, &get("/_admin/switches")).await;
    assert!(switches.contains(r#""latency_ms":1"#), "{switches}");
}

#[test]
fn the_binary_refuses_to_listen_beyond_this_machine() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    let output = command.args(["--listen", "0.0.0.0:0"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}
