//! A hub that serves one kind of session, which does what its requests say and notes what is done with it.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use xln_net::http::{HttpLimits, serve};
use xln_net::{Ended, Mail, Mailbox, Session, SessionLimits, Topic, TopicLimits, Topics, configure, mailbox, run};

use crate::soon;

/// What an event is here: any text.
pub(crate) type Event = Arc<str>;

/// What the sessions saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// `submitted …`, `polled …` and `session ended`, in order.
    pub(crate) log: Vec<String>,
    /// Sessions that live.
    pub(crate) sessions: usize,
    /// Requests submitted, ever.
    pub(crate) submitted: usize,
    /// Requests whose future lives.
    pub(crate) unfinished: usize,
    /// The most that `unfinished` ever was.
    pub(crate) unfinished_max: usize,
}

/// The hub, and all that a test needs to steer it.
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    pub(crate) topics: Topics<Event>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) world: World,
    ended: mpsc::UnboundedReceiver<Ended>,
}

/// What every session shares with the test.
#[derive(Clone)]
pub(crate) struct World {
    seen: watch::Sender<Seen>,
    /// Names of `wait` requests that may finish.
    released: watch::Sender<BTreeSet<String>>,
}

/// Limits at which no test arrives by accident.
pub(crate) fn roomy() -> SessionLimits {
    SessionLimits { idle_timeout_ms: 3_600_000, write_timeout_ms: 3_600_000, ..SessionLimits::default() }
}

impl Hub {
    /// A hub whose sessions have these limits, and mailboxes of 16 events.
    pub(crate) async fn start(limits: SessionLimits) -> Hub {
        Hub::start_with(limits, HttpLimits::default()).await
    }

    pub(crate) async fn start_with(limits: SessionLimits, http: HttpLimits) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let world = World { seen: watch::Sender::default(), released: watch::Sender::default() };
        let topics = Topics::new(TopicLimits::default());
        let stop = watch::Sender::new(false);
        let (ends, ended) = mpsc::unbounded_channel();
        let session = {
            let (world, topics, stop) = (world.clone(), topics.clone(), stop.clone());
            async move |socket: WebSocket, limits: SessionLimits| {
                let (mailbox, mail) = mailbox(16);
                topics.subscribe(&mailbox, Topic::Block, None).expect("a new mailbox");
                let ended = run(socket, Double::new(world.clone(), mailbox), mail, &limits, stop.subscribe()).await;
                world.seen.send_modify(|seen| seen.log.push("session ended".to_owned()));
                let _ = ends.send(ended);
            }
        };
        let upgrade = async move |upgrade: WebSocketUpgrade| {
            configure(upgrade, &limits).on_upgrade(async move |socket| session(socket, limits).await)
        };
        let router = Router::new().route("/", get(upgrade)).route("/plain", get(async || "plain"));
        let serving = tokio::spawn(serve(listener, router, http, stop.subscribe()));
        Hub { address, topics, stop, serving, world, ended }
    }

    /// How the next session to end ended.
    pub(crate) async fn ended(&mut self) -> Ended {
        soon("a session's end", self.ended.recv()).await.expect("the router lives")
    }

    pub(crate) fn publish(&self, text: &str) -> u64 {
        self.topics.publish(Topic::Block, text.into())
    }
}

impl World {
    /// Waits until the sessions have seen something.
    pub(crate) async fn until(&self, what: &str, reached: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        soon(what, seen.wait_for(reached)).await.expect("the sender lives");
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.borrow())
    }

    /// Lets a `wait` request finish; `*` lets all.
    pub(crate) fn release(&self, name: &str) {
        self.released.send_modify(|released| {
            released.insert(name.to_owned());
        });
    }

    pub(crate) fn note(&self, line: &str) {
        self.seen.send_modify(|seen| seen.log.push(line.to_owned()));
    }
}

/// A session whose requests say what becomes of them: `wait NAME` is answered once released, `big BYTES` by so many, `silent` not at all,
/// `expire` ends the session's right to be here; anything else is its own answer. Binary frames are answered backwards.
struct Double {
    world: World,
    /// Kept, so that the subscription is the session's.
    _mailbox: Mailbox<Event>,
    closes_after: Option<Instant>,
}

impl Double {
    fn new(world: World, mailbox: Mailbox<Event>) -> Double {
        world.seen.send_modify(|seen| seen.sessions += 1);
        Double { world, _mailbox: mailbox, closes_after: None }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.world.seen.send_modify(|seen| seen.sessions -= 1);
    }
}

/// Counts a request while its future lives.
struct Unfinished(World);

impl Unfinished {
    fn new(world: World) -> Unfinished {
        world.seen.send_modify(|seen| {
            seen.submitted += 1;
            seen.unfinished += 1;
            seen.unfinished_max = seen.unfinished_max.max(seen.unfinished);
        });
        Unfinished(world)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.seen.send_modify(|seen| seen.unfinished -= 1);
    }
}

impl Session for Double {
    type Event = Event;

    fn text(&mut self, frame: String) -> impl Future<Output = Option<String>> + Send + 'static {
        let unfinished = Unfinished::new(self.world.clone());
        self.world.note(&format!("submitted {frame}"));
        if frame == "expire" {
            self.closes_after = Some(Instant::now());
        }
        async move {
            let world = &unfinished.0;
            world.note(&format!("polled {frame}"));
            match frame.split_once(' ') {
                Some(("wait", name)) => {
                    let mut released = world.released.subscribe();
                    let open = |names: &BTreeSet<String>| names.contains(name) || names.contains("*");
                    released.wait_for(open).await.ok()?;
                    Some(frame)
                }
                Some(("big", bytes)) => Some("x".repeat(bytes.parse().expect("a number"))),
                _ if frame == "silent" => None,
                _ => Some(frame),
            }
        }
    }

    fn binary(&mut self, frame: Vec<u8>) -> impl Future<Output = Option<Vec<u8>>> + Send + 'static {
        let unfinished = Unfinished::new(self.world.clone());
        async move {
            let _unfinished = unfinished;
            Some(frame.into_iter().rev().collect())
        }
    }

    fn event(&mut self, mail: Mail<Event>) -> Option<String> {
        match mail {
            Mail::Event(delivery) if &*delivery.event == "expire" => {
                self.closes_after = Some(Instant::now());
                None
            }
            Mail::Event(delivery) => Some(format!("{}: {}", delivery.seq, delivery.event)),
            Mail::Lagged => Some("lagged".to_owned()),
        }
    }

    fn closes_after(&self) -> Option<Instant> {
        self.closes_after
    }
}
