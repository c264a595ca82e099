//! Who members are: what must be said of a user or a group beside its id to give it roles, and where that is known from.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{DataArts, Membership, wire};
use crate::clouds::huawei::request::{Call, Service, target};
use crate::clouds::{CloudError, Fault, Purpose};

const LOOK_UP_USER: &str = "look up an IAM user";
const LOOK_UP_GROUP: &str = "look up an IAM user group";

/// What is said of a principal beside its id. Of a member, what the list of members says counts more: what was written down
/// once may be wrong by now. What neither says is taken from IAM, which the account must be allowed to read for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// An IAM user.
    User {
        /// The user's name.
        name: Option<String>,
        /// The id of the account (domain) that the user belongs to.
        domain_id: Option<String>,
        /// The name of that account. The only one that the cloud can do without.
        domain_name: Option<String>,
    },
    /// An IAM user group.
    Group {
        /// The group's name.
        name: Option<String>,
    },
}

/// What is known of a principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// A group, or a user.
    pub(super) group: Option<bool>,
    pub(super) name: Option<String>,
    pub(super) domain_id: Option<String>,
    pub(super) domain_name: Option<String>,
    /// The owner of the account, as IAM has it; in a list, of the workspace.
    pub(super) domain_owner: bool,
}

impl From<Option<&Identity>> for Facts {
    fn from(identity: Option<&Identity>) -> Self {
        match identity {
            None => Self::default(),
            Some(Identity::User { name, domain_id, domain_name }) => Self {
                group: Some(false),
                name: name.clone(),
                domain_id: domain_id.clone(),
                domain_name: domain_name.clone(),
                domain_owner: false,
            },
            Some(Identity::Group { name }) => Self { group: Some(true), name: name.clone(), ..Self::default() },
        }
    }
}

impl Facts {
    /// These, and those where these say nothing.
    fn or(self, other: &Self) -> Self {
        Self {
            group: self.group.or(other.group),
            name: self.name.or_else(|| other.name.clone()),
            domain_id: self.domain_id.or_else(|| other.domain_id.clone()),
            domain_name: self.domain_name.or_else(|| other.domain_name.clone()),
            domain_owner: self.domain_owner || other.domain_owner,
        }
    }

    /// The entry of a principal in the body of a call, and whether it is a group's; none if too little is known.
    fn entry(&self, id: &str) -> Option<Party> {
        let name = self.name.as_ref()?;
        if self.group? {
            return Some(Party { group: true, entry: json!({"id": id, "name": name}) });
        }
        let mut entry = json!({
            "user_id": id,
            "user_name": name,
            "domain_id": self.domain_id.as_ref()?,
            "is_domain_owner": self.domain_owner,
        });
        if let Some(domain_name) = &self.domain_name {
            entry["domain_name"] = json!(domain_name);
        }
        Some(Party { group: false, entry })
    }
}

/// A user or a group, as a call names it.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) group: bool,
    pub(super) entry: Value,
}

/// What the client has learned of principals.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Learned>);

#[derive(Debug, Default)]
struct Learned {
    /// By workspace and id, from the last list of each workspace.
    listed: BTreeMap<String, BTreeMap<String, Facts>>,
    /// By id, from IAM.
    looked_up: BTreeMap<String, Facts>,
}

impl Known {
    /// Keeps what a list says, and nothing of the list before.
    pub(super) fn listed(&self, workspace: &str, members: BTreeMap<String, Facts>) {
        self.learned().listed.insert(workspace.to_owned(), members);
    }

    /// What the last list of the workspace said of a member.
    pub(super) fn member(&self, workspace: &str, id: &str) -> Option<Facts> {
        self.learned().listed.get(workspace)?.get(id).cloned()
    }

    /// Forgets what IAM has said: it may have been why a call failed.
    pub(super) fn forget(&self, id: &str) {
        self.learned().looked_up.remove(id);
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DataArts {
    /// Finds out how a call names the principal: as the last list did, else as the change says, else as IAM does.
    pub(super) async fn identify(
        &self,
        workspace: &str,
        change: &Membership,
        send_by: Instant,
    ) -> Result<Party, CloudError> {
        let said = Facts::from(change.identity.as_ref());
        let facts = match self.known.member(workspace, &change.id) {
            Some(listed) => listed.or(&said),
            None => said,
        };
        match facts.entry(&change.id) {
            Some(party) => Ok(party),
            None => self.identify_by_iam(&change.id, facts, &change.purpose, send_by).await,
        }
    }

    /// Finds out how a call names the principal: by these facts, and where they say nothing as IAM does.
    pub(super) async fn identify_by_iam(
        &self,
        id: &str,
        facts: Facts,
        purpose: &Purpose,
        send_by: Instant,
    ) -> Result<Party, CloudError> {
        let looked_up = self.known.learned().looked_up.get(id).cloned();
        let looked_up = looked_up.filter(|known| facts.group.is_none_or(|group| known.group == Some(group)));
        let looked_up = match (looked_up, facts.group) {
            (Some(looked_up), _) => looked_up,
            (None, Some(group)) => self.look_up(id, group, purpose, send_by).await?,
            (None, None) => match self.look_up(id, false, purpose, send_by).await {
                Err(CloudError::PrincipalNotFound { .. }) => self.look_up(id, true, purpose, send_by).await?,
                user => user?,
            },
        };
        let incomplete =
            || CloudError::UnexpectedReply { fault: Fault::of(LOOK_UP_USER, "the answer leaves out the account") };
        facts.or(&looked_up).entry(id).ok_or_else(incomplete)
    }

    /// Asks IAM, and keeps what it says.
    async fn look_up(&self, id: &str, group: bool, purpose: &Purpose, send_by: Instant) -> Result<Facts, CloudError> {
        let (operation, target) = if group {
            (LOOK_UP_GROUP, target(&["v3", "groups", id], &[]))
        } else {
            (LOOK_UP_USER, target(&["v3.0", "OS-USER", "users", id], &[]))
        };
        let answer = match self.session.call(&Call::get(Service::Iam, operation, target, send_by), purpose).await {
            Ok(answer) => answer,
            Err(CloudError::Rejected { fault }) if is_not_found(&fault) => {
                return Err(CloudError::PrincipalNotFound { fault });
            }
            Err(error) => return Err(error),
        };
        let facts = wire::identity(&answer, id, group)?;
        self.known.learned().looked_up.insert(id.to_owned(), facts.clone());
        Ok(facts)
    }
}

/// Does IAM itself say that it does not find the id? The gateway says the same of an API that is not published.
fn is_not_found(fault: &Fault) -> bool {
    fault.status == Some(404) && fault.code.as_deref().is_none_or(|code| !code.starts_with("APIG"))
}
