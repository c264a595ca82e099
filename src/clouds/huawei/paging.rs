//! Reads a list that comes in pages: completely or not at all, whatever the server means by `limit` and `offset`.
//!
//! The vendor says neither what `offset` counts (rows or pages) nor how large a page may be, and the total is not always
//! there. What is believed:
//!
//! - One answer whose rows are as many as its total.
//! - One answer without a total that is shorter than asked for: if it is too short to have been cut by a limit of the
//!   server's own, or shorter than an earlier page. Otherwise `offset=1` is asked: whatever `offset` counts, it shows a
//!   row not seen before if there is one.
//! - Several answers, if two readings in a row agree. One reading alone misses a row when another one before it is
//!   removed meanwhile.
//!
//! Everything else is an error, a row that comes twice among it: a list that changed while it was read.

use std::collections::BTreeSet;

use crate::clouds::CloudError;

/// How many rows are asked for.
const LIMIT: usize = 100;
/// No server's own limit is smaller than this.
const SMALLEST_LIMIT: usize = 10;
/// More rows than this are no access list. Fewer are read for as long as there is time, however few a page has.
const MOST_ROWS: usize = 100_000;
/// No more rows than this are asked for in one answer, which has a limit of its own.
const MOST_AT_ONCE: usize = 20_000;

/// A list on a server.
pub(super) trait Pages {
    /// One entry; entries are equal if all of them is.
    type Row: PartialEq;

    /// What only one row has.
    fn key(row: &Self::Row) -> &str;

    /// Asks for one page.
    async fn page(&self, limit: usize, offset: usize) -> Result<Page<Self::Row>, CloudError>;

    /// Remembers the size of the first page of a list, across lists; returns the largest one before.
    fn largest_page(&self, rows: usize) -> usize;
}

/// One answer.
pub(super) struct Page<Row> {
    pub(super) rows: Vec<Row>,
    /// How many rows the list has, if the server says so.
    pub(super) total: Option<usize>,
}

/// Why there is no complete list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// A page could not be had.
    Failed(CloudError),
    /// The pages make no list.
    Inconsistent(&'static str),
}

impl From<CloudError> for Incomplete {
    fn from(error: CloudError) -> Self {
        Self::Failed(error)
    }
}

/// What `offset` counts.
#[derive(Clone, Copy)]
enum Unit {
    Rows,
    Pages,
}

/// Reads the whole list.
pub(super) async fn read_all<P: Pages>(list: &P) -> Result<Vec<P::Row>, Incomplete> {
    let first = list.page(LIMIT, 0).await?;
    let rows = first.rows.len();
    let largest_before = list.largest_page(rows);
    match first.total {
        Some(total) if total < rows => return Err(Incomplete::Inconsistent("more rows than their total")),
        Some(total) if total == rows && rows < LIMIT => return distinct::<P>(first.rows),
        Some(total) if total > rows => return read_total(list, first.rows, total).await,
        // A full page as long as the total: the total might be the page's own.
        Some(_) | None => {}
    }
    let uncut = rows < SMALLEST_LIMIT || rows < largest_before;
    if rows < LIMIT && uncut { distinct::<P>(first.rows) } else { walk(list, first.rows, None).await }
}

/// There are more rows than came: asks for all in one answer, or else walks.
async fn read_total<P: Pages>(list: &P, first: Vec<P::Row>, total: usize) -> Result<Vec<P::Row>, Incomplete> {
    if total > MOST_ROWS {
        return Err(Incomplete::Inconsistent("the list is too long"));
    }
    if total > MOST_AT_ONCE {
        return walk(list, first, Some(total)).await;
    }
    match list.page(total, 0).await {
        Ok(all) if all.total == Some(all.rows.len()) => distinct::<P>(all.rows),
        // The server does not give, or does not even take, so large a limit.
        Ok(_) | Err(CloudError::Rejected { .. }) => walk(list, first, Some(total)).await,
        Err(error) => Err(error.into()),
    }
}

/// Finds out what `offset` counts, and reads page after page.
async fn walk<P: Pages>(list: &P, first: Vec<P::Row>, total: Option<usize>) -> Result<Vec<P::Row>, Incomplete> {
    let next = list.page(LIMIT, 1).await?.rows;
    let seen: BTreeSet<&str> = first.iter().map(P::key).collect();
    let overlap = next.iter().filter(|row| seen.contains(P::key(row))).count();
    let unit = if overlap == next.len() {
        // Nothing new: the first page was all there is.
        if total.is_some() {
            return Err(Incomplete::Inconsistent("fewer rows than their total"));
        }
        if next == first && !first.is_empty() && list.page(1, 0).await?.rows.len() != first.len() {
            return Err(Incomplete::Inconsistent("every offset gives the same page"));
        }
        return distinct::<P>(first);
    } else if overlap == 0 {
        Unit::Pages
    } else if next.get(..overlap) == first.get(1..) {
        Unit::Rows
    } else {
        return Err(Incomplete::Inconsistent("the list changed while it was read"));
    };
    let one = reading(list, unit, first.len(), total).await?;
    let two = reading(list, unit, first.len(), total).await?;
    if one == two { Ok(two) } else { Err(Incomplete::Inconsistent("the list changed while it was read")) }
}

/// Reads all pages of `size` rows once.
async fn reading<P: Pages>(list: &P, unit: Unit, size: usize, total: Option<usize>) -> Result<Vec<P::Row>, Incomplete> {
    let mut rows = Vec::new();
    for number in 0.. {
        let offset = match unit {
            Unit::Rows => rows.len(),
            Unit::Pages => number,
        };
        let page = list.page(LIMIT, offset).await?;
        let got = page.rows.len();
        rows.extend(page.rows);
        if rows.len() > MOST_ROWS {
            break;
        }
        match total {
            Some(total) if page.total != Some(total) || rows.len() > total => {
                return Err(Incomplete::Inconsistent("the list changed while it was read"));
            }
            Some(total) if rows.len() == total => return distinct::<P>(rows),
            Some(_) if got == 0 => return Err(Incomplete::Inconsistent("fewer rows than their total")),
            None if got < size => return distinct::<P>(rows),
            Some(_) | None => {}
        }
    }
    Err(Incomplete::Inconsistent("the list is too long"))
}

fn distinct<P: Pages>(rows: Vec<P::Row>) -> Result<Vec<P::Row>, Incomplete> {
    let keys: BTreeSet<&str> = rows.iter().map(P::key).collect();
    if keys.len() == rows.len() {
        Ok(rows)
    } else {
        Err(Incomplete::Inconsistent("a row comes twice, as when the list changes while it is read"))
    }
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;
