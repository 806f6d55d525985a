//! `xln dev`: everything on one machine, nothing to install. The first line of `--json` is API.md's `ready`.

use crate::failure::Failure;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use xln_chain::dev::{Deployment, DevChain, DevOptions, accounts};
use xln_node::config::{AssetConfig, Config, LISTEN_DEFAULT, PASSWORD_VARIABLE};
use xln_node::node::{HubKey, Node, Running};
use xln_types::Asset;

/// The password of a development keystore unless the environment names another: public, like the development mnemonic.
const DEV_PASSWORD: &str = "xln development";
/// How often the chain in the process is asked, in milliseconds.
const POLL_MS: u64 = 50;
/// How many blocks deep a fact must lie on the development chain.
const CONFIRMATIONS: u64 = 1;

/// The options of `xln dev`.
#[derive(Args)]
pub(crate) struct Dev {
    /// The data folder; without it a fresh temporary one, removed at the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the API listens; port 0 takes a free one.
    #[arg(long, default_value = LISTEN_DEFAULT)]
    listen: SocketAddr,
    /// Where the chain's JSON-RPC listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8545")]
    rpc_listen: SocketAddr,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Serves until Ctrl-C.
pub(crate) async fn run(dev: Dev) -> Result<(), Failure> {
    if !dev.listen.ip().is_loopback() || !dev.rpc_listen.ip().is_loopback() {
        return Err(Failure::Usage("listen: only loopback (127.0.0.1 or [::1]) is served without TLS".to_owned()));
    }
    let temporary = tempfile::tempdir().map_err(|error| Failure::World(error.to_string()))?;
    let data = dev.data.clone().unwrap_or_else(|| temporary.path().join("xln"));
    let listener = bind(dev.listen).await?;
    let rpc_listener = bind(dev.rpc_listen).await?;
    let chain_folder = data.join("chain");
    let opened = tokio::task::spawn_blocking(move || DevChain::open(&chain_folder, &DevOptions::default())).await;
    let opened = opened.map_err(|error| Failure::World(error.to_string()))?;
    let chain = opened.map_err(|error| Failure::World(error.to_string()))?;
    let server = chain.serve(rpc_listener).map_err(|error| Failure::World(error.to_string()))?;
    let config = config(&data, dev.listen, &server.url(), &chain.deployment());
    let password = std::env::var(PASSWORD_VARIABLE).unwrap_or_else(|_| DEV_PASSWORD.to_owned());
    let key = HubKey::Given(accounts::all()[0].secret);
    let mut running = Node::start(config, &password, key, Some(chain.chain_id()), &mut |_| {}).await?;
    let address = listener.local_addr().map_err(|error| Failure::World(error.to_string()))?;
    running.serve(listener);
    announce(&running, &chain, address, &server.url(), &data, dev.json);
    let interrupted = tokio::signal::ctrl_c().await;
    interrupted.map_err(|error| Failure::World(error.to_string()))?;
    running.stop().await?;
    server.shutdown().await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::World(format!("{address}: {error} (name another with --listen or --rpc-listen)")))
}

fn config(data: &std::path::Path, listen: SocketAddr, rpc: &str, deployment: &Deployment) -> Config {
    let token = deployment.tokens.iter().map(|token| AssetConfig {
        symbol: token.symbol.to_owned(),
        contract: Some(token.contract.to_string()),
        decimals: token.decimals,
    });
    let native = AssetConfig { symbol: "ETH".to_owned(), contract: None, decimals: 18 };
    let admin = accounts::all()[0].address;
    Config {
        data: data.to_owned(),
        listen,
        rpc: rpc.to_owned(),
        depositary: deployment.depositary,
        confirmations: CONFIRMATIONS,
        first_block: 0,
        poll_ms: POLL_MS,
        admins: vec![admin],
        operators: vec![admin],
        auditors: Vec::new(),
        assets: std::iter::once(native).chain(token).collect(),
        policies: Vec::new(),
    }
}

fn announce(running: &Running, chain: &DevChain, api: SocketAddr, rpc: &str, data: &std::path::Path, as_json: bool) {
    let (hub, hub_signer, chain_id) = running.hub();
    let deployment = chain.deployment();
    let tokens = deployment.tokens.iter().map(|token| (token.symbol, Asset::erc20(token.contract), token.decimals));
    let assets: Vec<_> = std::iter::once(("ETH", Asset::NATIVE, 18)).chain(tokens).collect();
    if as_json {
        let accounts: Vec<_> = accounts::all()
            .iter()
            .map(|account| json!({"address": account.address.to_string(), "path": account.path()}))
            .collect();
        let assets: Vec<_> = assets
            .iter()
            .map(|(symbol, asset, decimals)| {
                let id = xln_crypto::derive::asset_id(chain_id, asset).to_string();
                json!({"symbol": symbol, "id": id, "contract": asset.contract.to_string(), "decimals": decimals})
            })
            .collect();
        let ready = json!({
            "event": "ready", "api": format!("http://{api}"), "ws": format!("ws://{api}/v1/ws"), "rpc": rpc,
            "hub_id": hub.to_string(), "hub_address": hub_signer.to_string(), "chain_id": chain_id,
            "depositary": deployment.depositary.to_string(), "data": data.display().to_string(),
            "accounts": accounts, "assets": assets,
        });
        println!("{ready}");
        return;
    }
    println!("A hub on an Ethereum of its own. Ctrl-C ends it.\n");
    for account in accounts::all() {
        println!("  {}  {}  10,000 ETH", account.address, account.path());
    }
    println!(
        "\n  API   http://{api}\n  WS    ws://{api}/v1/ws\n  RPC   {rpc}\n  hub   {hub}\n  data  {}",
        data.display()
    );
    println!(
        "\nTry:\n  curl http://{api}/readyz\n  curl http://{api}/api/v1/hub\n  curl http://{api}/api/v1/openapi.json"
    );
}
