//! `deploy/samples`, the objects a reader starts with: what they ask for, and their accounts pointed to the simulated cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::kubectl::Kubectl;
use crate::places::Places;
use crate::simulator::Simulator;

/// How the objects of one kind say what they ask for, and what the simulator needs for it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// As manifests spell it.
    pub(crate) name: &'static str,
    /// The field that names the target, a JSON pointer into the spec like the next two.
    pub(crate) target: &'static str,
    /// The fields of which one names the principal.
    pub(crate) principal: &'static [&'static str],
    /// The field that holds the access: a string, or several.
    pub(crate) access: &'static str,
    /// A string of that field as the cloud spells it.
    pub(crate) in_cloud: fn(&str) -> &str,
    /// Makes a claim's target, with what else must be there before the access can be.
    pub(crate) make: fn(&Simulator, &Claim) -> Result<()>,
}

impl Kind {
    /// The kind as kubectl's arguments name it.
    pub(crate) fn resource(&self) -> String {
        self.name.to_lowercase()
    }

    /// Where its samples are, from the workspace on.
    pub(crate) fn file(&self) -> String {
        format!("deploy/samples/{}.yaml", self.resource())
    }
}

/// What one object asks for.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    kind: &'static Kind,
    /// The object's name.
    pub(crate) name: String,
    /// The target.
    pub(crate) target: String,
    /// The principal.
    pub(crate) principal: String,
    /// The access, as the cloud spells it.
    pub(crate) access: BTreeSet<String>,
    /// The whole object.
    pub(crate) manifest: Value,
}

impl Claim {
    /// Reads a manifest.
    pub(crate) fn of(kind: &'static Kind, manifest: Value) -> Result<Self> {
        let missing = |field: &str| Failure::new(format!("a {} in deploy/samples has no {field}", kind.name));
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let spec = |field: &str| text(&format!("/spec{field}"));
        let access = manifest.pointer(&format!("/spec{}", kind.access));
        let strings =
            access.map_or(&[][..], |access| access.as_array().map_or(std::slice::from_ref(access), |all| all));
        Ok(Self {
            kind,
            name: text("/metadata/name").ok_or_else(|| missing("name"))?,
            target: spec(kind.target).ok_or_else(|| missing(kind.target))?,
            principal: kind.principal.iter().find_map(|field| spec(field)).ok_or_else(|| missing("principal"))?,
            access: strings.iter().filter_map(Value::as_str).map(|one| (kind.in_cloud)(one).to_owned()).collect(),
            manifest,
        })
    }

    /// The same object under another name, with these fields of the spec instead of its own.
    pub(crate) fn like(&self, name: &str, spec: &Value) -> Result<Self> {
        let mut manifest = self.manifest.clone();
        manifest["metadata"]["name"] = json!(name);
        for (field, value) in spec.as_object().into_iter().flatten() {
            manifest["spec"][field] = value.clone();
        }
        Self::of(self.kind, manifest)
    }
}

/// The samples of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The kind.
    pub(crate) kind: &'static Kind,
    /// All objects of the file, as they are: those of the kind, and Secrets that they name.
    pub(crate) objects: Vec<Value>,
    /// What the objects of the kind ask for.
    pub(crate) claims: Vec<Claim>,
}

/// The samples.
#[derive(Debug)]
pub(crate) struct Samples {
    /// The accounts and their Secrets, pointed to the simulator.
    pub(crate) accounts: Vec<Value>,
    /// The others, kind by kind.
    pub(crate) of_kinds: Vec<Sample>,
}

impl Samples {
    /// Reads them, and makes the targets that they are about.
    pub(crate) fn read(
        places: &Places,
        kubectl: &Kubectl,
        simulator: &Simulator,
        kinds: &[&'static Kind],
    ) -> Result<Self> {
        let accounts = objects(kubectl, &places.workspace.join("deploy/samples/account.yaml"))?;
        let sample = |kind: &&'static Kind| {
            let objects = objects(kubectl, &places.workspace.join(kind.file()))?;
            let of_kind = objects.iter().filter(|object| object["kind"] == kind.name);
            let claims: Vec<Claim> = of_kind.map(|object| Claim::of(kind, object.clone())).collect::<Result<_>>()?;
            claims.iter().try_for_each(|claim| (kind.make)(simulator, claim))?;
            Ok(Sample { kind, objects, claims })
        };
        Ok(Self {
            accounts: point_to(simulator, accounts)?,
            of_kinds: kinds.iter().map(sample).collect::<Result<_>>()?,
        })
    }
}

/// The objects of a file.
fn objects(kubectl: &Kubectl, path: &Path) -> Result<Vec<Value>> {
    let path = path.display().to_string();
    let printed = kubectl.run(&["create", "--dry-run=client", "--output=json", "--filename", &path])?;
    let mut objects = Vec::new();
    for document in serde_json::Deserializer::from_str(&printed).into_iter::<Value>() {
        let document = document.map_err(|error| Failure::new(format!("kubectl cannot render {path}")).why(error))?;
        match document.get("items").and_then(Value::as_array) {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(document),
        }
    }
    Ok(objects)
}

/// Points accounts to the simulator, and gives the Secrets that they name the simulator's keys.
fn point_to(simulator: &Simulator, mut objects: Vec<Value>) -> Result<Vec<Value>> {
    let url = simulator.url();
    let key = |id: &str, secret: &str| {
        let (id, secret) = (simulator.announced(id)?, simulator.announced(secret)?);
        Ok(json!({"access-key-id": id, "secret-access-key": secret}))
    };
    let mut keys = BTreeMap::new();
    for object in objects.iter_mut().filter(|object| object["kind"] == "CloudAccount") {
        if let Some(huawei) = object["spec"].get_mut("huawei") {
            huawei["endpoints"] = json!({"dli": url, "dws": url, "dataArts": url, "iam": url});
            huawei["region"] = json!(simulator.announced("region")?);
            huawei["projectId"] = json!(simulator.announced("project_id")?);
            keys.insert(secret_of(huawei), key("access_key_id", "secret_access_key")?);
        }
        if let Some(alibaba) = object["spec"].get_mut("alibaba") {
            alibaba["endpoint"] = json!(url);
            alibaba["region"] = json!(simulator.announced("alibaba_region")?);
            keys.insert(secret_of(alibaba), key("alibaba_access_key_id", "alibaba_access_key_secret")?);
        }
    }
    for secret in objects.iter_mut().filter(|object| object["kind"] == "Secret") {
        if let Some(key) = secret["metadata"]["name"].as_str().and_then(|name| keys.remove(name)) {
            secret["stringData"] = key;
        }
    }
    Ok(objects)
}

/// The name of the Secret with an account's credentials.
fn secret_of(account: &Value) -> String {
    account["credentials"]["secretRef"]["name"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    static KIND: Kind = Kind {
        name: "Membership",
        target: "/clubId",
        principal: &["/user/id", "/group"],
        access: "/roles",
        in_cloud: |role| if role == "Chair" { "r1" } else { role },
        make: |_, _| Ok(()),
    };

    fn claim(spec: &Value) -> Result<Claim> {
        Claim::of(&KIND, json!({"metadata": {"name": "alice"}, "spec": spec}))
    }

    #[test]
    fn an_object_asks_for_one_string_or_several_as_the_cloud_spells_them() -> Result<()> {
        let several = claim(&json!({"clubId": "chess", "user": {"id": "alice"}, "roles": ["Chair", "r2"]}))?;
        assert_eq!((several.target.as_str(), several.principal.as_str()), ("chess", "alice"));
        assert_eq!(several.access, BTreeSet::from(["r1".into(), "r2".into()]));
        let one = several.like("players", &json!({"user": null, "group": "players", "roles": "Chair"}))?;
        assert_eq!((one.name.as_str(), one.principal.as_str()), ("players", "players"));
        assert_eq!(one.access, BTreeSet::from(["r1".into()]));
        Ok(())
    }

    #[test]
    fn a_sample_that_names_nobody_is_told_about() {
        let nobody = claim(&json!({"clubId": "chess", "roles": ["Chair"]})).map_err(|failure| failure.to_string());
        assert_eq!(nobody.map(drop), Err("a Membership in deploy/samples has no principal".into()));
    }
}
