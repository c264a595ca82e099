//! The body of "Adding a Workspace User", which replacing somebody's roles takes too.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};

use super::{Switches, failed, not_done, roles};
use crate::answer::Answer;
use crate::iam::{Kind, is_id};
use crate::world::World;

/// "0 to 100 items."
pub(super) const MOST: usize = 100;

/// The request body.
#[derive(Deserialize)]
pub(super) struct Parameters {
    r#type: u8,
    roles_ids: Vec<Role>,
    #[serde(default)]
    user_ids: Vec<Person>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Role {
    role_id: String,
}

#[derive(Deserialize)]
struct Person {
    user_id: String,
    user_name: Option<String>,
    domain_id: Option<String>,
    domain_name: Option<String>,
    #[serde(default, deserialize_with = "boolean_or_string")]
    is_domain_owner: Option<bool>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    name: Option<String>,
}

/// A boolean by the table of parameters, a string in the example.
fn boolean_or_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Boolean(bool),
        String(Spelled),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Spelled {
        True,
        False,
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::Boolean(value) => value,
        Either::String(Spelled::True) => true,
        Either::String(Spelled::False) => false,
    }))
}

/// A user or group that a body names.
pub(super) struct Member<'a> {
    pub(super) kind: Kind,
    pub(super) id: &'a str,
    name: Option<&'a str>,
    user: Option<&'a Person>,
}

impl Parameters {
    pub(super) fn roles(&self) -> BTreeSet<String> {
        self.role_ids().map(str::to_owned).collect()
    }

    pub(super) fn role_ids(&self) -> impl Iterator<Item = &str> {
        self.roles_ids.iter().map(|role| role.role_id.as_str())
    }

    /// The users, or the groups, whichever the type says.
    pub(super) fn members(&self) -> Vec<Member<'_>> {
        if self.r#type == 0 {
            let users = self.user_ids.iter();
            users
                .map(|user| Member {
                    kind: Kind::User,
                    id: &user.user_id,
                    name: user.user_name.as_deref(),
                    user: Some(user),
                })
                .collect()
        } else {
            let groups = self.groups.iter();
            groups
                .map(|group| Member { kind: Kind::Group, id: &group.id, name: group.name.as_deref(), user: None })
                .collect()
        }
    }

    /// What the page says of the form.
    pub(super) fn check(&self) -> Result<(), Answer> {
        if self.r#type > 1 {
            return Err(failed("type must be 0 or 1"));
        }
        if [self.user_ids.len(), self.groups.len(), self.roles_ids.len()].into_iter().any(|length| length > MOST) {
            return Err(failed("an array has more than 100 items"));
        }
        let members = self.members();
        if members.is_empty() {
            return Err(failed("type 0 needs user_ids, type 1 needs groups"));
        }
        if members.iter().any(|member| !is_id(member.id) || !member.name.is_none_or(is_name)) {
            return Err(failed("an id or a name is not of the form that is documented"));
        }
        Ok(())
    }

    /// Refuses roles that do not exist.
    pub(super) fn check_roles(&self, switches: &Switches) -> Result<(), Answer> {
        match self.role_ids().find(|id| !roles::exists(id)) {
            Some(id) => Err(not_done(switches, &format!("role {id} does not exist"))),
            None => Ok(()),
        }
    }
}

/// `^[A-Za-z0-9_\-]{1,255}$`
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=255).contains(&text.len()) && text.bytes().all(allowed)
}

impl Member<'_> {
    /// Whether IAM knows the member, by these words.
    pub(super) fn check(&self, world: &World) -> Result<(), Answer> {
        let settings = &world.settings;
        let Some(name) = world.iam.name_of(self.kind, self.id) else {
            return Err(not_done(&world.switches.dataarts, &format!("{} does not exist", self.id)));
        };
        let differs = |said: Option<&str>, is: &str| said.is_some_and(|said| said != is);
        let wrong = differs(self.name, &name)
            || self.user.is_some_and(|user| {
                differs(user.domain_id.as_deref(), &settings.domain_id)
                    || differs(user.domain_name.as_deref(), &settings.domain_name)
                    || user.is_domain_owner.is_some_and(|owner| owner != (self.id == settings.owner_id))
            });
        if wrong { Err(failed(&format!("{} is called otherwise", self.id))) } else { Ok(()) }
    }
}
