//! Looks at a target: every account that has claims there lists for itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::join_all;

use super::Reach;
use super::entry::ObjectKey;
use super::kind::{AccessKind, Listing, Row, Target};
use super::problem::Problem;
use super::reaction::Trouble;
use super::wording::words;
use crate::plan::{Access, Observed, Outcome};

/// What a look at a target showed.
pub(crate) struct Observation<K: AccessKind> {
    /// The target's id in its service.
    target: String,
    seen: Seen,
    /// What claims name and the target does not know.
    unknown: Access,
    /// Clients of the accounts that could list; changes are written through these.
    clients: BTreeMap<ObjectKey, Arc<K::Client>>,
    /// Why the other accounts could not.
    troubles: BTreeMap<ObjectKey, Trouble>,
}

enum Seen {
    Rows(Rows),
    TargetGone,
    Nothing,
}

/// Rows by name, and by name in lower case where only one has it.
struct Rows {
    exact: BTreeMap<String, Row>,
    folded: HashMap<String, Option<String>>,
    /// The service tells apart names that differ in case alone.
    tells_case: bool,
}

impl Rows {
    fn new(exact: BTreeMap<String, Row>) -> Self {
        let mut folded = HashMap::new();
        for name in exact.keys() {
            let alike = folded.entry(name.to_ascii_lowercase());
            alike.and_modify(|only| *only = None).or_insert_with(|| Some(name.clone()));
        }
        let tells_case = folded.values().any(Option::is_none);
        Self { exact, folded, tells_case }
    }

    /// A principal's row: under its own name, else under the only name that differs from it in case alone. Whether the
    /// services tell such names apart is not known until one shows two; if they do not, a row overlooked would be access
    /// forgotten.
    fn find(&self, principal: &str) -> Option<(&String, &Row)> {
        self.exact.get_key_value(principal).or_else(|| {
            if self.tells_case {
                return None;
            }
            let name = self.folded.get(&principal.to_ascii_lowercase())?.as_ref()?;
            self.exact.get_key_value(name)
        })
    }
}

impl<K: AccessKind> Observation<K> {
    /// Nothing was looked at.
    pub(crate) fn nothing() -> Self {
        Self {
            target: String::new(),
            seen: Seen::Nothing,
            unknown: Access::new(),
            clients: BTreeMap::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// What the cloud shows of a principal.
    pub(crate) fn of(&self, principal: &str) -> Observed {
        match &self.seen {
            Seen::Nothing => Observed::Unknown,
            Seen::TargetGone => Observed::TargetGone,
            Seen::Rows(rows) => match rows.find(principal) {
                Some((_, row)) if row.fixed => Observed::Fixed(row.access.clone()),
                Some((_, row)) => Observed::Access(row.access.clone()),
                None => Observed::Access(Access::new()),
            },
        }
    }

    /// The access that the cloud shows for a principal: none when nothing was seen.
    pub(crate) fn access(&self, principal: &str) -> Access {
        match self.of(principal) {
            Observed::Access(access) | Observed::Fixed(access) => access,
            Observed::TargetGone | Observed::Unknown => Access::new(),
        }
    }

    /// The principal's row is listed under the very name that claims use.
    pub(crate) fn spells(&self, principal: &str) -> bool {
        self.spelled(principal).is_none_or(|name| name == principal)
    }

    /// The name under which the principal's row is listed, if it has one.
    pub(crate) fn spelled(&self, principal: &str) -> Option<&String> {
        match &self.seen {
            Seen::Rows(rows) => rows.find(principal).map(|(name, _)| name),
            Seen::TargetGone | Seen::Nothing => None,
        }
    }

    /// Learns whether the service tells apart names that differ in case alone, or heeds what was learned before.
    pub(crate) fn learn_case(&mut self, tells_case: &mut bool) {
        if let Seen::Rows(rows) = &mut self.seen {
            rows.tells_case |= *tells_case;
            *tells_case = rows.tells_case;
        }
    }

    /// How many entries no claim owns, administrators aside; `None` when nothing is known. `owners` are the principals, each
    /// with what claims own there.
    pub(crate) fn unmanaged<'a>(
        &self,
        owners: impl Iterator<Item = (&'a str, impl Iterator<Item = &'a String>)>,
    ) -> Option<u32> {
        let rows = match &self.seen {
            Seen::Rows(rows) => rows,
            Seen::TargetGone => return Some(0),
            Seen::Nothing => return None,
        };
        let answers_for = |(principal, mut owned): (&'a str, _)| {
            let (name, row) = rows.find(principal)?;
            Iterator::any(&mut owned, |string| K::EXCLUSIVE || row.access.contains(string)).then_some(name)
        };
        let owned: BTreeSet<&String> = owners.filter_map(answers_for).collect();
        let unowned =
            rows.exact.iter().filter(|(name, row)| !row.fixed && !row.access.is_empty() && !owned.contains(name));
        u32::try_from(unowned.count()).ok()
    }

    /// A complete list was read, or the target is known to be gone.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self.seen, Seen::Nothing)
    }

    /// The target is known to be gone.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.seen, Seen::TargetGone)
    }

    pub(crate) fn client(&self, account: &ObjectKey) -> Option<&Arc<K::Client>> {
        self.clients.get(account)
    }

    pub(crate) fn trouble(&self, account: &ObjectKey) -> Option<&Trouble> {
        self.troubles.get(account)
    }

    /// What claims name and the target does not know.
    pub(crate) fn unknown(&self) -> &Access {
        &self.unknown
    }

    /// The problem of who wants something that the target does not know.
    pub(crate) fn unknown_of(&self, wanted: &Access) -> Option<Problem> {
        let unknown = wanted & &self.unknown;
        let named = || words(&unknown);
        (!unknown.is_empty()).then(|| {
            let message = format!("{} {} knows no {}: create it, or name another", K::TARGET, self.target, named());
            Problem::new(Outcome::PoolNotFound, message)
        })
    }

    /// All that went wrong.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = (&ObjectKey, &Trouble)> {
        self.troubles.iter()
    }
}

/// Has every account list the target.
pub(crate) async fn observe<K: AccessKind>(
    target: &Target<'_>,
    clients: BTreeMap<ObjectKey, Reach<K>>,
) -> Observation<K> {
    let looks = clients.into_iter().map(|(account, client)| async move {
        match client {
            Err(trouble) => (account, Err(trouble)),
            Ok((client, limits)) => {
                let listing = K::list(&client, target).await;
                (account, listing.map(|listing| (client, limits, listing)).map_err(|error| Trouble::from(&error)))
            }
        }
    });
    let mut observation = Observation { target: target.id.to_owned(), ..Observation::nothing() };
    let (mut gone, mut limited) = (BTreeSet::new(), BTreeMap::new());
    for (account, look) in join_all(looks).await {
        match look {
            Err(trouble) => drop(observation.troubles.insert(account, trouble)),
            Ok((client, limits, listing)) => {
                limited.extend(limits.map(|trouble| (account.clone(), trouble)));
                match listing {
                    Listing::TargetGone => drop(gone.insert(account.clone())),
                    // The first list counts: those of ClusterCloudAccounts come before those of any namespace's own accounts,
                    // which nobody has answered for.
                    Listing::Complete { rows, unknown } if !observation.is_known() => {
                        observation.seen = Seen::Rows(Rows::new(rows));
                        observation.unknown = unknown;
                    }
                    Listing::Complete { .. } => {}
                }
                observation.clients.insert(account, client);
            }
        }
    }
    settle_gone(&mut observation, gone);
    // These see the target, and take away: for whoever is to be granted something, they are of no use.
    for (account, trouble) in limited {
        observation.troubles.entry(account).or_insert(trouble);
    }
    observation
}

/// A target is gone when every account that has claims there says so. One that sees it, or cannot tell, leaves it possible
/// that the others lack permissions.
fn settle_gone<K: AccessKind>(observation: &mut Observation<K>, gone: BTreeSet<ObjectKey>) {
    if gone.is_empty() {
        return;
    }
    if matches!(observation.seen, Seen::Nothing) && observation.troubles.is_empty() {
        observation.seen = Seen::TargetGone;
        return;
    }
    for account in gone {
        observation.clients.remove(&account);
        let message = format!(
            "{} does not see this {}, and another account has not confirmed that it is gone: check the \
             permissions of both",
            account.account(),
            K::TARGET
        );
        let problem = Problem::new(Outcome::TargetNotFound, message);
        observation.troubles.insert(account, problem.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_cluster_account_comes_before_those_of_namespaces() {
        let key = |namespace: &str, name: &str| ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() };
        let keys = BTreeSet::from([key("a", "a"), key("", "zz"), key("0", "a")]);
        assert_eq!(keys.first(), Some(&key("", "zz")));
    }
}
