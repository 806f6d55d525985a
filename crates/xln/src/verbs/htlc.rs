//! `xln htlc` and `xln invoice`: payments locked by hash, and those that are asked for.

use super::caller::CallerArgs;
use super::{Named, show};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::json;

/// How long a payment stays locked unless told otherwise, seconds.
const LOCKED_S: u64 = 3600;

/// The verbs of `xln htlc`.
#[derive(Subcommand)]
pub(crate) enum HtlcVerb {
    /// Locks a payment over one channel by hash.
    Create(Create),
    /// Claims one that the other side locked.
    Fulfill(Fulfill),
    /// Gives one back: its receiver at any time, its payer after its expiry.
    Cancel(Cancel),
    /// Those that are pending in the channels of your entities.
    List(ListHtlcs),
}

/// The options of `xln htlc create`.
#[derive(Args)]
pub(crate) struct Create {
    /// The channel's id.
    channel: String,
    /// How much.
    amount: String,
    /// Of which asset.
    asset: String,
    /// SHA-256 of a preimage of 32 bytes, as hex.
    hashlock: String,
    /// For how long, in seconds [default: 3600]
    #[arg(long, conflicts_with = "expires_at")]
    expires_in: Option<u64>,
    /// Until when, in unix seconds.
    #[arg(long)]
    expires_at: Option<u64>,
    /// Who pays; needed only where both sides are yours.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln htlc fulfill`.
#[derive(Args)]
pub(crate) struct Fulfill {
    /// Its id: <channel>:<left|right>:<number>.
    htlc: String,
    /// What hashes to the lock: 32 bytes as hex.
    preimage: String,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln htlc cancel`.
#[derive(Args)]
pub(crate) struct Cancel {
    /// Its id: <channel>:<left|right>:<number>.
    htlc: String,
    /// Who gives it back; its receiver if that is yours.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln htlc list`.
#[derive(Args)]
pub(crate) struct ListHtlcs {
    /// Only this channel's.
    #[arg(long)]
    channel: Option<String>,
    /// Only those in this entity's channels.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The verbs of `xln invoice`.
#[derive(Subcommand)]
pub(crate) enum InvoiceVerb {
    /// Asks for a payment: its text goes to whoever is to pay, on this hub or another.
    Create(CreateInvoice),
    /// One, by its id.
    Get(Named),
    /// Those of your entities, oldest first.
    List(ListInvoices),
}

/// The options of `xln invoice create`.
#[derive(Args)]
pub(crate) struct CreateInvoice {
    /// Your entity, which is to be paid.
    entity: String,
    /// How much.
    amount: String,
    /// Of which asset.
    asset: String,
    /// For how long it can be paid, in seconds [default: 3600]
    #[arg(long)]
    expires_in: Option<u64>,
    /// A note for whoever pays, at most 256 bytes.
    #[arg(long)]
    memo: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln invoice list`.
#[derive(Args)]
pub(crate) struct ListInvoices {
    /// Only this entity's.
    #[arg(long)]
    entity: Option<String>,
    /// Only those of this status: open, paid or expired.
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Runs a verb of `xln htlc`.
pub(crate) async fn run(verb: HtlcVerb) -> Result<(), Failure> {
    match verb {
        HtlcVerb::Create(create) => self::create(&create).await,
        HtlcVerb::Fulfill(fulfill) => {
            let ask = fulfill.caller.ask().await?;
            let body = json!({ "preimage": fulfill.preimage });
            ask.print(&ask.post(&format!("/htlcs/{}/fulfill", fulfill.htlc), &body).await?);
            Ok(())
        }
        HtlcVerb::Cancel(cancel) => {
            let ask = cancel.caller.ask().await?;
            let mut body = json!({});
            if let Some(entity) = &cancel.entity {
                body["entityId"] = ask.entity(entity).await?.into();
            }
            ask.print(&ask.post(&format!("/htlcs/{}/cancel", cancel.htlc), &body).await?);
            Ok(())
        }
        HtlcVerb::List(list) => {
            let ask = list.caller.ask().await?;
            let mut query: Vec<String> = list.channel.iter().map(|channel| format!("channel={channel}")).collect();
            if let Some(entity) = &list.entity {
                query.push(format!("entity={}", ask.entity(entity).await?));
            }
            ask.print(&ask.get(&format!("/htlcs?{}", query.join("&"))).await?);
            Ok(())
        }
    }
}

async fn create(create: &Create) -> Result<(), Failure> {
    let ask = create.caller.ask().await?;
    let now_s = ask.hub["time"].as_u64().unwrap_or_default();
    let expires_at = create.expires_at.unwrap_or_else(|| now_s + create.expires_in.unwrap_or(LOCKED_S));
    let mut body = json!({
        "channelId": create.channel, "asset": create.asset, "hashlock": create.hashlock, "expiresAt": expires_at,
        "amount": ask.amount(&create.amount, &create.asset)?.to_string(),
    });
    if let Some(entity) = &create.entity {
        body["entityId"] = ask.entity(entity).await?.into();
    }
    ask.print(&ask.post("/htlcs", &body).await?);
    Ok(())
}

/// Runs a verb of `xln invoice`.
pub(crate) async fn invoice(verb: InvoiceVerb) -> Result<(), Failure> {
    match verb {
        InvoiceVerb::Get(named) => show(&named.caller, &format!("/invoices/{}", named.name)).await,
        InvoiceVerb::List(list) => {
            let ask = list.caller.ask().await?;
            let mut query: Vec<String> = list.status.iter().map(|status| format!("status={status}")).collect();
            if let Some(entity) = &list.entity {
                query.push(format!("entity={}", ask.entity(entity).await?));
            }
            ask.print(&ask.get(&format!("/invoices?{}", query.join("&"))).await?);
            Ok(())
        }
        InvoiceVerb::Create(create) => {
            let ask = create.caller.ask().await?;
            let mut body = json!({
                "entityId": ask.entity(&create.entity).await?, "asset": create.asset,
                "amount": ask.amount(&create.amount, &create.asset)?.to_string(),
            });
            if let Some(seconds) = create.expires_in {
                body["expiresIn"] = seconds.into();
            }
            if let Some(memo) = &create.memo {
                body["memo"] = memo.as_str().into();
            }
            let answer = ask.post("/invoices", &body).await?;
            ask.print(&answer);
            if !ask.as_json() {
                // Whole, since columns are cut.
                println!("Whoever pays: xln pay <entity> --invoice {}", answer["invoice"].as_str().unwrap_or_default());
            }
            Ok(())
        }
    }
}
