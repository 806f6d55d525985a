//! Sessions and the HTTP server over real sockets. Each module holds one question; [`hub`] and [`peer`] are the two ends.

mod http;
mod hub;
mod peer;
mod session;
mod session_bounds;
mod session_end;
mod session_frames;

use std::future::Future;
use std::time::Duration;

/// Longer than anything here takes; a test that gets there hangs, and says so. Shorter than the HTTP library's own 30 s for a head, which
/// would hide that ours isn't set.
const HANG: Duration = Duration::from_secs(20);

/// Waits for what must come.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANG, future).await {
        Ok(value) => value,
        Err(_) => panic!("never came: {what}"),
    }
}
