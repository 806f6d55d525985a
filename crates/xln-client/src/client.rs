//! REST: one question after the other, bounded in time and size.

use crate::error::{ClientError, Refusal};
use crate::key::Key;
use crate::socket::Socket;
use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xln_types::EntityId;

/// How long one question may take, connection included.
pub const REQUEST_TIMEOUT_MS: u64 = 40_000;
/// How many of the past seconds a login may name: well within the hub's ± 60 s.
const LOGIN_SPREAD_S: u64 = 45;
/// The reason that a hub gives when a login signature was used before.
const LOGIN_REPEATED: &str = "signature_used";
/// The longest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where a hub listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
}

impl Endpoint {
    /// Takes `http://HOST:PORT` with a loopback host.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`].
    pub fn new(url: &str) -> Result<Endpoint, ClientError> {
        let wrong = || ClientError::Endpoint { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_loopback = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if uri.scheme_str() != Some("http") || !is_loopback || !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        Ok(Endpoint { authority: authority.to_string() })
    }

    /// The WebSocket's URL.
    pub fn socket_url(&self) -> String {
        format!("ws://{}/v1/ws", self.authority)
    }
}

/// A caller of one hub, logged in or not.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
    http: Http<HttpConnector, Full<Bytes>>,
    token: Option<String>,
}

impl Client {
    /// A caller without a token.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`].
    pub fn new(url: &str) -> Result<Client, ClientError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Client { endpoint: Endpoint::new(url)?, http, token: None })
    }

    /// Logs in with a key; later calls are that account's.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn login(&mut self, key: &Key) -> Result<(), ClientError> {
        let hub = self.hub_id().await?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A login signature counts once, and a key signs the same second the same way: whoever logs in often needs many seconds.
        let start = u64::from(since.subsec_nanos()) / 1000 % LOGIN_SPREAD_S;
        let mut refused = None;
        for step in 0..LOGIN_SPREAD_S {
            let timestamp = since.as_secs().saturating_sub((start + step) % LOGIN_SPREAD_S);
            match self.post("/auth/token", &key.login(hub, timestamp)?).await {
                Ok(answer) => {
                    self.token = Some(text(&answer, "token")?.to_owned());
                    return Ok(());
                }
                Err(ClientError::Refused(refusal)) if refusal.reason() == LOGIN_REPEATED => refused = Some(refusal),
                Err(error) => return Err(error),
            }
        }
        Err(refused.map_or_else(|| ClientError::unreachable("no login was tried"), ClientError::Refused))
    }

    /// The hub's entity.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hub_id(&self) -> Result<EntityId, ClientError> {
        let hub = self.get("/hub").await?;
        text(&hub, "hubId")?.parse().map_err(|_| ClientError::malformed("hubId"))
    }

    /// The token, once logged in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Asks `path`, below `/api/v1`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.exchange(Method::GET, &format!("/api/v1{path}"), None).await
    }

    /// Does what `path`, below `/api/v1`, stands for.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.exchange(Method::POST, &format!("/api/v1{path}"), Some(body)).await
    }

    /// Asks a path outside of `/api/v1`, such as `/readyz`, whatever its status.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn raw(&self, path: &str) -> Result<(u16, String), ClientError> {
        let (status, bytes) = self.bounded(self.request(Method::GET, path, None)?).await?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A WebSocket session of the same account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn socket(&self) -> Result<Socket, ClientError> {
        let mut socket = Socket::connect(&self.endpoint).await?;
        if let Some(token) = &self.token {
            let _ = socket.call("authenticate", serde_json::json!({ "token": token })).await?;
        }
        Ok(socket)
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, ClientError> {
        let uri = format!("http://{}{path}", self.endpoint.authority);
        let mut request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        request.body(Full::new(body)).map_err(ClientError::malformed)
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let (status, bytes) = self.bounded(self.request(method, path, body)?).await?;
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|_| ClientError::malformed(format!("status {status} without JSON")))?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        match Refusal::read(&answer["error"]) {
            Some(refusal) => Err(ClientError::Refused(refusal)),
            None => Err(ClientError::malformed(format!("status {status}"))),
        }
    }

    async fn bounded(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), ClientError> {
        let limit = Duration::from_millis(REQUEST_TIMEOUT_MS);
        let asking = async {
            let answer = self.http.request(request).await.map_err(|error| ClientError::unreachable(cause(&error)))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(ClientError::unreachable)?.to_bytes()))
        };
        tokio::time::timeout(limit, asking)
            .await
            .unwrap_or_else(|_| Err(ClientError::unreachable(format!("no answer in {REQUEST_TIMEOUT_MS} ms"))))
    }
}

/// A field of an answer that must be text.
///
/// # Errors
/// [`ClientError::Malformed`] when it is missing or something else.
pub fn text<'a>(answer: &'a Value, field: &str) -> Result<&'a str, ClientError> {
    answer[field].as_str().ok_or_else(|| ClientError::malformed(format!("no {field}")))
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
        for url in ["http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost:1"] {
            assert!(Endpoint::new(url).is_ok(), "{url}");
        }
        for url in
            ["http://10.0.0.1:1", "http://hub.example", "https://127.0.0.1:1", "ws://127.0.0.1:1", "127.0.0.1:1", ""]
        {
            assert!(Endpoint::new(url).is_err(), "{url}");
        }
        assert_eq!(Endpoint::new("http://127.0.0.1:80").expect("one").socket_url(), "ws://127.0.0.1:80/v1/ws");
    }
}
