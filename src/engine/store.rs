//! The objects of one kind, as newest known, and which group each belongs to.
//!
//! The newest resourceVersion of a uid wins, whether it came by the watch or as the answer to a patch of ours, so that a
//! pass never sees less than its predecessor wrote. An answer never brings back an object that is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{Entry, ObjectKey, Reading};
use super::group::Group;
use super::tally::Tally;
use crate::api::AccessObject;

type Place<O> = Box<dyn Fn(&Entry<O>) -> Group + Send + Sync>;

pub(crate) struct Store<O: AccessObject> {
    /// Which group an object belongs to; asked again whenever the object or its account changes.
    place: Place<O>,
    inner: Mutex<Inner<O>>,
}

struct Inner<O: AccessObject> {
    entries: BTreeMap<Arc<ObjectKey>, (Arc<Entry<O>>, Group)>,
    /// How often an object was put there anew, or taken away.
    changes: u64,
    /// How the objects use accounts; nothing when one has changed since it was asked for.
    tally: Option<Arc<Tally>>,
    groups: HashMap<Group, BTreeSet<Arc<ObjectKey>>>,
    /// Undecodable objects of which it is not known what they own.
    unplaced: BTreeSet<Arc<ObjectKey>>,
    /// Objects to which a patch of ours is under way: a status that is news may be our own.
    patching: BTreeSet<ObjectKey>,
    /// Objects that turned out to be newer than known: their next event is news, whatever it says.
    awaited: BTreeSet<Arc<ObjectKey>>,
    /// For each watch that is listing anew, by its namespace (`None`: all): the keys it has named so far.
    listing: HashMap<Option<String>, BTreeSet<Arc<ObjectKey>>>,
}

/// A patch of ours is under way, until this is dropped: also when its pass is given up.
pub(crate) struct Patching<'a, O: AccessObject> {
    store: &'a Store<O>,
    key: &'a ObjectKey,
}

impl<O: AccessObject> Drop for Patching<'_, O> {
    fn drop(&mut self) {
        self.store.lock().patching.remove(self.key);
    }
}

impl<O: AccessObject> Store<O> {
    pub(crate) fn new(place: impl Fn(&Entry<O>) -> Group + Send + Sync + 'static) -> Self {
        Self {
            place: Box::new(place),
            inner: Mutex::new(Inner {
                entries: BTreeMap::new(),
                changes: 0,
                tally: None,
                groups: HashMap::new(),
                unplaced: BTreeSet::new(),
                patching: BTreeSet::new(),
                awaited: BTreeSet::new(),
                listing: HashMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<O>> {
        // Every change below leaves the maps whole, so a panic elsewhere while the lock was held harms nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch of a namespace (`None`: of all) lists anew from here on.
    pub(crate) fn begin_list(&self, scope: Option<&String>) {
        self.lock().listing.insert(scope.cloned(), BTreeSet::new());
    }

    /// The watch has listed everything: what it did not name is gone. Returns the groups that lost an object.
    pub(crate) fn end_list(&self, scope: Option<&String>) -> BTreeSet<Group> {
        let mut inner = self.lock();
        let Some(listed) = inner.listing.remove(&scope.cloned()) else {
            return BTreeSet::new();
        };
        let in_scope = |key: &ObjectKey| scope.is_none_or(|namespace| *namespace == key.namespace);
        let gone: Vec<_> =
            inner.entries.keys().filter(|key| in_scope(key) && !listed.contains(*key)).cloned().collect();
        gone.iter().filter_map(|key| inner.remove(key)).collect()
    }

    /// An object as the watch shows it. Returns the groups that have to be looked at.
    pub(crate) fn put(&self, entry: Entry<O>) -> BTreeSet<Group> {
        let known = self.get(&entry.key).filter(|known| known.uid == entry.uid);
        let entry = if let Some(known) = known { entry.with_reading_of(&known) } else { entry };
        let group = (self.place)(&entry);
        let mut inner = self.lock();
        for (scope, listed) in &mut inner.listing {
            if scope.as_ref().is_none_or(|namespace| *namespace == entry.key.namespace) {
                listed.insert(Arc::clone(&entry.key));
            }
        }
        let awaited = inner.awaited.contains(&entry.key);
        let patching = inner.patching.contains(&entry.key);
        let known = inner.entries.get(&entry.key);
        if let Some((known, known_group)) = known
            && known.uid == entry.uid
        {
            if !entry.is_newer_than(known) && !entry.clears_up(known) {
                return BTreeSet::new();
            }
            let is_ours = patching || entry.owns_the_same_as(known);
            if !awaited && is_ours && entry.asks_the_same_as(known) && *known_group == group {
                inner.insert(entry, group);
                return BTreeSet::new();
            }
        }
        let mut changed: BTreeSet<_> = known.map(|(_, group)| group.clone()).into_iter().collect();
        changed.insert(group.clone());
        inner.insert(entry, group);
        changed
    }

    /// A patch of ours is sent to an object; it was answered, or never will be, when what this returns is dropped.
    pub(crate) fn patch<'a>(&'a self, key: &'a ObjectKey) -> Patching<'a, O> {
        self.lock().patching.insert(key.clone());
        Patching { store: self, key }
    }

    /// The answer to a patch or a get of ours. Returns the object as it stands now, or `None` when it is gone meanwhile.
    pub(crate) fn answer(&self, entry: Entry<O>) -> Option<Arc<Entry<O>>> {
        let group = (self.place)(&entry);
        let mut inner = self.lock();
        let (known, _) = inner.entries.get(&entry.key)?;
        if known.uid != entry.uid {
            return None;
        }
        if !entry.is_newer_than(known) {
            return Some(Arc::clone(known));
        }
        Some(inner.insert(entry, group))
    }

    /// An object turned out to be newer than this version of it. Returns the groups that have to be looked at, if the
    /// newer one is known already; its event brings them otherwise.
    pub(crate) fn await_newer(&self, than: &Entry<O>) -> BTreeSet<Group> {
        let mut inner = self.lock();
        match inner.entries.get(&than.key) {
            Some((known, group)) if known.is_newer_than(than) => BTreeSet::from([group.clone()]),
            Some(_) => {
                inner.awaited.insert(Arc::clone(&than.key));
                BTreeSet::new()
            }
            None => BTreeSet::new(),
        }
    }

    /// What could be read of an undecodable object, if nobody has shown it since as it is. Returns the groups that have to be looked at.
    pub(crate) fn read(&self, of: &Entry<O>, reading: Reading) -> BTreeSet<Group> {
        let entry = of.clone().with_reading(reading);
        let group = (self.place)(&entry);
        let mut inner = self.lock();
        match inner.entries.get(&entry.key) {
            Some((known, before)) if known.is_to_be_read() && known.is_version_of(of) => {
                let changed = BTreeSet::from([before.clone(), group.clone()]);
                inner.insert(entry, group);
                changed
            }
            _ => BTreeSet::new(),
        }
    }

    /// The object is gone. Returns its group.
    pub(crate) fn remove(&self, key: &ObjectKey, uid: &str) -> Option<Group> {
        let mut inner = self.lock();
        if inner.entries.get(key).is_some_and(|(known, _)| known.uid == uid) { inner.remove(key) } else { None }
    }

    /// Places objects anew after something that they depend on changed. Returns the groups that have to be looked at.
    pub(crate) fn place_again(&self, which: impl Fn(&Entry<O>) -> bool) -> BTreeSet<Group> {
        let mut inner = self.lock();
        let affected: Vec<_> = inner.entries.values().filter(|(entry, _)| which(entry)).cloned().collect();
        let mut groups = BTreeSet::new();
        for (entry, before) in affected {
            let group = (self.place)(&entry);
            groups.insert(group.clone());
            groups.insert(before);
            inner.insert(entry, group);
        }
        groups
    }

    /// The groups of the objects that this is true of.
    pub(crate) fn groups_of(&self, which: impl Fn(&Entry<O>) -> bool) -> BTreeSet<Group> {
        let inner = self.lock();
        inner.entries.values().filter(|(entry, _)| which(entry)).map(|(_, group)| group.clone()).collect()
    }

    /// Looks at every object.
    pub(crate) fn sweep(&self, mut look: impl FnMut(&Entry<O>)) {
        for (entry, _) in self.lock().entries.values() {
            look(entry);
        }
    }

    /// How the objects use accounts. Costs nothing while none changes.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        let inner = &mut *self.lock();
        let entries = inner.entries.values().map(|(entry, _)| &**entry);
        Arc::clone(inner.tally.get_or_insert_with(|| Arc::new(Tally::of(entries))))
    }

    /// Differs whenever an object does from what was there before.
    pub(crate) fn version(&self) -> u64 {
        self.lock().changes
    }

    /// The objects of a group.
    pub(crate) fn group(&self, group: &Group) -> Vec<Arc<Entry<O>>> {
        let inner = self.lock();
        let keys = inner.groups.get(group).into_iter().flatten();
        keys.filter_map(|key| inner.entries.get(key)).map(|(entry, _)| Arc::clone(entry)).collect()
    }

    /// Nobody belongs to the group.
    pub(crate) fn is_empty(&self, group: &Group) -> bool {
        !self.lock().groups.contains_key(group)
    }

    /// The group of an object, if it is there.
    pub(crate) fn group_of(&self, key: &ObjectKey) -> BTreeSet<Group> {
        self.lock().entries.get(key).map(|(_, group)| group.clone()).into_iter().collect()
    }

    /// An object as it stands now.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<Entry<O>>> {
        self.lock().entries.get(key).map(|(entry, _)| Arc::clone(entry))
    }

    /// Some undecodable object may own anything, anywhere.
    pub(crate) fn has_unplaced(&self) -> bool {
        !self.lock().unplaced.is_empty()
    }

    /// Some undecodable object was not read yet by other means.
    pub(crate) fn has_unread(&self) -> bool {
        let inner = self.lock();
        inner.unplaced.iter().any(|key| inner.entries.get(key).is_some_and(|(entry, _)| entry.is_unread()))
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }
}

impl<O: AccessObject> Inner<O> {
    fn insert(&mut self, entry: impl Into<Arc<Entry<O>>>, group: Group) -> Arc<Entry<O>> {
        let entry = entry.into();
        self.remove(&entry.key);
        self.changes += 1;
        self.tally = None;
        if entry.is_unplaced() {
            self.unplaced.insert(Arc::clone(&entry.key));
        }
        // All of a group share its name.
        let known = self.groups.get_key_value(&group).map(|(known, _)| known.clone());
        let group = known.unwrap_or(group);
        self.groups.entry(group.clone()).or_default().insert(Arc::clone(&entry.key));
        self.entries.insert(Arc::clone(&entry.key), (Arc::clone(&entry), group));
        entry
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Group> {
        self.unplaced.remove(key);
        self.awaited.remove(key);
        let (_, group) = self.entries.remove(key)?;
        self.changes += 1;
        self.tally = None;
        if let Some(keys) = self.groups.get_mut(&group) {
            keys.remove(key);
            if keys.is_empty() {
                self.groups.remove(&group);
            }
        }
        Some(group)
    }
}
