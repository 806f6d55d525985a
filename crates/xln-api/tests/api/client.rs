//! A hub on loopback and plain clients of it.

use crate::double::{Double, HUB_SECRET, signer_of};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use xln_api::backend::Backend;
use xln_api::{Api, ApiOptions};
use xln_crypto::login::{login_message, text_digest};
use xln_crypto::secp;
use xln_net::{TopicLimits, Topics};
use xln_types::{Address, EntityId};

/// Accounts by the byte that their key repeats.
pub(crate) const ALICE: u8 = 11;
pub(crate) const BOB: u8 = 12;
pub(crate) const OPERATOR: u8 = 13;
pub(crate) const AUDITOR: u8 = 14;

pub(crate) struct Hub {
    pub(crate) node: Double,
    pub(crate) address: SocketAddr,
    _stop: watch::Sender<bool>,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

/// A logged-in caller.
pub(crate) struct Client<'a> {
    hub: &'a Hub,
    pub(crate) token: String,
}

pub(crate) fn account(key: u8) -> Address {
    signer_of(&[key; 32]).address()
}

impl Hub {
    pub(crate) async fn start() -> Hub {
        Hub::start_with(|options| options, TopicLimits::default()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(ApiOptions) -> ApiOptions, limits: TopicLimits) -> Hub {
        Hub::of(HUB_SECRET, change, limits).await
    }

    /// A second node, with another hub.
    pub(crate) async fn start_other() -> Hub {
        Hub::of([2; 32], |options| options, TopicLimits::default()).await
    }

    /// A new process over the same node: its API knows what the receipts at hand tell, and no more.
    pub(crate) async fn restarted(&self) -> Hub {
        let api = Api::new(self.node.clone(), Topics::new(TopicLimits::default()), ApiOptions::new([8; 32]));
        api.recall(&self.node.receipts());
        Hub::serve(self.node.clone(), &api).await
    }

    async fn of(secret: [u8; 32], change: impl FnOnce(ApiOptions) -> ApiOptions, limits: TopicLimits) -> Hub {
        let node = Double::new(secret, account(OPERATOR), account(AUDITOR));
        let api = Api::new(node.clone(), Topics::new(limits), change(ApiOptions::new([7; 32])));
        node.publish_to(api.clone());
        Hub::serve(node, &api).await
    }

    async fn serve(node: Double, api: &Api) -> Hub {
        let (sender, stop) = watch::channel(false);
        let router = xln_api::router(api, stop);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Hub { node, address, _stop: sender }
    }

    pub(crate) async fn raw(&self, request: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        stream.write_all(request).await.expect("writes");
        let mut bytes = Vec::new();
        // A refused body may end in a reset, after the answer.
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Response { status, head: head.to_lowercase(), text: body.to_owned() }
    }

    pub(crate) async fn http(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request = format!("{verb} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.raw(request.as_bytes()).await
    }

    /// The body of a login by this key at this time.
    pub(crate) fn login_body(&self, key: u8, timestamp: u64) -> Value {
        let address = account(key);
        let digest = text_digest(&login_message(self.node.hub(), address, timestamp));
        let signature = secp::sign(&[key; 32], &digest).expect("a key");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "address": address.to_string(), "signature": format!("0x{hex}"), "timestamp": timestamp })
    }

    pub(crate) async fn login(&self, key: u8) -> Client<'_> {
        let body = self.login_body(key, self.node.now_ms() / 1000);
        let answer = self.http("POST", "/api/v1/auth/token", &[], &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Client { hub: self, token: answer.json()["token"].as_str().expect("a token").to_owned() }
    }

    pub(crate) async fn socket(&self) -> Socket {
        let url = format!("ws://{}/v1/ws", self.address);
        let (stream, _) = tokio_tungstenite::connect_async(url).await.expect("upgrades");
        Socket { stream, next: 0 }
    }
}

impl Client<'_> {
    pub(crate) async fn send(&self, verb: &str, path: &str, body: &str) -> Response {
        let bearer = format!("Bearer {}", self.token);
        self.hub.http(verb, &format!("/api/v1{path}"), &[("authorization", &bearer)], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.send("POST", path, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// The error's code and details.
    pub(crate) async fn refused(&self, verb: &str, path: &str, body: Value) -> (u64, Value) {
        let text = if verb == "GET" { String::new() } else { body.to_string() };
        let answer = self.send(verb, path, &text).await;
        let json = answer.json();
        let code = json["error"]["code"].as_u64().unwrap_or_else(|| panic!("{path} wasn't refused: {}", answer.text));
        (code, json["error"]["details"].clone())
    }

    pub(crate) async fn entity(&self) -> String {
        let signer = self.post("/signers", json!({})).await;
        let new = json!({ "signerId": signer["signerId"], "type": "single" });
        self.post("/entities", new).await["entityId"].as_str().expect("an id").to_owned()
    }
}

/// A hosted entity of Alice and one of Bob, with an open channel in which each grants the other `grant`.
pub(crate) async fn pair(alice: &Client<'_>, bob: &Client<'_>, grant: &str) -> (String, String, String) {
    let (a, b) = (alice.entity().await, bob.entity().await);
    let limits = json!({ "fromA": { "ETH": grant }, "fromB": { "ETH": grant } });
    let opened = alice.post("/channels", json!({ "entityA": a, "entityB": b, "creditLimits": limits })).await;
    assert_eq!(opened["status"], "pending");
    let channel = opened["channelId"].as_str().expect("an id").to_owned();
    let accepted = bob.post(&format!("/channels/{channel}/accept"), json!({ "grants": { "ETH": grant } })).await;
    assert_eq!(accepted["status"], "open");
    (a, b, channel)
}

/// Two nodes that have met, and an open channel between an entity of Alice's on the first and the second's hub, in which each grants
/// the other 100 ETH's smallest units. Answers the entity and the channel.
pub(crate) async fn across(
    (home, away): (&Hub, &Hub),
    (alice, operator): (&Client<'_>, &Client<'_>),
) -> (String, String) {
    home.node.meet(&away.node);
    let (a, hub) = (alice.entity().await, away.node.hub().to_string());
    let open = json!({ "entityA": a, "entityB": hub, "creditLimits": { "fromA": { "ETH": "100" } } });
    let opened = alice.post("/channels", open).await;
    assert_eq!(opened["status"], "pending");
    let channel = opened["channelId"].as_str().expect("an id").to_owned();
    home.node.exchange(&away.node);
    let credit = json!({ "asset": "ETH", "amount": "100" });
    let granted = operator.post(&format!("/channels/{channel}/credit"), credit).await;
    assert_eq!(granted["status"], "pending");
    home.node.exchange(&away.node);
    (a, channel)
}

/// `right` when the second entity has the larger id: the side that receives when the first pays.
pub(crate) fn toward(payer: &str, payee: &str) -> &'static str {
    let id = |text: &str| text.parse::<EntityId>().expect("an id");
    if id(payer) < id(payee) { "right" } else { "left" }
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
}

impl Socket {
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text.to_owned())).await.expect("sends");
    }

    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match self.stream.next().await.expect("still open").expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// A request's whole answer; events that come before it are dropped.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "id": id, "method": method, "params": params }).to_string()).await;
        loop {
            let answer = self.receive().await;
            if answer["id"] == id {
                return answer;
            }
        }
    }

    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let frame = self.receive().await;
            if frame.get("event").is_some() {
                return frame;
            }
        }
    }

    pub(crate) async fn binary(&mut self, frame: Vec<u8>) -> Vec<u8> {
        self.stream.send(Message::binary(frame)).await.expect("sends");
        loop {
            match self.stream.next().await.expect("still open").expect("a frame") {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
}
