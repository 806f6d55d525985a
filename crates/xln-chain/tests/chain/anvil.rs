//! The same story on a real anvil, whose path is in `XLN_ANVIL`; and a reorganisation that anvil makes.

use crate::story::{self, Stage, done, drain, of_logs};
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use xln_chain::dev::{accounts, deploy};
use xln_chain::{ChainClient, Submitter};
use xln_types::FactKind;

/// An anvil of our own, ended with the test.
struct Anvil {
    _process: Child,
    client: ChainClient,
}

impl Anvil {
    /// Starts it on a free port, and deploys what the development chain has.
    async fn start() -> Anvil {
        let path = std::env::var_os("XLN_ANVIL").expect("XLN_ANVIL names the anvil binary when this feature is on");
        let mut process = Command::new(path)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("reads").expect("anvil says where it listens before it ends");
            if let Some(address) = line.strip_prefix("Listening on ") {
                break address.trim().to_owned();
            }
        };
        // Anvil logs each request: unread, its pipe would fill and block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = ChainClient::http(&format!("http://{address}")).expect("loopback");
        let mut submitter =
            Submitter::new(Arc::new(client.clone()), 31_337, &accounts::all()[0].secret).expect("a key");
        for (order, gas_limit) in deploy::orders().expect("artifacts") {
            let prepared = submitter.prepare_with_gas(order, gas_limit).await.expect("prepares");
            submitter.send(&prepared.raw, prepared.hash).await.expect("sends");
            assert!(submitter.wait_mined(prepared.hash, 30_000).await.expect("mined").succeeded);
        }
        Anvil { _process: process, client }
    }
}

/// DP-1, DP-3, DP-4, DP-5 on a node that isn't ours.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_runs_on_anvil() {
    let anvil = Anvil::start().await;
    story::tell(Arc::new(anvil.client.clone())).await;
}

/// DP-3: a reorganisation of a real node is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_of_anvil_is_a_deep_reorg() {
    let anvil = Anvil::start().await;
    let stage = Stage::new(Arc::new(anvil.client.clone())).await;
    let mut follower = stage.follower(None);
    let snapshot = anvil.client.request("evm_snapshot", json!([])).await.expect("snapshot");
    done(&mut stage.submitter(&stage.left), stage.deposit_of_ether(1)).await;
    assert_eq!(of_logs(drain(&mut follower).await).len(), 2);
    anvil.client.request("evm_revert", json!([snapshot])).await.expect("revert");
    done(&mut stage.submitter(&stage.left), stage.deposit_of_ether(2)).await;
    anvil.client.request("evm_mine", json!([])).await.expect("mines");
    let facts = follower.poll().await.expect("poll");
    assert!(matches!(facts.as_slice(), [alarm] if matches!(alarm.kind, FactKind::DeepReorg { .. })), "{facts:?}");
    assert!(follower.halted());
}
