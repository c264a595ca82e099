//! Faults at every point of an operator's life: the shipped binary, a real API server, and something between them, and between
//! the operator and the clouds, that can harm any exchange.
//!
//! What holds all the same (`docs/reliability.md`):
//!
//! | | property | checked |
//! | --- | --- | --- |
//! | P1 | at rest the cloud holds what is asked for and what others granted, and nothing is written any more | by each life's script, and `quiet` after it |
//! | P2 | nothing is ever granted that no manifest asks for | on each entry of the clouds' journal |
//! | P3 | access is gone before the object is | when the patch that drops the finalizer passes |
//! | P4 | what others granted is never taken away | on each entry of the journal |
//! | P5 | nothing is granted twice | by counting what the journal shows to have been added |
//! | P6 | work is bounded | by counting exchanges, and how often each watch is opened |
//! | P7 | one that is broken holds up no other | by what goes on beside it; measured in `contained` |
//! | P8 | no secret shows | as in every scenario, in log, objects, events and metrics |
//!
//! | module | what for |
//! | --- | --- |
//! | `rig` | numbers the exchanges, and harms those it is told to |
//! | `proxy` | forwards to the API server what passes the rig |
//! | `ledger` | what a script asks for as it is played, and what the journal may show then |
//! | `life` | plays a life under harm |
//! | `lines` | what harm does to a watch |
//! | `crashes` | harm to every exchange of every life |
//! | `leaders` | two replicas: who acts, and who stops |
//! | `schemas` | objects of another version |
//! | `watches` | watches that end, stall, lose events or are too old; an API server that is slow, or away |

#![expect(clippy::print_stdout, reason = "how long it took, how much was harmed")]

mod crashes;
mod leaders;
mod ledger;
mod life;
mod lines;
mod proxy;
mod rig;
mod schemas;
mod watches;

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take before it counts as broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until this holds.
async fn within_patience(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
}
