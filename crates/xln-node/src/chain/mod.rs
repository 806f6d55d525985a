//! The node's two hands on the chain: [`facts`] brings deep facts into the log, [`operations`] carries out what the core wished.
//! Both go on for ever: an RPC that is down is asked again, and loses nothing, for facts are read from a durable cursor and
//! operations stand in the state until the chain has recorded them or they have certainly failed (**DP-3**, **DP-4**).

pub mod facts;
pub mod operations;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the chain is doing, for `/readyz`.
#[derive(Debug)]
pub struct ChainHealth(Mutex<(bool, String)>);

impl Default for ChainHealth {
    fn default() -> Self {
        ChainHealth(Mutex::new((false, "not asked yet".to_owned())))
    }
}

impl ChainHealth {
    fn lock(&self) -> MutexGuard<'_, (bool, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chain answered.
    pub fn up(&self, detail: String) {
        let mut health = self.lock();
        if !health.0 {
            tracing::info!(%detail, "the chain answers");
        }
        *health = (true, detail);
    }

    /// The chain didn't answer.
    pub fn down(&self, detail: String) {
        let mut health = self.lock();
        if health.0 {
            tracing::warn!(%detail, "the chain doesn't answer");
        }
        *health = (false, detail);
    }

    /// Whether it answers, and what is known.
    pub fn get(&self) -> (bool, String) {
        self.lock().clone()
    }
}
