//! What the serving commands share: listening, logging, and when to end.

use crate::failure::Failure;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// The environment variable that says how much is logged: error, warn, info, debug, trace, off.
const LOG_VARIABLE: &str = "XLN_LOG";

/// Logs to stderr: stdout is for what was asked.
pub(crate) fn log(default: LevelFilter) -> Result<(), Failure> {
    let level = match std::env::var(LOG_VARIABLE) {
        Ok(text) => text.parse().map_err(|_| {
            Failure::Usage(format!("{LOG_VARIABLE}={text}: expected error, warn, info, debug, trace or off"))
        })?,
        Err(_) => default,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}

/// Takes a port on loopback.
pub(crate) async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "{flag} {address}: only loopback (127.0.0.1 or [::1]) is served without TLS"
        )));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        Failure::World(format!("{address}: {error} (name another with {flag}; port 0 takes a free one)"))
    })
}

/// Listens for being told to end: Ctrl-C, or a supervisor's SIGTERM. Made before anything else, so that none is missed.
pub(crate) struct Told {
    interrupt: Signal,
    terminate: Signal,
}

impl Told {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Told, Failure> {
        let on = |kind| signal(kind).map_err(Failure::world);
        Ok(Told { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Returns once told.
    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The name by which this program was called: what a person can type again.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "xln".to_owned())
}
