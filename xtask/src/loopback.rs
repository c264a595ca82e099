//! The few HTTP requests that xtask makes, all to programs on this machine.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Failure, Result};

const LIMIT: Duration = Duration::from_secs(10);

/// Sends one JSON request; an answer other than 2xx is a failure.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let failed = || Failure::new(format!("{method} http://{address}{path} failed"));
    let body = body.map(Value::to_string).unwrap_or_default();
    let answer = exchange(address, method, path, &body).map_err(|error| failed().why(error))?;
    let (head, content) =
        answer.split_once("\r\n\r\n").ok_or_else(|| failed().why("the answer has no end of headers"))?;
    if head.split(' ').nth(1).is_none_or(|status| !status.starts_with('2')) {
        return Err(failed().why(format!("{}\n{content}", head.lines().next().unwrap_or_default())));
    }
    if content.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(content).map_err(|error| failed().why(error))
}

/// HTTP/1.0: the answer ends with the connection and is never chunked.
fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Ports of this machine that nobody listens on, all different.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let failed = |error| Failure::new("cannot find a free port on the loopback interface").why(error);
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}
