//! What scenarios do to accounts, and to the namespaces whose labels decide who may use them.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::runner::Runner;
use crate::script::Step;

impl Runner {
    pub(crate) async fn account_step(&mut self, step: &Step) -> Result<(), String> {
        match step.words().as_slice() {
            ["apply", "account", name, secret] => self.apply_huawei(name, secret).await,
            ["apply", "account", name, secret, version] => self.apply_alibaba(name, secret, version).await,
            ["apply", "cluster", "account", name, credentials @ ..] => {
                let rules = serde_saphyr::from_str(&step.text()).map_err(|error| error.to_string())?;
                self.apply_cluster_account(name, credentials, &rules).await
            }
            ["rotate", "pod", "token", token @ ..] => {
                self.world.rotate_pod_token(token.first().unwrap_or(&""));
                Ok(())
            }
            ["release", "revocations", "of", account] => self.release(account).await,
            ["label", "namespace", labels @ ..] => self.label_namespace(labels).await,
            _ => Err("no such step".to_owned()),
        }
    }

    /// The objects of an account's kind beside it, and its name, which the scenario writes `NAME`, `OTHER/NAME` or, of a
    /// ClusterCloudAccount, `cluster/NAME`.
    pub(crate) fn find_account(&self, written: &str) -> Result<(Api<DynamicObject>, String), String> {
        match written.strip_prefix("cluster/") {
            Some(name) => self.find("ClusterCloudAccount", name),
            None => self.find("CloudAccount", written),
        }
    }

    /// For each cloud a Secret and an account that leads to the simulator; `within` is `` or `OTHER/`.
    pub(crate) async fn prepare_accounts(&mut self, within: &str) -> Result<(), String> {
        self.prepare_secrets(within).await?;
        self.apply_huawei(&format!("{within}huawei"), "huawei-credentials").await?;
        self.apply_alibaba(&format!("{within}alibaba"), "alibaba-credentials", "2018-04-12").await
    }

    /// For each cloud a Secret with credentials.
    pub(crate) async fn prepare_secrets(&mut self, within: &str) -> Result<(), String> {
        let mut settings = simulator::Settings::default();
        let keys = [("huawei", settings.access_keys.remove(0)), ("alibaba", settings.alibaba_keys.remove(0))];
        for (vendor, key) in keys {
            self.apply(&json!({
                "kind": "Secret", "metadata": metadata(&format!("{within}{vendor}-credentials")),
                "stringData": {"access-key-id": key.id, "secret-access-key": key.secret}
            }))
            .await?;
        }
        Ok(())
    }

    /// An account of Huawei Cloud that leads to the simulator, with the credentials of a Secret.
    pub(crate) async fn apply_huawei(&mut self, name: &str, secret: &str) -> Result<(), String> {
        let spec = huawei(&self.world.endpoint, &json!({"secretRef": {"name": secret}}));
        self.apply(&json!({"kind": "CloudAccount", "metadata": metadata(name), "spec": spec})).await
    }

    /// An account of Alibaba Cloud that leads to the simulator, with the credentials of a Secret.
    pub(crate) async fn apply_alibaba(&mut self, name: &str, secret: &str, version: &str) -> Result<(), String> {
        let spec = alibaba(&self.world.endpoint, version, &json!({"secretRef": {"name": secret}}));
        self.apply(&json!({"kind": "CloudAccount", "metadata": metadata(name), "spec": spec})).await
    }

    /// A ClusterCloudAccount that leads to the simulator, with these rules: of Huawei Cloud with a Secret beside the operator, or
    /// with its pod identity; or of Alibaba Cloud with its role.
    pub(crate) async fn apply_cluster_account(
        &mut self,
        name: &str,
        credentials: &[&str],
        rules: &Value,
    ) -> Result<(), String> {
        let endpoint = &self.world.endpoint;
        let mut spec = match credentials {
            [secret] => huawei(endpoint, &json!({"secretRef": {"name": secret}})),
            ["with", "pod", "identity"] => huawei(endpoint, &json!({"podIdentity": {}})),
            ["with", "rrsa"] => alibaba(endpoint, "2018-04-12", &json!({"rrsa": {}})),
            _ => return Err("no such credentials".to_owned()),
        };
        spec.as_object_mut().unwrap().extend(rules.as_object().cloned().unwrap_or_default());
        self.apply(&json!({"kind": "ClusterCloudAccount", "metadata": {"name": name}, "spec": spec})).await
    }

    pub(crate) async fn release(&self, account: &str) -> Result<(), String> {
        let (accounts, account) = self.find_account(account)?;
        let held = accounts.get(&account).await.map_err(|error| error.to_string())?;
        let id = &held.data["status"]["held"]["id"];
        let patch = json!({"metadata": {"annotations": {"cloudaccess.dev/releaseRevocations": id}}});
        let patched = accounts.patch(&account, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map(drop).map_err(|error| error.to_string())
    }

    /// Sets labels (`KEY=VALUE`) of a namespace, or takes them away (`KEY-`): of the scenario's own, or of the other that is
    /// named first.
    pub(crate) async fn label_namespace(&self, labels: &[&str]) -> Result<(), String> {
        let (other, labels) = match labels {
            [other, labels @ ..] if !other.contains('=') && !other.ends_with('-') => (Some(other), labels),
            labels => (None, labels),
        };
        let (namespace, _) = self.world.place(&other.map_or("x".to_owned(), |other| format!("{other}/x")))?;
        let label = |label: &&str| match label.split_once('=') {
            Some((key, value)) => (key.to_owned(), json!(value)),
            None => (label.trim_end_matches('-').to_owned(), Value::Null),
        };
        let labels: serde_json::Map<_, _> = labels.iter().map(label).collect();
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        let labelled = self.api("Namespace", "").patch(&namespace, &PatchParams::default(), &patch).await;
        labelled.map(drop).map_err(|error| error.to_string())
    }
}

/// The spec of an account of Huawei Cloud at this endpoint.
fn huawei(endpoint: &str, credentials: &Value) -> Value {
    json!({"huawei": {
        "region": "cn-north-4", "projectId": simulator::Settings::default().project_id,
        "endpoints": {"dli": endpoint, "dws": endpoint, "dataArts": endpoint, "iam": endpoint},
        "credentials": credentials
    }})
}

/// The spec of an account of Alibaba Cloud at this endpoint.
fn alibaba(endpoint: &str, version: &str, credentials: &Value) -> Value {
    json!({"alibaba": {
        "region": "cn-hangzhou", "ehpcApiVersion": version, "endpoint": endpoint, "credentials": credentials
    }})
}

/// The metadata of an object that the scenario would write `NAME` or `OTHER/NAME`.
fn metadata(written: &str) -> Value {
    match written.split_once('/') {
        None => json!({"name": written}),
        Some((other, name)) => json!({"name": name, "namespace": other}),
    }
}
