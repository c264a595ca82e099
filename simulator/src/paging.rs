//! Pages of a list, under every reading of `limit` and `offset`.

use crate::switches::{OffsetUnit, OverLimit};

/// How one list is paged.
#[derive(Clone, Copy)]
pub(crate) struct Paging {
    pub(crate) unit: OffsetUnit,
    /// Rows of a page when no `limit` is given; none is all.
    pub(crate) default_limit: Option<usize>,
    pub(crate) max_limit: Option<usize>,
    pub(crate) over_limit: OverLimit,
}

/// The part of a list that a page shows.
pub(crate) struct Page {
    pub(crate) skipped: usize,
    pub(crate) limit: usize,
}

impl Paging {
    /// The page that a call asks for, or what is wrong with its parameters.
    pub(crate) fn page(self, limit: Option<&str>, offset: Option<&str>) -> Result<Page, String> {
        let asked = number("limit", limit)?;
        let offset = number("offset", offset)?.unwrap_or(0);
        let limit = asked.or(self.default_limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Err("The parameter limit must be positive.".to_owned());
        }
        let largest = self.max_limit.unwrap_or(usize::MAX);
        if asked.is_some_and(|asked| asked > largest) && self.over_limit == OverLimit::Refuse {
            return Err(format!("The parameter limit must not exceed {largest}."));
        }
        let limit = limit.min(largest);
        let skipped = match self.unit {
            OffsetUnit::Rows => offset,
            OffsetUnit::Pages => offset.saturating_mul(limit),
            OffsetUnit::Ignored => 0,
        };
        Ok(Page { skipped, limit })
    }
}

impl Page {
    /// Those of the rows that are on it.
    pub(crate) fn of<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.skipped).take(self.limit).collect()
    }
}

/// A parameter that is a number from 0, or what is wrong with it.
pub(crate) fn number(name: &str, text: Option<&str>) -> Result<Option<usize>, String> {
    let parse = |text: &str| text.parse().map_err(|_| format!("The parameter {name} is not a valid number."));
    text.map(parse).transpose()
}
