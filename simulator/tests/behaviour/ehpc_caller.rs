//! A caller of Alibaba E-HPC: signs as the vendor's SDKs do, and reads the answers.

use std::cell::Cell;

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simulator::{Entry, acs3, ehpc, signature};

use crate::harness::{Cloud, Reply};

pub(crate) const KEY: &str = "SIMULATEDALIBABAKEY01";
pub(crate) const SECRET: &str = "simulatedAlibabaSecret0001";
pub(crate) const CLUSTER: &str = "ehpc-hz-FYUr32abcd";
pub(crate) const PASSWORD: &str = "Pa5s:w0rd+&=%/?";

/// Names and values.
pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A simulated account with one cluster, [`CLUSTER`], and a caller.
pub(crate) struct Hpc {
    pub(crate) cloud: Cloud,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    nonces: Cell<u32>,
}

impl Hpc {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// With switches turned from the start.
    pub(crate) fn with(turn: impl FnOnce(&mut ehpc::Switches)) -> Self {
        let cloud = Cloud::with(|switches| turn(&mut switches.ehpc));
        assert!(cloud.simulator.create_hpc_cluster(CLUSTER));
        Self { cloud, key: KEY.to_owned(), secret: SECRET.to_owned(), token: None, nonces: Cell::new(0) }
    }

    pub(crate) fn turn(&self, change: impl FnOnce(&mut ehpc::Switches)) {
        self.cloud.simulator.set_switches(|switches| change(&mut switches.ehpc));
    }

    /// An unsigned request with the headers that every client sends.
    pub(crate) fn request(&self, method: &str, version: &str, action: &str, query: &str, body: &str) -> Request<Body> {
        let nonce = self.nonces.replace(self.nonces.get() + 1);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/?{query}"))
            .header("host", "ehpc.cn-hangzhou.aliyuncs.com")
            .header("accept", "application/json")
            .header("x-acs-action", action)
            .header("x-acs-version", version)
            .header("x-acs-date", self.cloud.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .header("x-acs-signature-nonce", format!("nonce-{nonce}"))
            .header("x-acs-content-sha256", hash(body));
        if !body.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        if let Some(token) = &self.token {
            request = request.header("x-acs-security-token", token);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    }

    /// Signs what will be sent, whatever it is.
    pub(crate) fn sign(&self, mut request: Request<Body>, body: &str) -> Request<Body> {
        let (method, uri): (Method, Uri) = (request.method().clone(), request.uri().clone());
        let view = signature::Signed { method: &method, uri: &uri, headers: request.headers(), body: body.as_bytes() };
        let names = acs3::signed_when_present(request.headers());
        let value = acs3::authorization(view, &names, &self.key, &self.secret).unwrap();
        request.headers_mut().insert("authorization", value.parse().unwrap());
        request
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        version: &str,
        action: &str,
        query: Pairs<'_>,
        form: Pairs<'_>,
    ) -> Reply {
        let (query, body) = (written(query), written(form));
        let request = self.sign(self.request(method, version, action, &query, &body), &body);
        self.cloud.send(request).await
    }

    /// An action of 2018-04-12 on [`CLUSTER`].
    pub(crate) async fn v2018(&self, action: &str, pairs: Pairs<'_>) -> Reply {
        let pairs = [&[("ClusterId", CLUSTER)], pairs].concat();
        self.send("GET", "2018-04-12", action, &pairs, &[]).await
    }

    /// An action of 2024-07-30 on [`CLUSTER`].
    pub(crate) async fn v2024(&self, action: &str, pairs: Pairs<'_>) -> Reply {
        let pairs = [&[("ClusterId", CLUSTER)], pairs].concat();
        match action {
            "ListUsers" | "DeleteUsers" => self.send("GET", "2024-07-30", action, &pairs, &[]).await,
            _ => self.send("POST", "2024-07-30", action, &[], &pairs).await,
        }
    }

    /// AddUsers with [`PASSWORD`].
    pub(crate) async fn add(&self, users: Pairs<'_>) -> Reply {
        let flat = users.iter().enumerate().flat_map(|(n, (name, group))| {
            let field = |field: &str| format!("User.{}.{field}", n + 1);
            [(field("Name"), *name), (field("Group"), *group), (field("Password"), PASSWORD)]
        });
        self.flat("AddUsers", &flat.collect::<Vec<_>>()).await
    }

    /// CreateUsers with [`PASSWORD`].
    pub(crate) async fn create(&self, users: Pairs<'_>) -> Reply {
        let one = |(name, group): &(&str, &str)| json!({"UserName": name, "Group": group, "Password": PASSWORD});
        let users: Vec<Value> = users.iter().map(one).collect();
        self.v2024("CreateUsers", &[("User", &json!(users).to_string())]).await
    }

    /// ModifyUserGroups.
    pub(crate) async fn regroup(&self, users: Pairs<'_>) -> Reply {
        let flat = users.iter().enumerate().flat_map(|(n, (name, group))| {
            let field = |field: &str| format!("User.{}.{field}", n + 1);
            [(field("Name"), *name), (field("Group"), *group)]
        });
        self.flat("ModifyUserGroups", &flat.collect::<Vec<_>>()).await
    }

    /// DeleteUsers of 2018-04-12.
    pub(crate) async fn delete(&self, users: &[&str]) -> Reply {
        let flat = users.iter().enumerate().map(|(n, name)| (format!("User.{}.Name", n + 1), *name));
        self.flat("DeleteUsers", &flat.collect::<Vec<_>>()).await
    }

    /// UpdateUser.
    pub(crate) async fn update(&self, user: &str, fields: Pairs<'_>) -> Reply {
        let pairs = [&[("UserName", user)], fields].concat();
        self.v2024("UpdateUser", &pairs).await
    }

    async fn flat(&self, action: &str, pairs: &[(String, &str)]) -> Reply {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.v2018(action, &pairs).await
    }

    /// The truth, as `name:group`.
    pub(crate) fn truth(&self) -> Vec<String> {
        let users = self.cloud.simulator.users(CLUSTER).unwrap();
        users.into_iter().map(|(name, held)| format!("{name}:{}", held.join("+"))).collect()
    }

    /// What ListUsers of 2018-04-12 shows, as `name:group`.
    pub(crate) async fn listed(&self) -> Vec<String> {
        let reply = self.v2018("ListUsers", &[("PageSize", "50")]).await;
        let rows = reply.json()["Users"]["UserInfo"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.iter().map(|row| format!("{}:{}", text(&row["Name"]), text(&row["Group"]))).collect()
    }

    pub(crate) fn password(&self, user: &str) -> Option<String> {
        self.cloud.simulator.hpc_password(CLUSTER, user)
    }

    /// The newest entry of the journal.
    pub(crate) fn last_entry(&self) -> Entry {
        let simulator = &self.cloud.simulator;
        simulator.journal_after(simulator.journal_last() - 1).remove(0)
    }
}

/// Status and code.
pub(crate) fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["Code"].as_str().unwrap_or_default().to_owned())
}

/// Fails unless this is the refusal.
pub(crate) fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(refusal(reply), (status, code.to_owned()), "{}", reply.text);
}

pub(crate) fn succeeded(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["RequestId"] == json!(reply.header("x-request-id"))
}

fn hash(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn written(pairs: Pairs<'_>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}
