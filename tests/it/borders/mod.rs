//! An object makes the operator read nothing of another namespace, whatever its strings say.

mod attempts;
mod real;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cloud_access_operator::app::crds;
use kube::api::ListParams;
use tokio::time::{Duration, sleep};

use crate::manifests::walk;
use crate::runner::{KINDS, Runner};
use crate::world::{World, in_virtual_time};
use attempts::{ACCOUNT, SECRET, attempts, objects, stage, strings, with_string};

/// How the scenario's language calls the other namespace.
const OTHER: &str = "elsewhere";

/// The operator, as the API server knows it.
const OPERATOR: &str = "system:serviceaccount:cloud-access-system:cloud-access-operator";

static OUR_KINDS: LazyLock<Vec<String>> =
    LazyLock::new(|| crds().into_iter().map(|crd| crd.spec.names.plural).collect());

/// A request, as `VERB PATH?QUERY`, that watches our own kinds in a namespace.
fn is_watch(request: &str, namespace: &str) -> bool {
    let Some((verb, address)) = request.split_once(' ') else { return false };
    let path = address.split('?').next().unwrap_or_default();
    let within = path.strip_prefix("/apis/cloudaccess.dev/v1alpha1/namespaces/");
    let plural = within.and_then(|within| within.strip_prefix(namespace)?.strip_prefix('/'));
    matches!(verb, "get" | "list" | "watch") && plural.is_some_and(|plural| OUR_KINDS.iter().any(|our| our == plural))
}

/// A request whose path leads into the namespace, and nowhere else however it is read.
fn stays_in(request: &str, namespace: &str) -> bool {
    let is_name = |part: &str| {
        let inner = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
        part.starts_with(inner) && part.ends_with(inner) && part.chars().all(|char| inner(char) || ".-".contains(char))
    };
    let address = request.split_once(' ').map_or("", |(_, address)| address);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    // `/api/v1/…`, or `/apis/GROUP/VERSION/…`.
    let prefix = if path.starts_with("/api/") { 3 } else { 4 };
    let mut parts = path.split('/').skip(prefix);
    parts.next() == Some("namespaces")
        && parts.next() == Some(namespace)
        && parts.all(is_name)
        && !query.contains(namespace)
}

/// What the operator does for the accounts of a namespace, whoever else asks for what: it sees whether they can be used.
fn is_for_its_accounts(request: &str, namespace: &str) -> bool {
    ["huawei", "alibaba"].iter().any(|account| {
        let read = format!("get /api/v1/namespaces/{namespace}/secrets/{account}-credentials");
        let told =
            format!("patch /apis/cloudaccess.dev/v1alpha1/namespaces/{namespace}/cloudaccounts/{account}/status?");
        request == read || request == told
    })
}

/// Those of the requests that have to do with one of the namespaces, and neither stay in the first, nor watch our kinds in the
/// second, whose name begins with that of the first, nor are for the accounts there.
fn trespasses<'a>(requests: impl IntoIterator<Item = &'a String>, own: &str, other: &str) -> BTreeSet<&'a str> {
    let names = |request: &str| {
        let mut text = request.to_lowercase();
        // Also what was encoded twice.
        (0..3).any(|_| {
            let found = text.contains(own);
            text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
            found
        })
    };
    let requests = requests.into_iter().map(String::as_str);
    let is_fine =
        |request: &str| stays_in(request, own) || is_watch(request, other) || is_for_its_accounts(request, other);
    requests.filter(|request| names(request) && !is_fine(request)).collect()
}

/// The string that is tried at a place.
fn name_there(pointer: &str) -> &'static str {
    if pointer.to_lowercase().contains("secret") { SECRET } else { ACCOUNT }
}

async fn begin(mut world: World) -> Runner {
    world.others = vec![OTHER.to_owned()];
    let mut runner = Runner::begin(world).await;
    assert!(runner.play(&stage()).await.is_ok());
    runner
}

#[test]
fn every_string_of_every_spec_is_tried() {
    let mut tried = BTreeSet::new();
    for object in objects("https://example.org") {
        let kind = object["kind"].as_str().unwrap();
        let places = strings(&object["spec"], "").into_iter().map(|place| place.replace("/0", "[]").replace('/', "."));
        tried.extend(places.map(|place| format!("{kind}.spec{place}")));
    }
    let mut there = BTreeSet::new();
    for crd in crds() {
        let crd = serde_json::to_value(crd).unwrap();
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        if kind == "ClusterCloudAccount" {
            // Nobody writes one who has but a namespace.
            continue;
        }
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        walk(schema, &format!("{kind}.spec"), &mut |path, schema| {
            if schema["type"] == "string" {
                there.insert(path.to_owned());
            }
        });
    }
    assert_eq!(tried, there);
}

#[test]
fn what_leads_elsewhere_is_told_from_what_does_not() {
    for request in [
        "get /api/v1/namespaces/a/secrets/x",
        "get /api/v1/namespaces/a/secrets/x.a-b",
        "patch /apis/cloudaccess.dev/v1alpha1/namespaces/a/queuegrants/x/status?",
        "watch /apis/cloudaccess.dev/v1alpha1/namespaces/a-b/queuegrants?watch=true",
        "get /api/v1/namespaces/a-b/secrets/huawei-credentials",
    ] {
        assert_eq!(trespasses([&request.to_owned()], "a", "a-b"), BTreeSet::new());
    }
    for request in [
        "get /api/v1/namespaces/a-b/secrets/treasure",
        "get /api/v1/namespaces/a-b/secrets/huawei-credentials?x",
        "list /api/v1/namespaces/a-b/secrets",
        "get /apis/cloudaccess.dev/v1alpha1/namespaces/a-b/queuegrants/x",
        "patch /apis/cloudaccess.dev/v1alpha1/namespaces/a-b/queuegrants",
        "get /api/v1/namespaces/a/secrets/../../a-b/secrets/x",
        "get /api/v1/namespaces/a/secrets/%252E%252E%252Fa-b",
        "get /api/v1/namespaces/a/secrets/x?namespace=a-b",
        "get /api/v1/namespaces/a/secrets/?watch=true",
        "get /api/v1/namespaces/a/secrets/..",
        "get /%61pi/v1/namespaces/A-B/secrets/x",
    ] {
        assert_eq!(trespasses([&request.to_owned()], "a", "a-b"), BTreeSet::from([request]));
    }
}

/// No schema keeps anything out of the store in memory: this is the operator's own care.
#[test]
fn no_string_leads_to_another_namespace() {
    let (mut tried, mut looked_at, mut found) = (0, 0, Vec::new());
    for object in objects("http://127.0.0.1:1") {
        for pointer in strings(&object["spec"], "/spec") {
            let requests = in_virtual_time(async {
                let mut runner = begin(World::pure(&[])).await;
                let other = runner.world.place(&format!("{OTHER}/x")).unwrap().0;
                // The first is as it should be.
                let mut texts = vec![object.pointer(&pointer).unwrap().as_str().unwrap().to_owned()];
                texts.extend(attempts(&other, name_there(&pointer)));
                tried += texts.len() - 1;
                for (number, text) in texts.iter().enumerate() {
                    for object in with_string(&object, &pointer, text, number) {
                        runner.apply(&object).await.unwrap();
                    }
                }
                sleep(Duration::from_mins(2)).await;
                looked_at += runner.looked_at().await;
                runner.no_claim_counts_elsewhere().await;
                let requests = runner.world.store().unwrap().requests("operator");
                assert!(requests.iter().any(|request| request.contains("/secrets/")), "{pointer}: no Secret was read");
                trespasses(&requests, &runner.world.namespace, &other)
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
            found.extend(requests.into_iter().map(|request| format!("{} {pointer}: {request}", object["kind"])));
        }
    }
    // Some cannot be decoded, where a string is one of a few.
    assert!(2 * looked_at > tried, "{looked_at} of {tried}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

impl Runner {
    /// No object is counted for an account of the other namespace.
    async fn no_claim_counts_elsewhere(&self) {
        let other = self.world.place(&format!("{OTHER}/x")).unwrap().0;
        for account in self.api("CloudAccount", &other).list(&ListParams::default()).await.unwrap() {
            let claims = account.data["status"]["claims"].as_array().map_or(0, Vec::len);
            assert_eq!(claims, 0, "{:?}: {:#}", account.metadata.name, account.data["status"]);
        }
    }

    /// Waits until the operator has said something of every access object.
    async fn until_all_are_looked_at(&self) {
        let looked_at = async {
            while self.generations().await.contains(&-1) {
                sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), looked_at).await.unwrap();
    }

    /// How many access objects the operator has said something of.
    async fn looked_at(&self) -> usize {
        self.generations().await.into_iter().filter(|generation| *generation > 0).count()
    }

    async fn generations(&self) -> Vec<i64> {
        let mut generations = Vec::new();
        for kind in KINDS {
            let objects = self.api(kind, &self.world.namespace).list(&ListParams::default()).await.unwrap();
            generations.extend(
                objects.into_iter().map(|object| object.data["status"]["observedGeneration"].as_i64().unwrap()),
            );
        }
        generations
    }
}
