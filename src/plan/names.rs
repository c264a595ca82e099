//! Sets of strings borrowed from claims and lists, for the arithmetic of the rule.
//!
//! Sorted vectors: most sets here are empty or hold a handful, and a rule that is asked for thousands of principals at a
//! time should not allocate for the empty ones.

use std::ops::{BitAnd, BitOr, Sub};

use super::Access;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    pub(super) fn none() -> Self {
        Self::default()
    }

    pub(super) fn of(access: &'a Access) -> Self {
        // In order and distinct already.
        Self(access.iter().map(String::as_str).collect())
    }

    pub(super) fn union<'b>(sets: impl Iterator<Item = &'b Self>) -> Self
    where
        'a: 'b,
    {
        sets.flat_map(Self::iter).collect()
    }

    pub(super) fn to_access(&self) -> Access {
        self.iter().map(str::to_owned).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.binary_search(&name).is_ok()
    }

    pub(super) fn is_subset(&self, of: &Self) -> bool {
        self.iter().all(|name| of.contains(name))
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.iter().any(|name| other.contains(name))
    }

    pub(super) fn filter(&self, holds: impl Fn(&str) -> bool) -> Self {
        Self(self.iter().filter(|name| holds(name)).collect())
    }
}

impl<'a> FromIterator<&'a str> for Names<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }
}

impl<'a> IntoIterator for Names<'a> {
    type Item = &'a str;
    type IntoIter = std::vec::IntoIter<&'a str>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> BitOr for &Names<'a> {
    type Output = Names<'a>;

    fn bitor(self, other: Self) -> Names<'a> {
        self.iter().chain(other.iter()).collect()
    }
}

impl<'a> BitAnd for &Names<'a> {
    type Output = Names<'a>;

    fn bitand(self, other: Self) -> Names<'a> {
        self.filter(|name| other.contains(name))
    }
}

impl<'a> Sub for &Names<'a> {
    type Output = Names<'a>;

    fn sub(self, other: Self) -> Names<'a> {
        self.filter(|name| !other.contains(name))
    }
}
