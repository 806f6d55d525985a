//! JSON-RPC over HTTP: one POST a question, bounded in time and size. Plain HTTP goes to loopback alone.

use crate::client::Transport;
use crate::error::ChainError;
use axum::body::Bytes;
use axum::http::{Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// How long one question may take, connection included.
pub(crate) const REQUEST_TIMEOUT_MS_MAX: u64 = 10_000;
/// The longest answer that is read.
pub(crate) const RESPONSE_BYTES_MAX: usize = 32 << 20;

/// A JSON-RPC endpoint. Its address may hold a provider's key, so it is never shown.
pub(crate) struct HttpTransport {
    endpoint: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpTransport {
    /// Takes `https://…`, or `http://` to a loopback address or `localhost`.
    pub(crate) fn new(url: &str) -> Result<HttpTransport, ChainError> {
        let endpoint: Uri = url.parse().map_err(|_| ChainError::Endpoint { reason: "not a URL" })?;
        let host = endpoint.host().ok_or(ChainError::Endpoint { reason: "no host" })?;
        match endpoint.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(host) => {}
            Some("http") => return Err(ChainError::Endpoint { reason: "plain http is for loopback only" }),
            _ => return Err(ChainError::Endpoint { reason: "scheme is http or https" }),
        }
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(HttpTransport { endpoint, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    async fn post(&self, body: Vec<u8>) -> Result<Bytes, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| cause(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), RESPONSE_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        // Some nodes put JSON-RPC errors under 4xx and 5xx: what isn't JSON then is a failed connection, not an answer.
        if status.is_success() || body.first() == Some(&b'{') || body.first() == Some(&b'[') {
            Ok(body)
        } else {
            Err(format!("http status {}", status.as_u16()))
        }
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn exchange(&self, method: &str, body: Value) -> Result<Value, ChainError> {
        let unreachable = |cause: String| ChainError::Unreachable { method: method.to_owned(), cause };
        let limit = Duration::from_millis(REQUEST_TIMEOUT_MS_MAX);
        let answer = tokio::time::timeout(limit, self.post(body.to_string().into_bytes()))
            .await
            .map_err(|_| unreachable(format!("no answer in {REQUEST_TIMEOUT_MS_MAX} ms")))?
            .map_err(unreachable)?;
        serde_json::from_slice(&answer).map_err(|_| ChainError::malformed(method, "not JSON"))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The innermost cause: the outer ones only say that the client failed.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in ["http://127.0.0.1:8545", "http://[::1]:8545/", "http://localhost:1", "https://rpc.example/v2/key"] {
            assert!(HttpTransport::new(url).is_ok(), "{url}");
        }
        for url in
            ["http://10.0.0.1:8545", "http://rpc.example", "ftp://127.0.0.1", "ws://127.0.0.1", "127.0.0.1:8545", ""]
        {
            assert!(matches!(HttpTransport::new(url), Err(ChainError::Endpoint { .. })), "{url}");
        }
    }
}
