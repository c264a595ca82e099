//! The parameters of a request: those of the query, and of a form sent by POST.

use axum::http::Method;

use super::invalid;
use crate::acs3::pairs;
use crate::answer::Answer;
use crate::call::Received;

/// Names and values. The gateway does not tell the two places apart.
pub(super) struct Parameters {
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Parameters {
    pub(super) fn read(request: &Received) -> Self {
        let is_form = |kind: &str| kind.starts_with("application/x-www-form-urlencoded");
        let has_form = request.method == Method::POST && request.header("content-type").is_some_and(is_form);
        let form = if has_form { pairs(&String::from_utf8_lossy(&request.body)) } else { Vec::new() };
        Self { query: pairs(request.uri.query().unwrap_or_default()), form }
    }

    /// Those of the query alone.
    pub(super) fn of_query(&self) -> Self {
        Self { query: self.query.clone(), form: Vec::new() }
    }

    /// The value of a parameter that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.all().find(|(key, _)| *key == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number from 1 to a largest.
    pub(super) fn number(&self, name: &str, default: usize, largest: usize) -> Result<usize, Answer> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| (1..=largest).contains(number));
        number.ok_or_else(|| invalid(name))
    }

    /// The parameters whose names start like this, with the rest of their names.
    pub(super) fn starting_with(&self, start: &str) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter_map(move |(name, value)| Some((name.strip_prefix(start)?, value)))
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().chain(&self.form).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
