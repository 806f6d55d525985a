//! Brings the chain's deep facts into the log, in order and each once (**DP-3**).

use super::ChainHealth;
use crate::engine::Mail;
use crate::node::Node;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use xln_api::backend::SubmitError;
use xln_chain::follower::{Follower, FollowerOptions};
use xln_chain::{Chain, ChainError};
use xln_types::{ChainFact, FactPosition};

/// How long to wait before a fact is offered again, when all places at the node's door are taken.
const RETRY: Duration = Duration::from_millis(50);
/// Most facts offered that aren't durable yet: what bounds them in the loop's queue, which refuses none.
const UNDER_WAY_MAX: usize = 1024;

/// Follows the chain until told to stop.
pub async fn follow(
    node: Node,
    chain: Arc<dyn Chain>,
    chain_id: u64,
    options: FollowerOptions,
    poll: Duration,
    health: Arc<ChainHealth>,
    mut stop: watch::Receiver<bool>,
) {
    let cursor = node.shared().server().record().cursor;
    let cursor = (cursor != FactPosition::default()).then_some(cursor);
    let depositary = options.depositary;
    let mut follower = Follower::new(Arc::clone(&chain), options, cursor);
    let work = async {
        // Whoever answers may be another after each interruption.
        let mut is_ours = false;
        loop {
            if !is_ours && let Err(error) = chain.check_identity(chain_id, depositary).await {
                health.down(error.to_string());
                tokio::time::sleep(poll).await;
                continue;
            }
            is_ours = true;
            match follower.poll().await {
                Ok(facts) if facts.is_empty() => {
                    health.up(shown(&follower));
                    tokio::time::sleep(poll).await;
                }
                Ok(facts) => {
                    health.up(shown(&follower));
                    if take(&node, &facts).await.is_err() {
                        return;
                    }
                }
                // The chain moved while it was read: ask again at once.
                Err(ChainError::Moved { .. }) => tokio::task::yield_now().await,
                Err(error) => {
                    is_ours = false;
                    health.down(error.to_string());
                    tokio::time::sleep(poll).await;
                }
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
async fn take(node: &Node, facts: &[ChainFact]) -> Result<(), ()> {
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

type Answer = oneshot::Receiver<Result<xln_api::backend::Confirmed, SubmitError>>;

/// Puts a fact before the loop. A full door is waited for, and no later fact goes before this one: it would make this one stale.
async fn offer(node: &Node, fact: ChainFact) -> Result<Answer, ()> {
    loop {
        match node.send(|reply| Mail::Fact(fact, reply)) {
            Ok(answer) => return Ok(answer),
            Err(SubmitError::Overloaded) => tokio::time::sleep(RETRY).await,
            Err(_) => return Err(()),
        }
    }
}
