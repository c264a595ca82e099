//! The pages for users: their examples work, and they tell of every field, and of no reason that there is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cloud_access_operator::api::{CloudAccount, ClusterCloudAccount, GROUP};
use cloud_access_operator::app::crds;
use cloud_access_operator::engine::AccessKind;
use cloud_access_operator::every_kind;
use cloud_access_operator::plan::{Class, Outcome};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::environment::{admin, environment};

/// Where examples are tried; nothing is kept there.
const NAMESPACE: &str = "docs";

/// What is told of every kind of access in the same words.
const ALIKE: [&str; 14] = [
    "### .spec.accountRef",
    "### .spec.adoptionPolicy",
    "### .spec.deletionPolicy",
    "### .spec.mode",
    "### .spec.suspend",
    "### .spec.validFrom",
    "### .spec.validUntil",
    "### .status.observedGeneration",
    "### .status.owned",
    "### .status.plan",
    "### .status.grantedAt",
    "### .status.expiredAt",
    "### .status.lastHandledReconcileAt",
    "### .status.lastRequestId",
];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of this kind below a folder.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { files_below(&path, extension) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// Every document in the YAML blocks of README and pages, and in the samples, with its place for messages.
fn examples() -> Vec<(String, Value)> {
    let mut texts = Vec::new();
    for path in files_below(&root().join("docs"), "md").into_iter().chain([root().join("README.md")]) {
        let text = fs::read_to_string(&path).unwrap();
        let blocks = text.split("\n```yaml\n").skip(1);
        texts.extend(blocks.map(|block| (path.clone(), block.split_once("\n```").unwrap().0.to_owned())));
    }
    let samples = files_below(&root().join("deploy/samples"), "yaml").into_iter();
    texts.extend(samples.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())));
    let documents = texts.iter().flat_map(|(path, text)| text.split("\n---\n").map(move |document| (path, document)));
    let read = |(path, document): (&PathBuf, &str)| {
        let place = format!("{}: {document}", path.display());
        let document = serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{place}\n{error}"));
        (place, document)
    };
    documents.map(read).collect()
}

/// Those that are of our kinds.
fn our_examples() -> Vec<(String, Value)> {
    let ours = |value: &Value| value["apiVersion"].as_str().is_some_and(|version| version.starts_with(GROUP));
    let examples: Vec<_> = examples().into_iter().filter(|(_, document)| ours(document)).collect();
    assert!(examples.len() > crds().len(), "every kind has an example");
    examples
}

/// What is left of a document once its kind has read it.
fn reread(document: &Value) -> Result<Value, String> {
    fn by<K: Serialize + DeserializeOwned>(document: &Value) -> Result<Value, String> {
        let object: K = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
        serde_json::to_value(object).map_err(|error| error.to_string())
    }
    let kind = document["kind"].as_str().unwrap_or_default();
    macro_rules! by_kind {
        ($($access:ty),*) => {
            match kind {
                $(kind if kind == <$access as AccessKind>::Object::kind(&()) => {
                    by::<<$access as AccessKind>::Object>(document)
                })*
                kind if kind == CloudAccount::kind(&()) => by::<CloudAccount>(document),
                kind if kind == ClusterCloudAccount::kind(&()) => by::<ClusterCloudAccount>(document),
                _ => Err(format!("there is no kind {kind}")),
            }
        };
    }
    every_kind!(by_kind)
}

#[test]
fn every_example_is_complete_and_has_no_field_that_its_kind_has_not() {
    for (place, document) in our_examples() {
        let reread = reread(&document).unwrap_or_else(|error| panic!("{place}\n{error}"));
        assert_eq!(reread, document, "{place}");
        assert!(!document.to_string().contains('…'), "a placeholder: {place}");
    }
}

#[tokio::test]
async fn every_example_is_accepted_by_a_real_api_server() {
    let environment = environment().await;
    let client = admin(&environment).await;
    let params = PatchParams::apply("docs").force();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch(NAMESPACE, &params, &Patch::Apply(namespace)).await.unwrap();
    for (place, document) in our_examples() {
        let mut object: DynamicObject = serde_json::from_value(document).unwrap();
        let kind = GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let objects = if kind.kind == ClusterCloudAccount::kind(&()) {
            Api::all_with(client.clone(), &resource)
        } else {
            object.metadata.namespace = Some(NAMESPACE.to_owned());
            Api::namespaced_with(client.clone(), NAMESPACE, &resource)
        };
        let applied: Result<DynamicObject, _> =
            objects.patch(&object.name_any(), &params.clone().dry_run(), &Patch::Apply(&object)).await;
        applied.unwrap_or_else(|error| panic!("{place}\n{error}"));
    }
}

/// The kinds, their pages, and the schemas of their objects.
fn pages() -> Vec<(String, String, Value)> {
    let page = |crd| {
        let crd = serde_json::to_value(crd).unwrap();
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let path = root().join(format!("docs/{}.md", kind.to_lowercase()));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (kind, text, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
    };
    crds().into_iter().map(page).collect()
}

/// The fields below a schema, each with its path from there, such as `.endpoints.dli`.
fn fields(schema: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        paths.push(format!(".{name}"));
        paths.extend(fields(field).into_iter().map(|below| format!(".{name}{below}")));
    }
    paths
}

/// The headings of a page, without their marks.
fn headings(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim_start())
}

#[test]
fn every_field_has_its_heading_or_is_named_below_one_and_no_heading_is_of_another() {
    for (kind, page, schema) in pages() {
        let told: BTreeSet<&str> = headings(&page).filter(|heading| heading.starts_with('.')).collect();
        let mut known = BTreeSet::new();
        for part in ["spec", "status"] {
            known.extend(fields(&schema["properties"][part]).into_iter().map(|path| format!(".{part}{path}")));
        }
        for path in &known {
            let (above, name) = path.rsplit_once('.').unwrap();
            let is_below = above != ".spec" && above != ".status";
            // What a condition consists of is Kubernetes' own.
            let is_named = page.contains(&format!("`{name}`")) || path.starts_with(".status.conditions.");
            assert!(told.contains(&**path) || is_below && is_named, "{kind}: nothing is told of {path}");
        }
        let strangers: Vec<_> = told.iter().filter(|heading| !known.contains(**heading)).collect();
        assert!(strangers.is_empty(), "{kind}: there is no {strangers:?}");
    }
}

/// What stands in a page below a heading, down to the next one.
fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("\n{heading}\n"))?;
    Some(below.split("\n#").next().unwrap_or_default())
}

#[test]
fn what_every_kind_has_is_told_in_the_same_words() {
    for heading in ALIKE {
        let of_access = |(kind, ..): &(String, String, Value)| !is_account(kind);
        let told = pages().into_iter().filter(of_access).map(|(kind, page, _)| {
            section(&page, heading).unwrap_or_else(|| panic!("{kind}: no {heading}")).to_owned()
        });
        assert_eq!(told.collect::<BTreeSet<_>>().len(), 1, "{heading}");
    }
}

/// It is a kind of accounts, not of access.
fn is_account(kind: &str) -> bool {
    [CloudAccount::kind(&()), ClusterCloudAccount::kind(&())].iter().any(|account| account == kind)
}

/// The words in the first column of a section's tables of reasons.
fn reasons(section: &str) -> impl Iterator<Item = &str> {
    let tables = section.split("| reason |").skip(1).map(|table| table.split("\n\n").next().unwrap_or_default());
    let rows = tables.flat_map(|table| table.lines().filter_map(|line| line.strip_prefix("| `")));
    rows.map(|row| row.split('`').next().unwrap_or_default())
}

#[test]
fn every_reason_exists_and_stands_below_the_condition_that_it_leads_to() {
    for (kind, page, _) in pages() {
        for reason in reasons(&page) {
            assert!(Outcome::from_reason(reason).is_some(), "{kind}: there is no reason {reason}");
        }
        if is_account(&kind) {
            continue;
        }
        for (condition, classes) in [
            ("Ready", [Class::Ready].as_slice()),
            ("Reconciling", &[Class::Waiting, Class::WaitingThenStalled]),
            ("Stalled", &[Class::Stalled]),
        ] {
            let section = section(&page, &format!("#### {condition}"));
            let section = section.unwrap_or_else(|| panic!("{kind}: nothing is told of {condition}"));
            assert!(reasons(section).count() > 0, "{kind}: no reason leads to {condition}");
            for reason in reasons(section) {
                let class = Outcome::from_reason(reason).map(Outcome::class);
                assert!(class.is_some_and(|class| classes.contains(&class)), "{kind}: {reason} below {condition}");
            }
        }
    }
}
