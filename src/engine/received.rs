//! An object as the API server sends it: its metadata without what nobody here uses, such as the managed fields, which are
//! most of it; and its content, which spoils no other object's if it cannot be decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

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
        let content =
            O::Spec::deserialize(spec).and_then(|spec| Ok(Decoded { spec, status: Option::deserialize(status)? }));
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
