//! Writes to a workspace's list of members. The vendor's pages are "Adding a Workspace User", "Editing a Workspace User or
//! User Group" and "Deleting a Workspace User".

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::identity::{Facts, Identity, Party};
use super::{DataArts, WorkspaceMembers};
use crate::clouds::batch::{Refusal, in_chunks};
use crate::clouds::budget::CALLS_AT_ONCE;
use crate::clouds::huawei::culprit::{
    about_the_principal, as_bad_as_the_look, blames_the_principal, explained, is_worth_a_look, refusal,
};
use crate::clouds::huawei::difference::Difference;
use crate::clouds::huawei::reading::Reading;
use crate::clouds::huawei::reply::Answer;
use crate::clouds::huawei::request::{Call, FIRST_WINDOW, REPAIR_WINDOW, REPLACE_WINDOW, Service, is_id, target};
use crate::clouds::{CloudError, Fault, Purpose};

const ADD: &str = "add workspace members";
const UPDATE: &str = "update a workspace member";
const REMOVE: &str = "remove workspace members";
/// Members in one call, as the vendor's page has it.
const MOST_MEMBERS: usize = 100;

/// One member's roles, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The id of the IAM user or user group.
    pub id: String,
    /// The role ids that the list showed; none of somebody who is no member.
    pub before: BTreeSet<String>,
    /// What it shall show; none: no member any more.
    pub after: BTreeSet<String>,
    /// What is known beside the id.
    pub identity: Option<Identity>,
    /// What the change is made for.
    pub purpose: Purpose,
}

impl DataArts {
    /// Makes the changes; the results are in the order of `changes`. Takes less than [`IN_FLIGHT`](crate::clouds::IN_FLIGHT),
    /// and nothing that it sent lands later; changes whose turn does not come in time are not sent, and
    /// [`CloudError::TurnMissed`].
    ///
    /// Call it right after [`DataArts::members`]: to change a member's roles replaces them all, and would erase what was
    /// granted since. Members are removed first, then changed, then others added. The owner is never written.
    ///
    /// DataArts says in no documented way why it refuses. So what was refused as a whole is made in parts: what goes, then
    /// one role after the other. After refusals the list is read once: where it shows what was wanted, all is well.
    ///
    /// What must be said of somebody beside the id is looked up as [`Identity`] says; an id that IAM does not know is
    /// [`CloudError::PrincipalNotFound`].
    pub async fn change(&self, workspace: &str, changes: &[Membership]) -> Vec<Result<(), CloudError>> {
        let start = Instant::now();
        let mut changing = Changing {
            client: self,
            workspace,
            send_by: start + FIRST_WINDOW,
            replace_by: start + REPLACE_WINDOW,
            differences: changes.iter().map(|change| Difference::new(&change.before, &change.after)).collect(),
            results: changes.iter().map(|change| self.sendable(workspace, change)).collect(),
            doubtful: BTreeSet::new(),
            changes,
        };
        changing.remove().await;
        let members = changing.identify(true).await;
        changing.update(&members).await;
        changing.make_in_parts(&members).await;
        let others = changing.identify(false).await;
        changing.add(&others).await;
        changing.make_in_parts(&others).await;
        let doubtful = changing.doubtful.iter().map(|&index| &changes[index].purpose);
        if let Some(purpose) = Purpose::most_urgent(doubtful) {
            changing.look(&Reading::until(&self.session, Service::DataArts, purpose, start + REPAIR_WINDOW)).await;
        }
        for (change, result) in changes.iter().zip(&changing.results) {
            if result.as_ref().is_err_and(blames_the_principal) {
                self.known.forget(&change.id);
            }
        }
        changing.results
    }

    /// Refuses what must never be sent.
    fn sendable(&self, workspace: &str, change: &Membership) -> Result<(), CloudError> {
        let refused = |message| Err(CloudError::Rejected { fault: Fault::of(UPDATE, message) });
        if change.before == change.after {
            Ok(())
        } else if !is_id(workspace) {
            refused("not sent: no workspace can have this id")
        } else if !is_id(&change.id) {
            refused("not sent: no user or group can have this id")
        } else if self.known.member(workspace, &change.id).is_some_and(|facts| facts.domain_owner) {
            refused("not sent: the workspace's owner cannot be changed")
        } else {
            Ok(())
        }
    }
}

/// The changes of one workspace under way.
struct Changing<'a> {
    client: &'a DataArts,
    workspace: &'a str,
    send_by: Instant,
    replace_by: Instant,
    changes: &'a [Membership],
    differences: Vec<Difference>,
    /// So far; only what has met no error goes on.
    results: Vec<Result<(), CloudError>>,
    /// The changes whose errors may hide that all is well.
    doubtful: BTreeSet<usize>,
}

impl Changing<'_> {
    /// The changes still to be made of those who keep or get roles, or who lose their last one.
    fn waiting(&self, roles_left: bool) -> Vec<usize> {
        let waits = |index: &usize| self.results[*index].is_ok() && !self.differences[*index].is_empty();
        (0..self.changes.len()).filter(waits).filter(|&i| self.changes[i].after.is_empty() != roles_left).collect()
    }

    fn record(&mut self, index: usize, result: Result<(), CloudError>) {
        if result.as_ref().is_err_and(is_worth_a_look) {
            self.doubtful.insert(index);
        } else {
            self.doubtful.remove(&index);
        }
        self.results[index] = result;
    }

    /// Removes those who have no roles left.
    async fn remove(&mut self) {
        let leaving = self.waiting(false);
        let this = &*self;
        let results = in_chunks(&leaving, MOST_MEMBERS, |chunk| async move {
            let ids: Vec<&str> = chunk.iter().map(|&index| this.changes[index].id.as_str()).collect();
            this.delete(&ids).await
        })
        .await;
        for (index, result) in leaving.into_iter().zip(results) {
            self.record(index, result);
        }
    }

    /// Finds out who those are who keep or get roles: the members, or the others.
    async fn identify(&mut self, members: bool) -> BTreeMap<usize, Party> {
        let this = &*self;
        let asked = this.waiting(true).into_iter().filter(|&index| this.is_member(index) == members);
        let calls = asked.map(|index| async move {
            (index, this.client.identify(this.workspace, &this.changes[index], this.send_by).await)
        });
        let calls: Vec<_> = calls.collect();
        let found: Vec<_> = stream::iter(calls).buffered(CALLS_AT_ONCE).collect().await;
        let mut parties = BTreeMap::new();
        for (index, party) in found {
            match party {
                Ok(party) => drop(parties.insert(index, party)),
                Err(error) => self.results[index] = Err(error),
            }
        }
        parties
    }

    /// Gives members other roles, one call each; those who only lose some first.
    async fn update(&mut self, parties: &BTreeMap<usize, Party>) {
        let this = &*self;
        let mut members: Vec<_> = parties.iter().collect();
        members.sort_by_key(|(index, _)| !this.differences[**index].added.is_empty());
        let calls = members.into_iter().map(|(&index, party)| async move {
            let Membership { id, after, .. } = &this.changes[index];
            (index, this.replace(id, party, after).await.map_err(|refusal| refusal.error))
        });
        // Collected first: what borrows by way of a closure cannot be sent between threads.
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (index, result) in done {
            self.record(index, result);
        }
    }

    /// Adds those who are not members, those with equal roles together.
    async fn add(&mut self, parties: &BTreeMap<usize, Party>) {
        let this = &*self;
        let mut alike: BTreeMap<(bool, &BTreeSet<String>), Vec<usize>> = BTreeMap::new();
        for (&index, party) in parties {
            alike.entry((party.group, &this.changes[index].after)).or_default().push(index);
        }
        let calls = alike.into_iter().map(|((_, roles), indexes)| async move {
            let results = in_chunks(&indexes, MOST_MEMBERS, |chunk| async move {
                let entries: Vec<&Party> = chunk.iter().filter_map(|index| parties.get(index)).collect();
                let ids: Vec<&str> = chunk.iter().map(|&index| this.changes[index].id.as_str()).collect();
                this.create(&ids, &entries, roles).await
            });
            let results = results.await;
            indexes.into_iter().zip(results).collect::<Vec<_>>()
        });
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).concat().await;
        for (index, result) in done {
            self.record(index, result);
        }
    }

    /// Makes in parts what was refused as a whole: one role that is refused holds up no other, least of all a removal.
    async fn make_in_parts(&mut self, parties: &BTreeMap<usize, Party>) {
        let this = &*self;
        let refused = parties.iter().filter(|(index, _)| {
            let Difference { added, removed } = &this.differences[**index];
            let parts = added.len() + usize::from(!removed.is_empty());
            parts > 1 && matches!(this.results[**index], Err(CloudError::Rejected { .. }))
        });
        let calls = refused.map(|(&index, party)| async move { (index, this.part_by_part(index, party).await) });
        let calls: Vec<_> = calls.collect();
        let done: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        for (index, result) in done {
            self.record(index, result.map_err(CloudError::partly));
        }
    }

    /// Makes one change in parts: first what goes, then one role after the other, each on top of what was accepted. The last
    /// refusal counts; anything else that goes wrong ends it.
    async fn part_by_part(&self, index: usize, party: &Party) -> Result<(), CloudError> {
        let Membership { id, before, purpose, .. } = &self.changes[index];
        let Difference { added, removed } = &self.differences[index];
        let mut member = self.is_member(index);
        let mut party = party.clone();
        if !member {
            // What was said of somebody who is not on the list may be why.
            let kind = Facts { group: Some(party.group), ..Facts::default() };
            party = self.client.identify_by_iam(id, kind, purpose, self.send_by).await.unwrap_or(party);
        }
        let removal = (!removed.is_empty()).then_some(None);
        let mut roles = before.clone();
        let mut result = Ok(());
        for part in removal.into_iter().chain(added.iter().map(Some)) {
            let wanted: BTreeSet<String> = match part {
                None => &roles - removed,
                Some(role) => roles.iter().chain([role]).cloned().collect(),
            };
            let made = if wanted.is_empty() {
                self.delete(&[id]).await
            } else if member {
                self.replace(id, &party, &wanted).await
            } else {
                self.create(&[id], &[&party], &wanted).await
            };
            match made.map_err(|refusal| refusal.error) {
                Ok(()) => (member, roles) = (!wanted.is_empty(), wanted),
                Err(error @ CloudError::Rejected { .. }) => result = Err(error),
                Err(error) => return Err(error),
            }
        }
        result
    }

    /// A member may be one without roles.
    fn is_member(&self, index: usize) -> bool {
        let change = &self.changes[index];
        !change.before.is_empty() || self.client.known.member(self.workspace, &change.id).is_some()
    }

    /// Makes sure that these are no members.
    async fn delete(&self, ids: &[&str]) -> Result<(), Refusal> {
        self.send(REMOVE, Method::POST, &["delete-users"], &json!({"user_ids": ids}), ids, "").await
    }

    /// Gives a member these roles, and no others.
    async fn replace(&self, id: &str, party: &Party, roles: &BTreeSet<String>) -> Result<(), Refusal> {
        self.send(UPDATE, Method::PUT, &["users", id], &body(roles, &[party]), &[id], &asked_for(roles)).await
    }

    /// Makes members of others, with these roles.
    async fn create(&self, ids: &[&str], parties: &[&Party], roles: &BTreeSet<String>) -> Result<(), Refusal> {
        self.send(ADD, Method::POST, &["users"], &body(roles, parties), ids, &asked_for(roles)).await
    }

    async fn send(
        &self,
        operation: &'static str,
        method: Method,
        below: &[&str],
        body: &Value,
        ids: &[&str],
        asked_for: &str,
    ) -> Result<(), Refusal> {
        let session = &self.client.session;
        let target = target(&[&["v2", session.project_id(), self.workspace], below].concat(), &[]);
        let send_by = if operation == UPDATE { self.replace_by } else { self.send_by };
        let call = Call::get(Service::DataArts, operation, target, send_by);
        let call = call.with_body(method, body).confirmed_by(Answer::confirmed);
        let concerned = self.changes.iter().filter(|change| ids.contains(&change.id.as_str()));
        let purpose = Purpose::of_write(concerned.map(|change| &change.purpose));
        let Some(purpose) = purpose else { return Ok(()) };
        let written = session.write(&call, &purpose).await;
        written.map(drop).map_err(|error| {
            let error = explained(error, asked_for);
            refusal(if let [id] = ids { about_the_principal(error, self.workspace, id) } else { error })
        })
    }

    /// Looks again after refusals.
    async fn look(&mut self, reading: &Reading<'_>) {
        let look = match self.client.read_members(reading, self.workspace).await {
            Ok(WorkspaceMembers::Members(members)) => Ok(members),
            Ok(WorkspaceMembers::WorkspaceGone) => {
                Err(CloudError::TargetNotFound { fault: Fault::of(UPDATE, "the workspace is gone") })
            }
            Err(error) => Err(error),
        };
        let nothing = BTreeSet::new();
        for &index in &self.doubtful {
            let Err(refusal) = &self.results[index] else { continue };
            match &look {
                Err(error) => self.results[index] = Err(as_bad_as_the_look(refusal, error)),
                Ok(members) => {
                    let row = members.iter().find(|member| member.id == self.changes[index].id);
                    if self.differences[index].holds(row.map_or(&nothing, |member| &member.roles)) {
                        self.results[index] = Ok(());
                    }
                }
            }
        }
    }
}

/// What a refusal without a reason says of the call.
fn asked_for(roles: &BTreeSet<String>) -> String {
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    format!("; asked for roles {}", roles.join(", "))
}

/// The body that gives these users, or these groups, these roles.
fn body(roles: &BTreeSet<String>, parties: &[&Party]) -> Value {
    let groups = parties.iter().any(|party| party.group);
    let entries: Vec<&Value> = parties.iter().map(|party| &party.entry).collect();
    let roles: Vec<Value> = roles.iter().map(|role| json!({"role_id": role})).collect();
    let field = if groups { "groups" } else { "user_ids" };
    json!({"type": i32::from(groups), field: entries, "roles_ids": roles})
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "parts_tests.rs"]
mod parts_tests;
