//! Turns what the derive generates into the CRDs that ship: structural, without nulls, `observedGeneration` -1 from the
//! start.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::CloudAccount;

/// The CRD of a custom resource, as it ships.
#[must_use]
pub fn crd<K: CustomResourceExt>() -> CustomResourceDefinition {
    let mut crd = K::crd();
    for version in &mut crd.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        tidy(schema);
        if K::crd_name() == CloudAccount::crd_name() {
            take_out_own_identities(schema);
        }
        let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
        let observes = |status: &&mut JSONSchemaProps| {
            status.properties.as_ref().is_some_and(|fields| fields.contains_key("observedGeneration"))
        };
        if let Some(status) = status.filter(observes) {
            // kstatus then never takes a new object for current.
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// How the operator's own identities are called in credentials. They are nobody's who has but a namespace.
const OWN_IDENTITIES: [&str; 2] = ["podIdentity", "rrsa"];

/// Of these credentials only Secrets are left, and one has to be named.
fn take_out_own_identities(schema: &mut JSONSchemaProps) {
    let Some(properties) = &mut schema.properties else { return };
    if OWN_IDENTITIES.iter().any(|own| properties.remove(*own).is_some()) {
        schema.required = Some(vec!["secretRef".to_owned()]);
        schema.x_kubernetes_validations = None;
    }
    properties.values_mut().for_each(take_out_own_identities);
}

/// Takes out what schemars says of `Option` and of Rust's integers and what the API server has no use for: a field that
/// may be left out may not be null, and only formats it knows are kept.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    // Doc comments are wrapped for the reader of the code, not for `kubectl explain`.
    schema.description = schema.description.take().map(|text| text.replace('\n', " "));
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| value.0 != Value::Null);
    }
    if schema.format.as_deref().is_some_and(|format| !matches!(format, "date-time" | "int32" | "int64")) {
        schema.format = None;
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(tidy);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
}
