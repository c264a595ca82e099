//! What histories know of the world by themselves: who else granted what, what objects ask for, and so what each user holds
//! in the end. It is the second judge beside a fresh start.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::Stage;

pub type Strings = BTreeSet<&'static str>;

/// What an object asks for.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the spec")]
pub struct Spec {
    pub account: &'static str,
    pub wanted: Strings,
    pub adopt: bool,
    pub retain: bool,
    pub suspended: bool,
    pub observing: bool,
    /// In milliseconds since the start.
    pub valid_from: Option<u64>,
    pub valid_until: Option<u64>,
}

/// The Secret of an object.
#[derive(Clone, Copy, PartialEq)]
pub enum Password {
    Good,
    /// One that the service would not take.
    Bad,
    Missing,
}

/// One object, which comes and goes.
pub struct Object {
    /// What it asks for; none while there is no such object, or it is being deleted.
    pub spec: Option<Spec>,
    /// There was one of this name.
    pub known: bool,
    /// Its manifest cannot be decoded.
    pub spoiled: bool,
    /// Since the last calm it may have adopted at one time and not at another.
    pub adopted_lately: bool,
    pub password: Password,
    /// The number of its last good password.
    pub password_number: u64,
}

/// A target, with all that is known of it.
pub struct Scene {
    pub stage: &'static Stage,
    /// The target is there.
    pub there: bool,
    /// Pools that were removed.
    pub removed: Strings,
    /// What others have granted, by user.
    pub foreign: BTreeMap<&'static str, Strings>,
    pub objects: Vec<Object>,
}

impl Spec {
    /// It is valid at this time.
    pub fn is_valid(&self, now: u64) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_until.is_none_or(|until| until > now)
    }
}

impl Scene {
    pub fn new(stage: &'static Stage) -> Self {
        let object = |_| Object {
            spec: None,
            known: false,
            spoiled: false,
            adopted_lately: false,
            password: Password::Good,
            password_number: 0,
        };
        let objects = stage.objects.iter().map(object).collect();
        Self { stage, there: true, removed: Strings::new(), foreign: BTreeMap::new(), objects }
    }

    /// What an object about this user asks for, if it does now.
    fn asked(&self, object: usize, user: &str, now: u64) -> Option<&Spec> {
        let spec = self.objects[object].spec.as_ref().filter(|_| self.stage.objects[object].1 == user);
        spec.filter(|spec| spec.is_valid(now))
    }

    /// What the objects about a user ask for now.
    fn live(&self, user: &str, now: u64) -> impl Iterator<Item = &Spec> {
        (0..self.objects.len()).filter_map(move |object| self.asked(object, user, now))
    }

    /// What others have granted to a user.
    pub fn foreign_of(&self, user: &str) -> Strings {
        self.foreign.get(user).cloned().unwrap_or_default()
    }

    /// What a user holds when everything is at rest. Of two objects that are after one place, the first of this order has it.
    pub fn expected(&self, user: &str, order: &[usize], now: u64) -> Strings {
        let foreign = self.foreign_of(user);
        let mut wanted = order.iter().filter_map(|object| self.asked(*object, user, now)).map(|spec| &spec.wanted);
        if !self.stage.exclusive {
            return wanted.fold(foreign, |all, wanted| &all | wanted);
        }
        wanted.next().filter(|_| foreign.is_empty()).cloned().unwrap_or(foreign)
    }

    /// Whose access is an object's own in the end.
    pub fn is_ours(&self, user: &str, now: u64) -> bool {
        self.live(user, now).next().is_some() && self.foreign_of(user).is_empty()
    }

    /// Everything was mended and had time to settle: who adopts has taken over what others had granted.
    pub fn settle(&mut self, now: u64) {
        for user in self.stage.users() {
            if self.live(user, now).any(|spec| spec.adopt) {
                self.foreign.remove(user);
            }
        }
        for object in &mut self.objects {
            object.adopted_lately = false;
        }
    }

    /// Whether it is uncertain, until the next calm, what becomes of this if others grant it now.
    pub fn is_unsettled(&self, user: &str) -> bool {
        self.stage.objects.iter().zip(&self.objects).any(|((_, whose), object)| *whose == user && object.adopted_lately)
    }

    /// Others grant this, while everything is at rest. What one of ours holds already stays ours; so does a user whom one of
    /// ours has placed, wherever others move him.
    pub fn granted_by_others(&mut self, user: &'static str, string: &'static str, now: u64) {
        let ours = self.live(user, now).any(|spec| self.stage.exclusive || spec.wanted.contains(string));
        let foreign = self.foreign.entry(user).or_default();
        if self.stage.exclusive {
            if foreign.is_empty() && ours {
                return;
            }
            foreign.clear();
            foreign.insert(string);
        } else if !ours {
            foreign.insert(string);
        }
    }

    /// Others take this away.
    pub fn revoked_by_others(&mut self, user: &str, strings: &Strings) {
        if let Some(foreign) = self.foreign.get_mut(user) {
            foreign.retain(|string| !strings.contains(string));
        }
    }

    /// An object that retains is deleted, while everything is at rest: what it holds is nobody's from then on.
    pub fn retained(&mut self, object: usize, now: u64) {
        let user = self.stage.objects[object].1;
        let Some(spec) = self.objects[object].spec.clone().filter(|spec| spec.is_valid(now)) else { return };
        let foreign = self.foreign.entry(user).or_default();
        if !self.stage.exclusive || foreign.is_empty() {
            foreign.extend(spec.wanted);
        }
    }
}
