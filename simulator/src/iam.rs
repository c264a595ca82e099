//! IAM: "Obtaining a User Token Through Password Authentication", and which users exist.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::call::{Operation, Outcome, Received, Summary};
use crate::signature::hex;
use crate::switches::{Switches, UserNames};
use crate::world::World;

/// Tokens that were issued, and users who do not exist.
#[derive(Default)]
pub(crate) struct Directory {
    tokens: BTreeMap<String, Token>,
    unknown: BTreeSet<String>,
    issued: u64,
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

impl Directory {
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
    pub(crate) fn is_unknown(&self, user: &str, switches: &Switches) -> bool {
        match switches.user_names {
            UserNames::CaseSensitive => self.unknown.contains(user),
            UserNames::CaseInsensitive => self.unknown.iter().any(|u| u.eq_ignore_ascii_case(user)),
        }
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

/// `POST /v3/auth/tokens`
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if request.method != Method::POST || path != ["v3", "auth", "tokens"] {
        return None;
    }
    Some(Box::new(CreateToken {
        body: serde_json::from_slice(&request.body).unwrap_or_default(),
        catalogue: request.query("nocatalog").is_none(),
    }))
}

struct CreateToken {
    body: Value,
    catalogue: bool,
}

impl CreateToken {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }

    fn user(&self) -> Option<&str> {
        self.text("/auth/identity/password/user/name")
    }

    /// The scope: a project's id or name.
    fn scope(&self) -> Option<&str> {
        self.text("/auth/scope/project/id").or_else(|| self.text("/auth/scope/project/name"))
    }

    /// The user, if body, password and scope are right.
    fn check(&self, world: &World) -> Result<String, Answer> {
        let methods = self.body.pointer("/auth/identity/methods");
        let by_password = methods.is_some_and(|methods| *methods == json!(["password"]));
        let password = self.text("/auth/identity/password/user/password");
        let domain = self.text("/auth/identity/password/user/domain/name");
        let (true, Some(user), Some(password), Some(domain)) = (by_password, self.user(), password, domain) else {
            let message =
                "The request body is invalid: identity.password.user with name, password and domain.name is required";
            return Err(Answer::iam(400, message));
        };
        let known = |u: &&crate::IamUser| u.name == user && u.password == password;
        let settings = &world.settings;
        if domain != settings.domain_name || !settings.iam_users.iter().any(|u| known(&u)) {
            return Err(Answer::iam(401, "The username or password is wrong."));
        }
        match self.scope() {
            Some(scope) if scope == settings.project_id || scope == settings.region => Ok(user.to_owned()),
            Some(_) => Err(Answer::iam(403, "The user has no role in the project.")),
            None => Err(Answer::iam(400, "scope.project is required.")),
        }
    }
}

impl Operation for CreateToken {
    fn summary(&self) -> Summary {
        Summary {
            service: "iam",
            operation: "CreateToken",
            target: self.scope().map(str::to_owned),
            principals: self.user().map(str::to_owned).into_iter().collect(),
            ..Summary::default()
        }
    }

    fn project(&self) -> Option<&str> {
        None
    }

    fn run(&self, world: &mut World) -> Outcome {
        let user = match self.check(world) {
            Ok(user) => user,
            Err(answer) => return answer.into(),
        };
        let now = world.time_of_day();
        let seconds = i64::try_from(world.switches.token_lifetime_seconds).unwrap_or(i64::MAX);
        let life = SignedDuration::from_secs(seconds);
        let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
        let token = world.iam.issue(&user, expires_at);
        let settings = &world.settings;
        let domain = json!({"name": settings.domain_name, "id": "d0000000000000000000000000000001"});
        let mut body = json!({"token": {
            "methods": ["password"],
            "issued_at": written(now),
            "expires_at": written(expires_at),
            "user": {"name": user, "id": "0e000000000000000000000000000001", "domain": domain, "password_expires_at": ""},
            "project": {"id": settings.project_id, "name": settings.region, "domain": domain},
            "roles": [{"id": "0", "name": "te_admin"}],
        }});
        if self.catalogue {
            body["token"]["catalog"] = json!([]);
        }
        let answer = Answer { status: 201, ..Answer::ok(body) };
        answer.with_header("x-subject-token", &token).into()
    }
}

/// As IAM writes times.
fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
