//! What holds of any plan: on random situations, and on random walks through worlds of up to six claims.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::explore::{Budget, CLAIMS, Config, Reach, walk};
use crate::plan::{Access, Change, ClaimState, Memory, Observed, Plan, Situation, Standing, Step, Verdict};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What a [`Situation`] borrows.
#[derive(Debug, Clone)]
struct Case {
    exclusive: bool,
    claims: Vec<ClaimState>,
    observed: Observed,
    memory: Memory,
}

impl Case {
    fn plan(&self) -> Plan {
        self.plan_of(&self.claims)
    }

    fn plan_of(&self, claims: &[ClaimState]) -> Plan {
        let Self { exclusive, observed, memory, .. } = self;
        Plan::new(&Situation { exclusive: *exclusive, claims, observed, memory })
    }
}

fn access(most: usize) -> impl Strategy<Value = Access> {
    btree_set("[a-e]", 0..=most)
}

fn claim(age: usize, exclusive: bool) -> impl Strategy<Value = ClaimState> {
    let wanted = if exclusive { btree_set("[a-e]", 1..=1) } else { btree_set("[a-e]", 0..=5) };
    let mode = prop_oneof![3 => Just(Standing::Live), 1 => Just(Standing::Frozen), 1 => Just(Standing::Ended)];
    let flags = [any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()];
    (wanted, mode, access(3), flags).prop_map(
        move |(wanted, mode, owned, [deleting, finalizer, adopt, retain, rotated])| {
            let age = (0, format!("team/{age}"));
            ClaimState { age, wanted, mode, deleting, finalizer, owned, adopt, retain, rotated }
        },
    )
}

fn observed(exclusive: bool) -> impl Strategy<Value = Observed> {
    let shown = || access(if exclusive { 1 } else { 5 });
    prop_oneof![
        6 => shown().prop_map(Observed::Access),
        1 => shown().prop_map(Observed::Fixed),
        1 => Just(Observed::TargetGone),
        1 => Just(Observed::Unknown),
    ]
}

/// Any situation, also those that no history leads to, with up to six claims in any order of age.
fn case() -> impl Strategy<Value = Case> {
    (any::<bool>(), 0..=6usize).prop_flat_map(|(exclusive, count)| {
        let claims = (0..count).map(|age| claim(age, exclusive)).collect::<Vec<_>>().prop_shuffle();
        let memory = (access(2), access(2), any::<bool>());
        (claims, observed(exclusive), memory).prop_map(move |(claims, observed, (pending, removing, sure))| Case {
            exclusive,
            claims,
            observed,
            memory: Memory { pending, removing, sure },
        })
    })
}

/// A kind of world with up to six claims and five strings, and a way through it.
fn way() -> impl Strategy<Value = (Config, Vec<usize>)> {
    let flags = || any::<[bool; CLAIMS]>();
    let none_or = |flags: [bool; CLAIMS], some: bool| flags.map(|flag| flag && some);
    let config = (1..=CLAIMS, 1..=5usize, any::<bool>(), (flags(), any::<bool>()), (flags(), any::<bool>())).prop_map(
        move |(claims, strings, exclusive, (adopt, adopts), (retain, retains))| {
            let (adopt, retain) = (none_or(adopt, adopts), none_or(retain, retains));
            Config { claims, strings, exclusive, adopt, retain, reach: Reach::Wide }
        },
    );
    (config, vec(0..1_000_000usize, 0..80))
}

/// A plan as text, with the age of each claim in place of its index.
fn by_age(claims: &[ClaimState], plan: &Plan) -> BTreeSet<String> {
    let age = |claim: usize| &claims[claim].age.1;
    let steps = plan.steps.iter().map(|step| match step {
        Step::AddFinalizer { claim } => format!("{}: finalizer", age(*claim)),
        Step::RecordOwned { claim, owned } => format!("{}: owns {owned:?}", age(*claim)),
        Step::Release { claim } => format!("{}: release", age(*claim)),
    });
    let change = plan.change.iter().map(|change| {
        let supplier = change.supplier.map(age);
        format!("{:?} to {:?}, details of {supplier:?}", change.before, change.after)
    });
    let verdicts = plan.verdicts.iter().enumerate().map(|(claim, verdict)| {
        let with = if let Verdict::Conflict { with } = verdict { age(*with) } else { "" };
        format!("{} stands {:?} {with}", age(claim), std::mem::discriminant(verdict))
    });
    steps.chain(change).chain(verdicts).collect()
}

/// Each step does something, to a claim to which it may be done, and none gets two.
fn check_steps(case: &Case, plan: &Plan) -> TestCaseResult {
    let mut stepped = BTreeSet::new();
    for step in &plan.steps {
        let (Step::AddFinalizer { claim } | Step::RecordOwned { claim, .. } | Step::Release { claim }) = step;
        prop_assert!(stepped.insert(*claim), "two steps on one claim");
        let claim = &case.claims[*claim];
        prop_assert!(claim.standing() != Standing::Frozen, "a step on a frozen claim");
        match step {
            Step::AddFinalizer { .. } => prop_assert!(!claim.finalizer && claim.standing() == Standing::Live),
            Step::RecordOwned { owned, .. } => {
                let wants = claim.standing() == Standing::Live && claim.finalizer && owned.is_superset(&claim.owned);
                prop_assert!(*owned != claim.owned && (wants || owned.is_subset(&claim.owned)));
            }
            Step::Release { .. } => prop_assert!(claim.finalizer && (claim.deleting || claim.owned.is_empty())),
        }
    }
    Ok(())
}

/// A write rests on a list, on records, and on exactly one live claim for its details.
fn check_change(case: &Case, plan: &Plan) -> TestCaseResult {
    let Some(change) = &plan.change else { return Ok(()) };
    prop_assert_eq!(&Observed::Access(change.before.clone()), &case.observed);
    let live = || case.claims.iter().filter(|claim| claim.standing() == Standing::Live);
    if change.is_rotation() {
        return check_rotation(case, change);
    }
    let (added, removed) = (change.added(), change.removed());
    prop_assert!(!added.is_empty() || !removed.is_empty());
    for name in &added {
        let holds = |claim: &ClaimState| claim.finalizer && claim.owned.contains(name) && claim.wanted.contains(name);
        prop_assert!(live().any(holds), "added what no live claim wants and has recorded");
        prop_assert!(!case.memory.pending.contains(name), "added what is pending");
    }
    for name in &removed {
        let frozen = |claim: &ClaimState| claim.standing() == Standing::Frozen && claim.owned.contains(name);
        prop_assert!(!case.claims.iter().any(frozen), "removed what a frozen claim owns");
        if !case.exclusive {
            prop_assert!(!live().any(|claim| claim.wanted.contains(name)), "removed what a live claim wants");
        }
        let ours = |claim: &ClaimState| claim.owned.contains(name) || (case.exclusive && !claim.owned.is_empty());
        let adopted = live().any(|claim| claim.adopt);
        prop_assert!(adopted || case.claims.iter().any(ours), "removed what is foreign under Keep");
    }
    let supplier = change.supplier.map(|supplier| &case.claims[supplier]);
    prop_assert_eq!(supplier.is_some(), !added.is_empty());
    prop_assert!(supplier.is_none_or(|claim| claim.standing() == Standing::Live && !claim.owned.is_disjoint(&added)));
    Ok(())
}

/// A password is set for a live claim that owns all the access it wants but what others granted, and sees it there.
fn check_rotation(case: &Case, change: &Change) -> TestCaseResult {
    let supplier = change.supplier.map(|supplier| &case.claims[supplier]);
    let fit = |claim: &ClaimState| {
        claim.standing() == Standing::Live
            && claim.rotated
            && claim.finalizer
            && !claim.owned.is_disjoint(&claim.wanted)
    };
    prop_assert!(supplier.is_some_and(|claim| fit(claim) && claim.wanted.is_subset(&change.before)));
    if case.exclusive {
        let frozen = |claim: &ClaimState| claim.standing() == Standing::Frozen && !claim.owned.is_empty();
        prop_assert!(!case.claims.iter().any(frozen), "set the password of who is frozen");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_order_in_which_claims_are_handed_over_does_not_matter(
        (case, other) in case().prop_flat_map(|case| (Just(case.clone()), Just(case.claims).prop_shuffle()))
    ) {
        let plan = case.plan();
        prop_assert_eq!(&plan, &case.plan());
        prop_assert_eq!(by_age(&case.claims, &plan), by_age(&other, &case.plan_of(&other)));
    }

    #[test]
    fn a_rehearsal_carries_out_every_step_and_nothing_else(case in case()) {
        let Case { exclusive, claims, observed, memory } = &case;
        let situation = Situation { exclusive: *exclusive, claims, observed, memory };
        let (plan, rehearsed) = (Plan::new(&situation), Plan::rehearsed(&situation));
        prop_assert_eq!(&rehearsed.steps, &[]);
        if plan.steps.is_empty() {
            prop_assert_eq!(&rehearsed, &plan);
        }
        // With all recorded, what would be added is what live claims want and do not see.
        let live = case.claims.iter().filter(|claim| claim.standing() == Standing::Live);
        let wanted: Access = live.flat_map(|claim| &claim.wanted).cloned().collect();
        if let (Some(change), Observed::Access(shown)) = (&rehearsed.change, &case.observed) {
            prop_assert!(change.added().is_subset(&(&wanted - shown)));
        }
        if let (false, Observed::Access(shown)) = (case.exclusive, &case.observed) {
            let added = rehearsed.change.map(|change| change.added()).unwrap_or_default();
            prop_assert_eq!(added, &(&wanted - shown) - &case.memory.pending);
        }
    }

    #[test]
    fn any_plan_is_well_formed(case in case()) {
        let plan = case.plan();
        prop_assert_eq!(plan.verdicts.len(), case.claims.len());
        prop_assert_eq!(plan.is_settled(), plan.steps.is_empty() && plan.change.is_none());
        check_steps(&case, &plan)?;
        check_change(&case, &plan)?;
        if case.observed == Observed::Unknown {
            for step in &plan.steps {
                let Step::Release { claim } = step else { panic!("{step:?} without a list") };
                let state = &case.claims[*claim];
                prop_assert!(state.deleting && (state.retain || state.owned.is_empty()));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn every_way_through_a_large_world_comes_to_rest_where_it_should((config, choices) in way()) {
        let budget = Budget { users: 20, outside: 6, faults: 6 };
        match walk(config, budget, &choices) {
            Ok(rounds) => prop_assert!(rounds <= 12, "took {rounds} rounds"),
            Err(violation) => panic!("{violation}"),
        }
    }
}
