//! `xln dev`: everything on one machine, nothing to install. The first line of `--json` is API.md's `ready`.

use crate::examples::{self, Example};
use crate::failure::Failure;
use crate::serve::{Told, bind, log, program};
use crate::show;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tracing_subscriber::filter::LevelFilter;
use xln_chain::dev::{Deployment, DevChain, DevOptions, accounts};
use xln_node::config::{AssetConfig, Config, LISTEN_DEFAULT, PASSWORD_VARIABLE};
use xln_node::{HubKey, Node, Running, claim_folder};
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
    /// Start without the example entities alice and bob.
    #[arg(long)]
    empty: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Serves until told to end.
pub(crate) async fn run(dev: Dev) -> Result<(), Failure> {
    let told = Told::listen()?;
    log(LevelFilter::WARN)?;
    let temporary = tempfile::tempdir().map_err(Failure::world)?;
    let data = dev.data.clone().unwrap_or_else(|| temporary.path().join("xln"));
    let listener = bind(dev.listen, "--listen").await?;
    let rpc_listener = bind(dev.rpc_listen, "--rpc-listen").await?;
    claim_folder(&data)?;
    let chain_folder = data.join("chain");
    let opened = tokio::task::spawn_blocking(move || DevChain::open(&chain_folder, &DevOptions::default())).await;
    let chain = opened.map_err(Failure::world)?.map_err(Failure::world)?;
    let server = chain.serve(rpc_listener).map_err(Failure::world)?;
    let config = config(&data, dev.listen, &server.url(), &chain.deployment());
    let password = std::env::var(PASSWORD_VARIABLE).unwrap_or_else(|_| DEV_PASSWORD.to_owned());
    let key = HubKey::Given(accounts::all()[0].secret);
    let bar = show::progress("replaying blocks", 0, dev.json);
    let mut progress = |block: u64| {
        bar.set_length(block);
        bar.set_position(block);
    };
    let mut running = Node::start(config, &password, key, Some(chain.chain_id()), &mut progress).await?;
    bar.finish_and_clear();
    let address = listener.local_addr().map_err(Failure::world)?;
    running.serve(listener);
    let examples =
        if dev.empty { Vec::new() } else { examples::found(&format!("http://{address}"), &server.url()).await? };
    let place = Place { api: address, rpc: server.url(), data };
    if dev.json {
        announce_json(&running, &chain, &place);
    } else {
        announce(&running, &examples, &place);
    }
    told.wait().await;
    running.stop().await?;
    server.shutdown().await;
    Ok(())
}

/// Where everything is to be found.
struct Place {
    api: SocketAddr,
    rpc: String,
    data: PathBuf,
}

fn config(data: &Path, listen: SocketAddr, rpc: &str, deployment: &Deployment) -> Config {
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
        peer_listen: None,
        peers: Vec::new(),
    }
}

fn announce_json(running: &Running, chain: &DevChain, place: &Place) {
    let (hub, hub_signer, chain_id) = running.hub();
    let deployment = chain.deployment();
    let tokens = deployment.tokens.iter().map(|token| (token.symbol, Asset::erc20(token.contract), token.decimals));
    let assets: Vec<_> = std::iter::once(("ETH", Asset::NATIVE, 18))
        .chain(tokens)
        .map(|(symbol, asset, decimals)| {
            let id = xln_crypto::derive::asset_id(chain_id, &asset).to_string();
            json!({"symbol": symbol, "id": id, "contract": asset.contract.to_string(), "decimals": decimals})
        })
        .collect();
    let accounts: Vec<_> = accounts::all()
        .iter()
        .map(|account| json!({"address": account.address.to_string(), "path": account.path()}))
        .collect();
    let api = place.api;
    let ready = json!({
        "event": "ready", "api": format!("http://{api}"), "ws": format!("ws://{api}/v1/ws"), "rpc": place.rpc,
        "hub_id": hub.to_string(), "hub_address": hub_signer.to_string(), "chain_id": chain_id,
        "depositary": deployment.depositary.to_string(), "data": place.data.display().to_string(),
        "accounts": accounts, "assets": assets,
    });
    println!("{ready}");
}

fn announce(running: &Running, examples: &[Example], place: &Place) {
    let (hub, _, _) = running.hub();
    let (api, rpc) = (place.api, &place.rpc);
    let row = |account: &accounts::DevAccount| {
        let role = match account.index {
            0 => "hub, admin and operator",
            examples::OWNER if !examples.is_empty() => "owner of the entities below",
            _ => "",
        };
        vec![account.index.to_string(), account.address.to_string(), account.path(), role.to_owned()]
    };
    let rows: Vec<_> = accounts::all().iter().map(row).collect();
    println!("A payment hub on an Ethereum of its own, all in this process. Ctrl-C ends it.\n");
    println!("Accounts of the development mnemonic, each with 10,000 ETH and 1,000,000 of each token on the chain");
    print!("{}", show::table(&["", "address", "path", "role"], &rows));
    if !examples.is_empty() {
        let row = |example: &Example| vec![example.name.to_owned(), example.id.clone(), example.story.to_owned()];
        let rows: Vec<_> = examples.iter().map(row).collect();
        println!("\nEntities");
        print!("{}", show::table(&["name", "id", "story"], &rows));
    }
    println!(
        "\n  API   http://{api}/docs\n  WS    ws://{api}/v1/ws\n  RPC   {rpc}\n  hub   {hub}\n  data  {}",
        place.data.display()
    );
    let program = program();
    let at = if api.to_string() == LISTEN_DEFAULT { String::new() } else { format!(" --api http://{api}") };
    println!("\nTry, in another terminal:");
    if examples.is_empty() {
        println!("  {program} entity create --name carol{at}\n  {program} info{at}\n  curl http://{api}/readyz");
    } else {
        println!("  {program} pay alice bob 25 USDC{at}\n  {program} entity state bob{at}");
        println!("  {program} audit {}", place.data.display());
    }
}
