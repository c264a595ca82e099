//! The API server: a namespace for each measurement, its accounts, and the same writes that the operator does.

use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::Result;
use crate::etcd::Etcd;
use crate::kinds::{KINDS, Kind, PASSWORD, PASSWORD_SECRET};
use crate::simulator::Simulator;
use crate::workload::Item;

/// Kubernetes calls at once, as many as the operator makes in one pass.
pub const AT_ONCE: usize = 32;

/// The API server, as two users of it; and what it keeps everything in.
#[derive(Clone)]
pub struct Cluster {
    admin: Client,
    operator: Client,
    etcd: Etcd,
    /// What the operator proves with who it is.
    pub kubeconfig: PathBuf,
}

impl Cluster {
    /// Reads `admin.kubeconfig` and `operator.kubeconfig`, and where etcd is.
    pub async fn connect(environment: &Path) -> Result<Self> {
        let kubeconfig = environment.join("operator.kubeconfig");
        Ok(Self {
            admin: client(&environment.join("admin.kubeconfig")).await?,
            operator: client(&kubeconfig).await?,
            etcd: Etcd::connect(environment)?,
            kubeconfig,
        })
    }

    /// A new namespace, with accounts that lead to the simulator; `account` is what else their specs say.
    pub async fn namespace(&self, name: &str, simulator: &Simulator, account: &Value) -> Result<Space> {
        let space = Space { cluster: self.clone(), namespace: name.to_owned() };
        let object: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::all(self.admin.clone()).create(&PostParams::default(), &object).await?;
        let key = |id: &str, secret: &str| {
            Ok::<_, crate::Failure>(json!({
                "access-key-id": simulator.told(id)?, "secret-access-key": simulator.told(secret)?,
            }))
        };
        space.secret("huawei", &key("access_key_id", "secret_access_key")?).await?;
        space.secret("alibaba", &key("alibaba_access_key_id", "alibaba_access_key_secret")?).await?;
        space.secret(PASSWORD_SECRET, &json!({"password": PASSWORD})).await?;
        let url = &simulator.url;
        let huawei = json!({
            "region": simulator.told("region")?, "projectId": simulator.told("project_id")?,
            "endpoints": {"dli": url, "dws": url, "dataArts": url, "iam": url},
            "credentials": {"secretRef": {"name": "huawei"}},
        });
        let alibaba = json!({
            "region": simulator.told("alibaba_region")?, "ehpcApiVersion": "2018-04-12", "endpoint": url,
            "credentials": {"secretRef": {"name": "alibaba"}},
        });
        for (name, vendor) in [("huawei", huawei), ("alibaba", alibaba)] {
            let mut spec = account.clone();
            spec[name] = vendor;
            let account = json!({
                "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "CloudAccount",
                "metadata": {"name": name}, "spec": spec,
            });
            let account: DynamicObject = serde_json::from_value(account)?;
            space.api("CloudAccount", "cloudaccounts", &self.admin).create(&PostParams::default(), &account).await?;
        }
        Ok(space)
    }
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// A kind as the API server knows it.
pub(crate) fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("cloudaccess.dev", "v1alpha1", kind), plural)
}

/// A namespace of our own.
#[derive(Clone)]
pub struct Space {
    pub(crate) cluster: Cluster,
    /// Its name.
    pub namespace: String,
}

impl Space {
    fn api(&self, kind: &str, plural: &str, client: &Client) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), &self.namespace, &resource(kind, plural))
    }

    fn of(&self, kind: &Kind, client: &Client) -> Api<DynamicObject> {
        self.api(kind.name, kind.plural, client)
    }

    pub(crate) fn admin(&self) -> &Client {
        &self.cluster.admin
    }

    async fn secret(&self, name: &str, data: &Value) -> Result<()> {
        let secret: Secret = serde_json::from_value(json!({"metadata": {"name": name}, "stringData": data}))?;
        Api::namespaced(self.cluster.admin.clone(), &self.namespace).create(&PostParams::default(), &secret).await?;
        Ok(())
    }

    /// Creates an object, as its user does; gives what the API server made of it.
    pub async fn create(&self, item: &Item) -> Result<DynamicObject> {
        let object: DynamicObject = serde_json::from_value(item.manifest())?;
        Ok(self.of(item.kind, &self.cluster.admin).create(&PostParams::default(), &object).await?)
    }

    /// Creates objects, so many at a time.
    pub async fn create_all(&self, items: &[Item]) -> Result<Vec<DynamicObject>> {
        at_once(items, |item| self.create(item)).await
    }

    /// Deletes an object that has finalizers, as its user does; gives what is left of it.
    pub async fn delete(&self, item: &Item) -> Result<DynamicObject> {
        let deleted = self.of(item.kind, &self.cluster.admin).delete(&item.name, &DeleteParams::default()).await?;
        deleted.left().ok_or_else(|| format!("{} had no finalizers", item.name).into())
    }

    /// The operator's write of finalizers: conditional, a merge patch.
    pub async fn set_finalizers(
        &self,
        item: &Item,
        object: &DynamicObject,
        finalizers: &[&str],
    ) -> Result<DynamicObject> {
        let version = &object.metadata.resource_version;
        let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        let api = self.of(item.kind, &self.cluster.operator);
        Ok(api.patch(&item.name, &as_operator(), &Patch::Merge(&patch)).await?)
    }

    /// The operator's write of a status: conditional, a merge patch.
    pub async fn set_status(&self, item: &Item, object: &DynamicObject, status: &Value) -> Result<DynamicObject> {
        let patch = json!({"metadata": {"resourceVersion": object.metadata.resource_version}, "status": status});
        let api = self.of(item.kind, &self.cluster.operator);
        Ok(api.patch_status(&item.name, &as_operator(), &Patch::Merge(&patch)).await?)
    }

    /// The operator's event about an object: how it rests, or that it was let go.
    pub async fn tell(&self, item: &Item, object: &DynamicObject, what: &str) -> Result<()> {
        let name = format!("{}.{what}", item.name);
        let event: Event = serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": self.namespace}, "action": "Granted", "reason": "Granted", "type": "Normal",
            "eventTime": "2026-01-01T00:00:00.000000Z", "note": format!("{} holds {}", item.principal, item.kind.access),
            "reportingController": "bench", "reportingInstance": "bench",
            "regarding": {
                "apiVersion": "cloudaccess.dev/v1alpha1", "kind": item.kind.name, "name": item.name,
                "namespace": self.namespace, "uid": object.metadata.uid,
            },
        }))?;
        let events = Api::<Event>::namespaced(self.cluster.operator.clone(), &self.namespace);
        Ok(events.create(&PostParams::default(), &event).await.map(drop)?)
    }

    /// Every object of the namespace goes: the next measurement finds an empty store. The API server would take longer for it
    /// than for most of what is measured, so they are taken from under it.
    pub async fn clear(&self) -> Result<()> {
        for plural in KINDS.iter().map(|kind| kind.plural).chain(["cloudaccounts"]) {
            self.cluster.etcd.clear(&self.folder(plural)).await?;
        }
        Ok(())
    }

    /// Where the objects of a kind are kept.
    fn folder(&self, plural: &str) -> String {
        format!("/registry/cloudaccess.dev/{plural}/{}", self.namespace)
    }

    fn key(&self, item: &Item) -> String {
        format!("{}/{}", self.folder(item.kind.plural), item.name)
    }

    /// An object as it is kept: as users see it, without a version.
    pub async fn kept(&self, item: &Item) -> Result<Value> {
        self.cluster.etcd.get(&self.key(item)).await
    }

    /// Has an object kept like this, whatever the API server would have said.
    pub async fn keep(&self, item: &Item, object: &Value) -> Result<()> {
        self.cluster.etcd.put(&self.key(item), object).await
    }
}

/// A writer with a name of its own: another's would have less to remember of who wrote what.
fn as_operator() -> PatchParams {
    PatchParams { field_manager: Some("bare-client".to_owned()), ..PatchParams::default() }
}

/// Does the same with each, so many at a time; gives what came of it, in order.
pub async fn at_once<'a, I, T, F>(items: &'a [I], work: impl Fn(&'a I) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    stream::iter(items.iter().map(work)).buffered(AT_ONCE).try_collect().await
}
