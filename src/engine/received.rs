//! An object as the API server sends it: its metadata without what nobody here uses, such as the managed fields, which are
//! most of it; and its content, which spoils no other object's if it cannot be decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::{AccessObject, AccessStatus};

/// An object of a kind, as received.
#[derive(Debug, Clone)]
pub(crate) struct Received<O: AccessObject> {
    meta: ObjectMeta,
    /// What it asks for and what the operator wrote back, or why that cannot be decoded.
    pub(crate) content: Result<Decoded<O::Spec>, String>,
    kind: PhantomData<fn() -> O>,
}

/// What an object asks for, and what the operator wrote back.
#[derive(Debug, Clone)]
pub(crate) struct Decoded<S> {
    pub(crate) spec: S,
    pub(crate) status: Option<AccessStatus>,
}

impl<S> Decoded<S> {
    /// The message that all conditions of a status have is kept once.
    fn new(spec: S, status: Value) -> serde_json::Result<Self> {
        let mut status = Option::<AccessStatus>::deserialize(status)?;
        if let Some([first, others @ ..]) = status.as_mut().map(|status| &mut *status.conditions) {
            for other in others.iter_mut().filter(|other| other.message == first.message) {
                other.message = Arc::clone(&first.message);
            }
        }
        Ok(Self { spec, status })
    }
}

/// An object before its content is decoded.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

/// The metadata that is used.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl From<Meta> for ObjectMeta {
    fn from(meta: Meta) -> Self {
        Self {
            name: meta.name,
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            generation: meta.generation,
            creation_timestamp: meta.creation_timestamp,
            deletion_timestamp: meta.deletion_timestamp,
            finalizers: meta.finalizers,
            annotations: meta.annotations,
            ..Self::default()
        }
    }
}

impl<'de, O: AccessObject> Deserialize<'de> for Received<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw { metadata, spec, status } = Raw::deserialize(deserializer)?;
        let content = O::Spec::deserialize(spec).and_then(|spec| Decoded::new(spec, status));
        Ok(Self { meta: metadata.into(), content: content.map_err(|error| error.to_string()), kind: PhantomData })
    }
}

impl<O: AccessObject> Resource for Received<O> {
    type DynamicType = ();
    type Scope = O::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        O::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        O::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        O::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        O::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kube::{CustomResource, KubeSchema};
    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::api::{AccessSpec, CommonSpec};
    use crate::clouds::Urgency;
    use crate::engine::entry::{Entry, ObjectKey, Reading};
    use crate::engine::group::Group;
    use crate::engine::store::Store;
    use crate::engine::tally::{Counts, Tally};

    /// A key of a door.
    #[derive(Debug, Clone, Serialize, Deserialize, CustomResource, KubeSchema)]
    #[kube(group = "doors.dev", version = "v1", kind = "Key", namespaced, status = "AccessStatus")]
    struct KeySpec {
        #[serde(flatten)]
        common: CommonSpec,
        door: String,
    }

    impl AccessSpec for KeySpec {
        fn common(&self) -> &CommonSpec {
            &self.common
        }
    }

    fn received(object: &Value) -> Received<Key> {
        // As text, as the API server sends it.
        serde_json::from_str(&object.to_string()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn key(name: &str, account: &str) -> Value {
        json!({
            "apiVersion": "doors.dev/v1", "kind": "Key",
            "metadata": {
                "name": name, "namespace": "n", "uid": name, "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["other/one"], "annotations": {"a": "b"},
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:door": {}}}}],
            },
            "spec": {"accountRef": {"kind": "CloudAccount", "name": account}, "door": "front"},
            "status": {"owned": ["steel"], "conditions": [condition("Ready"), condition("Held")]},
        })
    }

    fn condition(type_: &str) -> Value {
        json!({
            "type": type_, "status": "True", "reason": "Granted", "message": "all is well",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    }

    #[test]
    fn what_is_used_is_there_and_the_rest_is_not() {
        let received = received(&key("ann", "main"));
        assert_eq!(received.meta.resource_version.as_deref(), Some("7"));
        assert_eq!(received.meta.managed_fields, None);
        let entry = Entry::new(&received);
        assert_eq!(
            (entry.generation, entry.created, &*entry.others),
            (2, 1_767_225_600, &["other/one".to_owned()][..])
        );
        let content = received.content.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (&*content.spec.door, content.status.unwrap_or_default().owned),
            ("front", vec!["steel".to_owned()])
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_told_and_keeps_its_metadata() {
        for (part, value, why) in [
            ("spec", json!({"door": "front"}), "accountRef"),
            ("spec", Value::Null, "null"),
            ("status", json!({"owned": 1}), "invalid type"),
            ("status", json!("all well"), "invalid type"),
        ] {
            let mut object = key("ann", "main");
            object[part] = value;
            let received = received(&object);
            assert_eq!(received.meta.uid.as_deref(), Some("ann"));
            let error = received.content.err().unwrap_or_default();
            assert!(error.contains(why), "{part}: {error}");
        }
        assert!(received(&json!({})).content.is_err());
        assert!(serde_json::from_str::<Received<Key>>(r#"{"metadata": {"name": 1}}"#).is_err());
    }

    #[test]
    fn what_could_not_be_decoded_is_taken_when_the_same_version_can_and_not_the_other_way() {
        let (whole, mut garbled) = (key("ann", "main"), key("ann", "main"));
        garbled["spec"] = json!({"door": "front"});
        for [first, second] in [[&garbled, &whole], [&whole, &garbled]] {
            let store = Store::<Key>::new(|entry| Group::Alone(entry.uid.as_str().into()));
            let looked_at = [first, second, second].map(|object| store.put(Entry::new(&received(object))).len());
            assert_eq!(looked_at, [1, usize::from(first == &garbled), 0]);
            // Somebody has begun to read it by other means before.
            store.read(&Entry::new(&received(&garbled)), Reading::Unclear);
            let known = store.get(&ObjectKey { namespace: "n".to_owned(), name: "ann".to_owned() });
            assert!(known.is_some_and(|known| known.account().is_some()), "it is as garbled as ever");
        }
    }

    #[test]
    fn objects_are_counted_by_account_and_reason_and_those_that_own_need_theirs() {
        let (owner, mut unread) = (key("a", "main"), key("d", "main"));
        let mut others = [key("b", "main"), key("c", "spare")];
        for object in &mut others {
            object["status"] = Value::Null;
        }
        let entries: Vec<_> = [&owner].into_iter().chain(&others).map(|object| Entry::new(&received(object))).collect();
        let tally = Tally::of(entries.iter());
        let account = |name: &str| ObjectKey { namespace: "n".to_owned(), name: name.to_owned() };
        assert!(tally.needs(&account("main")) && !tally.needs(&account("spare")));
        let mut counts = Counts::new();
        tally.add_to(&mut counts);
        tally.add_to(&mut counts);
        let of =
            |name: &str| counts[&account(name)].iter().map(|(reason, count)| (&**reason, *count)).collect::<Vec<_>>();
        assert_eq!((of("main"), of("spare")), (vec![("Granted", 2), ("New", 2)], vec![("New", 2)]));
        // Of one that cannot be read, no account is known; it may be any.
        unread["spec"] = Value::Null;
        unread["metadata"]["finalizers"] = json!([crate::api::FINALIZER]);
        assert!(Tally::of([Entry::new(&received(&unread))].iter()).needs(&account("spare")));
    }

    #[test]
    fn who_is_refused_gives_way_unless_access_is_to_be_taken_away() {
        let urgency = |reason: &str, observed: &[&str]| {
            let mut object = key("ann", "main");
            let mut ready = condition("Ready");
            (ready["status"], ready["reason"], ready["observedGeneration"]) = (json!("False"), json!(reason), json!(2));
            object["status"] = json!({"owned": ["steel"], "observed": observed, "conditions": [ready]});
            Entry::new(&received(&object)).urgency(Timestamp::UNIX_EPOCH)
        };
        assert_eq!(urgency("Rejected", &[]), Urgency::Look);
        assert_eq!(urgency("Rejected", &["brass", "steel"]), Urgency::Change, "brass is to go");
        assert_eq!(urgency("CloudUnavailable", &[]), Urgency::Change, "nobody has said no");
    }
}
