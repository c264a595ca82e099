//! IAM: tokens, and which users and groups there are.
//!
//! From the pages "Obtaining a User Token Through Password Authentication", "Querying IAM User Details
//! (Recommended)", "Querying User Group Details" and "Querying Accounts Accessible to an IAM User".

mod lookups;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::call::{Operation, Received};
use crate::settings::Settings;
use crate::signature::hex;
use crate::simulator::Simulator;
use crate::switches::UserNames;

/// Tokens that were issued, users and groups with their names, and who does not exist.
#[derive(Default)]
pub(crate) struct Directory {
    tokens: BTreeMap<String, Token>,
    issued: u64,
    people: BTreeMap<String, Person>,
    unknown: BTreeSet<String>,
}

struct Token {
    user: String,
    expires_at: Timestamp,
    revoked: bool,
}

/// What a token is worth.
pub(crate) enum TokenState {
    /// It lets in.
    Good,
    /// It has expired, or died early.
    Over,
    /// Never issued.
    Unknown,
}

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

struct Person {
    kind: Kind,
    name: String,
}

impl Directory {
    /// Nobody but the owner of the account.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut directory = Self::default();
        directory.register(Kind::User, &settings.owner_id, &settings.queue_owner);
        directory
    }

    /// What a token is worth at a time of day.
    pub(crate) fn state_of(&self, token: &str, now: Timestamp) -> TokenState {
        match self.tokens.get(token) {
            Some(token) if !token.revoked && now < token.expires_at => TokenState::Good,
            Some(_) => TokenState::Over,
            None => TokenState::Unknown,
        }
    }

    /// Whose token it is.
    pub(crate) fn user_of(&self, token: &str) -> Option<&str> {
        self.tokens.get(token).map(|token| token.user.as_str())
    }

    /// Every token that was issued.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    /// All issued tokens die; says how many.
    pub(crate) fn revoke_tokens(&mut self) -> usize {
        let alive = self.tokens.values_mut().filter(|token| !token.revoked);
        alive.map(|token| token.revoked = true).count()
    }

    /// Makes a user one whom IAM does not know or who never logged in, or the opposite.
    pub(crate) fn set_unknown(&mut self, user: &str, unknown: bool) {
        if unknown {
            self.unknown.insert(user.to_owned());
        } else {
            self.unknown.remove(user);
        }
    }

    /// Whether a grant to this user is refused.
    pub(crate) fn is_unknown(&self, user: &str, names: UserNames) -> bool {
        self.unknown.iter().any(|unknown| names.key(unknown) == names.key(user))
    }

    /// Gives a user or a group a name.
    pub(crate) fn register(&mut self, kind: Kind, id: &str, name: &str) {
        self.people.insert(id.to_owned(), Person { kind, name: name.to_owned() });
    }

    /// The name of a user or a group; none if there is none of this id. One that was never registered is what
    /// one asks for, and has a name made of its id.
    pub(crate) fn name_of(&self, kind: Kind, id: &str) -> Option<String> {
        if self.unknown.contains(id) || !is_id(id) {
            return None;
        }
        match self.people.get(id) {
            Some(person) => (person.kind == kind).then(|| person.name.clone()),
            None => Some(derived_name(kind, id)),
        }
    }

    /// What an id stands for, and its name, whether it exists still or not.
    pub(crate) fn person(&self, id: &str) -> (Kind, String) {
        match self.people.get(id) {
            Some(person) => (person.kind, person.name.clone()),
            None => (Kind::User, derived_name(Kind::User, id)),
        }
    }

    /// Remembers what an id is that was never registered.
    pub(crate) fn settle(&mut self, kind: Kind, id: &str) {
        let person = || Person { kind, name: derived_name(kind, id) };
        self.people.entry(id.to_owned()).or_insert_with(person);
    }

    /// A token of the length and alphabet of real ones, different each time and in every run the same.
    fn issue(&mut self, user: &str, expires_at: Timestamp) -> String {
        self.issued += 1;
        let seed = format!("{user} {} {expires_at}", self.issued);
        let token = format!("MIISIMULATED{}", hex(&Sha256::digest(seed.as_bytes())));
        self.tokens.insert(token.clone(), Token { user: user.to_owned(), expires_at, revoked: false });
        token
    }
}

/// Whether this can be the id of a user, a group, a workspace: `^[a-z0-9]{32}$`.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn derived_name(kind: Kind, id: &str) -> String {
    let start: String = id.chars().take(8).collect();
    match kind {
        Kind::User => format!("user-{start}"),
        Kind::Group => format!("group-{start}"),
    }
}

/// The paths that the simulator knows of `/v3` and `/v3.0`.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match (&request.method, path.as_slice()) {
        (&Method::POST, ["v3", "auth", "tokens"]) => Box::new(tokens::CreateToken::read(request)),
        (&Method::GET, ["v3", "auth", "domains"]) => Box::new(lookups::ListAuthDomains),
        (&Method::GET, ["v3.0", "OS-USER", "users", id]) => Box::new(lookups::ShowUser((*id).to_owned())),
        (&Method::GET, ["v3", "groups", id]) => Box::new(lookups::ShowGroup((*id).to_owned())),
        _ => return None,
    })
}

impl Simulator {
    /// Gives an IAM user a name. Users who were never given one exist too, and are called `user-` and the first
    /// eight characters of their ids.
    pub fn add_iam_user(&self, id: &str, name: &str) {
        self.world().iam.register(Kind::User, id, name);
    }

    /// Gives an IAM user group a name; the others are called `group-` and the first eight characters of their ids.
    pub fn add_iam_group(&self, id: &str, name: &str) {
        self.world().iam.register(Kind::Group, id, name);
    }
}
