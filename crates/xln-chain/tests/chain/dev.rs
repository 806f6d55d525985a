//! The development chain itself: the whole story on it, over a socket and without, and what survives a restart.

use crate::story::{self, Stage, done, drain, of_logs};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use xln_chain::dev::{DevError, accounts};
use xln_chain::{Chain, ChainClient, ChainError, DevChain, DevOptions};
use xln_types::Amount;

/// A chain that mines only when asked to, on a clock that moves only when it is set.
pub(crate) fn open(dir: &Path) -> DevChain {
    DevChain::open(dir, &options(1_700_000_000)).expect("opens")
}

fn options(now_s: u64) -> DevOptions {
    DevOptions { block_interval: None, clock: Arc::new(move || now_s), ..DevOptions::default() }
}

pub(crate) fn client(chain: &DevChain) -> ChainClient {
    ChainClient::over(Arc::new(chain.clone()))
}

/// DP-1, DP-3, DP-4, DP-5 without a socket.
#[tokio::test]
async fn the_whole_story_runs_in_the_process() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    story::tell(Arc::new(client(&chain))).await;
}

/// DP-1, DP-3, DP-4, DP-5 over HTTP, as the hub runs them.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_runs_over_http() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let server = chain.serve(listener).expect("serves");
    let client = ChainClient::http(&server.url()).expect("loopback");
    story::tell(Arc::new(client.clone())).await;
    server.shutdown().await;
    assert!(matches!(client.chain_id().await, Err(ChainError::Unreachable { .. })));
}

#[tokio::test]
async fn a_fresh_chain_has_contracts_tokens_and_funds() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let client = client(&chain);
    let deployment = chain.deployment();
    assert_eq!(deployment.entity_provider.to_string(), "0x5fbdb2315678afecb367f032d93f642f64180aa3");
    for address in [deployment.entity_provider, deployment.depositary] {
        let code = client.request("eth_getCode", json!([address.to_string(), "latest"])).await.expect("code");
        assert!(code.as_str().is_some_and(|code| 100 < code.len()), "{code}");
    }
    for account in accounts::all() {
        for token in deployment.tokens {
            let units = 1_000_000 * 10_u128.pow(u32::from(token.decimals));
            assert_eq!(client.token_balance(token.contract, account.address).await.expect("tokens"), Amount(units));
        }
        if 0 < account.index {
            let balance = client.native_balance(account.address).await.expect("balance");
            assert_eq!(balance.0, accounts::GENESIS_BALANCE_WEI);
        }
    }
}

/// A chain dropped without goodbye is the same when it is opened again: blocks, state, clock; and it goes on.
#[tokio::test]
async fn what_was_mined_survives_a_restart() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let stage = Stage::new(Arc::new(client(&chain))).await;
    let mut submitter = stage.submitter(&stage.left);
    done(&mut submitter, stage.deposit_of_ether(7)).await;
    client(&chain).request("evm_increaseTime", json!([1_000])).await.expect("travels");
    chain.mine().expect("mines");
    let facts = drain(&mut stage.follower(None)).await;
    let head = stage.chain.head().await.expect("head");
    let all = stage.chain.blocks(0, head.number).await.expect("blocks");
    drop((stage, submitter, chain));

    let chain = DevChain::open(dir.path(), &options(1_700_000_005)).expect("opens");
    let stage = Stage::new(Arc::new(client(&chain))).await;
    assert_eq!(stage.chain.blocks(0, head.number).await.expect("blocks"), all);
    assert_eq!(drain(&mut stage.follower(None)).await, facts);
    chain.mine().expect("mines");
    let next = stage.chain.head().await.expect("head");
    assert_eq!((next.number, next.timestamp_s), (head.number + 1, 1_700_001_005));
    done(&mut stage.submitter(&stage.left), stage.deposit_of_ether(8)).await;
    let cursor = facts.last().map(|fact| fact.at);
    assert_eq!(of_logs(drain(&mut stage.follower(cursor)).await).len(), 1);
}

#[test]
fn two_chains_of_one_history_are_the_same() {
    let heads: Vec<Vec<u8>> = (0..2)
        .map(|_| {
            let dir = tempfile::tempdir().expect("folder");
            let question = br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",true]}"#;
            open(dir.path()).answer(question).expect("an answer")
        })
        .collect();
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn a_folder_in_use_or_of_another_chain_is_refused() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    assert!(matches!(DevChain::open(dir.path(), &options(0)), Err(DevError::Disk(_))));
    drop(chain);
    let other = DevOptions { chain_id: 5, ..options(0) };
    assert!(matches!(DevChain::open(dir.path(), &other), Err(DevError::ChainId { found: 31_337, wanted: 5 })));
    open(dir.path());
}

#[tokio::test]
async fn a_listener_that_faces_a_network_is_refused() {
    let dir = tempfile::tempdir().expect("folder");
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("binds");
    assert!(matches!(open(dir.path()).serve(listener), Err(DevError::NotLoopback { .. })));
}

/// Time moves by blocks alone, never back, and stays moved.
#[tokio::test]
async fn time_travels_forward_only() {
    let dir = tempfile::tempdir().expect("folder");
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = now.clone();
    let options = DevOptions { clock: Arc::new(move || clock.load(Ordering::Relaxed)), ..options(0) };
    let chain = DevChain::open(dir.path(), &options).expect("opens");
    let client = client(&chain);
    let mined = async |params: Value| {
        client.request("evm_mine", params).await.expect("mines");
        client.head().await.expect("head").timestamp_s
    };
    assert_eq!(mined(json!([])).await, 1_000);
    now.store(900, Ordering::Relaxed);
    assert_eq!(mined(json!([])).await, 1_000);
    now.store(1_010, Ordering::Relaxed);
    assert_eq!(client.request("evm_increaseTime", json!(["0x10"])).await.expect("travels"), json!(16));
    assert_eq!(mined(json!([])).await, 1_026);
    client.request("evm_setNextBlockTimestamp", json!([2_000])).await.expect("travels");
    assert_eq!(mined(json!([])).await, 2_000);
    now.store(1_020, Ordering::Relaxed);
    assert_eq!(mined(json!([])).await, 2_010);
    assert_eq!(mined(json!([3_000])).await, 3_000);
    for past in [json!([2_999]), json!([u64::MAX]), json!([-1]), json!(["x"])] {
        assert!(client.request("evm_setNextBlockTimestamp", past).await.is_err());
    }
}

/// The server mines by itself: two more blocks come without anyone asking.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_comes_each_interval() {
    let dir = tempfile::tempdir().expect("folder");
    let options = DevOptions { block_interval: Some(Duration::from_millis(5)), ..options(1) };
    let chain = DevChain::open(dir.path(), &options).expect("opens");
    let before = chain.height();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let server = chain.serve(listener).expect("serves");
    let client = ChainClient::http(&server.url()).expect("loopback");
    while client.head().await.expect("head").number < before + 2 {
        tokio::task::yield_now().await;
    }
    server.shutdown().await;
    let stopped = chain.height();
    drop(client);
    assert_eq!(chain.height(), stopped);
}
