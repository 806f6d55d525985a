//! The development chain on a loopback socket: JSON-RPC over HTTP POST, and a block each interval.
//!
//! Only `application/json` is taken: a web page can't send that here without asking first, and is never allowed to.

use crate::dev::error::DevError;
use crate::dev::rpc::BODY_BYTES_MAX;
use crate::dev::{DevChain, rpc};
use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Most requests that are worked on at once; more wait.
pub(crate) const REQUESTS_MAX: usize = 16;
/// How long a body may take to arrive, in milliseconds.
pub(crate) const BODY_READ_MS_MAX: u64 = 10_000;
/// How long a shutdown waits for open connections, in milliseconds.
pub(crate) const SHUTDOWN_MS_MAX: u64 = 1_000;

/// A chain being served. Dropping it leaves the server running until the runtime ends; [`DevServer::shutdown`] ends it.
#[derive(Debug)]
pub struct DevServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    mining: Option<JoinHandle<()>>,
}

impl DevServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint for wallets and tools.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops taking requests, finishes those at work, and returns within a second or so.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let limit = Duration::from_millis(SHUTDOWN_MS_MAX);
        if tokio::time::timeout(limit, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
        if let Some(mining) = self.mining {
            // It ends by itself once told to; what it returns was checked where it ran.
            drop(mining.await);
        }
    }
}

#[derive(Clone)]
struct Shared {
    chain: DevChain,
    working: Arc<Semaphore>,
}

pub(crate) fn serve(chain: DevChain, listener: TcpListener) -> Result<DevServer, DevError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(DevError::NotLoopback { address: address.to_string() });
    }
    let (stop, stopped) = watch::channel(false);
    let interval = chain.block_interval;
    let mining = interval.map(|interval| tokio::spawn(mine(chain.clone(), interval, stopped.clone())));
    let shared = Shared { chain, working: Arc::new(Semaphore::new(REQUESTS_MAX)) };
    let router = Router::new().fallback(handle).with_state(shared);
    let serving = axum::serve(listener, router).with_graceful_shutdown(wait(stopped));
    let serving = tokio::spawn(async move {
        // A listener of axum retries what can be retried and has nothing else to say.
        drop(serving.await);
    });
    Ok(DevServer { address, stop, serving, mining })
}

/// Mines a block each interval and skips none; ends with the server, or when the disk fails, as every request then says.
async fn mine(chain: DevChain, interval: Duration, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks.tick().await;
    let stop = wait(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let chain = chain.clone();
        match tokio::task::spawn_blocking(move || chain.mine()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // The sender is gone only if the server's handle was dropped: then nobody will ever say stop.
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], "JSON-RPC takes POST\n").into_response();
    }
    if !is_json(request.headers()) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type has to be application/json\n").into_response();
    }
    // Said before it is sent: a body that is too long isn't waited for.
    let too_long = || (StatusCode::PAYLOAD_TOO_LARGE, format!("at most {BODY_BYTES_MAX} bytes\n")).into_response();
    if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
        return too_long();
    }
    let reading = to_bytes(request.into_body(), BODY_BYTES_MAX);
    let body = match tokio::time::timeout(Duration::from_millis(BODY_READ_MS_MAX), reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return too_long(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let Ok(_permit) = shared.working.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let chain = shared.chain.clone();
    match tokio::task::spawn_blocking(move || rpc::answer(&chain, &body)).await {
        Ok(Some(answer)) => ([(header::CONTENT_TYPE, "application/json")], Body::from(answer)).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    named.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
