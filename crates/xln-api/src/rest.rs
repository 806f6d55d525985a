//! The REST twin: each method's route turns path, query and body into the method's parameters and runs the same code.
//!
//! Beside the methods: `/api/v1/auth/token`, `/healthz`, `/readyz`, `/metrics`, `/docs`, `/api/v1/openapi.json`, and the WebSocket at
//! `/v1/ws`. Bodies are bounded, requests end in time, and every error has the shape of PRD 7.3.

use crate::api::{Api, BODY_BYTES_MAX, timed_out};
use crate::error::{ApiError, Code, clip};
use crate::method::{Answer, Verb};
use crate::strict::Fields;
use crate::{page, params, ws};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on, post};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;

/// The header that makes a request repeatable.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Query fields that are numbers in JSON.
const COUNTS: [&str; 2] = ["page", "limit"];

/// Everything that the API serves. `stop` turning true ends the WebSocket sessions. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`, so that callers are told apart by address.
pub fn router(api: &Api, stop: watch::Receiver<bool>) -> Router {
    let mut router = Router::new();
    for (index, method) in api.0.methods.iter().enumerate() {
        let Some(route) = method.route else { continue };
        let filter = if route.verb == Verb::Get { MethodFilter::GET } else { MethodFilter::POST };
        let api = api.clone();
        let handler = move |request: Request| {
            let api = api.clone();
            async move { answer(serve(&api, index, request).await) }
        };
        router = router.route(&format!("/api/v1{}", route.path), on(filter, handler));
    }
    let with = |api: &Api| api.clone();
    let (login_api, ready_api, metrics_api, docs_api, ws_api) = (with(api), with(api), with(api), with(api), with(api));
    let openapi = Bytes::from(crate::openapi_json());
    let docs = Bytes::from(page::render(&docs_api.0.methods));
    router
        .route("/api/v1/auth/token", post(move |request: Request| login(login_api.clone(), request)))
        .route("/api/v1/openapi.json", get(move || async move { typed("application/json", openapi.clone().into()) }))
        .route("/docs", get(move || async move { typed("text/html; charset=utf-8", docs.clone().into()) }))
        .route("/healthz", get(|| async { typed("application/json", "{\"ok\":true}".into()) }))
        .route("/readyz", get(move || async move { ready(&ready_api) }))
        .route("/metrics", get(move || async move { metrics(&metrics_api) }))
        .route("/v1/ws", get(move |request: Request| ws::upgrade(ws_api.clone(), stop.clone(), request)))
        .fallback(|| async { answer(Err(ApiError::unknown("path"))) })
        .method_not_allowed_fallback(|| async {
            let error = ApiError::new(Code::InvalidRequest, "method_not_allowed", "no such verb on this path");
            with_status(StatusCode::METHOD_NOT_ALLOWED, &error)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(cors))
}

/// Any page may call, with a token that it holds itself: no cookies, so no credentials (PRD 4.6.2).
async fn cors(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, idempotency-key"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn typed(kind: &'static str, body: Body) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

fn answer(answer: Answer) -> Response {
    match answer {
        Ok(text) => typed("application/json", text.into()),
        Err(error) => {
            let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            with_status(status, &error)
        }
    }
}

fn with_status(status: StatusCode, error: &ApiError) -> Response {
    let mut response = typed("application/json", json!({ "error": error.to_json() }).to_string().into());
    *response.status_mut() = status;
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error as a response, for what never became a call.
pub(crate) fn refused(error: ApiError) -> Response {
    answer(Err(error))
}

/// Who is at the other end; one address for all where the server doesn't say.
pub(crate) fn peer(request: &Request) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip())
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ").or(text.strip_prefix("bearer ")));
    let wrong = || ApiError::new(Code::Unauthorized, "token_invalid", "expected Authorization: Bearer <token>");
    text.map(|token| Some(token.trim())).ok_or_else(wrong)
}

/// One request of a method, from its parts to its answer.
async fn serve(api: &Api, index: usize, request: Request) -> Answer {
    let now_ms = api.0.backend.now_ms();
    api.0.limiter.address(peer(&request), now_ms)?;
    let caller = match bearer(request.headers())? {
        Some(token) => Some(api.caller(token)?),
        None => None,
    };
    // Refused before a body is read.
    let access = api.method(index).map_or(crate::access::Access::User, |method| method.access);
    crate::access::check(access, caller.as_ref(), api.now_s())?;
    let key = match request.headers().get(IDEMPOTENCY_KEY) {
        Some(key) if request.method() == Method::POST => Some(String::from_utf8_lossy(key.as_bytes()).into_owned()),
        _ => None,
    };
    let limit = Duration::from_millis(api.0.options.request_timeout_ms);
    let params = tokio::time::timeout(limit, parameters(request)).await.unwrap_or_else(|_| Err(timed_out()))?;
    let params = params.text().map_err(|error| params::explain(&error, None))?;
    match (caller, key) {
        (Some(caller), Some(key)) => api.call_once(index, caller, (&key, "Idempotency-Key"), params).await,
        (caller, _) => api.call(index, caller, &params).await,
    }
}

/// A method's parameters, gathered from path, query and body.
async fn parameters(request: Request) -> Result<Fields, ApiError> {
    let (mut parts, body) = request.into_parts();
    let malformed = |message: String| ApiError::new(Code::InvalidRequest, "malformed", clip(&message));
    let path =
        RawPathParams::from_request_parts(&mut parts, &()).await.map_err(|error| malformed(error.to_string()))?;
    let query = Query::<Vec<(String, String)>>::from_request_parts(&mut parts, &()).await;
    let query = query.map_err(|error| malformed(error.to_string()))?;
    let mut params = match parts.method {
        Method::POST => json_object(Request::from_parts(parts, body)).await?,
        _ => Fields::default(),
    };
    let path = path.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    let query = query.0.into_iter().map(|(name, value)| {
        let value = number(&name, &value).map_or(Value::from(value), Value::from);
        (name, value)
    });
    for (name, value) in path.chain(query) {
        if !params.add(name.clone(), &value).map_err(|error| params::explain(&error, None))? {
            let error = ApiError::new(Code::InvalidRequest, "duplicate_field", "given twice");
            return Err(error.with("field", clip(&name)));
        }
    }
    Ok(params)
}

/// A count in a query; one that isn't stays text, and is refused as such (N-2).
fn number(name: &str, value: &str) -> Option<u64> {
    COUNTS.contains(&name).then(|| xln_types::amount::parse_u64(value).ok()).flatten()
}

async fn json_object(request: Request) -> Result<Fields, ApiError> {
    let body = body(request).await?;
    if body.is_empty() {
        return Ok(Fields::default());
    }
    let text = std::str::from_utf8(&body);
    let text = text.map_err(|_| ApiError::new(Code::InvalidRequest, "malformed", "the body is not UTF-8"))?;
    params::fields(text)
}

async fn body(request: Request) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::new(Code::TooLarge, "too_large", "the body is too large").with("expected", BODY_BYTES_MAX)
        } else {
            ApiError::new(Code::InvalidRequest, "malformed", rejection.to_string())
        }
    })
}

async fn login(api: Api, request: Request) -> Response {
    let from = peer(&request);
    let limit = Duration::from_millis(api.0.options.request_timeout_ms);
    let logging_in = async {
        let body = body(request).await?;
        let params = params::parse(&String::from_utf8_lossy(&body))?;
        crate::method::to_text(&api.login(&params, from).await?)
    };
    answer(tokio::time::timeout(limit, logging_in).await.unwrap_or_else(|_| Err(timed_out())))
}

fn ready(api: &Api) -> Response {
    let dependencies = api.0.backend.dependencies();
    let ok = dependencies.iter().all(|dependency| dependency.ok);
    let listed: Vec<Value> = dependencies
        .iter()
        .map(|dependency| json!({ "name": dependency.name, "ok": dependency.ok, "detail": dependency.detail }))
        .collect();
    let mut response = typed("application/json", json!({ "ok": ok, "dependencies": listed }).to_string().into());
    if !ok {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn metrics(api: &Api) -> Response {
    let mut text = api.0.metrics.render();
    if let Some(more) = &api.0.options.more_metrics {
        text.push_str(&more());
    }
    typed("text/plain; version=0.0.4; charset=utf-8", text.into())
}
