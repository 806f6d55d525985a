//! Many at once, through the real program and its API: what can be had once is had once, whoever asks at the same moment.
//!
//! Laws: **DP-1**, **DP-4** a reserve is never spent twice; **TX-2** a nonce counts once; **CH-3** a changed grant binds the very next
//! payment; **CH-12** 128 assets in one channel. Nothing here depends on who is faster.

#[path = "concurrent/assets.rs"]
mod assets;
mod hub;

use hub::custody::Custody;
use hub::people::{
    OPERATOR, OWNER, answer, ask_all, examples, found, free, login, number, payment, refusal, sealed, session, text,
    with_channel,
};
use hub::process::{Hub, audit, dev, folder};
use hub::{until, within};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;
use xln_chain::dev::accounts;
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{ChainClient, calldata};
use xln_client::{ClientError, Refusal};
use xln_types::{Amount, Asset};

/// What lies free, in wei.
const FREE: usize = 100;
/// Sessions that ask at the same time, and what each asks for: one wei a time.
const SESSIONS: usize = 10;
const ALLOCATIONS: usize = 20;
const WITHDRAWALS: usize = 5;

/// Deposits wei on the chain for an entity, from an account that does nothing else.
async fn deposit(hub: &Hub, entity: &str, amount: u128) {
    let chain = Arc::new(ChainClient::http(hub.field("rpc")).expect("loopback"));
    let chain_id = hub.ready["chain_id"].as_u64().expect("a number");
    let mut payer = Submitter::new(chain, chain_id, &accounts::all()[5].secret).expect("a key");
    let data = calldata::deposit(entity.parse().expect("an id"), &Asset::NATIVE, Amount(amount));
    let to = Some(hub.field("depositary").parse().expect("an address"));
    let prepared = payer.prepare(Order { to, value: Amount(amount), data }).await.expect("prepared");
    payer.send(&prepared.raw, prepared.hash).await.expect("sent");
}

/// DP-1, DP-4: 200 allocations and 50 withdrawals of one wei each, at once, from a hundred wei: a hundred succeed, the rest are told that
/// nothing is left; on the chain a hundred wei have moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_reserve_is_never_spent_twice() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let entity = found(&owner, "carol").await;
    let open =
        json!({ "entityA": entity, "entityB": hub.field("hub_id"), "creditLimits": { "fromA": { "ETH": "1" } } });
    let _ = owner.post("/channels", &open).await.expect("a channel");
    let carol = with_channel(&owner, entity).await;
    deposit(&hub, &carol.entity, FREE as u128).await;
    until("the deposit", async || (free(&owner, &carol.entity, "ETH").await == FREE as i128).then_some(())).await;
    let allocate = json!({ "entityId": carol.entity, "channelId": carol.channel, "asset": "ETH", "amount": "1" });
    let recipient = "0x00000000000000000000000000000000000000c0";
    let withdraw = json!({ "entityId": carol.entity, "asset": "ETH", "amount": "1", "recipient": recipient });
    let mut asking = JoinSet::new();
    for _ in 0..SESSIONS {
        for (method, wish, count) in
            [("reserve.allocate", &allocate, ALLOCATIONS), ("depositary.withdraw", &withdraw, WITHDRAWALS)]
        {
            let (client, wishes) = (owner.clone(), vec![wish.clone(); count]);
            asking.spawn(async move { (method, ask_all(&client, method, &wishes).await) });
        }
    }
    let (mut allocated, mut withdrawn, mut refused) = (0, 0, 0);
    for (method, answers) in asking.join_all().await {
        for answer in answers {
            match answer {
                Ok(begun) => {
                    assert_eq!(begun["status"], "pending");
                    *(if method == "reserve.allocate" { &mut allocated } else { &mut withdrawn }) += 1;
                }
                Err(refusal) => {
                    let available = refusal.details.get("available").and_then(Value::as_str);
                    assert_eq!((refusal.code, available), (4200, Some("0")), "{refusal}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(allocated + withdrawn, FREE);
    assert_eq!(refused, SESSIONS * (ALLOCATIONS + WITHDRAWALS) - FREE);
    let path = format!("/entities/{}/reserves", carol.entity);
    until("the chain has done all", async || {
        let answer = owner.get(&path).await.expect("reserves");
        let eth = &answer["reserves"]["ETH"];
        assert_eq!(number(&eth["free"]), 0, "{eth}");
        (number(&eth["allocated"]) == allocated as i128 && number(&eth["withdrawing"]) == 0).then_some(())
    })
    .await;
    let chain = ChainClient::http(hub.field("rpc")).expect("loopback");
    let held = xln_chain::Chain::native_balance(&chain, recipient.parse().expect("an address")).await;
    assert_eq!(held.expect("a balance"), Amount(withdrawn as u128));
    sealed(&owner).await;
    audit(&data, Some(hub.field("rpc"))).await;
    hub.stop().await;
}

/// DP-4: withdrawals that can't be mined, for their recipient refuses coins, hold up nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn withdrawals_that_hang_hold_up_nobody_elses() {
    const HANGING: usize = 600;
    const HONEST: usize = 5;
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let (mallory, carol) = (found(&owner, "mallory").await, found(&owner, "carol").await);
    deposit(&hub, &mallory, HANGING as u128).await;
    deposit(&hub, &carol, HONEST as u128).await;
    until("the deposits", async || (free(&owner, &carol, "ETH").await == HONEST as i128).then_some(())).await;
    // A token's contract takes no coins.
    let token = hub.ready["assets"].as_array().expect("a list").iter().find(|asset| asset["symbol"] == "USDC");
    let refuses = text(token.expect("USDC"), "contract");
    let withdraw = |entity: &str, recipient: &str| json!({ "entityId": entity, "asset": "ETH", "amount": "1", "recipient": recipient });
    let hanging = vec![withdraw(&mallory, &refuses); HANGING];
    let honest = vec![withdraw(&carol, "0x00000000000000000000000000000000000000c4"); HONEST];
    for answer in ask_all(&owner, "depositary.withdraw", &[hanging, honest].concat()).await {
        assert_eq!(answer.expect("begun")["status"], "pending");
    }
    let path = format!("/entities/{carol}/reserves");
    until("carol's withdrawals are done", async || {
        let answer = owner.get(&path).await.expect("reserves");
        (number(&answer["reserves"]["ETH"]["withdrawing"]) == 0).then_some(())
    })
    .await;
    let answer = owner.get(&format!("/entities/{mallory}/reserves")).await.expect("reserves");
    assert_eq!(number(&answer["reserves"]["ETH"]["withdrawing"]), HANGING as i128);
    sealed(&owner).await;
    audit(&data, Some(hub.field("rpc"))).await;
    hub.stop().await;
}

/// TX-2: the same bytes over two sessions at once take effect once, and both get the one receipt.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_signed_transaction_over_two_sessions_takes_effect_once() {
    const COUNT: u64 = 60;
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let [_, bob] = examples(&owner).await;
    let carol = Custody::enter(hub.api(), 2, [0x77; 32]).await;
    let to = bob.entity.parse().expect("an id");
    let wishes: Vec<Value> =
        (0..COUNT).map(|n| json!({ "transaction": carol.payment(carol.nonce + n, to, 7, &n.to_string()) })).collect();
    // The second session sends them the other way round: each waits for its turn there.
    let turned: Vec<Value> = wishes.iter().rev().cloned().collect();
    let (one, other) =
        tokio::join!(ask_all(&carol.client, "tx.submit", &wishes), ask_all(&carol.client, "tx.submit", &turned));
    for (one, other) in one.into_iter().zip(other.into_iter().rev()) {
        let (one, other) = (one.expect("executed"), other.expect("executed"));
        assert_eq!((&one["hash"], &one["confirmed"]), (&other["hash"], &other["confirmed"]));
        assert_eq!(one["status"], "executed");
    }
    let view = carol.client.get(&format!("/channels/{}", carol.channel)).await.expect("a channel");
    assert_eq!((view["activity"]["payments"].as_u64(), number(&view["activity"]["volume"]["ETH"])), (Some(COUNT), 420));
    // Once more, long after: the first receipts.
    for again in ask_all(&carol.client, "tx.submit", &wishes).await {
        assert_eq!(again.expect("known")["status"], "executed");
    }
    let after = carol.client.get(&format!("/channels/{}", carol.channel)).await.expect("a channel");
    assert_eq!(after, view);
    hub.stop().await;
}

/// TX-2: of two different transactions with one nonce, at once, one wins; the other is told which nonce would work.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_transactions_with_one_nonce_one_wins() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let [alice, bob] = examples(&owner).await;
    let carol = Custody::enter(hub.api(), 2, [0x77; 32]).await;
    let (to_alice, to_bob) = (alice.entity.parse().expect("an id"), bob.entity.parse().expect("an id"));
    let code = |lost: &Result<Value, ClientError>| lost.as_ref().err().map(|error| refusal(error).code);
    let mut won = 0;
    for nonce in carol.nonce..carol.nonce + 30 {
        let (one, other) = (carol.payment(nonce, to_alice, 1, "one"), carol.payment(nonce, to_bob, 1, "other"));
        let (one, other) = tokio::join!(carol.submit(&one), carol.submit(&other));
        let codes = (code(&one), code(&other));
        assert!(matches!(codes, (None, Some(4009)) | (Some(4009), None)), "{codes:?}");
        let lost = one.as_ref().err().or(other.as_ref().err()).expect("one lost");
        // Refused as a repeat while the other waited, or by receipt after it.
        let expected = refusal(lost).details.get("expected").and_then(Value::as_str).expect("what would work");
        assert!([nonce, nonce + 1].map(|nonce| nonce.to_string()).contains(&expected.to_owned()), "{expected}");
        won += 1;
    }
    let view = carol.client.get(&format!("/channels/{}", carol.channel)).await.expect("a channel");
    assert_eq!(view["activity"]["payments"].as_u64(), Some(won));
    hub.stop().await;
}

/// CH-3, CH-1: a grant that was changed binds the very next payment, whoever makes it over whatever session, and is pushed to those who
/// listen to the channel, in order and without a gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_grant_binds_the_very_next_payment() {
    const CHANGES: u64 = 20;
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let (owner, operator) = (login(hub.api(), OWNER).await, login(hub.api(), OPERATOR).await);
    let [alice, bob] = examples(&owner).await;
    let mut listener = owner.socket().await.expect("a session");
    let topic = format!("channel:{}", bob.channel);
    let subscribed = listener.call("subscribe", json!({ "channels": [topic] })).await.expect("subscribed");
    let mut next = subscribed["topics"][&topic].as_u64().expect("a number");
    let (mut sender, mut receiver) = session(&owner).await;
    let mut paid = 0_i128;
    for change in 0..CHANGES {
        let granted = paid + i128::from(change % 3);
        let path = format!("/channels/{}/credit", bob.channel);
        let grant = json!({ "entityId": bob.entity, "asset": "USDC", "amount": granted.to_string() });
        let _ = owner.post(&path, &grant).await.expect("set");
        let mut refused = 0;
        for _ in 0..3 {
            let _ = sender.feed("payment.send", &payment(&alice, &bob, "USDC", 1, "")).await.expect("sent");
        }
        sender.flush().await.expect("sent");
        for _ in 0..3 {
            let (_, result) = answer(&mut receiver).await.expect("an answer");
            match result {
                Ok(_) => paid += 1,
                Err(Refusal { code, details, .. }) => {
                    assert_eq!((code, &details["available"], &details["leg"]), (4200, &json!("0"), &json!(1)));
                    refused += 1;
                }
            }
        }
        assert_eq!((paid, refused), (granted, 3 - change % 3), "no more than was granted, and no less");
        let events = 1 + change % 3;
        for place in 0..events {
            let (heard, seq, event) = within("an event", listener.event()).await.expect("the session lives");
            assert_eq!((heard.as_str(), seq), (topic.as_str(), next));
            next += 1;
            let kind = if place == 0 { "credit_set" } else { "paid" };
            assert_eq!(event["type"], kind, "{event}");
            if place == 0 {
                assert_eq!((text(&event, "granted"), text(&event, "symbol")), (granted.to_string(), "USDC".to_owned()));
            }
        }
    }
    let view = operator.get(&format!("/channels/{}", bob.channel)).await.expect("a channel");
    assert_eq!(number(&view["activity"]["volume"]["USDC"]), paid);
    hub.stop().await;
}
