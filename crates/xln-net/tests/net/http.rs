//! The HTTP server: so many connections, so long for a head, so many bytes of it, and a stop that cuts nobody off.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path};
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use xln_net::Ended;
use xln_net::http::{HEAD_BYTES_MAX, HttpLimits, serve};

use crate::hub::{Hub, roomy};
use crate::peer::Peer;
use crate::soon;

/// A server whose `/NAME` notes the name and answers with the caller's address; names that begin with `slow` wait for `release`.
struct Server {
    address: SocketAddr,
    served: Arc<watch::Sender<Vec<String>>>,
    release: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(limits: HttpLimits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (release, stop) = (watch::Sender::new(false), watch::Sender::new(false));
        let served = Arc::new(watch::Sender::new(Vec::new()));
        let (notes, released) = (Arc::clone(&served), release.subscribe());
        let answer = async move |Path(name): Path<String>, ConnectInfo(caller): ConnectInfo<SocketAddr>| {
            notes.send_modify(|served| served.push(name.clone()));
            if name.starts_with("slow") {
                let _ = released.clone().wait_for(|release| *release).await;
            }
            format!("{name} for {caller}")
        };
        let router = Router::new().route("/{name}", get(answer));
        let serving = tokio::spawn(serve(listener, router, limits, stop.subscribe()));
        Server { address, served, release, stop, serving }
    }

    async fn until_served(&self, name: &str) {
        let mut served = self.served.subscribe();
        soon(name, served.wait_for(|served| served.iter().any(|other| other == name))).await.expect("the sender lives");
    }
}

struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Client {
        Client(TcpStream::connect(address).await.expect("the server listens"))
    }

    async fn ask(&mut self, name: &str) {
        let head = format!("GET /{name} HTTP/1.1\r\nHost: hub\r\n\r\n");
        soon("room to write", self.0.write_all(head.as_bytes())).await.expect("the server reads");
    }

    /// Reads a whole answer.
    async fn answer(&mut self, ending: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(ending.as_bytes()) {
            let read = soon("an answer", self.0.read_buf(&mut text)).await.expect("a connection");
            assert_ne!(read, 0, "cut off: {}", String::from_utf8_lossy(&text));
        }
        String::from_utf8(text).expect("UTF-8")
    }

    async fn get(&mut self, name: &str) {
        let body = format!("{name} for {}", self.0.local_addr().expect("connected"));
        self.ask(name).await;
        let answer = self.answer(&body).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    /// What still comes, up to the end of the connection.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = soon("the end", self.0.read_to_end(&mut rest)).await;
        String::from_utf8(rest).expect("UTF-8")
    }
}

fn roomy_http() -> HttpLimits {
    HttpLimits { connections_max: 100, head_timeout_ms: 3_600_000 }
}

/// PRD 4.6.1: a head that doesn't come to its end is cut off; so is a connection that says nothing, at first or after an answer.
#[tokio::test]
async fn a_head_that_never_completes_is_cut_off() {
    let server = Server::start(HttpLimits { head_timeout_ms: 200, ..roomy_http() }).await;
    for head in ["", "GET", "GET /a HTTP/1.1\r\nHost: hub\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.0.write_all(head.as_bytes()).await.expect("the server reads");
        client.rest().await;
        let mut client = Client::connect(server.address).await;
        client.get("whole").await;
        client.0.write_all(head.as_bytes()).await.expect("the server reads");
        client.rest().await;
    }
    assert_eq!(*server.served.borrow(), ["whole"; 3]);
}

/// PRD 4.6.1: the time is for the head: a request may be handled for longer.
#[tokio::test]
async fn a_slow_answer_is_not_cut_off() {
    let server = Server::start(HttpLimits { head_timeout_ms: 200, ..roomy_http() }).await;
    let mut slow = Client::connect(server.address).await;
    slow.ask("slow").await;
    server.until_served("slow").await;
    // As long as it takes to cut off another.
    Client::connect(server.address).await.rest().await;
    server.release.send_replace(true);
    slow.answer(&format!("slow for {}", slow.0.local_addr().expect("connected"))).await;
}

/// PRD 4.6.1: with two places taken, a third connection waits until one is free.
#[tokio::test]
async fn a_connection_above_the_bound_waits_for_a_place() {
    let server = Server::start(HttpLimits { connections_max: 2, ..roomy_http() }).await;
    let (mut one, mut other) = (Client::connect(server.address).await, Client::connect(server.address).await);
    one.get("one").await;
    other.get("other").await;
    let mut third = Client::connect(server.address).await;
    third.ask("third").await;
    for _ in 0..20 {
        one.get("one").await;
        other.get("other").await;
    }
    assert!(server.served.borrow().iter().all(|name| name != "third"));
    drop(one);
    third.answer(&format!("third for {}", third.0.local_addr().expect("connected"))).await;
    other.get("other").await;
}

/// PRD 4.6.1: a connection that became a session keeps its place until the session ends.
#[tokio::test]
async fn a_session_holds_its_place() {
    let mut hub = Hub::start_with(roomy(), HttpLimits { connections_max: 1, ..roomy_http() }).await;
    let mut peer = Peer::join(&hub).await;
    let mut second = Client::connect(hub.address).await;
    second.ask("plain").await;
    let mut answer = Box::pin(second.answer("plain"));
    for _ in 0..20 {
        tokio::select! {
            biased;
            _ = &mut answer => panic!("two connections in one place"),
            () = peer.echo("still here") => {}
        }
    }
    drop(peer);
    assert_eq!(hub.ended().await, Ended::Lost);
    answer.await;
}

/// PRD 4.6.1: a stop closes idle connections, lets the request under way finish, takes no new ones, and then returns.
#[tokio::test]
async fn a_stop_lets_the_request_under_way_finish() {
    let server = Server::start(roomy_http()).await;
    let (mut idle, mut slow) = (Client::connect(server.address).await, Client::connect(server.address).await);
    let fresh = Client::connect(server.address).await;
    idle.get("idle").await;
    slow.ask("slow").await;
    server.until_served("slow").await;
    server.stop.send_replace(true);
    assert_eq!(idle.rest().await, "");
    assert_eq!(fresh.rest().await, "");
    assert!(!server.serving.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err(), "a stopped server listens");
    server.release.send_replace(true);
    let answer = slow.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("slow for"), "{answer}");
    soon("the server's return", server.serving).await.expect("no panic");
}

/// PRD 4.6.1: a stopped server returns after its sessions, whose requests need what it is about to take down.
#[tokio::test]
async fn a_stop_waits_for_sessions() {
    let mut hub = Hub::start_with(roomy(), roomy_http()).await;
    let mut peer = Peer::join(&hub).await;
    peer.text("wait a").await;
    hub.world.until("the request", |seen| seen.submitted == 1).await;
    let idle = Client::connect(hub.address).await;
    hub.stop.send_replace(true);
    idle.rest().await;
    assert!(!hub.serving.is_finished(), "a session has a request under way");
    hub.world.release("a");
    peer.heard("wait a").await;
    peer.closed(1001).await;
    assert_eq!(hub.ended().await, Ended::Stopped);
    soon("the server's return", hub.serving).await.expect("no panic");
}

/// PRD 4.6.1: a head over the bound is refused; one under it isn't.
#[tokio::test]
async fn a_head_over_the_bound_is_refused() {
    let server = Server::start(roomy_http()).await;
    let head = |bytes: usize| format!("GET /a HTTP/1.1\r\nHost: hub\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes));
    let mut client = Client::connect(server.address).await;
    client.0.write_all(head(HEAD_BYTES_MAX - 1_000).as_bytes()).await.expect("the server reads");
    client.answer(&format!("a for {}", client.0.local_addr().expect("connected"))).await;
    let mut client = Client::connect(server.address).await;
    // It may be cut off before it has said all.
    let _ = client.0.write_all(head(2 * HEAD_BYTES_MAX).as_bytes()).await;
    let refused = client.rest().await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{refused}");
    assert_eq!(*server.served.borrow(), ["a"]);
}

/// PRD 4.6.1: what isn't HTTP is refused, and nobody else notices.
#[tokio::test]
async fn nonsense_is_refused() {
    let server = Server::start(roomy_http()).await;
    let mut honest = Client::connect(server.address).await;
    for bytes in [&b"\x16\x03\x01\x02\x00"[..], b"\r\n\r\n\0", b"GET /\xff\xff NOPE\r\n\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.0.write_all(bytes).await.expect("the server reads");
        client.rest().await;
        honest.get("honest").await;
    }
}
