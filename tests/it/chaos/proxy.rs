//! Forwards to the API server what passes the rig.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::rig::{Peer, Rig};
use crate::launch::serve;

/// The way to the API server: in the clear, on loopback, under the operator's own name.
pub struct Proxy {
    /// Leads the operator to it.
    pub kubeconfig: PathBuf,
}

impl Proxy {
    /// Begins to forward what passes the rig.
    pub async fn start(rig: &Rig, name: &str, environment: &Path) -> Self {
        let original = environment.join("operator.kubeconfig");
        let text = std::fs::read_to_string(&original).unwrap();
        let mut config: Value = serde_saphyr::from_str(&text).unwrap();
        let cluster = config["clusters"][0]["cluster"].take();
        let server = Arc::new(Upstream::new(&cluster));
        let router = Router::new().fallback(move |request: Request| {
            let server = Arc::clone(&server);
            async move { server.forward(request).await }
        });
        let url = serve(rig.around(Peer::ApiServer, router)).await;
        config["clusters"][0]["cluster"] = json!({"server": url});
        // Copied first: it stays as private as the other is.
        let kubeconfig = environment.join(format!("{name}.kubeconfig"));
        std::fs::copy(&original, &kubeconfig).unwrap();
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self { kubeconfig }
    }
}

/// The API server.
struct Upstream {
    url: String,
    client: reqwest::Client,
}

impl Upstream {
    fn new(cluster: &Value) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let bundle = std::fs::read(cluster["certificate-authority"].as_str().unwrap()).unwrap();
        let roots = reqwest::Certificate::from_pem_bundle(&bundle).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_merge(roots).http1_only().build().unwrap();
        Self { url: cluster["server"].as_str().unwrap().to_owned(), client }
    }

    async fn forward(&self, request: Request) -> Response {
        let (mut head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, 16 << 20).await else { return StatusCode::BAD_REQUEST.into_response() };
        for hop in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers.remove(hop);
        }
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self.client.request(head.method, format!("{}{path}", self.url)).headers(head.headers).body(body);
        match request.send().await {
            Ok(answer) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = answer.status();
                *response.headers_mut() = answer.headers().clone();
                for hop in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
                    response.headers_mut().remove(hop);
                }
                *response.body_mut() = Body::from_stream(answer.bytes_stream());
                response
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}
