//! `xln dev`: everything on one machine, nothing to install. The first line of `--json` is API.md's `ready`.

use crate::examples::{self, Example};
use crate::failure::Failure;
use crate::serve::{Told, bind, log, program};
use crate::show;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;
use xln_chain::dev::{self, Deployment, DevChain, DevOptions, DevServer, accounts};
use xln_node::config::{AssetConfig, Config, LISTEN_DEFAULT, PASSWORD_VARIABLE, PEER_LISTEN_DEFAULT};
use xln_node::peers::RememberedPeer;
use xln_node::{HubKey, Node, Running, claim_folder};
use xln_types::{Address, Asset};

/// The password of a development keystore unless the environment names another: public, like the development mnemonic.
const DEV_PASSWORD: &str = "xln development";
/// Where the API of a hub that joins another listens.
const JOINED_LISTEN: &str = "127.0.0.1:8081";
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
    /// Where the API listens; port 0 takes a free one [default: 127.0.0.1:8080, with --join 127.0.0.1:8081].
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Be a second hub on the chain of another `xln dev`, and connect to it.
    #[arg(long, value_name = "RPC", num_args = 0..=1, default_missing_value = "http://127.0.0.1:8545")]
    join: Option<String>,
    /// Where other hubs are met; port 0 takes a free one [default: 127.0.0.1:9797, or a free port where that is taken].
    #[arg(long)]
    peer_listen: Option<SocketAddr>,
    /// Another hub to connect to [default with --join: 127.0.0.1:9797].
    #[arg(long)]
    peer: Vec<String>,
    /// Which account of the development mnemonic is the hub [default: 0, with --join 2].
    #[arg(long)]
    hub_account: Option<usize>,
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
    let (stage, listen) = match dev.join {
        None => (examples::FIRST, LISTEN_DEFAULT),
        Some(_) => (examples::JOINED, JOINED_LISTEN),
    };
    let stage = examples::Stage { hub_account: dev.hub_account.unwrap_or(stage.hub_account), ..stage };
    let hub = accounts::all().get(stage.hub_account);
    let hub = hub.ok_or_else(|| Failure::Usage("--hub-account: expected 0 to 9".to_owned()))?;
    let listen = dev.listen.or_else(|| listen.parse().ok()).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = bind(listen, "--listen").await?;
    let peer_listener = bind_peers(dev.peer_listen).await?;
    // All ports before anything is made.
    let rpc_listener = match dev.join {
        Some(_) => None,
        None => Some(bind(dev.rpc_listen, "--rpc-listen").await?),
    };
    claim_folder(&data)?;
    let server = match rpc_listener {
        None => None,
        Some(rpc_listener) => {
            let chain_folder = data.join("chain");
            let open = move || DevChain::open(&chain_folder, &DevOptions::default());
            let chain = tokio::task::spawn_blocking(open).await.map_err(Failure::world)?.map_err(Failure::world)?;
            Some(chain.serve(rpc_listener).map_err(Failure::world)?)
        }
    };
    let rpc = server.as_ref().map_or_else(|| dev.join.clone().unwrap_or_default(), DevServer::url);
    let mut peers = dev.peer.clone();
    if dev.join.is_some() && peers.is_empty() {
        peers.push(PEER_LISTEN_DEFAULT.to_owned());
    }
    let peers = peers.into_iter().map(|address| RememberedPeer { address, node: None }).collect();
    let config = Config { peers, ..config(&data, listen, &rpc, hub.address) };
    let password = std::env::var(PASSWORD_VARIABLE).unwrap_or_else(|_| DEV_PASSWORD.to_owned());
    let key = HubKey::Given(hub.secret);
    let bar = show::progress("replaying blocks", 0, dev.json);
    let mut progress = |block: u64| {
        bar.set_length(block);
        bar.set_position(block);
    };
    let mut running = Node::start(config, &password, key, Some(dev::CHAIN_ID), &mut progress).await?;
    bar.finish_and_clear();
    let address = listener.local_addr().map_err(Failure::world)?;
    let peer = peer_listener.local_addr().map_err(Failure::world)?;
    running.serve(listener);
    let examples = match dev.empty {
        true => Vec::new(),
        false => examples::found(&format!("http://{address}"), &rpc, &stage).await?,
    };
    // After the examples: an entity of another node would be somebody else on a hub that nobody has used.
    running.meet_peers(Some(peer_listener));
    let place = Place { api: address, rpc, peer, data, hub_account: stage.hub_account };
    if dev.json {
        announce_json(&running, &place);
    } else {
        announce(&running, &examples, &place);
    }
    told.wait().await;
    running.stop().await?;
    if let Some(server) = server {
        server.shutdown().await;
    }
    Ok(())
}

/// Takes the port where other hubs are met: the usual one, or a free one where that is taken and nobody asked for it.
async fn bind_peers(asked: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(asked) = asked {
        return bind(asked, "--peer-listen").await;
    }
    match TcpListener::bind(PEER_LISTEN_DEFAULT).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind("127.0.0.1:0").await.map_err(Failure::world),
    }
}

/// Where everything is to be found.
struct Place {
    api: SocketAddr,
    rpc: String,
    peer: SocketAddr,
    data: PathBuf,
    hub_account: usize,
}

fn config(data: &Path, listen: SocketAddr, rpc: &str, admin: Address) -> Config {
    let deployment = Deployment::standard();
    let token = deployment.tokens.iter().map(|token| AssetConfig {
        symbol: token.symbol.to_owned(),
        contract: Some(token.contract.to_string()),
        decimals: token.decimals,
    });
    let native = AssetConfig { symbol: "ETH".to_owned(), contract: None, decimals: 18 };
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

fn announce_json(running: &Running, place: &Place) {
    let (hub, hub_signer, chain_id) = running.hub();
    let deployment = Deployment::standard();
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
        "peer": place.peer.to_string(), "hub_id": hub.to_string(), "hub_address": hub_signer.to_string(), "chain_id": chain_id,
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
            number if number == place.hub_account => "hub, admin and operator",
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
        "\n  API   http://{api}/docs\n  WS    ws://{api}/v1/ws\n  RPC   {rpc}\n  peers {}\n  hub   {hub}\n  data  {}",
        place.peer,
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
