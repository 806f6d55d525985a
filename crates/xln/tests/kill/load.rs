//! The load of one round: payments over several sessions with many under way, and all other traffic one call after the other.
//! Everything that was sent is noted with its answer, if one came.

use crate::hub::dice::Dice;
use crate::hub::people::{Party, answer, payment, place, session, text};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use xln_client::{Client, ClientError};

/// Sessions that pay.
const PAYERS: u64 = 3;
/// Payments under way in each.
const WINDOW: usize = 32;
/// Calls of each of the two other sessions in a round, at most.
const OTHERS: u64 = 6;
/// A payment's largest amount, in the asset's base units.
const AMOUNT_MAX: u64 = 1000;

/// What was sent, and what came back before the death.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) what: What,
    pub(crate) answer: Option<Value>,
}

/// What can be sent. Each is unlike every other of the whole test, so that it is known again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Payment { memo: String, amount: u64 },
    Allocate { amount: u64 },
    Withdraw { amount: u64, recipient: String },
    Credit { amount: u64 },
    Signer { name: String },
    Entity { name: String },
}

/// A round's load, running.
pub(crate) struct Load {
    sessions: JoinSet<Vec<Sent>>,
    answered: watch::Receiver<u64>,
}

/// What every session needs.
#[derive(Clone)]
struct Stage {
    client: Client,
    parties: [Party; 2],
    signer: String,
    round: u64,
    answered: watch::Sender<u64>,
}

impl Load {
    /// Opens the sessions and sets them going.
    pub(crate) async fn begin(owner: &Client, parties: &[Party; 2], round: u64, dice: &mut Dice) -> Load {
        let alice = owner.get(&format!("/entities/{}", parties[0].entity)).await.expect("alice");
        let (answered, heard) = watch::channel(0);
        let signer = text(&alice, "signer");
        let stage = Stage { client: owner.clone(), parties: parties.clone(), signer, round, answered };
        let mut sessions = JoinSet::new();
        for number in 0..PAYERS {
            sessions.spawn(pay(stage.clone(), number, dice.fork()));
        }
        sessions.spawn(move_money(stage.clone(), dice.fork()));
        sessions.spawn(found(stage));
        Load { sessions, answered: heard }
    }

    /// Waits until so many payments were answered.
    pub(crate) async fn answered(&self, count: u64) {
        let mut answered = self.answered.clone();
        let waiting = answered.wait_for(|answered| count <= *answered);
        let _ = crate::hub::within("answers", waiting).await.expect("the sessions live");
    }

    /// All that was sent, once every session has ended.
    pub(crate) async fn ended(self) -> Vec<Sent> {
        self.sessions.join_all().await.into_iter().flatten().collect()
    }
}

/// Pays without pause, [`WINDOW`] under way, until the session breaks.
async fn pay(stage: Stage, number: u64, mut dice: Dice) -> Vec<Sent> {
    let (mut sender, mut receiver) = session(&stage.client).await;
    let [alice, bob] = &stage.parties;
    let (mut sent, mut heard): (Vec<Sent>, usize) = (Vec::new(), 0);
    loop {
        while sent.len() - heard < WINDOW {
            let memo = format!("round {} session {number} payment {}", stage.round, sent.len());
            let amount = 1 + dice.below(AMOUNT_MAX);
            let params = payment(alice, bob, "USDC", amount, &memo);
            sent.push(Sent { what: What::Payment { memo, amount }, answer: None });
            if sender.feed("payment.send", &params).await.is_err() {
                return sent;
            }
        }
        if sender.flush().await.is_err() {
            // What the hub answered before it died may still lie in the socket.
            while let Ok((id, result)) = answer(&mut receiver).await {
                note(&mut sent, id, result.expect("no payment is refused"));
            }
            return sent;
        }
        let Ok((id, result)) = answer(&mut receiver).await else { return sent };
        note(&mut sent, id, result.unwrap_or_else(|refusal| panic!("a payment was refused: {refusal}")));
        heard += 1;
        stage.answered.send_modify(|answered| *answered += 1);
    }
}

fn note(sent: &mut [Sent], id: u64, answer: Value) {
    let place = place(id);
    assert!(sent[place].answer.replace(answer).is_none(), "answered twice: {id}");
}

/// Collateral, withdrawals, credit.
async fn move_money(stage: Stage, mut dice: Dice) -> Vec<Sent> {
    let alice = &stage.parties[0];
    let mut wishes = Vec::new();
    for number in 0..OTHERS {
        // Rises with each wish, so that no two are alike.
        let amount = 1 + stage.round * 1000 + number * 100 + dice.below(100);
        let asset = |asset: &str| json!({ "asset": asset, "amount": amount.to_string() });
        let mut params;
        let (what, method) = match number % 3 {
            0 => {
                params = asset("ETH");
                params["channelId"] = alice.channel.as_str().into();
                (What::Allocate { amount }, "reserve.allocate")
            }
            1 => {
                let recipient = dice.address();
                params = asset("ETH");
                params["recipient"] = recipient.as_str().into();
                (What::Withdraw { amount, recipient }, "depositary.withdraw")
            }
            _ => {
                params = asset("DAI");
                params["channelId"] = alice.channel.as_str().into();
                (What::Credit { amount }, "channel.credit")
            }
        };
        params["entityId"] = alice.entity.as_str().into();
        wishes.push((what, method, params));
    }
    call_each(&stage.client, wishes).await
}

/// Signers and entities.
async fn found(stage: Stage) -> Vec<Sent> {
    let wishes = (0..OTHERS).map(|number| {
        let name = format!("round {} number {number}", stage.round);
        let metadata = json!({ "name": name });
        if number % 2 == 0 {
            (What::Signer { name }, "signer.create", json!({ "metadata": metadata }))
        } else {
            let params = json!({ "signerId": stage.signer, "type": "single", "metadata": metadata });
            (What::Entity { name }, "entity.create", params)
        }
    });
    call_each(&stage.client, wishes.collect()).await
}

/// One call after the other, until the session breaks.
async fn call_each(client: &Client, wishes: Vec<(What, &str, Value)>) -> Vec<Sent> {
    let mut socket = client.socket().await.expect("a session");
    let mut sent = Vec::new();
    for (what, method, params) in wishes {
        let result = socket.call(method, params).await;
        if let Err(ClientError::Refused(refusal)) = &result {
            panic!("{method} was refused: {refusal}");
        }
        let answer = result.ok();
        let broken = answer.is_none();
        sent.push(Sent { what, answer });
        if broken {
            break;
        }
    }
    sent
}
