//! What the rule does, told by example. `check(plan, expected)`: a line a step, the change, how each claim stands.

mod claims;
mod exclusive;
mod no_list;

use crate::plan::{Access, Change, ClaimState, Memory, Observed, Plan, Situation, Standing, Step, Verdict};

/// A live claim that keeps to Keep and Revoke; the first letter of the name tells its age.
fn claim(name: &str, wanted: &str) -> ClaimState {
    ClaimState {
        age: (0, format!("team/{name}")),
        wanted: access(wanted),
        mode: Standing::Live,
        deleting: false,
        finalizer: false,
        owned: Access::new(),
        adopt: false,
        retain: false,
        rotated: false,
    }
}

/// A live claim that has recorded all this as its own.
fn owner(name: &str, wanted: &str, owned: &str) -> ClaimState {
    ClaimState { finalizer: true, owned: access(owned), ..claim(name, wanted) }
}

fn deleted(claim: ClaimState) -> ClaimState {
    ClaimState { deleting: true, ..claim }
}

fn expired(claim: ClaimState) -> ClaimState {
    ClaimState { mode: Standing::Ended, ..claim }
}

fn frozen(claim: ClaimState) -> ClaimState {
    ClaimState { mode: Standing::Frozen, ..claim }
}

fn adopting(claim: ClaimState) -> ClaimState {
    ClaimState { adopt: true, ..claim }
}

fn retaining(claim: ClaimState) -> ClaimState {
    ClaimState { retain: true, ..claim }
}

/// It supplies another password than was last set for it.
fn rotated(claim: ClaimState) -> ClaimState {
    ClaimState { rotated: true, ..claim }
}

/// Words are strings of access.
fn access(words: &str) -> Access {
    words.split_whitespace().map(str::to_owned).collect()
}

/// A list that shows this, some time after the start, with nothing in flight.
fn list(words: &str) -> Observed {
    Observed::Access(access(words))
}

fn settled_memory() -> Memory {
    pending("")
}

/// Adds that no list has shown yet, some time after the start.
fn pending(words: &str) -> Memory {
    Memory { pending: access(words), removing: Access::new(), sure: true }
}

/// Removals whose answer was lost, some time after the start.
fn removing(words: &str) -> Memory {
    Memory { pending: Access::new(), removing: access(words), sure: true }
}

/// A kind whose claims add up.
fn additive(claims: &[ClaimState], observed: &Observed) -> Plan {
    plan(false, claims, observed, &settled_memory())
}

/// A kind whose access holds one string.
fn exclusive(claims: &[ClaimState], observed: &Observed) -> Plan {
    plan(true, claims, observed, &settled_memory())
}

fn plan(exclusive: bool, claims: &[ClaimState], observed: &Observed, memory: &Memory) -> Plan {
    Plan::new(&Situation { exclusive, claims, observed, memory })
}

/// Compares what is planned, as text: steps, then the change, then the verdicts.
fn check(plan: &Plan, expected: &[&str]) {
    let join = |access: &Access| access.iter().cloned().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = Vec::new();
    for step in &plan.steps {
        lines.push(match step {
            Step::AddFinalizer { claim } => format!("{claim}: finalizer"),
            Step::RecordOwned { claim, owned } => format!("{claim}: owns [{}]", join(owned)),
            Step::Release { claim } => format!("{claim}: release"),
        });
    }
    if let Some(Change { before, after, supplier }) = &plan.change {
        let details = supplier.map_or_else(String::new, |supplier| format!(", details of {supplier}"));
        lines.push(format!("cloud: [{}] to [{}]{details}", join(before), join(after)));
    }
    lines.push(plan.verdicts.iter().map(verdict).collect::<Vec<_>>().join(", "));
    assert_eq!(lines, expected);
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Conflict { with } => format!("Conflict with {with}"),
        Verdict::Granted
        | Verdict::AlreadyHeld
        | Verdict::Progressing
        | Verdict::Occupied
        | Verdict::Frozen
        | Verdict::Ending
        | Verdict::Ended
        | Verdict::TargetGone
        | Verdict::Unknown => format!("{verdict:?}"),
    }
}
