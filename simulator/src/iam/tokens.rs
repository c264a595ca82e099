//! "Obtaining a User Token Through Password Authentication": `POST /v3/auth/tokens`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::world::World;

/// A token for a user with a password, and for one project.
pub(super) struct CreateToken {
    body: Value,
    catalogue: bool,
}

impl CreateToken {
    pub(super) fn read(request: &Received) -> Self {
        Self {
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
            catalogue: request.query("nocatalog").is_none(),
        }
    }

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

    fn caller(&self) -> Caller<'_> {
        Caller::Anyone
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
        let domain = json!({"name": settings.domain_name, "id": settings.domain_id});
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
