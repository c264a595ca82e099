//! Scripted misbehaviour: which call it meets, and what happens instead of, or after, the call's work.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Summary;
use crate::switches::Switches;

/// A fault: the calls it meets and what it does to them. Of several that meet a call, the first added
/// that is neither skipping nor used up is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this service, by the journal's name.
    #[serde(default)]
    pub service: Option<String>,
    /// Only this operation, by the journal's name.
    #[serde(default)]
    pub operation: Option<String>,
    /// Only calls about this target.
    #[serde(default)]
    pub target: Option<String>,
    /// Only calls about this principal.
    #[serde(default)]
    pub principal: Option<String>,
    /// Matching calls to let pass first.
    #[serde(default)]
    pub skip: u64,
    /// Calls to meet; none (JSON `null`) is every one from then on. Left out in JSON: 1.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// What happens.
    pub action: Action,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn once() -> Option<u64> {
    Some(1)
}

impl Fault {
    /// Meets the next call, whatever it is; narrow it with the other fields.
    #[must_use]
    pub fn next(action: Action) -> Self {
        Self { service: None, operation: None, target: None, principal: None, skip: 0, times: Some(1), action }
    }

    /// Meets the next call of an operation.
    #[must_use]
    pub fn on(operation: &str, action: Action) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::next(action) }
    }

    fn meets(&self, call: &Summary) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w.eq_ignore_ascii_case(name));
        is(&self.service, call.service)
            && is(&self.operation, call.operation)
            && is(&self.target, call.target.as_deref().unwrap_or_default())
            && self.principal.as_ref().is_none_or(|wanted| call.principals.contains(wanted))
    }
}

/// What a fault does. In JSON: `"hang"`, `{"delay_ms": 500}`, `{"answer": {"status": 503}}` …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is done; this is answered.
    Answer(Reply),
    /// Nothing is done; 200 with `is_success: false` is answered.
    IsSuccessFalse {
        /// Its message.
        #[serde(default)]
        message: String,
    },
    /// The call is handled after this many milliseconds, also when the caller has gone.
    DelayMs(u64),
    /// Nothing is done and nothing answered.
    Hang,
    /// Nothing is done; the connection is closed without an answer.
    Reset,
    /// The call is handled, but the connection closed without an answer.
    ApplyThenReset,
    /// The call is handled, but never answered.
    ApplyThenHang,
    /// The call is handled, but answered only after this many milliseconds.
    ApplyThenDelayMs(u64),
    /// The call is handled, but answered like this.
    ApplyThenAnswer(Reply),
    /// Answered like this, or not at all; the call is handled so much later.
    LandLater {
        /// Milliseconds until the call is handled.
        after_ms: u64,
        /// The answer, at once; none closes the connection.
        #[serde(default)]
        answer: Option<Reply>,
    },
    /// The call is handled; its answer breaks off in the middle.
    TruncatedBody,
    /// The call is handled; its answer is complete, but no JSON.
    BadJson,
    /// The call is handled; its answer goes on with blanks.
    HugeBody {
        /// Size of the answer.
        #[serde(default = "ten_megabytes")]
        bytes: usize,
    },
    /// The call is handled; its answer comes a byte at a time.
    SlowDrip {
        /// Milliseconds between two bytes.
        every_ms: u64,
    },
    /// Nothing is done; the caller is sent elsewhere with 307.
    Redirect {
        /// The `Location`.
        location: String,
    },
}

fn ten_megabytes() -> usize {
    10 * 1024 * 1024
}

impl Action {
    /// What becomes of the call itself.
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::DelayMs(_)
            | Self::ApplyThenReset
            | Self::ApplyThenHang
            | Self::ApplyThenDelayMs(_)
            | Self::ApplyThenAnswer(_)
            | Self::TruncatedBody
            | Self::BadJson
            | Self::HugeBody { .. }
            | Self::SlowDrip { .. } => Effect::Now,
            Self::LandLater { after_ms, .. } => Effect::Later(Duration::from_millis(*after_ms)),
            Self::Answer(_) | Self::IsSuccessFalse { .. } | Self::Hang | Self::Reset | Self::Redirect { .. } => {
                Effect::None
            }
        }
    }

    /// Its name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::IsSuccessFalse { .. } => "is_success_false",
            Self::DelayMs(_) => "delay_ms",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::ApplyThenReset => "apply_then_reset",
            Self::ApplyThenHang => "apply_then_hang",
            Self::ApplyThenDelayMs(_) => "apply_then_delay_ms",
            Self::ApplyThenAnswer(_) => "apply_then_answer",
            Self::LandLater { .. } => "land_later",
            Self::TruncatedBody => "truncated_body",
            Self::BadJson => "bad_json",
            Self::HugeBody { .. } => "huge_body",
            Self::SlowDrip { .. } => "slow_drip",
            Self::Redirect { .. } => "redirect",
        }
    }
}

/// What becomes of a call that met a fault, whatever is answered.
pub(crate) enum Effect {
    Now,
    Later(Duration),
    None,
}

/// An answer given word for word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The vendor's code; `APIG…` in the gateway's envelope, others in the service's.
    #[serde(default)]
    pub code: Option<String>,
    /// The message beside the code.
    #[serde(default)]
    pub message: String,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, instead of code and message.
    #[serde(default)]
    pub body: Option<Value>,
}

impl Reply {
    /// A status with a code.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: Some(code.to_owned()), message: message.to_owned(), ..Self::default() }
    }

    /// In the envelope of the service that was called.
    pub(crate) fn answer(&self, service: &str, switches: &Switches) -> Answer {
        let code = self.code.as_deref();
        let answer = match (&self.body, code) {
            (Some(body), _) => Answer::error(self.status, code, body.clone()),
            (None, Some(code)) if code.starts_with("APIG") => Answer::gateway(self.status, code, &self.message),
            (None, Some(code)) => Answer::refusal(service, switches, self.status, code, &self.message),
            (None, None) if service == "iam" => Answer::iam(self.status, &self.message),
            (None, None) => Answer::error(self.status, None, Value::Null),
        };
        let headers = self.headers.iter();
        headers.fold(answer, |answer, (name, value)| answer.with_header(name, value))
    }
}

/// The faults that are still to be played.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) faults: Vec<Fault>,
}

impl Script {
    /// The fault that this call meets.
    pub(crate) fn take(&mut self, call: &Summary) -> Option<Action> {
        let mut found = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.meets(call)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else {
                fault.times = fault.times.map(|left| left.saturating_sub(1));
                found = Some(fault.action.clone());
                break;
            }
        }
        self.faults.retain(|fault| fault.times != Some(0));
        found
    }
}
