//! Serves HTTP/1.1 on a listener with bounds that hold against whoever connects: so many connections, so long for a request's head, so
//! many bytes of it. What is above the bound waits in the kernel's queue, not here, and files for the log always remain. A connection
//! that became a WebSocket session is one still.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
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

/// Serves until `stop` turns true, then lets requests under way finish; returns when the last connection is gone, sessions included:
/// these must hear of the stop, too.
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    // Each socket holds a sender: when all are dropped, all are gone.
    let (open, mut gone) = mpsc::channel::<()>(1);
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, address)) => {
                    // Answers leave when they are flushed; a peer that is gone already is found out later.
                    let _ = stream.set_nodelay(true);
                    let socket = Socket { io: TokioIo::new(stream), _place: place, _open: open.clone() };
                    let (router, limits, stop) = (router.clone(), limits.clone(), stop.clone());
                    tokio::spawn(async move { connection(socket, address, router, &limits, stop).await });
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
    socket: Socket,
    address: SocketAddr,
    router: Router,
    limits: &HttpLimits,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().call(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_timeout_ms))
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(socket, service)
        .with_upgrades();
    let mut serving = pin!(serving);
    tokio::select! {
        // Its errors are the peer's: it went away, was too slow, or spoke nonsense.
        _ = serving.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// A connection with its place, which is free again once the connection is closed: after an upgrade, by the session that has it.
struct Socket {
    io: TokioIo<TcpStream>,
    _place: OwnedSemaphorePermit,
    _open: mpsc::Sender<()>,
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
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
