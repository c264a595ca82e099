//! "AssumeRoleWithOIDC": unsigned, with its parameters in the query or in a form. Which codes it refuses with is not told but
//! for a few.

use jiff::Timestamp;
use serde_json::json;

use super::end_of;
use crate::acs3::pairs;
use crate::answer::Answer;
use crate::call::{Caller, Operation, Outcome, Received, Summary};
use crate::ehpc::error;
use crate::switches::StsDate;
use crate::world::World;

/// How far the date may be from the cloud's clock, either way.
const DATE_TOLERANCE_SECONDS: i64 = 15 * 60;
/// The shortest session of a role.
const SHORTEST: u64 = 900;
/// The longest one, unless the role says otherwise.
const LONGEST: u64 = 3600;

/// A key for a session of a role.
pub(super) struct AssumeRole {
    parameters: Vec<(String, String)>,
}

impl AssumeRole {
    pub(super) fn read(request: &Received) -> Self {
        let mut parameters = pairs(request.uri.query().unwrap_or_default());
        let is_form = |kind: &str| kind.starts_with("application/x-www-form-urlencoded");
        if request.header("content-type").is_some_and(is_form) {
            parameters.extend(pairs(&String::from_utf8_lossy(&request.body)));
        }
        Self { parameters }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The name of the session, and how long it lasts.
    fn check(&self, world: &World) -> Result<(&str, u64), Answer> {
        if self.text("Version") != Some("2015-04-01") {
            return Err(error(404, "InvalidAction.NotFound", "The specified action is not found."));
        }
        let sent = self.text("Timestamp").and_then(|text| text.parse::<Timestamp>().ok());
        let distance = |sent: Timestamp| (sent.as_second() - world.time_of_day().as_second()).abs();
        if world.switches.sts_date == StsDate::Checked
            && sent.is_none_or(|sent| distance(sent) > DATE_TOLERANCE_SECONDS)
        {
            return Err(error(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."));
        }
        let needed = |name: &str| {
            let missing = || error(400, &format!("Missing{name}"), &format!("{name} is mandatory for this action."));
            self.text(name).ok_or_else(missing)
        };
        let (role, provider) = (needed("RoleArn")?, needed("OIDCProviderArn")?);
        let (token, session) = (needed("OIDCToken")?, needed("RoleSessionName")?);
        if provider != world.settings.oidc_provider_arn {
            return Err(error(404, "EntityNotExist.OIDCProvider", "The OIDC provider does not exist."));
        }
        if role != world.settings.role_arn {
            return Err(error(404, "EntityNotExist.Role", "The role does not exist."));
        }
        if token != world.pods.token {
            return Err(error(400, "AuthenticationFail.OIDCToken.Invalid", "The OIDC token is invalid."));
        }
        let duration = self.text("DurationSeconds").map_or(Some(LONGEST), |text| text.parse().ok());
        match duration.filter(|duration| (SHORTEST..=LONGEST).contains(duration)) {
            Some(duration) => Ok((session, duration)),
            None => Err(error(400, "InvalidParameter.DurationSeconds", "The duration is out of range.")),
        }
    }
}

impl Operation for AssumeRole {
    fn summary(&self) -> Summary {
        Summary {
            service: "sts",
            operation: "AssumeRoleWithOIDC",
            target: self.text("RoleArn").map(str::to_owned),
            principals: self.text("RoleSessionName").map(str::to_owned).into_iter().collect(),
            ..Summary::default()
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller::Pod
    }

    fn run(&self, world: &mut World) -> Outcome {
        let (session, duration) = match self.check(world) {
            Ok(checked) => checked,
            Err(answer) => return answer.into(),
        };
        let expires_at = end_of(world, duration);
        let key = world.pods.issue("STS.");
        let body = json!({
            "RequestId": "",
            "AssumedRoleUser": {
                "AssumedRoleId": format!("33157794895460:{session}"),
                "Arn": format!("{}/{session}", world.settings.role_arn),
            },
            "Credentials": {
                "AccessKeyId": key.id,
                "AccessKeySecret": key.secret,
                "SecurityToken": key.security_token,
                "Expiration": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
        });
        world.alibaba.issue(key, expires_at);
        Answer::ok(body).into()
    }
}
