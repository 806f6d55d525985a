//! `xln pay` and `xln payment`: to an entity of this hub, to one on another node, or over a route.

use super::caller::{Ask, CallerArgs};
use super::{Named, show};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How often a payment is asked for with `--wait`.
const WAIT_POLL: Duration = Duration::from_millis(200);
/// How long `--wait` waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(900);

/// The options of `xln pay`.
#[derive(Args)]
pub(crate) struct Pay {
    /// Your entity.
    from: String,
    /// Who is paid: an id, a name, or `hub`; an invoice says it too.
    #[arg(required_unless_present = "invoice", requires_all = ["amount", "asset"])]
    to: Option<String>,
    /// How much it gets.
    amount: Option<String>,
    /// Of which asset, as in USDC.
    asset: Option<String>,
    /// What the hub gets, where it stands between; over a route what its hops get together.
    #[arg(long, requires = "asset")]
    fee: Option<String>,
    /// The most that the hops may get together; an amount of the asset, or base units as in 25u.
    #[arg(long)]
    max_fee: Option<String>,
    /// A note, at most 256 bytes.
    #[arg(long)]
    memo: Option<String>,
    /// From the first hop after you to the recipient, separated by commas; a hop's fee stands behind it, as in 0xabc…=25u.
    #[arg(long, value_delimiter = ',')]
    route: Vec<String>,
    /// What the recipient's hub wrote: xln1…
    #[arg(long)]
    invoice: Option<String>,
    /// SHA-256 of what the recipient claims with, instead of an invoice.
    #[arg(long, conflicts_with = "invoice")]
    hashlock: Option<String>,
    /// When it must have ended, in unix seconds.
    #[arg(long)]
    deadline: Option<u64>,
    /// Return when the payment has ended; status 1 if it failed.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The verbs of `xln payment`.
#[derive(Subcommand)]
pub(crate) enum PaymentVerb {
    /// The newest ones, oldest first.
    List(ListPayments),
    /// One, by its id.
    Get(Named),
}

/// The options of `xln payment list`.
#[derive(Args)]
pub(crate) struct ListPayments {
    /// Only those from or to this entity.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// An amount of a fee: of the asset paid where that is named, else in base units.
fn fee(ask: &Ask, text: &str, asset: Option<&str>) -> Result<Value, Failure> {
    if let Some(asset) = asset {
        return Ok(ask.amount(text, asset)?.to_string().into());
    }
    let base = text.strip_suffix('u').filter(|base| xln_types::amount::parse_amount(base).is_ok());
    let wrong = || Failure::Usage(format!("{text}: beside an invoice a fee is in base units, as in 25u"));
    base.map(Value::from).ok_or_else(wrong)
}

/// A hop as it stands in `--route`.
async fn hop(ask: &Ask, text: &str, asset: Option<&str>) -> Result<Value, Failure> {
    match text.split_once('=') {
        None => Ok(ask.entity(text).await?.into()),
        Some((name, given)) => Ok(json!({ "entity": ask.entity(name).await?, "fee": fee(ask, given, asset)? })),
    }
}

async fn body(ask: &Ask, pay: &Pay) -> Result<Value, Failure> {
    let asset = pay.asset.as_deref();
    let mut body = Map::from_iter([("from".to_owned(), Value::from(ask.entity(&pay.from).await?))]);
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    if let (Some(to), Some(amount), Some(asset)) = (&pay.to, &pay.amount, asset) {
        put("to", ask.entity(to).await?.into());
        put("amount", ask.amount(amount, asset)?.to_string().into());
        put("asset", asset.into());
    }
    for (name, given) in [("fee", &pay.fee), ("maxFee", &pay.max_fee)] {
        if let Some(given) = given {
            put(name, fee(ask, given, asset)?);
        }
    }
    for (name, given) in [("memo", &pay.memo), ("invoice", &pay.invoice), ("hashlock", &pay.hashlock)] {
        if let Some(given) = given {
            put(name, given.as_str().into());
        }
    }
    if let Some(deadline) = pay.deadline {
        put("deadline", deadline.into());
    }
    if !pay.route.is_empty() {
        let mut route = Vec::with_capacity(pay.route.len());
        for text in &pay.route {
            route.push(hop(ask, text, asset).await?);
        }
        put("route", route.into());
    }
    Ok(body.into())
}

/// Runs `xln pay`.
pub(crate) async fn pay(pay: &Pay) -> Result<(), Failure> {
    let ask = pay.caller.ask().await?;
    let mut answer = ask.post("/payments/send", &body(&ask, pay).await?).await?;
    if pay.wait && answer["status"] == "pending" {
        answer = ended(&ask, &answer).await?;
    }
    ask.print(&answer);
    let field = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let id = field("paymentId");
    match answer["status"].as_str() {
        Some("failed") => {
            let failure = &answer["failure"];
            let reason = failure["reason"].as_str().unwrap_or_default();
            return Err(Failure::Check(format!("the payment has failed: {reason}, {} hops away", failure["hop"])));
        }
        _ if ask.as_json() => {}
        Some("pending") => println!("Under way. How it ends: xln payment get {id}"),
        _ => {
            let symbol = field("symbol");
            let (paid, to) = (ask.shown(&field("amount"), &symbol), pay.to.clone().unwrap_or_else(|| field("to")));
            println!("{} paid {to} {paid} {symbol}. Its proof: xln proof get {id}", pay.from);
        }
    }
    Ok(())
}

/// A payment once it has ended.
async fn ended(ask: &Ask, begun: &Value) -> Result<Value, Failure> {
    let id = begun["paymentId"].as_str().unwrap_or_default();
    let asking = async {
        loop {
            let payment = ask.get(&format!("/payments/{id}")).await?;
            if payment["status"] != "pending" {
                return Ok::<Value, Failure>(payment);
            }
            tokio::time::sleep(WAIT_POLL).await;
        }
    };
    let late = |_| Failure::World(format!("the payment hasn't ended yet; ask again with `xln payment get {id}`"));
    tokio::time::timeout(WAIT_TIMEOUT, asking).await.map_err(late)?
}

/// Runs a verb of `xln payment`.
pub(crate) async fn payment(verb: PaymentVerb) -> Result<(), Failure> {
    match verb {
        PaymentVerb::Get(named) => show(&named.caller, &format!("/payments/{}", named.name)).await,
        PaymentVerb::List(list) => {
            let ask = list.caller.ask().await?;
            let query = match &list.entity {
                Some(entity) => format!("?entity={}", ask.entity(entity).await?),
                None => String::new(),
            };
            ask.print(&ask.get(&format!("/payments{query}")).await?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pay: Pay,
    }

    fn read(words: &str) -> Result<Pay, clap::Error> {
        Line::try_parse_from(std::iter::once("pay").chain(words.split(' '))).map(|line| line.pay)
    }

    #[test]
    fn an_invoice_says_who_and_how_much() {
        let whole = read("alice bob 25 USDC --route hub,0xab=3u,bob --max-fee 1").expect("sound");
        assert_eq!(whole.route, ["hub", "0xab=3u", "bob"]);
        let short = read("alice --invoice xln1ab --max-fee 5u --wait").expect("sound");
        assert!(short.to.is_none() && short.wait);
        assert!(read("alice bob 25 USDC --invoice xln1ab").is_ok(), "said twice, and checked by the hub");
        for words in
            ["alice", "alice bob", "alice bob 25", "alice --invoice a --hashlock b", "alice --invoice a --fee 1"]
        {
            assert!(read(words).is_err(), "{words}");
        }
    }
}
