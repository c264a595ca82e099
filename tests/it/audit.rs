//! The audit: what the operator logs of its writes is what the clouds' journal has of them, no more and no less.

use std::collections::BTreeMap;

use serde_json::Value;
use simulator::Entry;

use crate::runner::{Broken, Runner};

/// The service, whom a request was about, sorted, and whether it succeeded.
type About = (String, Vec<String>, bool);

/// What the fields of a line mean.
const PAGE: &str = include_str!("../../docs/logs.md");

/// Requests by their id, and those that have none, or whose answer did not tell it.
#[derive(Debug, Default, PartialEq)]
struct Requests {
    known: BTreeMap<String, About>,
    unknown: Vec<(String, String)>,
}

impl Requests {
    /// What the log says. What was not sent is no request.
    fn logged(log: &str) -> Result<Self, String> {
        let mut requests = Self::default();
        for line in log.lines().filter(|line| line.contains(r#""target":"audit""#)) {
            let line: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            for name in line.as_object().into_iter().flat_map(|line| line.keys()) {
                if !PAGE.contains(&format!("`{name}`")) {
                    return Err(format!("docs/logs.md does not tell of {name}: {line}"));
                }
            }
            let field = |name: &str| line[name].as_str().map(str::to_owned);
            let required = |name: &str| field(name).ok_or_else(|| format!("no {name}: {line}"));
            let (service, principal, result) = (required("service")?, required("principal")?, required("result")?);
            for name in ["on", "account", "operation", "granted", "revoked"] {
                required(name)?;
            }
            let asked_by = required("asked_by")?;
            if !(asked_by.contains(" (uid ") && asked_by.contains(", generation ")) {
                return Err(format!("nobody asked: {line}"));
            }
            match field("request_id") {
                _ if result == "not sent" => {}
                Some(id) => {
                    requests.known.entry(id).or_insert((service, Vec::new(), result == "accepted")).1.push(principal);
                }
                None => requests.unknown.push((service, principal)),
            }
        }
        requests.known.values_mut().for_each(|(_, principals, _)| principals.sort());
        Ok(requests)
    }
}

/// A call of the operator that was to change something.
fn is_write(entry: &Entry) -> bool {
    let operation = entry.operation.as_str();
    let reads = ["List", "Describe", "Get"].iter().any(|word| operation.starts_with(word));
    let of_operator = !["OutsideEdit", "LateEffect"].contains(&operation);
    of_operator && (entry.action.is_some() || entry.service == "ehpc" && !reads && !entry.principals.is_empty())
}

impl Runner {
    /// Whether each write that reached a cloud has its lines in the log, one for each principal, and no line is of another.
    /// Whoever was killed could not tell of what it still waited for.
    pub(crate) fn audit_equals_journal(&self, killed: bool) -> Result<(), Broken> {
        let Some(log) = self.world.log() else { return Ok(()) };
        let mut logged = Requests::logged(&log).map_err(Broken)?;
        let (mut untold, mut unanswered) = (Vec::new(), Vec::new());
        for entry in self.world.simulator.journal_after(0) {
            if !is_write(&entry) {
                // Of what was refused at the door, the cloud has not read whom it was about.
                let at_the_door = entry.principals.is_empty() && !entry.succeeded;
                let told = entry.request_id.as_ref().filter(|_| at_the_door).and_then(|id| logged.known.remove(id));
                if told.is_some_and(|(service, _, succeeded)| service != entry.service || succeeded) {
                    return Err(Broken(format!(" the audit has another service than {entry:?}")));
                }
                continue;
            }
            let mut principals = entry.principals.clone();
            principals.sort();
            let about = (entry.service.clone(), principals, entry.succeeded);
            match entry.request_id.as_ref().and_then(|id| logged.known.remove(id)) {
                Some(told) if told == about => {}
                Some(told) => return Err(Broken(format!(" the audit tells of {told:?}, the journal of {entry:?}"))),
                None => {
                    let list = if killed && entry.status.is_none() { &mut unanswered } else { &mut untold };
                    list.extend(about.1.into_iter().map(|principal| (entry.service.clone(), principal)));
                }
            }
        }
        unanswered.retain(|about| logged.unknown.contains(about));
        untold.append(&mut unanswered);
        logged.unknown.sort();
        untold.sort();
        if logged.known.is_empty() && logged.unknown == untold {
            return Ok(());
        }
        let difference = format!("{logged:?}, and the journal beyond the audit {untold:?}");
        Err(Broken(format!(" the audit tells beyond the journal {difference}")))
    }
}
