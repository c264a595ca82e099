//! The way to the clouds in the pure world.

use std::time::Duration;

use bytes::Bytes;
use cloud_access_operator::clouds::{Transport, TransportError};
use futures::FutureExt;
use futures::future::BoxFuture;
use simulator::ConnectionClosed;
use tower::ServiceExt;

/// Calls go straight into the simulator's router.
pub struct InProcess(pub axum::Router);

impl Transport for InProcess {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        async move {
            let broken = || TransportError::Interrupted("closed".to_owned());
            let limit = Duration::from_secs(30);
            let exchange = async {
                let (mut head, body) = request.into_parts();
                let host = head.uri.authority().unwrap().as_str().parse().unwrap();
                head.headers.entry(http::header::HOST).or_insert(host);
                head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
                let request = http::Request::from_parts(head, axum::body::Body::from(body));
                let response = self.0.clone().oneshot(request).await.unwrap();
                if response.extensions().get::<ConnectionClosed>().is_some() {
                    return Err(broken());
                }
                let (head, body) = response.into_parts();
                let body = axum::body::to_bytes(body, 8 << 20).await.map_err(|_| broken())?;
                Ok(http::Response::from_parts(head, body))
            };
            tokio::time::timeout(limit, exchange).await.unwrap_or(Err(TransportError::Timeout(limit)))
        }
        .boxed()
    }
}
