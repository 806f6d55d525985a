//! Brings the chain's deep facts into the log, in order and each once (**DP-3**).

use super::ChainHealth;
use crate::door::{Answer, Door};
use crate::engine::Mail;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use xln_api::backend::SubmitError;
use xln_chain::follower::{Follower, FollowerOptions};
use xln_chain::{Chain, ChainError};
use xln_types::{Address, ChainFact, FactPosition};

/// How long to wait before a fact is offered again, when all places at the node's door are taken.
const RETRY: Duration = Duration::from_millis(50);
/// Most facts offered that aren't durable yet: what bounds them in the loop's queue, which refuses none.
const UNDER_WAY_MAX: usize = 1024;

/// What brings the facts: the follower, and the node that takes them.
pub struct Facts<N: Door> {
    node: N,
    chain: Arc<dyn Chain>,
    chain_id: u64,
    depositary: Address,
    follower: Follower,
    health: Arc<ChainHealth>,
    /// Whoever answers may be another after each interruption.
    is_ours: bool,
}

/// When to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: there may be more.
    AtOnce,
    /// After a rest.
    Later,
    /// Never: the node is stopping, or its disk failed.
    Never,
}

impl<N: Door> Facts<N> {
    /// From the node's durable cursor on.
    pub fn new(
        node: N,
        chain: Arc<dyn Chain>,
        chain_id: u64,
        options: FollowerOptions,
        health: Arc<ChainHealth>,
    ) -> Facts<N> {
        let cursor = node.shared().server().record().cursor;
        let cursor = (cursor != FactPosition::default()).then_some(cursor);
        let depositary = options.depositary;
        let follower = Follower::new(Arc::clone(&chain), options, cursor);
        Facts { node, chain, chain_id, depositary, follower, health, is_ours: false }
    }

    /// Asks the chain once, and hands over what is new and deep.
    pub async fn round(&mut self) -> Next {
        if !self.is_ours
            && let Err(error) = self.chain.check_identity(self.chain_id, self.depositary).await
        {
            self.health.down(error.to_string());
            return Next::Later;
        }
        self.is_ours = true;
        match self.follower.poll().await {
            Ok(facts) => {
                self.health.up(shown(&self.follower));
                match take(&self.node, &facts).await {
                    Err(()) => Next::Never,
                    Ok(()) if facts.is_empty() => Next::Later,
                    Ok(()) => Next::AtOnce,
                }
            }
            // The chain moved while it was read: ask again at once.
            Err(ChainError::Moved { .. }) => Next::AtOnce,
            Err(error) => {
                self.is_ours = false;
                self.health.down(error.to_string());
                Next::Later
            }
        }
    }
}

/// Follows the chain until told to stop.
pub async fn follow<N: Door>(mut facts: Facts<N>, poll: Duration, mut stop: watch::Receiver<bool>) {
    let work = async {
        loop {
            match facts.round().await {
                Next::AtOnce => tokio::task::yield_now().await,
                Next::Later => tokio::time::sleep(poll).await,
                Next::Never => return,
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

fn shown(follower: &Follower) -> String {
    match follower.cursor() {
        Some(at) => format!("facts taken up to block {}", at.block),
        None => "no fact taken yet".to_owned(),
    }
}

/// Hands facts to the core in order; all are durable when this returns. `Err`: the node is stopping or its disk failed.
async fn take(node: &impl Door, facts: &[ChainFact]) -> Result<(), ()> {
    for window in facts.chunks(UNDER_WAY_MAX) {
        let mut answers = Vec::with_capacity(window.len());
        for fact in window {
            answers.push((fact, offer(node, *fact).await?));
        }
        for (fact, answer) in answers {
            let Ok(Ok(confirmed)) = answer.await else { return Err(()) };
            if let Some(rejection) = confirmed.receipt.rejection() {
                tracing::warn!(?fact, ?rejection, "a chain fact was refused");
            }
        }
    }
    Ok(())
}

/// Puts a fact before the loop. A full door is waited for, and no later fact goes before this one: it would make this one stale.
async fn offer(node: &impl Door, fact: ChainFact) -> Result<Answer, ()> {
    loop {
        match node.send(|reply| Mail::Fact(fact, reply)) {
            Ok(answer) => return Ok(answer),
            Err(SubmitError::Overloaded) => tokio::time::sleep(RETRY).await,
            Err(_) => return Err(()),
        }
    }
}
