//! One call from arrival to answer: admission, scripted faults, the effect, the journal.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::DATE;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use serde_json::Value;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::call::{Caller, Operation, Received, Summary, route};
use crate::credentials::{authenticate, claimed};
use crate::delivery::Delivery;
use crate::ehpc;
use crate::faults::{Action, Effect, Reply};
use crate::journal::Entry;
use crate::simulator::Simulator;
use crate::world::World;

/// Serves every path outside of the admin API. A call that has arrived is handled even when its caller
/// goes away, as a real service would.
pub(crate) async fn handle(State(simulator): State<Simulator>, request: Request<Body>) -> Response {
    let request_id = simulator.world().next_request_id();
    let id = request_id.clone();
    let world = simulator.clone();
    let served = tokio::spawn(async move { serve(&world, request, &id).await });
    let delivery = served.await.unwrap_or(Delivery::Closed);
    let mut response = delivery.into_response(&request_id).await;
    // Clients learn from it how wrong their clock is.
    let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&simulator.world().time_of_day());
    if let Ok(Ok(now)) = now.map(|now| HeaderValue::from_str(&now)) {
        response.headers_mut().insert(DATE, now);
    }
    response
}

async fn serve(simulator: &Simulator, request: Request<Body>, request_id: &str) -> Delivery {
    let latency = simulator.world().switches.latency_ms;
    pause(latency).await;
    let Some(received) = Received::read(request).await else {
        let answer = Answer::gateway(413, "APIGW.0201", "The request body is too large");
        return stray(&mut simulator.world(), answer, request_id);
    };
    let Some(operation) = route(&received) else {
        let message = "The API does not exist or has not been published in the environment";
        let answer = Answer::gateway(404, "APIGW.0101", message);
        return stray(&mut simulator.world(), answer, request_id);
    };
    let call = Call::of(&simulator.world(), &received, operation, request_id);
    let fault = {
        let mut world = simulator.world();
        if let Err(refusal) = admit(&mut world, &received, call.operation.as_ref()) {
            return Call::conclude(&mut world, Delivery::Whole(refusal), call.entry());
        }
        world.faults.take(&call.summary)
    };
    if let Some(Action::DelayMs(ms)) = fault {
        pause(ms).await;
    }
    let delivery = call.play(&mut simulator.world(), fault.as_ref());
    if let Some(Effect::Later(after)) = fault.as_ref().map(Action::effect) {
        let simulator = simulator.clone();
        // At its time, also when nobody looks then: lists lag behind it from then on.
        tokio::spawn(async move {
            sleep(after).await;
            drop(simulator.world());
        });
    }
    if let Some(Action::ApplyThenDelayMs(ms)) = fault {
        pause(ms).await;
    }
    delivery
}

async fn pause(ms: u64) {
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}

/// Who may call, and how often.
fn admit(world: &mut World, request: &Received, operation: &dyn Operation) -> Result<(), Answer> {
    match operation.caller() {
        Caller::Anyone => {}
        Caller::Pod => return Ok(()),
        Caller::Huawei => authenticate(world, request, None)?,
        Caller::HuaweiProject(project) => authenticate(world, request, Some(project))?,
        Caller::Alibaba => return ehpc::admit(world, request),
    }
    world.throttle()
}

/// Answers what is no operation of any service.
fn stray(world: &mut World, answer: Answer, request_id: &str) -> Delivery {
    world.record(Entry {
        status: Some(answer.status),
        error_code: answer.error_code.clone(),
        request_id: Some(request_id.to_owned()),
        ..Entry::blank("gateway", "Unknown")
    });
    Delivery::Whole(answer)
}

/// An operation that was asked for, by someone.
struct Call {
    operation: Arc<dyn Operation>,
    summary: Summary,
    credential: Option<String>,
    request_id: String,
}

impl Call {
    fn of(world: &World, request: &Received, operation: Box<dyn Operation>, request_id: &str) -> Self {
        let summary = operation.summary();
        let credential = match operation.caller() {
            Caller::Anyone => summary.principals.first().map(|user| format!("user:{user}")),
            Caller::Pod => None,
            Caller::Huawei | Caller::HuaweiProject(_) => claimed(world, request),
            Caller::Alibaba => ehpc::claimed(request),
        };
        Self { operation: Arc::from(operation), summary, credential, request_id: request_id.to_owned() }
    }

    /// Handles the call as far as the fault lets it be handled.
    fn play(&self, world: &mut World, fault: Option<&Action>) -> Delivery {
        let mut handled = None;
        let mut changed = Vec::new();
        match fault.map_or(Effect::Now, Action::effect) {
            Effect::Now => {
                let outcome = self.operation.run(world);
                handled = Some(outcome.answer);
                changed = outcome.changed;
            }
            Effect::Later(after) => {
                let entry = Entry { operation: "LateEffect".to_owned(), ..self.entry() };
                world.land_later(after, Arc::clone(&self.operation), entry);
            }
            Effect::None => {}
        }
        let reply = |reply: &Reply| reply.answer(self.summary.service, &world.switches);
        let delivery = deliver(self.summary.service, fault, handled, reply);
        let entry = Entry { changed, fault: fault.map(|action| action.name().to_owned()), ..self.entry() };
        Self::conclude(world, delivery, entry)
    }

    /// Journals what is sent, and sends it.
    fn conclude(world: &mut World, delivery: Delivery, entry: Entry) -> Delivery {
        let answer = delivery.answer();
        world.record(Entry {
            status: answer.map(|answer| answer.status),
            error_code: answer.and_then(|answer| answer.error_code.clone()),
            succeeded: answer.is_some_and(|answer| answer.success),
            ..entry
        });
        delivery
    }

    /// The call as the journal tells it, without its answer.
    fn entry(&self) -> Entry {
        let summary = self.summary.clone();
        Entry {
            target: summary.target,
            principals: summary.principals,
            action: summary.action,
            privileges: summary.privileges,
            request_id: Some(self.request_id.clone()),
            credential: self.credential.clone(),
            ..Entry::blank(summary.service, summary.operation)
        }
    }
}

/// How the answer of a call of a service travels that met this fault; `handled` is what the call came to, if
/// it was handled.
fn deliver(
    service: &str,
    fault: Option<&Action>,
    handled: Option<Answer>,
    reply: impl Fn(&Reply) -> Answer,
) -> Delivery {
    let own = |spoil: &dyn Fn(Answer) -> Delivery| handled.map_or(Delivery::Closed, spoil);
    match fault {
        None | Some(Action::DelayMs(_) | Action::ApplyThenDelayMs(_)) => own(&Delivery::Whole),
        Some(Action::Answer(given) | Action::ApplyThenAnswer(given)) => Delivery::Whole(reply(given)),
        Some(Action::LandLater { answer, .. }) => match answer {
            Some(given) => Delivery::Whole(reply(given)),
            None => Delivery::Closed,
        },
        Some(Action::IsSuccessFalse { message }) => Delivery::Whole(Answer::not_success(service, message)),
        Some(Action::Hang | Action::ApplyThenHang) => Delivery::Never,
        Some(Action::Reset | Action::ApplyThenReset) => Delivery::Closed,
        Some(Action::TruncatedBody) => own(&Delivery::Truncated),
        Some(Action::BadJson) => own(&Delivery::BadJson),
        Some(Action::HugeBody { bytes }) => own(&|answer| Delivery::Huge(answer, *bytes)),
        Some(Action::SlowDrip { every_ms }) => own(&|answer| Delivery::Drip(answer, Duration::from_millis(*every_ms))),
        Some(Action::Redirect { location }) => {
            let answer = Answer::error(307, None, Value::Null);
            Delivery::Whole(answer.with_header("location", location))
        }
    }
}
