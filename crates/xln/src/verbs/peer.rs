//! `xln peer`: other nodes.

use super::caller::CallerArgs;
use super::{Plain, show};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::json;

/// The verbs of `xln peer`.
#[derive(Subcommand)]
pub(crate) enum PeerVerb {
    /// Connects the hub to another node, and keeps it connected. For operators: `--account 0` on a development hub.
    Connect(Connect),
    /// Sessions with other nodes, and addresses that are dialled.
    List(Plain),
}

/// The options of `xln peer connect`.
#[derive(Args)]
pub(crate) struct Connect {
    /// Where it listens for other nodes: host:port.
    address: String,
    /// The id of the hub that must be there [default: whoever is]
    #[arg(long)]
    node: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs one of them.
pub(crate) async fn run(verb: PeerVerb) -> Result<(), Failure> {
    match verb {
        PeerVerb::List(plain) => show(&plain.caller, "/peers").await,
        PeerVerb::Connect(connect) => {
            let ask = connect.caller.ask().await?;
            let mut body = json!({ "address": connect.address });
            if let Some(node) = &connect.node {
                body["node"] = node.as_str().into();
            }
            let answer = ask.post("/peers/connect", &body).await?;
            ask.print(&answer);
            if !ask.as_json() {
                let node = answer["node"].as_str().unwrap_or_default();
                println!("Connected. Open a channel with its hub: xln channel open <your entity> {node}");
            }
            Ok(())
        }
    }
}
