//! The language of golden exchanges: what is asked of a client, what it sends, what it is answered, what comes of it.
//!
//! A file begins with `# page:`, the vendor's page, and has a `# deviation:` for whatever is not done as the page says, with
//! the reason. `#` starts a comment everywhere.
//!
//! | line | meaning |
//! | --- | --- |
//! | `account huawei`, `account alibaba VERSION` | a new account, with an access key; or `… with a temporary key`, `… with a password`, `… with pod identity`, `… with RRSA` |
//! | `dli users of QUEUE`, `dws users of CLUSTER naming POOL…`, `data-arts members of WORKSPACE`, `ehpc users of CLUSTER` | a client of that account is asked for a list |
//! | `dli authorize on QUEUE`, `dws place on CLUSTER`, `data-arts change on WORKSPACE`, `ehpc change on CLUSTER` | it is asked for the changes in the indented lines below |
//! | `  PRINCIPAL: BEFORE -> AFTER, DETAILS` | access before and after, `-` for none; `password P`, `user FIELD=VALUE…` or `group FIELD=VALUE…` |
//! | `> ` | what is sent: method and URL, all headers, an empty line, the body. JSON counts, not its spaces |
//! | `> …` | all other headers are those of the request before it with the same method |
//! | `< ` | what is answered: status, headers, an empty line, the body |
//! | `= ` | what comes of it: a line for each change, or for each row of the list (`fixed`: never changed) |
//! | `or` | the last call once more, of a new account, its first request answered like this instead |
//!
//! Time stands still at 2025-01-02T03:04:05Z. A signature is shown as `…`, and so is a nonce, which is random: that they are
//! right is held by the vendors' own in `tests/vectors/`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use bytes::Bytes;
use cloud_access_operator::clouds::huawei::Identity;
use serde_json::Value;

/// A request or an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `POST https://…`, or `200`.
    start: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn parse(lines: &[&str]) -> Self {
        let mut lines = lines.iter().map(|line| line.get(2..).unwrap_or_default());
        let start = lines.next().unwrap_or_default().to_owned();
        let head = lines.by_ref().take_while(|line| !line.is_empty());
        let headers = head.map(|line| line.split_once(": ").unwrap_or((line, "")));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { start, headers, body: compact(&lines.collect::<Vec<_>>().join("\n")) }
    }

    /// A request as it was sent, with `…` in place of a signature or a nonce that looks like one.
    pub fn sent(request: &http::Request<Bytes>) -> Self {
        let text = |name: &http::HeaderName, value: &http::HeaderValue| {
            let value = value.to_str().unwrap();
            match value.rsplit_once("Signature=") {
                Some((rest, signature)) if is_hex(signature, 64) => format!("{rest}Signature=…"),
                None if name == "x-acs-signature-nonce" && is_hex(value, 32) => "…".to_owned(),
                Some(_) | None => value.to_owned(),
            }
        };
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(name, value)));
        Self {
            start: format!("{} {}", request.method(), request.uri()),
            headers: headers.collect(),
            body: compact(std::str::from_utf8(request.body()).unwrap()),
        }
    }

    pub fn to_response(&self) -> http::Response<Bytes> {
        let mut response = http::Response::builder().status(self.start.as_str());
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Bytes::from(self.body.clone())).unwrap()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.start)?;
        self.headers.iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {value}"))?;
        write!(f, "\n  {}", self.body)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// JSON without its spaces, its members in order; anything else as it is.
fn compact(body: &str) -> String {
    serde_json::from_str::<Value>(body).map_or_else(|_| body.to_owned(), |json| json.to_string())
}

/// A call, and what it comes to.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub account: String,
    /// The account has not made a call yet.
    pub fresh: bool,
    pub call: String,
    pub changes: Vec<Asked>,
    /// Requests and their answers.
    pub exchanges: VecDeque<(Message, Message)>,
    pub results: Vec<String>,
}

/// The calls of a file, in order.
pub fn parse(text: &str) -> Vec<Case> {
    let marker = |line: &str| [">", "<", "=", " "].into_iter().find(|marker| line.starts_with(marker));
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut cases: Vec<Case> = Vec::new();
    let (mut account, mut fresh) = (String::new(), true);
    let mut headers: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for block in lines.chunk_by(|one, next| marker(one).is_some() && marker(one) == marker(next)) {
        let rest = block.iter().map(|line| line.get(2..).unwrap_or_default());
        match (marker(block[0]), cases.last_mut()) {
            (Some(">"), Some(case)) => {
                let mut request = Message::parse(block);
                let before = headers.entry(request.start.split(' ').next().unwrap_or_default().to_owned()).or_default();
                if request.headers.remove("…").is_some() {
                    before.append(&mut request.headers);
                    request.headers = before.clone();
                }
                before.clone_from(&request.headers);
                case.exchanges.push_back((request, Message::default()));
            }
            (Some("<"), Some(case)) => case.exchanges.back_mut().unwrap().1 = Message::parse(block),
            (Some("="), Some(case)) => case.results = rest.map(str::to_owned).collect(),
            (Some(_), Some(case)) => case.changes = rest.map(Asked::parse).collect(),
            (Some(_), None) => panic!("{block:?} stands before any call"),
            (None, Some(case)) if block == ["or"] => {
                let mut case = Case { fresh: true, results: Vec::new(), ..case.clone() };
                case.exchanges.truncate(1);
                cases.push(case);
            }
            (None, _) => {
                if let Some(words) = block[0].strip_prefix("account ") {
                    (account, fresh) = (words.to_owned(), true);
                } else {
                    cases.push(Case { account: account.clone(), fresh, call: block[0].to_owned(), ..Case::default() });
                    fresh = false;
                }
            }
        }
    }
    cases
}

/// A change, as a line tells it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub principal: String,
    pub before: BTreeSet<String>,
    pub after: BTreeSet<String>,
    details: String,
}

impl Asked {
    fn parse(line: &str) -> Self {
        let (principal, rest) = line.split_once(": ").unwrap_or_else(|| panic!("no change: {line}"));
        let (access, details) = rest.split_once(", ").unwrap_or((rest, ""));
        let (before, after) = access.split_once(" -> ").unwrap_or_else(|| panic!("no change: {line}"));
        let set = |words: &str| words.split(' ').filter(|word| *word != "-").map(str::to_owned).collect();
        Self { principal: principal.to_owned(), before: set(before), after: set(after), details: details.to_owned() }
    }

    pub fn identity(&self) -> Option<Identity> {
        let mut words = self.details.split(' ');
        let kind = words.next();
        let fields: BTreeMap<_, _> = words.filter_map(|word| word.split_once('=')).collect();
        let field = |name| fields.get(name).map(ToString::to_string);
        match kind {
            Some("user") => Some(Identity::User {
                name: field("name"),
                domain_id: field("domain_id"),
                domain_name: field("domain_name"),
            }),
            Some("group") => Some(Identity::Group { name: field("name") }),
            Some(_) | None => None,
        }
    }

    pub fn password(&self) -> Option<&str> {
        self.details.strip_prefix("password ")
    }
}
