//! What the API server keeps objects in, for what prepares a measurement and clears up after it: the API server would take
//! longer for that than for most of what is measured.

use std::fs;
use std::path::Path;

use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::at_once;

/// The API server's etcd. Keys are written one by one, as the API server does it: of several with one revision, a watch shows
/// one.
#[derive(Debug, Clone)]
pub(crate) struct Etcd {
    http: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Kept>,
}

#[derive(Deserialize)]
struct Kept {
    key: ByteString,
    #[serde(default)]
    value: ByteString,
}

impl Etcd {
    /// Reads from `etcd.url` where it is. What encrypts has to be installed by then, as this client asks for.
    pub(crate) fn connect(environment: &Path) -> Result<Self> {
        let url = fs::read_to_string(environment.join("etcd.url"))?;
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, url })
    }

    /// What is kept there.
    pub(crate) async fn get(&self, key: &str) -> Result<Value> {
        let kept = self.range(&json!({"key": bytes(key)})).await?.pop().ok_or_else(|| format!("there is no {key}"))?;
        Ok(serde_json::from_slice(&kept.value.0)?)
    }

    /// Keeps it there.
    pub(crate) async fn put(&self, key: &str, value: &Value) -> Result<()> {
        self.ask("put", &json!({"key": bytes(key), "value": bytes(&value.to_string())})).await.map(drop)
    }

    /// Deletes all whose keys begin with a folder and a slash.
    pub(crate) async fn clear(&self, folder: &str) -> Result<()> {
        // After the slash comes the nought.
        let (first, end) = (bytes(&format!("{folder}/")), bytes(&format!("{folder}0")));
        let kept = self.range(&json!({"key": first, "range_end": end, "keys_only": true})).await?;
        at_once(&kept, async |kept| self.ask("deleterange", &json!({"key": kept.key})).await).await.map(drop)
    }

    async fn range(&self, range: &Value) -> Result<Vec<Kept>> {
        Ok(serde_json::from_slice::<Range>(&self.ask("range", range).await?)?.kvs)
    }

    async fn ask(&self, what: &str, body: &Value) -> Result<Vec<u8>> {
        let answer = self.http.post(format!("{}/v3/kv/{what}", self.url)).body(body.to_string()).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }
}

/// As etcd's JSON API writes keys and values.
fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
