//! What a list or a watch tells, under harm: a watch line by line.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::response::Parts;
use axum::response::Response;
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::rig::Harm;

/// Whether watches that are held may go on. Clones are handles to the same one.
#[derive(Clone)]
pub struct Released(watch::Sender<bool>);

impl Default for Released {
    fn default() -> Self {
        Self(watch::channel(false).0)
    }
}

impl Released {
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    async fn wait(self) {
        drop(self.0.subscribe().wait_for(|released| *released).await);
    }
}

/// A watch's answer, as harm leaves it.
pub fn harmed(response: Response, harm: Harm, released: Released) -> Response {
    let (head, body) = response.into_parts();
    let lines = lines(body);
    let body = match harm {
        Harm::End => Body::empty(),
        Harm::Expire => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
                "reason": "Expired", "message": "too old resource version",
            });
            Body::from(format!("{}\n", json!({"type": "ERROR", "object": status})))
        }
        Harm::Stall | Harm::Hang => {
            Body::from_stream(lines.filter(|_| std::future::ready(false)).chain(stream::pending()))
        }
        Harm::Hold => {
            let waits = stream::once(released.wait()).filter_map(|()| std::future::ready(None));
            Body::from_stream(waits.chain(lines))
        }
        Harm::Lose(number) => {
            let mut events = 0;
            Body::from_stream(lines.filter(move |line| {
                let is_event = line.as_ref().is_ok_and(|line| {
                    serde_json::from_slice::<Value>(line).is_ok_and(|event| event["type"] != "BOOKMARK")
                });
                let is_lost = is_event && events == number;
                events += usize::from(is_event);
                std::future::ready(!is_lost)
            }))
        }
        Harm::Garble => Body::from_stream(lines.map(|line| line.map(garbled))),
        Harm::Strike(..)
        | Harm::Answer(_)
        | Harm::ResetBefore
        | Harm::ResetAfter
        | Harm::Truncate
        | Harm::Delay(_)
        | Harm::Empty
        | Harm::Keep
        | Harm::Recall => panic!("{harm:?} is nothing that happens to a watch that is open"),
    };
    Response::from_parts(head, body)
}

/// What an object asks for that nobody understands.
fn gibberish() -> Value {
    json!({"garbled": true})
}

/// An event whose object asks for nothing that can be understood.
fn garbled(line: Bytes) -> Bytes {
    let Ok(mut event) = serde_json::from_slice::<Value>(&line) else { return line };
    if event["type"] != "BOOKMARK" {
        event["object"]["spec"] = gibberish();
    }
    Bytes::from(format!("{event}\n"))
}

/// The object that this answer is, asking for nothing that can be understood.
pub fn garbled_answer(head: Parts, body: &Bytes) -> Response {
    edited(head, body, |object| object["spec"] = gibberish())
}

/// The list that this answer is, of nothing.
pub fn emptied(head: Parts, body: &Bytes) -> Response {
    edited(head, body, |list| list["items"] = json!([]))
}

fn edited(head: Parts, body: &Bytes, edit: impl FnOnce(&mut Value)) -> Response {
    let mut answer: Value = serde_json::from_slice(body).unwrap();
    edit(&mut answer);
    replaced(head, answer.to_string())
}

/// An answer with another body.
pub fn replaced(mut head: Parts, body: impl Into<Body>) -> Response {
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, body.into())
}

/// Whole lines, as they come.
fn lines(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let state = (body.into_data_stream(), Vec::<u8>::new());
    stream::unfold(state, async |(mut parts, mut rest)| {
        loop {
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let after = rest.split_off(end + 1);
                return Some((Ok(Bytes::from(rest)), (parts, after)));
            }
            match parts.next().await? {
                Ok(part) => rest.extend_from_slice(&part),
                Err(error) => return Some((Err(error), (parts, rest))),
            }
        }
    })
}
