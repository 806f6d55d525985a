//! `xln hub`: a hub on a chain of one's choice. Configuration comes from file, environment and flags, the later the stronger; the
//! keystore's password from the environment alone.

use crate::failure::Failure;
use crate::serve::{Told, bind, log};
use crate::show;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;
use xln_node::config::{Config, File, PASSWORD_VARIABLE};
use xln_node::{HubKey, Node};

/// The options of `xln hub`.
#[derive(Args)]
pub(crate) struct Hub {
    /// The configuration file (TOML); docs/operating/hub.md shows one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The data folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the API listens; port 0 takes a free one.
    #[arg(long)]
    listen: Option<String>,
    /// The chain's JSON-RPC: https, or http on loopback.
    #[arg(long)]
    rpc: Option<String>,
    /// The address of the Depositary contract.
    #[arg(long)]
    depositary: Option<String>,
    /// How many blocks deep a fact of the chain must lie.
    #[arg(long)]
    confirmations: Option<u64>,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Serves until told to end.
pub(crate) async fn run(hub: Hub) -> Result<(), Failure> {
    let told = Told::listen()?;
    log(LevelFilter::INFO)?;
    let as_json = hub.json;
    let config = configuration(hub)?;
    let password = std::env::var(PASSWORD_VARIABLE)
        .map_err(|_| Failure::Usage(format!("{PASSWORD_VARIABLE}: not set: the password of the hub's keystore")))?;
    let listener = bind(config.listen, "--listen").await?;
    let peer_listener = match config.peer_listen {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| {
            Failure::World(format!("{address}: {error} (name another as peer_listen; port 0 takes a free one)"))
        })?),
        None => None,
    };
    let (data, rpc) = (config.data.clone(), config.shown_rpc());
    let bar = show::progress("replaying blocks", 0, as_json);
    let mut progress = |block: u64| {
        bar.set_length(block);
        bar.set_position(block);
    };
    let mut running = Node::start(config, &password, HubKey::Own, None, &mut progress).await?;
    bar.finish_and_clear();
    let api = listener.local_addr().map_err(Failure::world)?;
    running.serve(listener);
    let peer = peer_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    running.meet_peers(peer_listener);
    let (id, signer, chain_id) = running.hub();
    let ready = json!({
        "event": "ready", "api": format!("http://{api}"), "ws": format!("ws://{api}/v1/ws"), "rpc": rpc,
        "peer": peer.map(|peer| peer.to_string()), "hub_id": id.to_string(), "hub_address": signer.to_string(), "chain_id": chain_id,
        "data": data.display().to_string(),
    });
    if as_json {
        println!("{ready}");
    } else {
        println!("The hub is ready. Ctrl-C ends it.\n{}", show::value(&ready));
        println!("Its signer {signer} pays for gas: give it some of the chain's coin.");
    }
    told.wait().await;
    Ok(running.stop().await?)
}

/// File, then environment, then flags.
fn configuration(hub: Hub) -> Result<Config, Failure> {
    let usage = |error: xln_node::ConfigError| Failure::Usage(error.to_string());
    let file = match &hub.config {
        Some(path) => File::read(path).map_err(usage)?,
        None => File::default(),
    };
    let mut file = file.with_environment(|name| std::env::var(name).ok()).map_err(usage)?;
    file.data = hub.data.or(file.data);
    file.listen = hub.listen.or(file.listen);
    file.rpc = hub.rpc.or(file.rpc);
    file.depositary = hub.depositary.or(file.depositary);
    file.confirmations = hub.confirmations.or(file.confirmations);
    Config::try_from(file).map_err(usage)
}
