//! `xln deposit`, `xln withdraw`, `xln reserve`.

use super::Named;
use super::caller::{Ask, CallerArgs};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

/// How often an operation on the chain is asked for with `--wait`.
const WAIT_POLL: Duration = Duration::from_millis(200);
/// How long `--wait` waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(900);

/// The verbs of `xln reserve`.
#[derive(Subcommand)]
pub(crate) enum ReserveVerb {
    /// An entity's reserves: free, on the way, in channels, owed.
    Get(Named),
    /// Moves free reserve into a channel's collateral.
    Allocate(Move),
    /// Moves collateral back, with both sides' consent.
    Deallocate(Move),
}

/// The options of `xln reserve allocate` and `deallocate`.
#[derive(Args)]
pub(crate) struct Move {
    /// Your entity.
    entity: String,
    /// The channel's id.
    channel: String,
    /// How much.
    amount: String,
    /// Of which asset.
    asset: String,
    /// Return when the chain has recorded it.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln deposit`.
#[derive(Args)]
pub(crate) struct Deposit {
    /// Your entity, of a hosted signer that holds the coins on the chain.
    entity: String,
    /// How much.
    amount: String,
    /// Of which asset.
    asset: String,
    /// Return when the chain has recorded it.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln withdraw`.
#[derive(Args)]
pub(crate) struct Withdraw {
    /// Your entity.
    entity: String,
    /// How much.
    amount: String,
    /// Of which asset.
    asset: String,
    /// Who gets it on the chain: an address.
    recipient: String,
    /// Return when the chain has recorded it.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs a verb of `xln reserve`.
pub(crate) async fn reserve(verb: ReserveVerb) -> Result<(), Failure> {
    match verb {
        ReserveVerb::Get(named) => {
            let ask = named.caller.ask().await?;
            let id = ask.entity(&named.name).await?;
            ask.print(&ask.get(&format!("/entities/{id}/reserves")).await?);
            Ok(())
        }
        ReserveVerb::Allocate(given) => shift(&given, "allocate").await,
        ReserveVerb::Deallocate(given) => shift(&given, "deallocate").await,
    }
}

async fn shift(given: &Move, verb: &str) -> Result<(), Failure> {
    let ask = given.caller.ask().await?;
    let id = ask.entity(&given.entity).await?;
    let amount = ask.amount(&given.amount, &given.asset)?.to_string();
    let body = json!({ "channelId": given.channel, "asset": given.asset, "amount": amount });
    let begun = ask.post(&format!("/entities/{id}/reserves/{verb}"), &body).await?;
    follow(&ask, begun, given.wait).await
}

/// Runs `xln deposit`.
pub(crate) async fn deposit(given: &Deposit) -> Result<(), Failure> {
    let ask = given.caller.ask().await?;
    let amount = ask.amount(&given.amount, &given.asset)?.to_string();
    let body = json!({ "entityId": ask.entity(&given.entity).await?, "asset": given.asset, "amount": amount });
    let begun = ask.post("/depositary/deposit", &body).await?;
    follow(&ask, begun, given.wait).await
}

/// Runs `xln withdraw`.
pub(crate) async fn withdraw(given: &Withdraw) -> Result<(), Failure> {
    let ask = given.caller.ask().await?;
    let amount = ask.amount(&given.amount, &given.asset)?.to_string();
    let body = json!({
        "entityId": ask.entity(&given.entity).await?, "asset": given.asset, "amount": amount,
        "recipient": given.recipient,
    });
    let begun = ask.post("/depositary/withdraw", &body).await?;
    follow(&ask, begun, given.wait).await
}

/// Prints an operation that was begun; with `--wait` once it has ended.
async fn follow(ask: &Ask, begun: Value, wait: bool) -> Result<(), Failure> {
    if !wait {
        ask.print(&begun);
        return Ok(());
    }
    let params = json!({ "operationId": begun["operationId"] });
    let asking = async {
        loop {
            let answer = ask.post("/depositary/status", &params).await?;
            let operation = answer["operations"][0].clone();
            if operation["status"] == "done" || operation["status"] == "failed" {
                return Ok::<Value, Failure>(operation);
            }
            tokio::time::sleep(WAIT_POLL).await;
        }
    };
    let late =
        |_| Failure::World("the chain hasn't recorded it yet; ask again with `xln call depositary.status`".to_owned());
    let operation = tokio::time::timeout(WAIT_TIMEOUT, asking).await.map_err(late)??;
    ask.print(&operation);
    if operation["status"] == "done" { Ok(()) } else { Err(Failure::Check("the operation has failed".to_owned())) }
}
