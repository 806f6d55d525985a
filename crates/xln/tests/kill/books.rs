//! The test's own books: what must be at the hub, what may be, and the comparison after each restart.

use crate::hub::people::{Party, ask_all, number, text};
use crate::hub::process::Hub;
use crate::hub::until;
use crate::load::{Sent, What};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use xln_chain::{Chain, ChainClient};
use xln_client::Client;

/// What alice starts with in her reserve, in wei.
const DEPOSITED: i128 = 100_000_000_000_000_000_000;

/// What is known to be at the hub, and what was sent in the round before.
#[derive(Default)]
pub(crate) struct Books {
    payments: i128,
    volume: i128,
    /// The log's number of the last payment seen.
    last_seq: u64,
    confirmed: Vec<Value>,
    allocated: i128,
    withdrawn: Vec<(String, i128)>,
    credit: u64,
    round: Vec<Sent>,
}

impl Books {
    /// Takes down what a round sent.
    pub(crate) fn note(&mut self, sent: Vec<Sent>) {
        self.round = sent;
    }

    /// Compares with the hub, after a restart.
    pub(crate) async fn check(&mut self, hub: &Hub, owner: &Client, parties: &[Party; 2]) {
        let round = std::mem::take(&mut self.round);
        self.check_payments(owner, &round, parties).await;
        self.check_operations(owner, &round, parties).await;
        self.check_credit(owner, &round, parties).await;
        check_names(owner, &round).await;
        let ready = owner.raw("/readyz").await.expect("an answer");
        assert!(ready.1.contains("\"log\""), "{} {}", hub.api(), ready.1);
    }

    /// TX-6, TX-2: each payment that was answered is listed once, as it was answered; each other once or not at all.
    async fn check_payments(&mut self, owner: &Client, round: &[Sent], parties: &[Party; 2]) {
        let mut sent = BTreeMap::new();
        for Sent { what, answer } in round {
            if let What::Payment { memo, amount } = what {
                sent.insert(memo.as_str(), (*amount, answer));
            }
        }
        let listed = self.new_payments(owner, &parties[0]).await;
        let mut seen = BTreeSet::new();
        for payment in &listed {
            let memo = payment["memo"].as_str().expect("a memo");
            let (amount, answer) = sent.get(memo).unwrap_or_else(|| panic!("never sent, or listed before: {payment}"));
            assert!(seen.insert(memo), "executed twice: {payment}");
            assert_eq!(payment["amount"], amount.to_string(), "{payment}");
            assert!(answer.as_ref().is_none_or(|answer| answer == payment), "answered otherwise: {answer:?} {payment}");
            self.payments += 1;
            self.volume += i128::from(*amount);
        }
        for (memo, (_, answer)) in &sent {
            assert!(answer.is_none() || seen.contains(memo), "answered and lost: {memo}");
        }
        let confirmed: Vec<Value> = sent.values().filter_map(|(_, answer)| (*answer).clone()).collect();
        check_each(owner, &confirmed).await;
        self.confirmed.extend(confirmed);
        self.check_sums(owner, parties).await;
    }

    /// What `payment.list` has beyond the last payment seen.
    async fn new_payments(&mut self, owner: &Client, alice: &Party) -> Vec<Value> {
        let mut listed = Vec::new();
        loop {
            let (entity, cursor) = (&alice.entity, self.last_seq);
            let path = format!("/payments?entity={entity}&asset=USDC&limit=1000&cursor={cursor}");
            let page = owner.get(&path).await.expect("a page");
            let payments = page["payments"].as_array().expect("a list").clone();
            let Some(last) = payments.last() else { return listed };
            self.last_seq = last["seq"].as_u64().expect("a number");
            listed.extend(payments);
        }
    }

    /// CH-2, CH-13: counters, volumes and shares of both channels say the same, and all shares together are what is locked: nothing.
    async fn check_sums(&self, owner: &Client, parties: &[Party; 2]) {
        for (party, sign) in parties.iter().zip([-1, 1]) {
            let view = owner.get(&format!("/channels/{}", party.channel)).await.expect("a channel");
            let line = &view["assets"]["USDC"];
            assert_eq!(view["activity"]["payments"], u64::try_from(self.payments).expect("counted"), "{view}");
            assert_eq!(number(&view["activity"]["volume"]["USDC"]), self.volume, "{view}");
            assert_eq!(number(&line["collateral"]), 0, "{view}");
            // Left's share is delta; right's is what is locked less that.
            let left = if view["left"] == party.entity.as_str() { 1 } else { -1 };
            assert_eq!(number(&line["delta"]) * left, self.volume * sign, "{view}");
            let state = owner.get(&format!("/entities/{}/state", party.entity)).await.expect("a state");
            assert_eq!(number(&state["balances"]["USDC"]), self.volume * sign, "{state}");
        }
    }

    /// DP-1, DP-4: each operation that was answered is known by its id; each other is there once or not at all.
    async fn check_operations(&mut self, owner: &Client, round: &[Sent], parties: &[Party; 2]) {
        let asked = json!({ "entityId": parties[0].entity });
        let known = owner.post("/depositary/status", &asked).await.expect("operations");
        let known = known["operations"].as_array().expect("a list");
        for Sent { what, answer } in round {
            let (kind, amount) = match what {
                What::Allocate { amount } => ("allocate", amount),
                What::Withdraw { amount, .. } => ("withdraw", amount),
                _ => continue,
            };
            // No two of one kind have one amount.
            let shown = amount.to_string();
            let found: Vec<_> = known.iter().filter(|one| one["kind"] == kind && one["amount"] == shown).collect();
            assert!(found.len() <= 1, "done twice: {found:?}");
            if let Some(answer) = answer {
                let one = found.first().unwrap_or_else(|| panic!("answered and lost: {answer}"));
                assert_eq!(one["operationId"], answer["operationId"]);
            }
            match what {
                _ if found.is_empty() => {}
                What::Withdraw { recipient, .. } => self.withdrawn.push((recipient.clone(), i128::from(*amount))),
                _ => self.allocated += i128::from(*amount),
            }
        }
    }

    /// CH-3: the grant is the last that was answered, or the one that was under way.
    async fn check_credit(&mut self, owner: &Client, round: &[Sent], parties: &[Party; 2]) {
        let mut may_be = vec![self.credit];
        for Sent { what, answer } in round {
            if let What::Credit { amount } = what {
                if answer.is_some() {
                    may_be.clear();
                }
                may_be.push(*amount);
            }
        }
        let view = owner.get(&format!("/channels/{}", parties[0].channel)).await.expect("a channel");
        let granted = &view["assets"]["DAI"]["granted"][parties[0].side(owner).await];
        let granted = if granted.is_null() { 0 } else { number(granted) };
        let found = may_be.iter().copied().find(|credit| i128::from(*credit) == granted);
        self.credit = found.unwrap_or_else(|| panic!("granted {granted}, not one of {may_be:?}"));
    }

    /// TX-6: what was answered in any round is there to the end, unchanged.
    pub(crate) async fn check_all_payments(&self, owner: &Client) {
        assert!(1000 < self.confirmed.len(), "no load: {}", self.confirmed.len());
        check_each(owner, &self.confirmed).await;
    }

    /// DP-1, DP-4: in the end the chain has done each operation once, and hub and chain agree.
    pub(crate) async fn settle(&self, hub: &Hub, owner: &Client, operator: &Client, parties: &[Party; 2]) {
        let alice = &parties[0];
        let asked = json!({ "entityId": alice.entity });
        until("all operations are done", async || {
            let known = owner.post("/depositary/status", &asked).await.expect("operations");
            let all = known["operations"].as_array().expect("a list");
            assert!(all.iter().all(|operation| operation["status"] != "failed"), "{known}");
            all.iter().all(|operation| operation["status"] == "done").then_some(())
        })
        .await;
        let withdrawn: i128 = self.withdrawn.iter().map(|(_, amount)| amount).sum();
        let answer = owner.get(&format!("/entities/{}/reserves", alice.entity)).await.expect("reserves");
        let eth = &answer["reserves"]["ETH"];
        assert_eq!(number(&eth["free"]), DEPOSITED - self.allocated - withdrawn, "{eth}");
        assert_eq!(number(&eth["allocated"]), self.allocated, "{eth}");
        assert_eq!((number(&eth["allocating"]), number(&eth["withdrawing"])), (0, 0), "{eth}");
        let view = owner.get(&format!("/channels/{}", alice.channel)).await.expect("a channel");
        assert_eq!(number(&view["assets"]["ETH"]["collateral"]), self.allocated, "{view}");
        let chain = ChainClient::http(hub.field("rpc")).expect("loopback");
        for (recipient, amount) in &self.withdrawn {
            let held = chain.native_balance(recipient.parse().expect("an address")).await.expect("a balance");
            assert_eq!(i128::try_from(held.0), Ok(*amount), "{recipient}");
        }
        let mut net = 0;
        for entity in [alice.entity.as_str(), parties[1].entity.as_str(), hub.field("hub_id")] {
            let state = operator.get(&format!("/entities/{entity}/state")).await.expect("a state");
            net += number(&state["balances"]["USDC"]);
        }
        assert_eq!(net, 0, "CH-13: what one has gained another has lost");
    }
}

/// `payment.get` gives what was answered, and `tx.receipt` says that it was executed there.
async fn check_each(owner: &Client, confirmed: &[Value]) {
    let questions = |field: &str| -> Vec<Value> {
        confirmed.iter().map(|answer| json!({ field: text(answer, "paymentId") })).collect()
    };
    for (answer, found) in confirmed.iter().zip(ask_all(owner, "payment.get", &questions("paymentId")).await) {
        assert_eq!(found.as_ref(), Ok(answer));
    }
    for (answer, found) in confirmed.iter().zip(ask_all(owner, "tx.receipt", &questions("hash")).await) {
        let receipt = found.unwrap_or_else(|refusal| panic!("{answer}: {refusal}"));
        assert_eq!((&receipt["status"], &receipt["confirmed"]["seq"]), (&"executed".into(), &answer["seq"]));
    }
}

/// EN-1: signers and entities that were answered are there once, by id and name; others once or not at all.
async fn check_names(owner: &Client, round: &[Sent]) {
    let signers = all_of(owner, "signers").await;
    let entities = all_of(owner, "entities").await;
    for Sent { what, answer } in round {
        let (listed, name, id) = match what {
            What::Signer { name } => (&signers, name, "signerId"),
            What::Entity { name } => (&entities, name, "entityId"),
            _ => continue,
        };
        let found: Vec<_> = listed.iter().filter(|one| one["metadata"]["name"] == name.as_str()).collect();
        assert!(found.len() <= 1, "made twice: {found:?}");
        if let Some(answer) = answer {
            assert_eq!(found.first().map(|one| &one["id"]), Some(&answer[id]), "answered and lost: {name}");
        }
    }
}

async fn all_of(owner: &Client, what: &str) -> Vec<Value> {
    let answer = owner.get(&format!("/{what}?limit=1000")).await.expect("a list");
    answer[what].as_array().expect("a list").clone()
}
