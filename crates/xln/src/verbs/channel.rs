//! `xln channel`: open, accept, look, grant credit, agree on terms, fetch what proves it.

use super::caller::CallerArgs;
use super::{Named, show};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// The verbs of `xln channel`.
#[derive(Subcommand)]
pub(crate) enum ChannelVerb {
    /// Proposes a channel. What you grant lets you receive at once; what you lock lets you pay.
    Open(Open),
    /// Consents to a channel that the other side proposed.
    Accept(Accept),
    /// Those of your entities, oldest first.
    List(List),
    /// One of them, with what can be paid and received now.
    Get(Named),
    /// Sets what your side grants the other. Binds the very next payment; erases no debt.
    Credit(Credit),
    /// Names your side's mailbox, and asks for a dispute window: it counts once both sides have asked for the same.
    Update(Update),
    /// Fetches the newest state that the other side has signed; `xln proof verify` checks it offline.
    Proof(Proof),
}

/// The options of `xln channel open`.
#[derive(Args)]
pub(crate) struct Open {
    /// Your entity.
    from: String,
    /// The other: an id, a name, or `hub`; on another node: the id of its hub, once `xln peer connect` has met it.
    to: String,
    /// What you lock, as ASSET=AMOUNT; may be given several times.
    #[arg(long)]
    collateral: Vec<String>,
    /// What you grant the other: up to so much it may owe you.
    #[arg(long)]
    grant: Vec<String>,
    /// What you ask the other to grant you; needs its consent.
    #[arg(long)]
    ask: Vec<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln channel accept`.
#[derive(Args)]
pub(crate) struct Accept {
    /// The channel's id.
    channel: String,
    /// What you grant the other, as ASSET=AMOUNT; may be given several times.
    #[arg(long)]
    grant: Vec<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln channel list`.
#[derive(Args)]
pub(crate) struct List {
    /// Only this entity's.
    #[arg(long)]
    entity: Option<String>,
    /// Only those of this status.
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln channel credit`.
#[derive(Args)]
pub(crate) struct Credit {
    /// The channel's id.
    channel: String,
    /// What is granted from now on, as ASSET=AMOUNT.
    grant: String,
    /// Who grants; needed only where both sides are yours.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln channel update`.
#[derive(Args)]
pub(crate) struct Update {
    /// The channel's id.
    channel: String,
    /// Seconds to counter in a dispute.
    #[arg(long, required_unless_present = "mailbox")]
    window: Option<u64>,
    /// The address of your side's mailbox; the zero address for none.
    #[arg(long)]
    mailbox: Option<String>,
    /// Who asks; needed only where both sides are yours.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln channel proof`.
#[derive(Args)]
pub(crate) struct Proof {
    /// The channel's id.
    channel: String,
    /// Where to put the file; stdout if absent.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs a verb of `xln channel`.
pub(crate) async fn run(verb: ChannelVerb) -> Result<(), Failure> {
    match verb {
        ChannelVerb::Open(open) => self::open(&open).await,
        ChannelVerb::Accept(accept) => {
            let ask = accept.caller.ask().await?;
            let body = json!({ "grants": ask.amounts(&accept.grant)? });
            ask.print(&ask.post(&format!("/channels/{}/accept", accept.channel), &body).await?);
            Ok(())
        }
        ChannelVerb::List(list) => self::list(&list).await,
        ChannelVerb::Get(named) => show(&named.caller, &format!("/channels/{}", named.name)).await,
        ChannelVerb::Credit(credit) => self::credit(&credit).await,
        ChannelVerb::Update(update) => self::update(&update).await,
        ChannelVerb::Proof(proof) => self::proof(&proof).await,
    }
}

async fn open(open: &Open) -> Result<(), Failure> {
    let ask = open.caller.ask().await?;
    let body = json!({
        "entityA": ask.entity(&open.from).await?, "entityB": ask.entity(&open.to).await?,
        "collateral": ask.amounts(&open.collateral)?,
        "creditLimits": { "fromA": ask.amounts(&open.grant)?, "fromB": ask.amounts(&open.ask)? },
    });
    ask.print(&ask.post("/channels", &body).await?);
    Ok(())
}

async fn list(list: &List) -> Result<(), Failure> {
    let ask = list.caller.ask().await?;
    let mut query = Vec::new();
    if let Some(entity) = &list.entity {
        query.push(format!("entity={}", ask.entity(entity).await?));
    }
    query.extend(list.status.iter().map(|status| format!("status={status}")));
    ask.print(&ask.get(&format!("/channels?{}", query.join("&"))).await?);
    Ok(())
}

async fn credit(credit: &Credit) -> Result<(), Failure> {
    let ask = credit.caller.ask().await?;
    let amounts = ask.amounts(std::slice::from_ref(&credit.grant))?;
    let (asset, amount) = amounts
        .as_object()
        .and_then(|amounts| amounts.iter().next())
        .ok_or_else(|| Failure::Usage(format!("{}: expected ASSET=AMOUNT", credit.grant)))?;
    let mut body = json!({ "asset": asset, "amount": amount });
    if let Some(entity) = &credit.entity {
        body["entityId"] = ask.entity(entity).await?.into();
    }
    ask.print(&ask.post(&format!("/channels/{}/credit", credit.channel), &body).await?);
    Ok(())
}

async fn update(update: &Update) -> Result<(), Failure> {
    let ask = update.caller.ask().await?;
    let mut body = json!({});
    if let Some(window) = update.window {
        body["disputeWindow"] = window.into();
    }
    if let Some(mailbox) = &update.mailbox {
        body["mailbox"] = mailbox.as_str().into();
    }
    if let Some(entity) = &update.entity {
        body["entityId"] = ask.entity(entity).await?.into();
    }
    ask.print(&ask.post(&format!("/channels/{}/update", update.channel), &body).await?);
    Ok(())
}

async fn proof(proof: &Proof) -> Result<(), Failure> {
    let ask = proof.caller.ask().await?;
    let file = ask.post(&format!("/channels/{}/proof", proof.channel), &json!({})).await?;
    let Some(path) = &proof.out else {
        println!("{file:#}");
        return Ok(());
    };
    std::fs::write(path, format!("{file:#}\n"))
        .map_err(|error| Failure::World(format!("{}: {error}", path.display())))?;
    if !ask.as_json() {
        let channel = ask.get(&format!("/channels/{}", proof.channel)).await?;
        let signer = channel["peer"]["signer"].as_str().unwrap_or("ADDRESS");
        println!("Check it with: xln proof verify {} --signer {signer}", path.display());
        println!("The address is what this hub says of the other side: take it from a source that you trust.");
    }
    Ok(())
}
