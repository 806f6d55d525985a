//! The submitter: nonces that are its own, and waits that end.

use crate::dev::{client, open};
use crate::story::{Stage, done};
use std::sync::Arc;
use xln_chain::{ChainError, submitter};
use xln_types::Hash;

/// DP-4: after a refused transaction the nonce is read again, and the next one goes through.
#[tokio::test]
async fn a_nonce_taken_elsewhere_is_read_again() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let stage = Stage::new(Arc::new(client(&chain))).await;
    let (mut one, mut two) = (stage.submitter(&stage.left), stage.submitter(&stage.left));
    done(&mut one, stage.deposit_of_ether(1)).await;
    done(&mut two, stage.deposit_of_ether(2)).await;
    done(&mut two, stage.deposit_of_ether(3)).await;
    let late = one.prepare(stage.deposit_of_ether(5)).await.expect("prepares");
    let refused = one.send(&late.raw, late.hash).await;
    assert!(matches!(refused, Err(ChainError::Rpc { .. })), "{refused:?}");
    done(&mut one, stage.deposit_of_ether(4)).await;
    assert!(!stage.chain.knows(late.hash).await.expect("knows"));
}

/// A transaction that nobody sent isn't waited for longer than was said.
#[tokio::test]
async fn a_wait_for_a_receipt_ends() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let hash = Hash([5; 32]);
    let waited = submitter::wait_mined(&client(&chain), hash, 150).await;
    assert_eq!(waited, Err(ChainError::NotMined { hash, waited_ms: 150 }));
}

#[tokio::test]
async fn a_submitter_shows_no_key() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let stage = Stage::new(Arc::new(client(&chain))).await;
    let shown = format!("{:?}", stage.submitter(&stage.left));
    assert!(shown.contains("0x") && !shown.contains("secret"), "{shown}");
}
