//! What is measured: so many objects of these kinds, spread over so many targets.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::kinds::{KINDS, Kind};

/// So many objects, spread evenly.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Their kinds, as many of each.
    pub kinds: Vec<&'static Kind>,
    /// How many objects.
    pub objects: usize,
    /// How many targets; at least one a kind.
    pub targets: usize,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its name.
    pub name: String,
    /// Its target.
    pub target: String,
    /// Whom it is about.
    pub principal: String,
}

impl Item {
    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> Value {
        self.kind.manifest(&self.name, &self.target, &self.principal)
    }
}

impl Workload {
    /// Objects of all kinds, a quarter each.
    #[must_use]
    pub fn mixed(objects: usize, targets: usize) -> Self {
        Self { kinds: KINDS.iter().collect(), objects, targets }
    }

    /// Every workload of that size: each kind alone, and all together.
    #[must_use]
    pub fn every(objects: usize, targets: usize) -> Vec<Self> {
        let alone = KINDS.iter().map(|kind| Self { kinds: vec![kind], objects, targets });
        alone.chain([Self::mixed(objects, targets)]).collect()
    }

    /// Object number so-and-so; beyond the workload's own they go on in the same way.
    #[must_use]
    pub fn item(&self, number: usize) -> Item {
        let kind = self.kinds[number % self.kinds.len()];
        let (number_of_kind, targets) = (number / self.kinds.len(), self.targets_a_kind());
        Item {
            kind,
            name: format!("object{number}"),
            target: kind.target(number_of_kind % targets),
            principal: kind.principal(number_of_kind / targets),
        }
    }

    /// All objects.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        (0..self.objects).map(|number| self.item(number)).collect()
    }

    /// All targets with their kinds.
    pub fn all_targets(&self) -> impl Iterator<Item = (&'static Kind, String)> {
        self.kinds.iter().flat_map(|kind| (0..self.targets_a_kind()).map(|number| (*kind, kind.target(number))))
    }

    /// The objects of each target.
    #[must_use]
    pub fn by_target(&self) -> BTreeMap<(&'static str, String), Vec<Item>> {
        let mut groups: BTreeMap<_, Vec<Item>> = BTreeMap::new();
        for item in self.items() {
            groups.entry((item.kind.name, item.target.clone())).or_default().push(item);
        }
        groups
    }

    /// Calls that one list of every target takes once all is there.
    #[must_use]
    pub fn list_calls(&self) -> usize {
        self.by_target().values().map(|items| items[0].kind.list_calls(items.len())).sum()
    }

    /// Calls that the services make necessary: a list, writes as large as they are taken, and a list after.
    #[must_use]
    pub fn necessary_calls(&self) -> usize {
        let of = |items: &Vec<Item>| {
            let kind = items[0].kind;
            kind.list_calls(0) + items.len().div_ceil(kind.batch) + kind.list_calls(items.len())
        };
        self.by_target().values().map(of).sum()
    }

    fn targets_a_kind(&self) -> usize {
        (self.targets / self.kinds.len()).max(1)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if let [kind] = self.kinds[..] { kind.name } else { "mixed" };
        write!(f, "{} {kind} over {}", self.objects, self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_spread_evenly_and_no_two_are_about_the_same() {
        let workload = Workload::mixed(400, 100);
        let groups = workload.by_target();
        assert_eq!(groups.len(), 100);
        assert!(groups.values().all(|items| items.len() == 4));
        let of_item = |item: &Item| (item.kind.name, item.target.clone(), item.principal.clone());
        let all: std::collections::BTreeSet<_> = workload.items().iter().map(of_item).collect();
        assert_eq!(all.len(), 400);
    }

    #[test]
    fn what_services_make_necessary_is_two_lists_and_the_largest_writes() {
        let of = |kind: usize, objects| Workload { kinds: vec![&KINDS[kind]], objects, targets: 1 }.necessary_calls();
        assert_eq!([of(0, 300), of(1, 130), of(2, 300), of(3, 130)], [1 + 300 + 2, 2 + 3 + 3, 1 + 3 + 2, 1 + 7 + 6]);
    }
}
