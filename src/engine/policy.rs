//! What a ClusterCloudAccount lets whom ask for. Pure, and strict: what is not understood allows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::core::{Expression, Selector, SelectorExt};

use super::wording::words;
use crate::api::{
    AccessRule, ClusterCloudAccountSpec, LabelExpression, LabelOperator, NamespaceSelector, RiskyPolicy, parse_duration,
};
use crate::plan::Access;

/// What an object asks a ClusterCloudAccount for.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) namespace: &'a str,
    /// The labels of the namespace.
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) kind: &'a str,
    /// What people call a target of the kind.
    pub(crate) target_is: &'a str,
    pub(crate) target: &'a str,
    pub(crate) principal: &'a str,
    pub(crate) access: &'a Access,
    /// What the kind makes of a word for access.
    pub(crate) meaning: fn(&str) -> String,
    pub(crate) policies: BTreeSet<RiskyPolicy>,
    /// From when on there may be access.
    pub(crate) begins: Timestamp,
    pub(crate) ends: Option<Timestamp>,
}

/// Who may ask an account for what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    namespaces: Selector,
    /// Each with how long access may last by it, if that is bounded.
    rules: Vec<(AccessRule, Option<Duration>)>,
}

impl Policy {
    /// What an account's spec says, or what of it cannot be read.
    pub(crate) fn of(spec: &ClusterCloudAccountSpec) -> Result<Self, String> {
        let rules = spec.rules.iter().map(|rule| match rule.max_duration.as_deref().map(parse_duration) {
            Some(None) => {
                Err(format!("maxDuration {} is no duration", rule.max_duration.as_deref().unwrap_or_default()))
            }
            bound => Ok((rule.clone(), bound.flatten())),
        });
        Ok(Self { namespaces: selector(&spec.allowed_namespaces)?, rules: rules.collect::<Result<_, _>>()? })
    }

    /// What each rule allows, in words.
    pub(crate) fn in_words(&self) -> Vec<String> {
        self.rules.iter().map(|(rule, _)| in_words(rule)).collect()
    }

    /// Why what is asked for is not allowed, if it is not: in words for whoever asks, that tell no more of the rules than
    /// what they do not cover.
    pub(crate) fn objection(&self, asked: &Asked<'_>) -> Option<String> {
        if !self.namespaces.matches(asked.labels) {
            return Some(format!(
                "it does not serve namespace {}: the labels of the namespace decide that",
                asked.namespace
            ));
        }
        let mut objections = Vec::new();
        for (number, (rule, longest)) in (1..).zip(&self.rules) {
            let uncovered = uncovered(rule, *longest, asked)?;
            objections.push(format!("rule {number} does not cover {uncovered}"));
        }
        let left = objections.len().saturating_sub(MOST_NAMED);
        objections.truncate(MOST_NAMED);
        if left > 0 {
            objections.push(format!("nor does any of {left} more"));
        }
        Some(if objections.is_empty() { "it has no rules".to_owned() } else { objections.join("; ") })
    }
}

/// The longest that a rule is told in.
const LONGEST_RULE: usize = 2000;

/// As many rules as a message tells of.
const MOST_NAMED: usize = 4;

/// The first thing in what is asked for that a rule does not cover; none if it allows all of it.
fn uncovered(rule: &AccessRule, longest: Option<Duration>, asked: &Asked<'_>) -> Option<String> {
    let covers = |globs: &Option<BTreeSet<String>>, text: &str| {
        globs.as_ref().is_none_or(|globs| globs.iter().any(|glob| is_match(glob, text)))
    };
    if rule.kinds.as_ref().is_some_and(|kinds| !kinds.contains(asked.kind)) {
        return Some(format!("kind {}", asked.kind));
    }
    if !covers(&rule.namespaces, asked.namespace) {
        return Some(format!("namespace {}", asked.namespace));
    }
    if !covers(&rule.targets, asked.target) {
        return Some(format!("{} {}", asked.target_is, asked.target));
    }
    if !covers(&rule.principals, asked.principal) {
        return Some(asked.principal.to_owned());
    }
    let allowed: Option<Access> =
        rule.access.as_ref().map(|access| access.iter().map(|word| (asked.meaning)(word)).collect());
    let too_much = allowed.map(|allowed| asked.access - &allowed).unwrap_or_default();
    if !too_much.is_empty() {
        return Some(words(&too_much));
    }
    if let Some(policy) = asked.policies.difference(&rule.policies).next() {
        return Some(match policy {
            RiskyPolicy::Adopt => "adoptionPolicy Adopt".to_owned(),
            RiskyPolicy::Retain => "deletionPolicy Retain".to_owned(),
        });
    }
    let longest = longest?;
    let wording = || rule.max_duration.clone().unwrap_or_default();
    match asked.ends {
        None => Some(format!("access without end: set validUntil, at most {} from now", wording())),
        Some(ends) if lasts(asked.begins, ends) > longest => {
            Some(format!("access until {ends}: it may last {}, counted from {}", wording(), asked.begins))
        }
        Some(_) => None,
    }
}

fn in_words(rule: &AccessRule) -> String {
    let of = |what: &str, any: &str, list: &Option<BTreeSet<String>>| match list {
        Some(list) => format!("{what}{}", words(list)),
        None => any.to_owned(),
    };
    let policies: Vec<_> = rule.policies.iter().map(|policy| format!(", also with {policy:?}")).collect();
    let duration = rule.max_duration.as_ref().map(|longest| format!(", for {longest} at most")).unwrap_or_default();
    let parts = [
        of("", "any kind", &rule.kinds),
        of("of ", "of any access", &rule.access),
        of("on ", "on any target", &rule.targets),
        of("for ", "for anybody", &rule.principals),
        of("by namespace ", "by any allowed namespace", &rule.namespaces),
    ];
    format!("{}{}{duration}", parts.join(" "), policies.concat()).chars().take(LONGEST_RULE).collect()
}

fn lasts(begins: Timestamp, ends: Timestamp) -> Duration {
    Duration::try_from(ends.duration_since(begins).max(SignedDuration::ZERO)).unwrap_or_default()
}

/// The whole text matches: `*` stands for any characters, also none, `?` for exactly one, and everything else for itself.
fn is_match(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    // Where the last star stands, and up to where it has taken the text: a later star never needs an earlier one to take more.
    let (mut g, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(&char) if char == '?' || char == text[t] => (g, t) = (g + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (g, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|char| *char == '*')
}

/// What selects namespaces. One that says nothing selects all.
fn selector(of: &NamespaceSelector) -> Result<Selector, String> {
    let labels = of.match_labels.iter().map(|(key, value)| Ok(Expression::Equal(key.clone(), value.clone())));
    labels.chain(of.match_expressions.iter().map(expression)).collect()
}

fn expression(of: &LabelExpression) -> Result<Expression, String> {
    let (key, values) = (of.key.clone(), of.values.clone());
    match (of.operator, values.is_empty()) {
        (LabelOperator::In, false) => Ok(Expression::In(key, values)),
        (LabelOperator::NotIn, false) => Ok(Expression::NotIn(key, values)),
        (LabelOperator::Exists, true) => Ok(Expression::Exists(key)),
        (LabelOperator::DoesNotExist, true) => Ok(Expression::DoesNotExist(key)),
        (operator, _) => Err(format!("the expression {key} {operator:?} has values that it may not have, or none")),
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
