//! What the tests of the program share: the process itself ([`process`]), who talks to it ([`people`], [`custody`]), numbers from a seed
//! ([`dice`]), a chain that comes and goes ([`chain`]). They know nothing of the program but its arguments, its output and its API.

// Each test program is compiled with all of this and uses its part.
#![allow(dead_code)]

pub(crate) mod chain;
pub(crate) mod custody;
pub(crate) mod dice;
pub(crate) mod people;
pub(crate) mod process;

use std::time::Duration;

/// How long a test waits for anything: a bound that catches a hang, not a measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
///
/// # Panics
/// When it doesn't come within [`PATIENCE`].
pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(came) => came,
        Err(_) => panic!("waited {} s in vain: {what}", PATIENCE.as_secs()),
    }
}

/// Asks again and again, where no event tells, until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    within(what, async {
        loop {
            let _ = beat.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    })
    .await
}
