//! The rule carried out in thought: what would be written to the cloud once all is recorded that comes before.

use super::{ClaimState, Plan, Situation, Step, rule};

/// A claim needs at most finalizer, record, shrink and release, and may wait for another one's.
const MOST_ROUNDS: usize = 8;

pub(super) fn rehearse(situation: &Situation<'_>) -> Plan {
    let mut claims = situation.claims.to_vec();
    for _ in 0..MOST_ROUNDS {
        let plan = plan(situation, &claims);
        if plan.steps.is_empty() {
            return plan;
        }
        plan.steps.iter().for_each(|step| carry_out(step, &mut claims));
    }
    plan(situation, &claims)
}

fn plan(situation: &Situation<'_>, claims: &[ClaimState]) -> Plan {
    rule::plan(&Situation { claims, ..situation.clone() })
}

fn carry_out(step: &Step, claims: &mut [ClaimState]) {
    match step {
        Step::AddFinalizer { claim } => claims[*claim].finalizer = true,
        Step::RecordOwned { claim, owned } => claims[*claim].owned.clone_from(owned),
        Step::Release { claim } => {
            claims[*claim].finalizer = false;
            claims[*claim].owned.clear();
        }
    }
}
