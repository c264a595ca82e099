//! An object store in memory that speaks as much of the Kubernetes API as the operator and the scenarios use. It serves
//! the pure world, where time is virtual; whatever crosses the process border is tested with a real API server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body as ClientBody;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::object_path::Path;

/// Tells what time it is, as objects' timestamps are to say it.
pub type Now = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Is told who writes, and what watches are told of it.
type Witness = dyn Fn(&str, &Value) + Send + Sync;

/// The store. Clones are the same store.
#[derive(Clone)]
pub struct ObjectStore {
    inner: Arc<Mutex<Inner>>,
    version: Arc<watch::Sender<u64>>,
    now: Now,
    /// Watches are told nothing meanwhile.
    held: Arc<watch::Sender<bool>>,
}

#[derive(Default)]
struct Inner {
    witness: Option<Box<Witness>>,
    /// Objects that the operator cannot get, as `NAMESPACE/NAME`.
    unreadable: Vec<String>,
    /// Objects whose patches are refused, as by an admission policy.
    refusing: Vec<String>,
    /// How long the operator's patches take.
    patch_time: Duration,
    /// Resources that the operator may not list.
    unlistable: Vec<String>,
    /// There are no CustomResourceDefinitions.
    without_crds: bool,
    /// Namespaces that are being deleted: nothing new comes to be in them.
    ending: Vec<String>,
    version: u64,
    /// (resource, namespace, name) → object.
    objects: BTreeMap<(String, String, String), Value>,
    /// What watches are told, oldest first.
    history: Vec<Happened>,
    /// Requests by each client.
    requests: BTreeMap<&'static str, Vec<String>>,
    /// Writes by each client.
    writes: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Clone)]
struct Happened {
    version: u64,
    resource: String,
    namespace: String,
    event: Value,
}

impl ObjectStore {
    pub fn new(now: Now) -> Self {
        Self {
            inner: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
            now,
            held: Arc::new(watch::Sender::new(false)),
        }
    }

    /// From here on this is told what each client writes, at that moment, as watches are.
    pub fn set_witness(&self, witness: impl Fn(&str, &Value) + Send + Sync + 'static) {
        self.inner.lock().unwrap().witness = Some(Box::new(witness));
    }

    /// A client whose writes are counted under this name.
    pub fn client(&self, who: &'static str) -> Client {
        let store = self.clone();
        let service =
            tower::service_fn(move |request: Request<ClientBody>| -> BoxFuture<'static, Result<_, Infallible>> {
                let store = store.clone();
                async move { Ok(store.answer(who, request).await) }.boxed()
            });
        Client::new(service, "default")
    }

    /// The requests of a client so far, as `get PATH?QUERY`.
    pub fn requests(&self, who: &str) -> Vec<String> {
        self.inner.lock().unwrap().requests.get(who).cloned().unwrap_or_default()
    }

    /// The writes of a client so far.
    pub fn writes(&self, who: &str) -> Vec<String> {
        self.inner.lock().unwrap().writes.get(who).cloned().unwrap_or_default()
    }

    /// Every version so far of the object with that uid, the oldest first.
    pub fn versions(&self, uid: &str) -> Vec<Value> {
        let inner = self.inner.lock().unwrap();
        let objects = inner.history.iter().map(|happened| &happened.event["object"]);
        objects.filter(|object| object["metadata"]["uid"] == uid).cloned().collect()
    }

    /// From here on watches are told nothing, or all that they missed.
    pub fn hold_watches(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// The operator cannot get these objects.
    pub fn set_unreadable(&self, names: Vec<String>) {
        self.inner.lock().unwrap().unreadable = names;
    }

    /// The operator may not list these resources.
    pub fn set_unlistable(&self, resources: Vec<String>) {
        self.inner.lock().unwrap().unlistable = resources;
    }

    /// There are CustomResourceDefinitions, or not.
    pub fn set_crds(&self, there: bool) {
        self.inner.lock().unwrap().without_crds = !there;
    }

    /// The operator's patches of these objects are refused.
    pub fn set_refusing(&self, names: Vec<String>) {
        self.inner.lock().unwrap().refusing = names;
    }

    /// The operator's patches take so long.
    pub fn set_patch_time(&self, time: Duration) {
        self.inner.lock().unwrap().patch_time = time;
    }

    /// Deletes all that is in a namespace, as Kubernetes does when the namespace is deleted.
    pub fn delete_namespace(&self, namespace: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.ending.push(namespace.to_owned());
        let keys: Vec<_> = inner.objects.keys().filter(|key| key.1 == namespace).cloned().collect();
        drop(inner);
        for (resource, namespace, name) in keys {
            self.delete("user", &Path { resource, namespace, name, subresource: String::new() });
        }
    }

    /// Whether nothing is left in a namespace.
    pub fn is_empty(&self, namespace: &str) -> bool {
        self.inner.lock().unwrap().objects.keys().all(|key| key.1 != namespace)
    }

    fn is_unreadable(&self, path: &Path) -> bool {
        self.inner.lock().unwrap().unreadable.contains(&path.written())
    }

    async fn answer(&self, who: &'static str, request: Request<ClientBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap_or_default();
        let line = format!("{} {}", head.method.as_str().to_lowercase(), head.uri);
        self.inner.lock().unwrap().requests.entry(who).or_default().push(line);
        let path = Path::parse(head.uri.path());
        let query = head.uri.query().unwrap_or_default();
        if path.is_custom() && self.inner.lock().unwrap().without_crds {
            return refuse(StatusCode::NOT_FOUND, "the server could not find the requested resource");
        }
        if path.name.is_empty() && who == "operator" && self.inner.lock().unwrap().unlistable.contains(&path.resource) {
            return refuse(StatusCode::FORBIDDEN, "cannot list");
        }
        if head.method == Method::GET {
            return match (path.name.is_empty(), query.contains("watch=")) {
                (true, true) => self.watch(&path, query),
                (true, false) => self.list(&path),
                (false, _) if who == "operator" && self.is_unreadable(&path) => {
                    refuse(StatusCode::SERVICE_UNAVAILABLE, "down")
                }
                (false, _) => self.get(&path),
            };
        }
        if who == "operator" && self.inner.lock().unwrap().refusing.contains(&path.written()) {
            return refuse(StatusCode::FORBIDDEN, "a policy forbids it");
        }
        if who == "operator" && head.method == Method::PATCH {
            let time = self.inner.lock().unwrap().patch_time;
            sleep(time).await;
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let answer = match head.method {
            Method::POST => self.create(who, &path, body),
            Method::PATCH => self.patch(who, &path, &body),
            Method::DELETE => self.delete(who, &path),
            _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "not in this store"),
        };
        if answer.status().is_success() && path.resource != "events" {
            let line = format!("{} {} {} {}", head.method, path.resource, path.name, path.subresource);
            self.inner.lock().unwrap().writes.entry(who).or_default().push(line.trim_end().to_owned());
        }
        answer
    }

    fn list(&self, path: &Path) -> Response<Body> {
        let inner = self.inner.lock().unwrap();
        let items: Vec<_> =
            inner.objects.iter().filter(|(key, _)| path.covers(&key.0, &key.1)).map(|(_, it)| it).collect();
        answer(&json!({
            "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": inner.version.to_string()}, "items": items
        }))
    }

    fn get(&self, path: &Path) -> Response<Body> {
        let inner = self.inner.lock().unwrap();
        inner.objects.get(&path.key()).map_or_else(|| refuse(StatusCode::NOT_FOUND, "not found"), answer)
    }

    fn watch(&self, path: &Path, query: &str) -> Response<Body> {
        let parameter = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let since: u64 = parameter("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
        let seconds: u64 = parameter("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(290);
        let until = Instant::now() + Duration::from_secs(seconds);
        let (resource, namespace) = (path.resource.clone(), path.namespace.clone());
        let state = (self.clone(), self.version.subscribe(), since);
        let events = stream::unfold(state, move |(store, mut changed, since)| {
            let (resource, namespace) = (resource.clone(), namespace.clone());
            async move {
                let mut held = store.held.subscribe();
                loop {
                    drop(held.wait_for(|held| !*held).await);
                    let next = store.inner.lock().unwrap().next_after(since, &resource, &namespace);
                    if let Some(happened) = next {
                        let line = format!("{}\n", happened.event);
                        return Some((Ok::<_, Infallible>(line), (store, changed, happened.version)));
                    }
                    tokio::select! {
                        _ = changed.changed() => {}
                        () = sleep_until(until) => return None,
                    }
                }
            }
        });
        Response::new(Body::from_stream(events.boxed()))
    }

    fn create(&self, who: &str, path: &Path, mut object: Value) -> Response<Body> {
        let mut inner = self.inner.lock().unwrap();
        let name = object["metadata"]["name"].as_str().map(str::to_owned);
        let name = name.unwrap_or_else(|| format!("generated-{}", inner.version + 1));
        let key = (path.resource.clone(), path.namespace.clone(), name.clone());
        if inner.objects.contains_key(&key) {
            return refuse(StatusCode::CONFLICT, "already exists");
        }
        if inner.ending.contains(&path.namespace) {
            return refuse(StatusCode::FORBIDDEN, "the namespace is being terminated");
        }
        let meta = &mut object["metadata"];
        meta["name"] = json!(name);
        if !path.namespace.is_empty() {
            meta["namespace"] = json!(path.namespace);
        }
        meta["uid"] = json!(format!("uid-{}", inner.version + 1));
        meta["generation"] = json!(1);
        meta["creationTimestamp"] = json!((self.now)().round(jiff::Unit::Second).unwrap().to_string());
        // As the default of our kinds says.
        if path.is_custom() {
            object["status"] = json!({"observedGeneration": -1});
        }
        let object = inner.put(key, object, "ADDED");
        self.tell(who, &inner);
        answer(&object)
    }

    /// A merge patch, or an apply: which creates what is not there.
    fn patch(&self, who: &str, path: &Path, change: &Value) -> Response<Body> {
        if !self.inner.lock().unwrap().objects.contains_key(&path.key()) {
            if change["kind"].is_string() {
                return self.create(who, path, change.clone());
            }
            return refuse(StatusCode::NOT_FOUND, "not found");
        }
        let mut inner = self.inner.lock().unwrap();
        let before = inner.objects[&path.key()].clone();
        let expected = change["metadata"]["resourceVersion"].as_str();
        if expected.is_some_and(|expected| before["metadata"]["resourceVersion"] != expected) {
            return refuse(StatusCode::CONFLICT, "the object has been modified");
        }
        let mut object = before.clone();
        if path.subresource == "status" {
            merge(&mut object["status"], &change["status"]);
        } else {
            let mut change = change.clone();
            change.as_object_mut().unwrap().remove("status");
            merge(&mut object, &change);
        }
        if object["spec"] != before["spec"] {
            object["metadata"]["generation"] = json!(before["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        if object == before {
            return answer(&object);
        }
        let meta = &object["metadata"];
        let held = meta["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        let gone = !meta["deletionTimestamp"].is_null() && !held;
        let object = inner.put(path.key(), object, if gone { "DELETED" } else { "MODIFIED" });
        self.tell(who, &inner);
        answer(&object)
    }

    fn delete(&self, who: &str, path: &Path) -> Response<Body> {
        let mut inner = self.inner.lock().unwrap();
        let Some(mut object) = inner.objects.get(&path.key()).cloned() else {
            return refuse(StatusCode::NOT_FOUND, "not found");
        };
        let meta = &mut object["metadata"];
        let held = meta["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        if held && !meta["deletionTimestamp"].is_null() {
            return answer(&object);
        }
        meta["deletionTimestamp"] = json!((self.now)().to_string());
        // As the API server does, though nothing else is asked for.
        meta["generation"] = json!(meta["generation"].as_i64().unwrap_or(0) + 1);
        let object = inner.put(path.key(), object, if held { "MODIFIED" } else { "DELETED" });
        self.tell(who, &inner);
        answer(&object)
    }

    fn tell(&self, who: &str, inner: &Inner) {
        inner.witness.iter().zip(inner.history.last()).for_each(|(witness, last)| witness(who, &last.event));
        self.version.send_replace(inner.version);
    }
}

impl Inner {
    /// Stores a new version of an object, and remembers it for watches.
    fn put(&mut self, key: (String, String, String), mut object: Value, what: &str) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.history.push(Happened {
            version: self.version,
            resource: key.0.clone(),
            namespace: key.1.clone(),
            event: json!({"type": what, "object": object}),
        });
        if what == "DELETED" {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key, object.clone());
        }
        object
    }

    fn next_after(&self, since: u64, resource: &str, namespace: &str) -> Option<Happened> {
        let from = self.history.partition_point(|happened| happened.version <= since);
        let concerns = |happened: &&Happened| {
            happened.resource == resource && (namespace.is_empty() || happened.namespace == namespace)
        };
        self.history[from..].iter().find(concerns).cloned()
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(field);
        } else {
            merge(&mut target[field], value);
        }
    }
}

fn answer(value: &Value) -> Response<Body> {
    Response::new(Body::from(value.to_string()))
}

fn refuse(code: StatusCode, message: &str) -> Response<Body> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code.as_u16(), "message": message,
        "reason": code.canonical_reason().unwrap_or_default().replace(' ', "")
    });
    Response::builder().status(code).body(Body::from(status.to_string())).unwrap()
}
