//! What is sent, what is read, and what is not.

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Sends one request to a server that gives these bytes for an answer, and closes.
async fn against(bytes: Vec<u8>) -> (Result<http::Response<Bytes>, TransportError>, String) {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { panic!("no loopback") };
    let Ok(address) = listener.local_addr() else { panic!("no address") };
    let server = async {
        let Ok((mut stream, _)) = listener.accept().await else {
            return String::new();
        };
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap_or_default();
        // The client may hang up before it has read all.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        String::from_utf8_lossy(&request[..read]).into_owned()
    };
    let uri = format!("http://{address}/path?secret=1");
    tokio::join!(send(&uri), server)
}

async fn send(uri: &str) -> Result<http::Response<Bytes>, TransportError> {
    let request = http::Request::get(uri).header("x-test", "1").body(Bytes::new());
    HttpTransport::new(&Network::default())?.send(request.unwrap_or_default()).await
}

#[tokio::test]
async fn a_request_goes_out_as_it_is_and_the_answer_comes_back_whatever_its_status() {
    let (answer, request) =
        against(b"HTTP/1.1 404 No\r\nx-request-id: r1\r\ncontent-length: 2\r\n\r\nhi".to_vec()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.headers()["x-request-id"], "r1");
    assert_eq!(answer.body(), "hi");
    assert!(request.starts_with("GET /path?secret=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nhost: 127.0.0.1:"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (answer, _) =
        against(b"HTTP/1.1 302 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(answer.map(|answer| answer.status()), Ok(StatusCode::FOUND));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_kept_whether_its_length_is_told_or_not() {
    for head in ["content-length: 10485760\r\n", "connection: close\r\n"] {
        let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes();
        bytes.resize(bytes.len() + 10_485_760, b' ');
        let (answer, _) = against(bytes).await;
        assert_eq!(answer.err(), Some(TransportError::TooLarge(BODY_LIMIT)), "{head}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let (answer, _) = against(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".to_vec()).await;
    let Err(TransportError::Interrupted(reason)) = answer else { panic!("{answer:?}") };
    assert!(!reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn a_closed_port_is_told_apart_and_no_url_shows() {
    let Err(error @ TransportError::Connect(_)) = send("http://127.0.0.1:1/path?secret=1").await else {
        panic!("connected")
    };
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn nothing_leaves_this_machine_in_the_clear() {
    for uri in ["http://example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/"] {
        assert!(matches!(send(uri).await, Err(TransportError::Refused(_))), "{uri}");
    }
}
