//! The client verbs: each turns words into one call of the API and prints the answer. No verb knows more than the API tells it.
//!
//! Entities are named by id, by the name in their metadata, or `hub`; amounts are whole units (`1.5`) or base units (`1500000u`).

pub(crate) mod caller;
mod channel;
mod entity;
mod htlc;
mod money;
mod pay;
mod peer;

use crate::failure::Failure;
use caller::CallerArgs;
use clap::{Args, Subcommand};
use serde_json::Value;

/// The client verbs.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Who the hub is, and what it stands on.
    Info(Plain),
    /// The assets that the hub knows.
    #[command(subcommand)]
    Asset(AssetVerb),
    /// Keys: those that the hub keeps for you, and those that you keep.
    #[command(subcommand)]
    Signer(entity::SignerVerb),
    /// Those who own, owe and decide.
    #[command(subcommand)]
    Entity(entity::EntityVerb),
    /// Accounts between two entities.
    #[command(subcommand)]
    Channel(channel::ChannelVerb),
    /// What an entity has on the chain, and its way into channels and back.
    #[command(subcommand)]
    Reserve(money::ReserveVerb),
    /// Pays an entity: over your channel with it, over the hub, or over a route to another node.
    Pay(pay::Pay),
    /// Payments made.
    #[command(subcommand)]
    Payment(pay::PaymentVerb),
    /// Payments that you ask for.
    #[command(subcommand)]
    Invoice(htlc::InvoiceVerb),
    /// Payments locked by hash in one channel.
    #[command(subcommand)]
    Htlc(htlc::HtlcVerb),
    /// Other nodes.
    #[command(subcommand)]
    Peer(peer::PeerVerb),
    /// Sends a hosted signer's own coins or tokens to the depositary.
    Deposit(money::Deposit),
    /// Takes free reserve out, on the chain.
    Withdraw(money::Withdraw),
    /// A transaction's receipt, by its hash.
    Receipt(Named),
    /// A block by number or hash, or `latest`.
    Block(Named),
    /// Any method of the API by name, with its parameters as JSON.
    Call(Call),
}

/// A verb without further words.
#[derive(Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// A verb about one named thing.
#[derive(Args)]
pub(crate) struct Named {
    /// Which one.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// The verbs of `xln asset`.
#[derive(Subcommand)]
pub(crate) enum AssetVerb {
    /// All of them.
    List(Plain),
}

/// The options of `xln call`.
#[derive(Args)]
pub(crate) struct Call {
    /// The method, as in `channel.get`.
    method: String,
    /// Its parameters: a JSON object.
    #[arg(default_value = "{}")]
    params: String,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs one of them.
pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Info(plain) => {
            let ask = plain.caller.ask().await?;
            ask.print(&ask.hub);
            Ok(())
        }
        Verb::Asset(AssetVerb::List(plain)) => show(&plain.caller, "/assets").await,
        Verb::Signer(verb) => entity::signer(verb).await,
        Verb::Entity(verb) => entity::run(verb).await,
        Verb::Channel(verb) => channel::run(verb).await,
        Verb::Reserve(verb) => money::reserve(verb).await,
        Verb::Pay(pay) => pay::pay(&pay).await,
        Verb::Payment(verb) => pay::payment(verb).await,
        Verb::Invoice(verb) => htlc::invoice(verb).await,
        Verb::Htlc(verb) => htlc::run(verb).await,
        Verb::Peer(verb) => peer::run(verb).await,
        Verb::Deposit(deposit) => money::deposit(&deposit).await,
        Verb::Withdraw(withdraw) => money::withdraw(&withdraw).await,
        Verb::Receipt(named) => show(&named.caller, &format!("/transactions/{}", named.name)).await,
        Verb::Block(named) => show(&named.caller, &format!("/blocks/{}", named.name)).await,
        Verb::Call(call) => {
            let params: Value = serde_json::from_str(&call.params)
                .map_err(|error| Failure::Usage(format!("{}: {error}", call.params)))?;
            let ask = call.caller.ask().await?;
            ask.print(&ask.call(&call.method, params).await?);
            Ok(())
        }
    }
}

/// Asks a path and prints the answer.
async fn show(caller: &CallerArgs, path: &str) -> Result<(), Failure> {
    let ask = caller.ask().await?;
    ask.print(&ask.get(path).await?);
    Ok(())
}
