//! The end of the tour: a receipt that proves itself offline (**TX-6**), money back on the chain (**DP-4**), and the books (**CH-13**).

use crate::child::own;
use crate::demo::stage::{Outcome, Stage};
use crate::failure::Failure;
use serde_json::{Value, json};
use xln_chain::Chain;
use xln_types::Amount;

/// One of alice's payments, drawn by the seed, proven by its file and the hub's address alone; the same file altered proves nothing.
pub(crate) async fn receipt_offline(stage: &mut Stage) -> Result<Outcome, Failure> {
    let drawn = stage.dice.below(stage.payments.len().max(1));
    let payment = stage.payments.get(drawn).cloned().unwrap_or_default();
    let path = format!("/proofs/{payment}");
    let file = stage
        .alice
        .until("block", async |client| match client.get(&path).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.refusal().is_some_and(|refusal| refusal.reason() == "not_sealed") => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await?;
    let honest = verify(stage, "proof.json", &file).await?;
    let mut altered = file.clone();
    let receipt = altered["evidence"]["receipt"]["receipt"].as_str().unwrap_or_default().to_owned();
    let last = if receipt.ends_with('0') { "1" } else { "0" };
    altered["evidence"]["receipt"]["receipt"] = format!("{}{last}", &receipt[..receipt.len().saturating_sub(1)]).into();
    let forged = verify(stage, "altered.json", &altered).await?;
    let shown = |(status, answer): &(i32, Value)| {
        let hash = if answer["hash"] == payment.as_str() { "the payment" } else { "nothing" };
        format!("status {status}, {hash} proven")
    };
    Ok(Outcome::same(
        "status 0, the payment proven; altered: status 1, nothing proven",
        format!("{}; altered: {}", shown(&honest), shown(&forged)),
    ))
}

/// Runs `xln proof verify` on a file with this content.
async fn verify(stage: &Stage, name: &str, file: &Value) -> Result<(i32, Value), Failure> {
    let path = stage.hub().scratch().join(name);
    std::fs::write(&path, file.to_string()).map_err(Failure::world)?;
    let path = path.display().to_string();
    let (status, text) = own(&["proof", "verify", &path, "--hub", stage.hub().field("hub_address"), "--json"]).await?;
    Ok((status, serde_json::from_str(&text).unwrap_or_default()))
}

/// A part of alice's free reserve goes out to an account that never had anything.
pub(crate) async fn withdraw(stage: &mut Stage) -> Result<Outcome, Failure> {
    let recipient = stage.dice.key("recipient")?.address();
    let path = format!("/entities/{}/reserves", stage.alice.entity);
    let reserves = stage.alice.client.get(&path).await?;
    let free: u128 = reserves["reserves"]["ETH"]["available"].as_str().unwrap_or_default().parse().unwrap_or(0);
    let amount = Amount(stage.dice.between(1, free.max(1)));
    let wish = json!({
        "entityId": stage.alice.entity.to_string(), "asset": "ETH", "amount": amount.to_string(),
        "recipient": recipient.to_string(),
    });
    let begun = stage.alice.client.post("/depositary/withdraw", &wish).await?;
    let asked = json!({ "operationId": begun["operationId"] });
    let status = stage
        .alice
        .until(&format!("entity:{}", stage.alice.entity), async |client| {
            let answer = client.post("/depositary/status", &asked).await?;
            let status = answer["operations"][0]["status"].as_str().unwrap_or_default().to_owned();
            Ok((status == "done" || status == "failed").then_some(status))
        })
        .await?;
    let received = stage.chain.native_balance(recipient).await.map_err(Failure::world)?;
    Ok(Outcome::same(format!("done: {amount} wei on the chain"), format!("{status}: {received} wei on the chain")))
}

/// The books of the live hub, by code that shares nothing with the core, and the depositary's balance on the chain.
pub(crate) async fn audit(stage: &mut Stage) -> Result<Outcome, Failure> {
    // The books are those of the last sealed block: two more, and the withdrawal is in them.
    let mut blocks = 0;
    stage
        .alice
        .until("block", async |_| {
            blocks += 1;
            Ok((2 < blocks).then_some(()))
        })
        .await?;
    let data = stage.hub().data().display().to_string();
    let (status, text) = own(&["audit", &data, "--json", "--rpc", stage.hub().field("rpc")]).await?;
    let report: Value = serde_json::from_str(&text).map_err(|_| Failure::Check(format!("audit: status {status}")))?;
    let eth = stage.eth.to_string();
    let sums = report["assets"].as_array().into_iter().flatten().find(|sums| sums["asset"] == eth.as_str());
    let sum = |name: &str| -> u128 {
        sums.and_then(|sums| sums[name].as_str()).and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let held = stage.chain.native_balance(stage.depositary).await.map_err(Failure::world)?;
    let accounted = sum("reserves") + sum("collateral") + sum("pending");
    let violations = report["violations_total"].as_u64().map_or(-1, i128::from);
    Ok(Outcome::same(
        format!("ok true, 0 violations; {held} wei in contract and books"),
        format!("ok {}, {violations} violations; {accounted} wei in contract and books", report["ok"]),
    ))
}
