//! Who talks to a hub: logged-in accounts of the development mnemonic, the example entities, and what they own.

use super::within;
use serde_json::{Value, json};
use xln_chain::dev::accounts;
use xln_client::{Client, ClientError, Incoming, Key, Receiver, Refusal, Sender};

/// The development account that is the hub's operator.
pub(crate) const OPERATOR: usize = 0;
/// The development account that owns alice and bob.
pub(crate) const OWNER: usize = 1;

/// A field that is text.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// An amount in an answer.
pub(crate) fn number(value: &Value) -> i128 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no amount: {value}"))
}

/// The hub's no.
pub(crate) fn refusal(error: &ClientError) -> &Refusal {
    error.refusal().unwrap_or_else(|| panic!("no refusal: {error}"))
}

/// A development account's key.
pub(crate) fn key(account: usize) -> Key {
    Key::new(accounts::all()[account].secret).expect("a key")
}

/// A logged-in account.
pub(crate) async fn login(api: &str, account: usize) -> Client {
    let mut client = Client::new(api).expect("loopback");
    within("login", client.login(&key(account))).await.expect("logged in");
    client
}

/// Logs in, opens a session, and splits it for many requests under way.
pub(crate) async fn session(client: &Client) -> (Sender, Receiver) {
    within("a session", client.socket()).await.expect("a session").split()
}

/// Which of a session's requests an answer is to, from 0: the ids count up from 1, which was the login.
pub(crate) fn place(id: u64) -> usize {
    usize::try_from(id).ok().and_then(|id| id.checked_sub(2)).unwrap_or_else(|| panic!("an answer to {id}"))
}

/// The next answer of a session; events are passed over.
pub(crate) async fn answer(receiver: &mut Receiver) -> Result<(u64, Result<Value, Refusal>), ClientError> {
    loop {
        if let Incoming::Answer { id, result } = within("an answer", receiver.next()).await? {
            return Ok((id, result));
        }
    }
}

/// Asks many questions of one method with all of them under way; answers in the order of the questions.
pub(crate) async fn ask_all(client: &Client, method: &str, questions: &[Value]) -> Vec<Result<Value, Refusal>> {
    let (mut sender, mut receiver) = session(client).await;
    let mut answers: Vec<Option<Result<Value, Refusal>>> = vec![None; questions.len()];
    let (mut sent, mut heard) = (0, 0);
    while heard < questions.len() {
        while sent < questions.len() && sent - heard < 256 {
            let _ = sender.feed(method, &questions[sent]).await.expect("sent");
            sent += 1;
        }
        sender.flush().await.expect("sent");
        let (id, result) = answer(&mut receiver).await.expect("an answer");
        answers[place(id)] = Some(result);
        heard += 1;
    }
    answers.into_iter().map(|answer| answer.expect("each is answered once")).collect()
}

/// An example entity with its channel with the hub.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) entity: String,
    pub(crate) channel: String,
}

impl Party {
    /// What this party's side of its channel is called, `left` or `right`.
    pub(crate) async fn side(&self, client: &Client) -> &'static str {
        let view = client.get(&format!("/channels/{}", self.channel)).await.expect("a channel");
        if view["left"] == self.entity.as_str() { "left" } else { "right" }
    }
}

/// Alice and bob, as `xln dev` founds them.
pub(crate) async fn examples(owner: &Client) -> [Party; 2] {
    let entities = owner.get("/entities").await.expect("a list");
    let mut found = Vec::new();
    for name in ["alice", "bob"] {
        let entities = entities["entities"].as_array().expect("a list");
        let entity = entities.iter().find(|entity| entity["metadata"]["name"] == name).expect(name);
        found.push(with_channel(owner, text(entity, "id")).await);
    }
    found.try_into().unwrap_or_else(|_| panic!("two"))
}

/// An entity with its one channel.
pub(crate) async fn with_channel(owner: &Client, entity: String) -> Party {
    let channels = owner.get(&format!("/channels?entity={entity}")).await.expect("a list");
    let channel = text(&channels["channels"][0], "id");
    Party { entity, channel }
}

/// A new entity of the account's, with a signer of its own.
pub(crate) async fn found(client: &Client, name: &str) -> String {
    let signer = client.post("/signers", &json!({ "metadata": { "name": name } })).await.expect("a signer");
    let new = json!({ "signerId": signer["signerId"], "type": "single", "metadata": { "name": name } });
    text(&client.post("/entities", &new).await.expect("an entity"), "entityId")
}

/// A payment's parameters.
pub(crate) fn payment(from: &Party, to: &Party, asset: &str, amount: u64, memo: &str) -> Value {
    json!({ "from": from.entity, "to": to.entity, "asset": asset, "amount": amount.to_string(), "memo": memo })
}

/// An entity's free reserve of an asset: what may leave now.
pub(crate) async fn free(client: &Client, entity: &str, asset: &str) -> i128 {
    let answer = client.get(&format!("/entities/{entity}/reserves")).await.expect("reserves");
    let view = &answer["reserves"][asset];
    if view.is_null() { 0 } else { number(&view["available"]) }
}

/// Waits until all that was confirmed so far is in a signed block: what an audit beside the live hub counts.
pub(crate) async fn sealed(client: &Client) {
    let mut socket = client.socket().await.expect("a session");
    let _ = socket.call("subscribe", json!({ "channels": ["block"] })).await.expect("subscribed");
    // The first may have been sealed before.
    for _ in 0..2 {
        let _ = within("a block", socket.event()).await.expect("the session lives");
    }
}
