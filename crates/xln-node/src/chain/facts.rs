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

/// How long to wait before a fact that found the queue full is offered again.
const RETRY: Duration = Duration::from_millis(50);

/// Follows the chain until told to stop.
pub async fn follow(
    node: Node,
    chain: Arc<dyn Chain>,
    options: FollowerOptions,
    poll: Duration,
    health: Arc<ChainHealth>,
    mut stop: watch::Receiver<bool>,
) {
    let cursor = node.shared().server().record().cursor;
    let cursor = (cursor != FactPosition::default()).then_some(cursor);
    let mut follower = Follower::new(chain, options, cursor);
    let work = async {
        loop {
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
    let mut answers = Vec::with_capacity(facts.len());
    for fact in facts {
        answers.push((*fact, offer(node, *fact)?));
    }
    for (fact, answer) in answers {
        let mut answer = answer.await;
        // The order of facts matters: a full queue is waited for, never skipped.
        while let Ok(Err(SubmitError::Overloaded)) = answer {
            tokio::time::sleep(RETRY).await;
            answer = offer(node, fact)?.await;
        }
        match answer {
            Ok(Ok(confirmed)) => {
                if let Some(rejection) = confirmed.receipt.rejection() {
                    tracing::warn!(?fact, ?rejection, "a chain fact was refused");
                }
            }
            Ok(Err(_)) | Err(_) => return Err(()),
        }
    }
    Ok(())
}

type Answer = oneshot::Receiver<Result<xln_api::backend::Confirmed, SubmitError>>;

fn offer(node: &Node, fact: ChainFact) -> Result<Answer, ()> {
    node.send(|reply| Mail::Fact(fact, reply)).map_err(|_| ())
}
