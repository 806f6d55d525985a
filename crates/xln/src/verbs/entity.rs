//! `xln signer` and `xln entity`.

use super::caller::CallerArgs;
use super::{Named, Plain, show};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// The verbs of `xln signer`.
#[derive(Subcommand)]
pub(crate) enum SignerVerb {
    /// A new one: its key is made and kept by the hub, unless you name the public key of one that you keep.
    Create(CreateSigner),
    /// Yours, oldest first.
    List(Plain),
}

/// The options of `xln signer create`.
#[derive(Args)]
pub(crate) struct CreateSigner {
    /// The public key of a key that you keep: 33 bytes compressed, as hex.
    #[arg(long)]
    public_key: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The verbs of `xln entity`.
#[derive(Subcommand)]
pub(crate) enum EntityVerb {
    /// A new one, of a signer that the hub makes for it unless you name one.
    Create(Create),
    /// Yours, oldest first.
    List(Plain),
    /// One of them.
    Get(Named),
    /// What it has: balances over all channels, reserves, how many channels.
    State(Named),
    /// Ends one that has no channel, reserve, debt or hold left.
    Delete(Named),
}

/// The options of `xln entity create`.
#[derive(Args)]
pub(crate) struct Create {
    /// A name to call it by in these commands; kept in its metadata.
    #[arg(long)]
    name: Option<String>,
    /// The signer that decides for it.
    #[arg(long)]
    signer: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs a verb of `xln signer`.
pub(crate) async fn signer(verb: SignerVerb) -> Result<(), Failure> {
    match verb {
        SignerVerb::List(plain) => show(&plain.caller, "/signers").await,
        SignerVerb::Create(create) => {
            let ask = create.caller.ask().await?;
            let body = match &create.public_key {
                Some(key) => json!({ "publicKey": key }),
                None => json!({}),
            };
            ask.print(&ask.post("/signers", &body).await?);
            Ok(())
        }
    }
}

/// Runs a verb of `xln entity`.
pub(crate) async fn run(verb: EntityVerb) -> Result<(), Failure> {
    match verb {
        EntityVerb::Create(create) => self::create(&create).await,
        EntityVerb::List(plain) => show(&plain.caller, "/entities").await,
        EntityVerb::Get(named) => one(&named, "").await,
        EntityVerb::State(named) => one(&named, "/state").await,
        EntityVerb::Delete(named) => {
            let ask = named.caller.ask().await?;
            let id = ask.entity(&named.name).await?;
            ask.print(&ask.post(&format!("/entities/{id}/delete"), &json!({})).await?);
            Ok(())
        }
    }
}

async fn one(named: &Named, what: &str) -> Result<(), Failure> {
    let ask = named.caller.ask().await?;
    let id = ask.entity(&named.name).await?;
    ask.print(&ask.get(&format!("/entities/{id}{what}")).await?);
    Ok(())
}

async fn create(create: &Create) -> Result<(), Failure> {
    let ask = create.caller.ask().await?;
    let signer = match &create.signer {
        Some(signer) => Value::from(signer.as_str()),
        None => ask.post("/signers", &json!({})).await?["signerId"].clone(),
    };
    let mut new = json!({ "signerId": signer, "type": "single" });
    if let Some(name) = &create.name {
        new["metadata"] = json!({ "name": name });
    }
    ask.print(&ask.post("/entities", &new).await?);
    Ok(())
}
