//! An Ethereum of the test's own, which goes away and comes back on the same port, and the configuration of a hub on it.

use super::process::program;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::process::Command;
use xln_chain::dev::accounts;
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{ChainClient, Deployment, DevChain, DevOptions, DevServer, calldata};
use xln_types::{Address, Amount, Asset};

/// The password of every keystore here.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The chain, up or down.
pub(crate) struct TestChain {
    chain: DevChain,
    server: Option<DevServer>,
    address: SocketAddr,
}

impl TestChain {
    /// Starts one on a free port.
    pub(crate) async fn start(folder: &Path) -> TestChain {
        TestChain::start_as(folder, DevOptions::default().chain_id).await
    }

    /// Starts one of another id on a free port.
    pub(crate) async fn start_as(folder: &Path, chain_id: u64) -> TestChain {
        let folder = folder.join("ethereum");
        let options = DevOptions { chain_id, ..DevOptions::default() };
        let opened = tokio::task::spawn_blocking(move || DevChain::open(&folder, &options)).await;
        let chain = opened.expect("opened").expect("a chain");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = Some(chain.serve(listener).expect("serves"));
        TestChain { chain, server, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes it away: its port is closed.
    pub(crate) async fn down(&mut self) {
        self.server.take().expect("it was up").shutdown().await;
    }

    /// Brings it back where it was.
    pub(crate) async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("its port is free");
        self.server = Some(self.chain.serve(listener).expect("serves"));
    }

    /// Deposits wei for an entity.
    pub(crate) async fn deposit(&self, entity: &str, amount: u128) {
        let data = calldata::deposit(entity.parse().expect("an id"), &Asset::NATIVE, Amount(amount));
        self.send(Deployment::standard().depositary, amount, data).await;
    }

    /// Gives an account some of the chain's coin.
    pub(crate) async fn give(&self, to: &str, amount: u128) {
        self.send(to.parse().expect("an address"), amount, Vec::new()).await;
    }

    async fn send(&self, to: Address, value: u128, data: Vec<u8>) {
        send(&self.url(), self.chain.chain_id(), to, value, data).await;
    }
}

/// Sends a transaction of an account that does nothing else, and waits until it is mined.
pub(crate) async fn send(url: &str, chain_id: u64, to: Address, value: u128, data: Vec<u8>) {
    let chain = Arc::new(ChainClient::http(url).expect("loopback"));
    let mut payer = Submitter::new(chain, chain_id, &accounts::all()[5].secret).expect("a key");
    let prepared = payer.prepare(Order { to: Some(to), value: Amount(value), data }).await.expect("prepared");
    payer.send(&prepared.raw, prepared.hash).await.expect("sent");
    assert!(payer.wait_mined(prepared.hash, 30_000).await.expect("mined").succeeded);
}

/// A configuration file that works.
pub(crate) fn configuration(data: &Path, rpc: &str) -> String {
    let depositary = Deployment::standard().depositary;
    let operator = accounts::all()[0].address;
    format!(
        "data = \"{}\"\nlisten = \"127.0.0.1:0\"\nrpc = \"{rpc}\"\ndepositary = \"{depositary}\"\nconfirmations = 1\n\
         poll_ms = 20\noperators = [\"{operator}\"]\n\n[[assets]]\nsymbol = \"ETH\"\ndecimals = 18\n",
        data.display()
    )
}

/// Writes a configuration file; its path.
pub(crate) fn written(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("hub.toml");
    std::fs::write(&path, text).expect("written");
    path
}

/// `xln hub` with this configuration file and, if any, this password.
pub(crate) fn hub(config: &Path, password: Option<&str>) -> Command {
    let mut command = program(&["hub", "--json", "--config"]);
    command.arg(config);
    if let Some(password) = password {
        command.env("XLN_KEYSTORE_PASSWORD", password);
    }
    command
}
