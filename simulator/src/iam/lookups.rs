//! "Querying IAM User Details (Recommended)", "Querying User Group Details", "Querying Accounts Accessible to an
//! IAM User".

use serde_json::json;

use super::Kind;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Summary};
use crate::world::World;

/// `GET /v3.0/OS-USER/users/{user_id}`
pub(super) struct ShowUser(pub(super) String);

impl Operation for ShowUser {
    fn summary(&self) -> Summary {
        Summary { service: "iam", operation: "ShowUser", principals: vec![self.0.clone()], ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Huawei
    }

    fn run(&self, world: &mut World) -> Outcome {
        let Some(name) = world.iam.name_of(Kind::User, &self.0) else {
            return Answer::plain(404, "IAM.0004", &format!("Could not find user: {}.", self.0)).into();
        };
        let settings = &world.settings;
        let body = json!({"user": {
            "id": self.0,
            "name": name,
            "domain_id": settings.domain_id,
            "is_domain_owner": self.0 == settings.owner_id,
            "enabled": true,
            "pwd_status": true,
            "access_mode": "default",
        }});
        Answer::ok(body).into()
    }
}

/// `GET /v3/groups/{group_id}`
pub(super) struct ShowGroup(pub(super) String);

impl Operation for ShowGroup {
    fn summary(&self) -> Summary {
        Summary { service: "iam", operation: "ShowGroup", principals: vec![self.0.clone()], ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Huawei
    }

    fn run(&self, world: &mut World) -> Outcome {
        let Some(name) = world.iam.name_of(Kind::Group, &self.0) else {
            return Answer::iam(404, &format!("Could not find group: {}.", self.0)).into();
        };
        let domain = &world.settings.domain_id;
        Answer::ok(json!({"group": {"id": self.0, "name": name, "domain_id": domain, "description": ""}})).into()
    }
}

/// `GET /v3/auth/domains`
pub(super) struct ListAuthDomains;

impl Operation for ListAuthDomains {
    fn summary(&self) -> Summary {
        Summary { service: "iam", operation: "ListAuthDomains", ..Summary::default() }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Huawei
    }

    fn run(&self, world: &mut World) -> Outcome {
        let settings = &world.settings;
        let domain = json!({"id": settings.domain_id, "name": settings.domain_name, "enabled": true});
        Answer::ok(json!({"domains": [domain]})).into()
    }
}
