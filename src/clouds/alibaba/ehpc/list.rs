//! Reads the users of a cluster: completely or not at all. The vendor's page is "ListUsers", of both generations alike but
//! for the name of the name.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Ehpc, HpcUsers, v2018, v2024};
use crate::clouds::alibaba::Generation;
use crate::clouds::alibaba::reply::Answer;
use crate::clouds::alibaba::request::Call;
use crate::clouds::{CloudError, Fault, Purpose};

const LIST_USERS: &str = "list cluster users";
const FIND_CLUSTER: &str = "look up the cluster";
/// How long reading one list may take, however many pages it has.
const LIST_WINDOW: Duration = Duration::from_mins(2);
/// How long one call may wait for its turn.
const TURN_WINDOW: Duration = Duration::from_secs(20);
/// The most rows that a page has.
const PAGE_SIZE: usize = 50;
/// More users than this are no access list. Fewer are read for as long as there is time.
const MOST_USERS: usize = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    page_number: Option<usize>,
    page_size: Option<usize>,
    total_count: Option<usize>,
    users: Option<Users>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Users {
    user_info: Option<Vec<Row>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(alias = "UserName")]
    name: String,
    group: String,
}

/// What one look at a cluster is about.
pub(super) struct Look<'a> {
    pub(super) cluster: &'a str,
    pub(super) purpose: &'a Purpose,
    /// Its last call is sent by then.
    pub(super) send_by: Instant,
}

impl Ehpc {
    /// Reads who has an account on `cluster`: completely, or not at all. Takes at most two and a half minutes.
    ///
    /// That the cluster is not found is believed only when both generations of the API, asked for the cluster itself, say
    /// so too.
    ///
    /// # Errors
    ///
    /// [`CloudError::UnexpectedReply`] for a list that is incomplete, contradicts itself or changed while it was read, and
    /// when one call says that the cluster is not found and another one shows it. [`CloudError::TargetNotFound`] if only
    /// the other generation knows the cluster. [`CloudError::TargetNotReady`] and [`CloudError::Unavailable`] also when
    /// the cluster cannot run the command.
    pub async fn users(&self, cluster: &str, purpose: &Purpose) -> Result<HpcUsers, CloudError> {
        let look = Look { cluster, purpose, send_by: Instant::now() + LIST_WINDOW };
        match self.read_users(&look).await {
            Ok(users) => Ok(HpcUsers::Users(users)),
            Err(CloudError::TargetNotFound { fault }) => self.confirm_gone(&look, fault).await,
            Err(error) => Err(error),
        }
    }

    /// A list of more than one page is believed if two readings in a row agree: one alone misses a user when another one
    /// before it is deleted meanwhile.
    pub(super) async fn read_users(&self, look: &Look<'_>) -> Result<BTreeMap<String, String>, CloudError> {
        let (users, last) = self.reading(look, false).await?;
        if last.number == 1 || self.reading(look, true).await?.0 == users {
            Ok(users)
        } else {
            Err(last.answer.unexpected("the list changed while it was read"))
        }
    }

    /// Reads all pages once. The last one is shorter than the size that the service says pages have; the total alone does
    /// not count, as the vendor's own example has one that is too small.
    async fn reading(&self, look: &Look<'_>, begun: bool) -> Result<(BTreeMap<String, String>, Page), CloudError> {
        let mut users = BTreeMap::new();
        let mut number = 1;
        loop {
            let mut page = self.page(look, number, begun || number > 1).await?;
            let rows = std::mem::take(&mut page.rows);
            let got = rows.len();
            for row in rows {
                if users.insert(row.name, row.group).is_some() {
                    return Err(page
                        .answer
                        .unexpected("a user comes twice, as when the list changes while it is read"));
                }
            }
            if got < page.size {
                if page.total.is_some_and(|total| total > users.len()) {
                    return Err(page.answer.unexpected("fewer users than their total"));
                }
                return Ok((users, page));
            }
            if users.len() >= MOST_USERS {
                return Err(page.answer.unexpected("the list is too long"));
            }
            number += 1;
        }
    }

    /// A list under way waits for a throttled account to go on: begun anew, a list of more pages than the cloud takes in a
    /// burst would never be read.
    async fn page(&self, look: &Look<'_>, number: usize, begun: bool) -> Result<Page, CloudError> {
        let &Look { cluster, purpose, send_by } = look;
        let parameters =
            [("ClusterId", cluster), ("PageNumber", &number.to_string()), ("PageSize", &PAGE_SIZE.to_string())];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut call = Call {
            operation: LIST_USERS,
            action: "ListUsers",
            generation: self.session.generation(),
            method: Method::GET,
            parameters: parameters.to_vec(),
            passwords: Vec::new(),
            send_by,
            confirm: |_| Ok(()),
        };
        loop {
            call.send_by = turn(send_by);
            match self.session.call(&call, purpose).await {
                Err(CloudError::Throttled { retry_after: Some(pause), .. })
                    if begun && Instant::now() + pause < send_by =>
                {
                    tokio::time::sleep(pause).await;
                }
                answer => return Page::of(answer?, number),
            }
        }
    }

    /// One call has said that the cluster is not found. Asks both generations for the cluster itself.
    async fn confirm_gone(&self, look: &Look<'_>, said: Fault) -> Result<HpcUsers, CloudError> {
        let own = self.session.generation();
        for generation in [own, own.other()] {
            match self.find_cluster(generation, look).await {
                Ok(()) if generation == own => {
                    let message =
                        format!("the cluster is said not to exist, and yet can be looked up: {}", said.message);
                    return Err(CloudError::UnexpectedReply { fault: Fault { message, ..said } });
                }
                Ok(()) => {
                    let message = format!("the cluster needs an account with ehpcApiVersion {generation}, not {own}");
                    return Err(CloudError::TargetNotFound { fault: Fault { message, ..said } });
                }
                Err(CloudError::TargetNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(HpcUsers::ClusterGone)
    }

    async fn find_cluster(&self, generation: Generation, look: &Look<'_>) -> Result<(), CloudError> {
        let (action, method, shown) = match generation {
            Generation::V2018 => v2018::CLUSTER,
            Generation::V2024 => v2024::CLUSTER,
        };
        let call = Call {
            operation: FIND_CLUSTER,
            action,
            generation,
            method,
            parameters: vec![("ClusterId".to_owned(), look.cluster.to_owned())],
            passwords: Vec::new(),
            send_by: turn(look.send_by),
            confirm: |_| Ok(()),
        };
        let answer = self.session.call(&call, look.purpose).await?;
        match answer.json.pointer(shown) {
            Some(found) if !found.is_null() => Ok(()),
            _ => Err(answer.unexpected("no cluster in the answer")),
        }
    }
}

/// One page of a list.
struct Page {
    answer: Answer,
    rows: Vec<Row>,
    number: usize,
    /// How many rows a page has unless it is the last one.
    size: usize,
    /// How many rows the list has, if the service says so.
    total: Option<usize>,
}

impl Page {
    /// Whether an empty list is left out is unverified. It is believed if there is a total, which speaks for it.
    fn of(answer: Answer, number: usize) -> Result<Self, CloudError> {
        let body = Body::deserialize(&answer.json).map_err(|_| answer.unexpected("not a list of cluster users"))?;
        if body.page_number.is_some_and(|shown| shown != number) {
            return Err(answer.unexpected("another page than the one asked for"));
        }
        let rows = match body.users.and_then(|users| users.user_info) {
            Some(rows) => rows,
            None if body.total_count.is_some() => Vec::new(),
            None => return Err(answer.unexpected("neither users nor a total in the answer")),
        };
        if rows.iter().any(|row| row.name.is_empty() || row.group.is_empty()) {
            return Err(answer.unexpected("a user without a name or a group"));
        }
        // Without a size, only an empty page is certainly the last one.
        let size = body.page_size.unwrap_or(1).clamp(1, PAGE_SIZE);
        Ok(Self { answer, rows, number, size, total: body.total_count })
    }
}

fn turn(send_by: Instant) -> Instant {
    send_by.min(Instant::now() + TURN_WINDOW)
}
