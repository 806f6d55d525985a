//! Serves HTTP/1.1 on a listener with bounds that hold against whoever connects: so many connections, so long for a request's head, so
//! many bytes of it. What is above the bound waits in the kernel's queue, not here, and files for the log always remain.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tower_service::Service;

/// Files that are kept for everything but connections: log, keystore, chain.
pub const FILES_RESERVED: usize = 256;
/// Most connections, whatever the system would allow.
pub const CONNECTIONS_MAX: usize = 65_536;
/// Longest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to rest when the system has no more files.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Bounds of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at a time.
    pub connections_max: usize,
    /// How long a request's head may take to arrive, and a connection be idle before it.
    pub head_timeout_ms: u64,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits { connections_max: connections_allowed(open_files_max()), head_timeout_ms: 30_000 }
    }
}

/// How many connections leave the reserve, with so many files allowed; half of them where there are few.
fn connections_allowed(files_max: usize) -> usize {
    files_max.saturating_sub(FILES_RESERVED).max(files_max / 2).clamp(1, CONNECTIONS_MAX)
}

/// The system's limit on open files of this process, as far as it can be read.
fn open_files_max() -> usize {
    const USUAL: usize = 1024;
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(USUAL)
}

/// Serves until `stop` turns true, then lets requests under way finish; returns when the last connection is gone.
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    // Each connection holds a sender: when all are dropped, all are gone.
    let (open, mut gone) = mpsc::channel::<()>(1);
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, address)) => {
                    let (router, limits, stop, open) = (router.clone(), limits.clone(), stop.clone(), open.clone());
                    tokio::spawn(async move {
                        connection(stream, address, router, &limits, stop).await;
                        drop((place, open));
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection taken");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    let mut stopped = stop.clone();
    tokio::select! {
        () = accepting => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    let _ = stop.borrow_and_update();
    drop((listener, open));
    let _ = gone.recv().await;
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    limits: &HttpLimits,
    mut stop: watch::Receiver<bool>,
) {
    // Answers leave when they are flushed; a peer that is gone already is found out below.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().call(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_timeout_ms))
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    tokio::select! {
        // Its errors are the peer's: it went away, was too slow, or spoke nonsense.
        _ = serving.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_remain_for_the_log() {
        for (files_max, connections) in
            [(20_000, 19_744), (1024, 768), (256, 128), (1, 1), (usize::MAX, CONNECTIONS_MAX)]
        {
            assert_eq!(connections_allowed(files_max), connections, "{files_max}");
        }
        assert_ne!(open_files_max(), 0);
    }
}
