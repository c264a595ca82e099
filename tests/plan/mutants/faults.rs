//! The faults: what is replaced by what, and how that is noticed.

/// How a fault is caught.
pub(super) enum By {
    /// By the core exploration within this budget, with these words.
    Core(&'static str, &'static str),
    /// By the wide exploration within this budget, with these words.
    Wide(&'static str, &'static str),
    /// By this example.
    Example(&'static str),
}

/// A replacement of the first text by the second, in this file of `src/plan`.
pub(super) type Edit = (&'static str, &'static str, &'static str);

pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) edits: &'static [Edit],
    pub(super) by: By,
}

pub(super) const fn fault(name: &'static str, edits: &'static [Edit], by: By) -> Fault {
    Fault { name, edits, by }
}

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "owns what is foreign",
        &[("parties.rs", "&party.wanted - foreign", "party.wanted.clone()")],
        By::Core("2 1 1", "claimed what others granted"),
    ),
    fault(
        "no finalizer first",
        &[
            ("rule.rs", "if party.lacks_finalizer() {", "if false {"),
            ("change.rs", "filter(|party| party.claim.finalizer)", "filter(|_| true)"),
        ],
        By::Core("2 1 1", "wrote what no recorded owner with a finalizer owns"),
    ),
    fault(
        "writes before recording",
        &[("change.rs", "&party.share & &party.owned", "party.share.clone()")],
        By::Core("2 1 1", "wrote what no recorded owner with a finalizer owns"),
    ),
    fault(
        "frozen not protected",
        &[(
            "change.rs",
            "&view.owned_by(Role::Frozen) | &view.owned_by(Role::Retained)",
            "view.owned_by(Role::Retained)",
        )],
        By::Core("4 0 0", "removed what a frozen claim owns"),
    ),
    fault(
        "removes what another live claim wants",
        &[(
            "change.rs",
            "&(&(&given_up & &view.cloud) - &wanted) - &protected",
            "&(&given_up & &view.cloud) - &protected",
        )],
        By::Core("3 1 1", "removed what a live claim wants"),
    ),
    fault(
        "absent means gone, even with a write in flight",
        &[(
            "parties.rs",
            "map_or_else(Names::none, |memory| in_flight(memory, &owned, &cloud))",
            "map_or_else(Names::none, |_| Names::none())",
        )],
        By::Core("2 1 1", "left behind"),
    ),
    fault(
        "restart forgets writes in flight",
        &[("parties.rs", "if memory.sure {", "if true {")],
        By::Core("2 1 1", "left behind"),
    ),
    fault(
        "releases while still there",
        &[("rule.rs", "left.is_empty().then_some(Step::Release { claim })", "Some(Step::Release { claim })")],
        By::Core("2 1 1", "left behind"),
    ),
    fault(
        "exclusive: age evicts the holder",
        &[(
            "parties.rs",
            "owners().find(|party| party.wanted == *cloud).or_else(|| owners().next())",
            "owners().next()",
        )],
        By::Core("4 0 0", "exclusive: moved the holder"),
    ),
    fault(
        "exclusive: both serve",
        &[(
            "parties.rs",
            "if party.role == Role::Served && Some(party.index) != server {",
            "if party.role == Role::Served && server.is_none() {",
        )],
        By::Core("3 1 1", "exclusive: two serve one principal"),
    ),
    fault(
        "exclusive: foreign occupant claimed",
        &[("parties.rs", "} else if exclusive && !foreign.is_empty() {", "} else if false {")],
        By::Core("2 1 1", "exclusive: claimed a principal others placed"),
    ),
    fault(
        "exclusive: owns only its own string",
        &[("parties.rs", "let foreign = if !exclusive {", "let foreign = if true {")],
        By::Core("2 1 1", "exclusive: not what the server wants"),
    ),
    fault(
        "ended keeps owning",
        &[("rule.rs", "Some(Step::RecordOwned { claim, owned: left.to_access() })", "None")],
        By::Core("2 1 1", "an ended claim still owns"),
    ),
    fault(
        "narrowing never shrinks",
        &[("rule.rs", "if owned != party.owned {", "if false {")],
        By::Core("2 1 1", "owns what it no longer wants"),
    ),
    fault(
        "suspend stops deletion",
        &[("mod.rs", "if self.deleting {", "if self.deleting && self.mode != Standing::Frozen {")],
        By::Core("3 1 1", "a deleted claim stays"),
    ),
    fault(
        "exclusive: a returning owner keeps owning",
        &[("rule.rs", "} else if server.owned.is_empty() {", "} else if true {")],
        By::Core("4 0 0", "exclusive: two serve one principal"),
    ),
    fault(
        "exclusive: released while a late write is pending",
        &[("rule.rs", "view.cloud.is_empty() && view.in_flight.is_empty()", "view.cloud.is_empty()")],
        By::Core("4 1 1", "left behind"),
    ),
    // What takes late removals, lists that fail, and steps carried out together to show.
    fault(
        "written because another one, about to drop it, has recorded it",
        &[(
            "change.rs",
            "let absent = recorded.flat_map(|party| &(&party.share & &party.owned) - &view.cloud);",
            "let recorded = Names::union(recorded.map(|party| &party.owned));
             let absent = view.of(Role::Served).flat_map(|party| &(&party.share & &recorded) - &view.cloud);",
        )],
        By::Wide("4 0 0", "left behind"),
    ),
    fault(
        "exclusive: taken away before it is moved",
        &[("change.rs", "let moves_later = view.exclusive &&", "let moves_later = false &&")],
        By::Core("2 1 1", "exclusive: took away a principal that is to be moved"),
    ),
    fault(
        "an edit takes away before it may add",
        &[(
            "change.rs",
            "recorded().flat_map(|party| &party.owned",
            "view.of(Role::Served).flat_map(|party| &party.owned",
        )],
        By::Example("claims::an_edited_claim_swaps_in_one_write"),
    ),
    fault(
        "let go while a removal may still land",
        &[("parties.rs", "&Names::of(&memory.pending) | &Names::of(&memory.removing)", "Names::of(&memory.pending)")],
        By::Wide("2 1 1", "let go while a removal could still land, which took what others granted"),
    ),
    fault(
        "an unreadable list is an empty one",
        &[(
            "rule.rs",
            "Observed::Unknown => on_unknown(situation.claims)",
            "Observed::Unknown => on_list(situation, &Access::new())",
        )],
        By::Wide("2 1 1", "let go of an owner without a list, and not for Retain"),
    ),
    fault(
        "an unreadable list releases",
        &[("rule.rs", "state.finalizer && (state.retain || state.owned.is_empty())", "state.finalizer")],
        By::Wide("2 1 1", "let go of an owner without a list, and not for Retain"),
    ),
    fault(
        "Retain waits for a list",
        &[("rule.rs", "state.retain || state.owned.is_empty()", "state.owned.is_empty()")],
        By::Wide("2 1 1", "Retain waits for a list"),
    ),
    fault(
        "writes to a target that is gone",
        &[(
            "rule.rs",
            "Plan { steps, change: None, verdicts }",
            "Plan { steps, change: change(&view, situation.memory), verdicts }",
        )],
        By::Wide("2 1 1", "wrote without a list that allows it"),
    ),
    fault(
        "prepares a write to a target that is gone",
        &[(
            "rule.rs",
            "filter_map(|party| step_after(&view, party))",
            "filter_map(|party| step_before(party).or_else(|| step_after(&view, party)))",
        )],
        By::Wide("2 1 1", "prepared a write to what is gone or fixed"),
    ),
    fault(
        "changes an administrator",
        &[(
            "rule.rs",
            "Observed::Fixed(_) => on_fixed_row(situation.claims)",
            "Observed::Fixed(access) => on_list(situation, access)",
        )],
        By::Wide("2 1 1", "prepared a write to what is gone or fixed"),
    ),
    fault(
        "an administrator keeps ended claims",
        &[(
            "rule.rs",
            "Standing::Ended if state.deleting => state.finalizer.then_some(Step::Release { claim })",
            "Standing::Ended if state.deleting => None",
        )],
        By::Wide("2 1 1", "a deleted claim stays"),
    ),
    fault(
        "details from a claim that recorded nothing",
        &[("change.rs", "party.claim.finalizer && party.owned.meets(added)", "true")],
        By::Core("3 1 1", "details not supplied by exactly one recorded owner"),
    ),
    fault(
        "details supplied though nothing is added",
        &[(
            "change.rs",
            "let recorded = |party: &&Party<'_>|",
            "let recorded = |party: &&Party<'_>| added.is_empty() ||",
        )],
        By::Core("3 1 1", "details not supplied by exactly one recorded owner"),
    ),
    fault(
        "details from the youngest",
        &[("change.rs", "find(recorded)", "filter(recorded).last()")],
        By::Example("claims::the_oldest_claim_that_recorded_what_is_added_supplies_the_details"),
    ),
    fault(
        "sends again what is pending",
        &[("change.rs", "!memory.pending.contains(*name)", "true")],
        By::Example("claims::what_is_pending_is_not_added_again"),
    ),
    fault(
        "Retain revokes",
        &[("rule.rs", "if party.role == Role::Retained {", "if false {")],
        By::Example("claims::retain_releases_at_once_and_leaves_the_access"),
    ),
    fault(
        "a released claim haunts its principal",
        &[("parties.rs", "claim.deleting && !claim.finalizer", "false")],
        By::Example("claims::a_released_claim_that_somebody_elses_finalizer_keeps_counts_for_nothing"),
    ),
    fault(
        "sets the password of a foreign account",
        &[("change.rs", "party.has_recorded() && !party.share.is_empty()", "true")],
        By::Example("exclusive::a_password_is_set_anew_for_the_owner_that_is_served_and_nobody_else"),
    ),
    fault(
        "sets the password of whom Retain lets go",
        &[("change.rs", "if view.exclusive && retained_owner(view) { return None; } let due", "let due")],
        By::Example("exclusive::a_password_is_not_set_while_the_principal_is_on_its_way_or_let_go"),
    ),
];
