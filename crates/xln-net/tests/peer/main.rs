//! The transport between nodes over real sockets and real TLS. Each module holds one question; [`node`] is a whole node, [`rogue`] an end made
//! by hand, which may do what a node never would, [`keys`] who they are.

mod auth;
mod dialing;
mod doors;
mod flow;
mod frames;
mod keys;
mod node;
mod rogue;
mod sessions;

use std::future::Future;
use std::time::Duration;

/// Longer than anything here takes; a test that gets there hangs, and says so.
const HANG: Duration = Duration::from_secs(20);

/// Waits for what must come.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANG, future).await {
        Ok(value) => value,
        Err(_) => panic!("never came: {what}"),
    }
}

/// Asks until the answer is yes; for what nobody tells.
async fn asked(what: &str, question: impl Fn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let asking = async {
        while !question() {
            ticks.tick().await;
        }
    };
    soon(what, asking).await;
}
