//! How an answer travels: whole, spoilt on the way, or not at all.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures::{StreamExt, stream};

use crate::answer::Answer;

/// Marks a response that is no answer: over HTTP the connection is closed before a byte is sent; who
/// calls the router in-process finds this among the response's extensions, and a body that fails.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionClosed;

/// What is sent.
pub(crate) enum Delivery {
    Whole(Answer),
    Truncated(Answer),
    BadJson(Answer),
    Huge(Answer, usize),
    Drip(Answer, Duration),
    /// The connection is closed.
    Closed,
    /// Nothing, ever.
    Never,
}

impl Delivery {
    /// The answer whose status the caller gets to see.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Whole(answer)
            | Self::Truncated(answer)
            | Self::BadJson(answer)
            | Self::Huge(answer, _)
            | Self::Drip(answer, _) => Some(answer),
            Self::Closed | Self::Never => None,
        }
    }

    /// The response to hand to the HTTP server.
    pub(crate) async fn into_response(self, request_id: &str) -> Response {
        match self {
            Self::Whole(answer) => build(answer, request_id, Body::from),
            Self::Truncated(answer) => truncated(answer, request_id),
            Self::BadJson(answer) => build(answer, request_id, |mut text| {
                text.truncate(text.len().div_ceil(2));
                Body::from(text)
            }),
            Self::Huge(answer, bytes) => build(answer, request_id, |text| blanks(text, bytes)),
            Self::Drip(answer, pause) => build(answer, request_id, |text| drip(text, pause)),
            Self::Closed => {
                let mut response = Response::new(broken(Vec::new()));
                response.extensions_mut().insert(ConnectionClosed);
                response
            }
            Self::Never => std::future::pending().await,
        }
    }
}

fn build(answer: Answer, request_id: &str, body: impl FnOnce(Vec<u8>) -> Body) -> Response {
    let answer = answer.stamped(request_id);
    let text = if answer.body.is_null() { Vec::new() } else { answer.body.to_string().into_bytes() };
    let mut response = Response::new(body(text));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    response
}

/// Announces the whole length, sends half, breaks off.
fn truncated(answer: Answer, request_id: &str) -> Response {
    let mut length = 0;
    let mut response = build(answer, request_id, |mut text| {
        length = text.len();
        text.truncate(length / 2);
        broken(text)
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A body that fails after these bytes; at once if there are none, before the head has been sent.
fn broken(start: Vec<u8>) -> Body {
    if start.is_empty() {
        return Body::from_stream(stream::iter([Err::<Bytes, _>(reset())]));
    }
    let failure = stream::once(async {
        // Lets an HTTP server send what came before.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(reset())
    });
    Body::from_stream(stream::iter([Ok(Bytes::from(start))]).chain(failure))
}

fn reset() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection closed by the simulator")
}

/// The text, then blanks up to the size.
fn blanks(text: Vec<u8>, bytes: usize) -> Body {
    const PIECE: usize = 64 * 1024;
    let piece = Bytes::from(vec![b' '; PIECE]);
    let pieces = bytes.saturating_sub(text.len()).div_ceil(PIECE);
    let tail = stream::iter(std::iter::repeat_n(piece, pieces));
    let all = stream::iter([Bytes::from(text)]).chain(tail);
    Body::from_stream(all.map(Ok::<_, Infallible>))
}

/// The text, a byte at a time.
fn drip(text: Vec<u8>, pause: Duration) -> Body {
    let bytes = stream::iter(text).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    Body::from_stream(bytes)
}
