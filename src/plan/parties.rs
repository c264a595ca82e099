//! Who is who on one principal: the part each claim plays, and what the sets of the rule are. Names are borrowed.

use super::names::Names;
use super::{ClaimState, Memory, Standing};

/// The part a claim plays on its principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Live, and served. Every live claim of an additive kind; of an exclusive kind at most one.
    Served,
    /// Live, of an exclusive kind, and not the one that is served.
    Rival,
    /// Adds nothing, loses nothing that it owns.
    Frozen,
    /// Wants nothing any more; what it owns is to be taken away.
    Ended,
    /// Being deleted under Retain: what it owns stays and becomes foreign.
    Retained,
}

/// One claim and the part it plays.
#[derive(Debug)]
pub(super) struct Party<'a> {
    /// Index into the claims of the situation.
    pub(super) index: usize,
    pub(super) claim: &'a ClaimState,
    pub(super) role: Role,
    pub(super) wanted: Names<'a>,
    pub(super) owned: Names<'a>,
    /// What the claim shall own: what it wants, without what others granted unless it adopts. Empty unless served.
    pub(super) share: Names<'a>,
}

/// All parties on one principal, the oldest first, and what the list shows of them.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) exclusive: bool,
    pub(super) parties: Vec<Party<'a>>,
    /// What the list shows.
    pub(super) cloud: Names<'a>,
    /// What others granted.
    pub(super) foreign: Names<'a>,
    /// Writes of ours on these may still land: absence of these proves nothing yet.
    pub(super) in_flight: Names<'a>,
}

impl<'a> View<'a> {
    /// Sorts the claims by age and gives each its part. Without `memory`, nothing can be in flight.
    pub(super) fn new(exclusive: bool, claims: &'a [ClaimState], cloud: Names<'a>, memory: Option<&'a Memory>) -> Self {
        let mut parties: Vec<Party<'a>> = (claims.iter().enumerate())
            .filter(|(_, claim)| !is_released(claim))
            .map(|(index, claim)| Party::new(index, claim))
            .collect();
        parties.sort_by(|a, b| a.claim.age.cmp(&b.claim.age));
        if exclusive {
            serve_one(&mut parties, &cloud);
        }
        let owned = Names::union(parties.iter().map(|party| &party.owned));
        let foreign = if !exclusive {
            &cloud - &owned
        } else if owned.is_empty() {
            cloud.clone()
        } else {
            // An exclusive kind owns the principal: wherever it was moved to, it is ours to move back.
            Names::none()
        };
        let in_flight = memory.map_or_else(Names::none, |memory| in_flight(memory, &owned, &cloud));
        for party in &mut parties {
            party.share = share(exclusive, party, &foreign);
        }
        Self { exclusive, parties, cloud, foreign, in_flight }
    }

    /// The parties that play this part, the oldest first.
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &Party<'a>> {
        self.parties.iter().filter(move |party| party.role == role)
    }

    /// All that the parties of this part own.
    pub(super) fn owned_by(&self, role: Role) -> Names<'a> {
        Names::union(self.of(role).map(|party| &party.owned))
    }

    /// All that is wanted by whom we serve.
    pub(super) fn wanted(&self) -> Names<'a> {
        Names::union(self.of(Role::Served).map(|party| &party.wanted))
    }

    /// Absent, and nothing of ours that may still land can change that.
    pub(super) fn is_gone(&self, name: &str) -> bool {
        !self.cloud.contains(name) && !self.in_flight.contains(name)
    }
}

impl<'a> Party<'a> {
    fn new(index: usize, claim: &'a ClaimState) -> Self {
        let role = match claim.standing() {
            Standing::Live => Role::Served,
            Standing::Frozen => Role::Frozen,
            Standing::Ended if claim.deleting && claim.retain => Role::Retained,
            Standing::Ended => Role::Ended,
        };
        let (wanted, owned) = (Names::of(&claim.wanted), Names::of(&claim.owned));
        Self { index, claim, role, wanted, owned, share: Names::none() }
    }

    /// It answers for access, or is about to, and its object could vanish.
    pub(super) fn lacks_finalizer(&self) -> bool {
        !(self.claim.finalizer || self.share.is_empty() && self.owned.is_empty())
    }

    /// Its status says all that it shall own, and its object cannot vanish.
    pub(super) fn has_recorded(&self) -> bool {
        self.share.is_subset(&self.owned) && !self.lacks_finalizer()
    }

    /// What it owns and still wants: it answers for this, so nobody else has to.
    pub(super) fn keeps(&self, name: &str) -> bool {
        match self.role {
            Role::Served => self.owned.contains(name) && self.wanted.contains(name),
            Role::Frozen => self.owned.contains(name),
            Role::Rival | Role::Ended | Role::Retained => false,
        }
    }
}

/// A deleted claim without our finalizer has been let go. Its object may stay for a while, held by somebody else's
/// finalizer, with a status that still names what it owned; it must not keep others from that.
pub(super) fn is_released(claim: &ClaimState) -> bool {
    claim.deleting && !claim.finalizer
}

/// One live claim is served: the owner whose access is there, else the oldest owner, else the oldest. Whoever holds
/// the principal keeps it, so that a new claim, even an older one, does not evict. Nobody while a frozen claim owns it.
fn serve_one(parties: &mut [Party<'_>], cloud: &Names<'_>) {
    let frozen_owner = parties.iter().any(|party| party.role == Role::Frozen && !party.owned.is_empty());
    let live = || parties.iter().filter(|party| party.role == Role::Served);
    let owners = || live().filter(|party| !party.owned.is_empty());
    let server = if frozen_owner {
        None
    } else {
        owners().find(|party| party.wanted == *cloud).or_else(|| owners().next()).or_else(|| live().next())
    };
    let server = server.map(|party| party.index);
    for party in parties {
        if party.role == Role::Served && Some(party.index) != server {
            party.role = Role::Rival;
        }
    }
}

fn share<'a>(exclusive: bool, party: &Party<'a>, foreign: &Names<'a>) -> Names<'a> {
    if party.role != Role::Served {
        Names::none()
    } else if party.claim.adopt {
        party.wanted.clone()
    } else if exclusive && !foreign.is_empty() {
        Names::none()
    } else {
        &party.wanted - foreign
    }
}

/// What may still land: adds that no list has shown; removals whose answer was lost, for if their owner were let go,
/// whoever is granted the same next would lose it to them; and for a window after the start, whatever is owned and
/// absent, which may be on its way from a predecessor.
fn in_flight<'a>(memory: &'a Memory, owned: &Names<'a>, cloud: &Names<'a>) -> Names<'a> {
    let sent = &Names::of(&memory.pending) | &Names::of(&memory.removing);
    if memory.sure { sent } else { &sent | &(owned - cloud) }
}
