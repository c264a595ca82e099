//! What a script asks for as it is played, and what the journal may show then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::Value;
use simulator::{Entry, Simulator};

use super::rig::Exchange;
use crate::runner::KINDS;
use crate::script::Step;

type Access = BTreeSet<String>;
/// Target and principal.
type Holder = (String, String);

/// Which finalizer holds an object.
const FINALIZER: &str = "cloudaccess.dev/revoke";

/// What is asked for, and was since the last time that all was at rest. Clones are handles to the same one.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    /// By the objects' names.
    specs: BTreeMap<String, Value>,
    /// Those that were deleted.
    deleted: BTreeMap<String, Value>,
    /// What objects may be granted: what they want, and, until all is at rest again, what they wanted.
    grantable: BTreeMap<Holder, Access>,
    foreign: BTreeMap<Holder, Access>,
    /// How often each has come to be wanted.
    asked: BTreeMap<(Holder, String), usize>,
    given: BTreeMap<(Holder, String), usize>,
    /// What was wrong.
    broken: Vec<String>,
    /// Checks that were made, by property.
    checked: BTreeMap<&'static str, usize>,
}

/// Whom an object is about, and what it wants for them.
fn wants(spec: &Value) -> (Holder, Access) {
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let fields = ["queueName", "clusterId", "workspaceId"];
    let target = fields.iter().map(|field| text(&spec[field])).find(|target| !target.is_empty()).unwrap_or_default();
    let names = [&spec["userName"], &spec["user"]["id"], &spec["group"]["id"]];
    let principal = names.iter().map(|name| text(name)).find(|name| !name.is_empty()).unwrap_or_default();
    let one = [text(&spec["poolName"]), text(&spec["group"])];
    let many = ["privileges", "roles"].iter().filter_map(|field| spec[field].as_array()).flatten().map(text);
    let access = many.chain(one).filter(|string| !string.is_empty()).collect();
    ((target, principal), access)
}

/// Of a kind whose principals hold one thing at most.
fn is_exclusive(spec: &Value) -> bool {
    spec["poolName"].is_string() || spec["group"].is_string()
}

impl Books {
    fn wanted(&self) -> BTreeMap<Holder, Access> {
        let mut all: BTreeMap<Holder, Access> = BTreeMap::new();
        for spec in self.specs.values() {
            let (holder, access) = wants(spec);
            all.entry(holder).or_default().extend(access);
        }
        all
    }

    fn check(&mut self, property: &'static str, holds: bool, what: impl FnOnce() -> String) {
        *self.checked.entry(property).or_default() += 1;
        if !holds {
            self.broken.push(format!("{property}: {}", what()));
        }
    }

    /// What was wanted of this holder before must not be granted any more.
    fn settle(&mut self, holder: Holder) {
        let wanted = self.wanted().remove(&holder).unwrap_or_default();
        self.grantable.insert(holder, wanted);
    }
}

impl Ledger {
    /// A step that is about to be played.
    pub fn begin(&self, step: &Step) {
        let mut books = self.0.lock().unwrap();
        let yaml = || serde_saphyr::from_str::<Value>(&step.text()).unwrap_or_default();
        let before = books.wanted();
        match step.words().as_slice() {
            ["apply"] => {
                let manifest = yaml();
                if KINDS.iter().any(|kind| manifest["kind"] == *kind) {
                    let name = manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    books.specs.insert(name, manifest["spec"].clone());
                }
            }
            ["patch", kind, name] if KINDS.contains(kind) => {
                let patch = yaml();
                let spec = books.specs.get_mut(*name).unwrap();
                for (field, value) in patch["spec"].as_object().into_iter().flatten() {
                    spec[field] = value.clone();
                }
            }
            ["delete", kind, name] if KINDS.contains(kind) => {
                let spec = books.specs.remove(*name).unwrap();
                books.deleted.insert((*name).to_owned(), spec);
            }
            ["cloud", "grant", user, strings @ .., "on", target] => {
                let strings = strings.iter().map(|string| (*string).to_owned());
                books.foreign.entry(((*target).to_owned(), (*user).to_owned())).or_default().extend(strings);
            }
            _ => return,
        }
        for (holder, access) in books.wanted() {
            let had = before.get(&holder).cloned().unwrap_or_default();
            for string in &access - &had {
                *books.asked.entry((holder.clone(), string)).or_default() += 1;
            }
            books.grantable.entry(holder).or_default().extend(access);
        }
    }

    /// A step that has been played: what holds then, holds from then on.
    pub fn end(&self, step: &Step) {
        let mut books = self.0.lock().unwrap();
        match step.words().as_slice() {
            ["expect", "access", ..] => books.grantable = books.wanted(),
            ["expect", name, fields @ ..] if fields.contains(&"gone") || fields.contains(&"current=true") => {
                let spec = books.specs.get(*name).or(books.deleted.get(*name));
                if let Some((holder, _)) = spec.map(wants) {
                    books.settle(holder);
                }
            }
            _ => {}
        }
    }

    /// P2, P4 and P5 on what the clouds have done.
    pub fn take(&self, entries: &[Entry]) {
        let mut books = self.0.lock().unwrap();
        for entry in entries.iter().filter(|entry| entry.operation != "OutsideEdit") {
            let target = entry.target.clone().unwrap_or_default();
            for change in &entry.changed {
                let holder = (target.clone(), change.principal.clone());
                let set = |strings: &[String]| strings.iter().cloned().collect::<Access>();
                let (before, after) = (set(&change.before), set(&change.after));
                let (gained, lost) = (&after - &before, &before - &after);
                let grantable = books.grantable.get(&holder).cloned().unwrap_or_default();
                let foreign = books.foreign.get(&holder).cloned().unwrap_or_default();
                books.check("P2", gained.is_subset(&grantable), || {
                    format!("granted, and nobody asks for it: {entry:?}")
                });
                books.check("P4", lost.is_disjoint(&foreign), || format!("others had granted it: {entry:?}"));
                for string in gained {
                    let key = (holder.clone(), string);
                    let asked = books.asked.get(&key).copied().unwrap_or_default();
                    let given = *books.given.entry(key).and_modify(|count| *count += 1).or_insert(1);
                    books.check("P5", given <= asked, || {
                        format!("granted {given} times, asked for {asked} times: {entry:?}")
                    });
                }
            }
        }
    }

    /// P3 on a request to the API server: what drops the finalizer finds the access gone.
    pub fn heed(&self, exchange: &Exchange, simulator: &Simulator) {
        let finalizers = &exchange.body["metadata"]["finalizers"];
        let drops = exchange.method == Method::PATCH
            && exchange.path.contains("/cloudaccess.dev/")
            && !exchange.path.contains("accounts/")
            && finalizers.as_array().is_some_and(|kept| kept.iter().all(|name| *name != FINALIZER));
        if !drops {
            return;
        }
        let name = exchange.path.rsplit('/').next().unwrap_or_default();
        let mut books = self.0.lock().unwrap();
        let Some(spec) = books.deleted.get(name).cloned() else { return };
        let (holder, _) = wants(&spec);
        let wanted = books.wanted().remove(&holder);
        if wanted.is_some() && is_exclusive(&spec) {
            // Whoever takes over answers for all that is there.
            return;
        }
        let held: Access =
            simulator.users(&holder.0).unwrap_or_default().remove(&holder.1).unwrap_or_default().into_iter().collect();
        let others = &books.foreign.get(&holder).cloned().unwrap_or_default() | &wanted.unwrap_or_default();
        let left = &held - &others;
        books.check("P3", left.is_empty(), || format!("{name} is let go while {holder:?} holds {left:?}"));
    }

    /// How many checks of each property there were, or what was wrong.
    pub fn verdict(&self) -> Result<BTreeMap<&'static str, usize>, String> {
        let books = self.0.lock().unwrap();
        books.broken.first().map_or_else(|| Ok(books.checked.clone()), |broken| Err(broken.clone()))
    }
}
