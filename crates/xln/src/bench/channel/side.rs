//! One of the two processes of the suite `channel`: a whole node with its disk, keys and sessions, and a load that enters by its own door.

use super::orders::{Done, Order};
use crate::failure::Failure;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use xln_api::backend::{Backend, Confirmed, HostedCall, NewKey, NewSigner, Request, read};
use xln_chain::dev::{self, Deployment, accounts};
use xln_crypto::derive;
use xln_machine::Server;
use xln_machine::channel::ChannelStatus;
use xln_node::config::{AssetConfig, Config};
use xln_node::{HubKey, Node, Running};
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::tx::{AssetAmount, BatchPayment, BatchedPayment, CreateEntity, DirectPayment, OpenChannel, SetCredit};
use xln_types::{Address, Amount, Asset, AssetId, Body, ChannelId, EntityId, SignerId};

/// What each grants the other: never used up.
const GRANT: Amount = Amount(1 << 100);
/// How often the state is asked whether something has come to pass.
const POLL: Duration = Duration::from_millis(2);
/// The same where the time itself is measured.
const POLL_FINE: Duration = Duration::from_micros(100);
/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(600);
/// Calls under way while channels are made.
const SETUP_WINDOW: usize = 256;

/// The options of the hidden command `bench-side`.
#[derive(Args)]
pub(crate) struct BenchSide {
    #[arg(long)]
    rpc: String,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    account: usize,
}

/// A channel as this side pays over it.
#[derive(Clone, Copy)]
struct Way {
    channel: ChannelId,
    own: EntityId,
    other: EntityId,
}

struct Bench {
    node: Node,
    account: Address,
    asset: AssetId,
    /// The signer of the entities founded here.
    signer: Option<SignerId>,
    peer: Option<(String, EntityId)>,
}

/// Serves the benchmark's orders until told to end.
pub(crate) async fn run(options: BenchSide) -> Result<(), Failure> {
    let account = accounts::all().get(options.account).ok_or_else(|| Failure::Usage("--account".to_owned()))?;
    let config = config(&options, account.address);
    let key = HubKey::Given(account.secret);
    let running = Node::start(config, "xln benchmark", key, Some(dev::CHAIN_ID), &mut |_| {}).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(Failure::world)?;
    let peer = listener.local_addr().map_err(Failure::world)?;
    running.meet_peers(Some(listener));
    let (hub, _, chain_id) = running.hub();
    println!("{}", json!({ "peer": peer.to_string(), "hub_id": hub.to_string() }));
    let asset = derive::asset_id(chain_id, &Asset::NATIVE);
    let mut bench = Bench { node: running.node(), account: account.address, asset, signer: None, peer: None };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(Failure::world)? {
        let Some(order) = Order::from_json(&line) else { break };
        if matches!(order, Order::Stop) {
            println!("{}", Done::default().to_json());
            break;
        }
        match bench.obey(order, &running).await {
            Ok(done) => println!("{}", done.to_json()),
            Err(failure) => println!("{}", json!({ "error": format!("{failure:?}") })),
        }
    }
    Ok(running.stop().await?)
}

fn config(options: &BenchSide, admin: Address) -> Config {
    let native = AssetConfig { symbol: "ETH".to_owned(), contract: None, decimals: 18 };
    Config {
        data: options.data.clone(),
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        rpc: options.rpc.clone(),
        depositary: Deployment::standard().depositary,
        confirmations: 1,
        first_block: 0,
        poll_ms: 1_000,
        admins: vec![admin],
        operators: vec![admin],
        auditors: Vec::new(),
        assets: vec![native],
        policies: Vec::new(),
        peer_listen: None,
        peers: Vec::new(),
    }
}

impl Bench {
    async fn obey(&mut self, order: Order, running: &Running) -> Result<Done, Failure> {
        match order {
            Order::Connect { address, node } => self.connect(address, &node).await,
            Order::Open { count, node } => self.open(count, &node).await,
            Order::Grant { channels } => self.grant(channels).await,
            Order::Await { channels } => self.until_granted(channels).await,
            Order::Pay { channels, millis, window, batch } => {
                self.pay(channels, Duration::from_millis(millis), window, batch).await
            }
            Order::Lone { times } => self.lone(times).await,
            Order::Reconnect { outstanding } => self.reconnect(outstanding, running).await,
            Order::Stop => Ok(Done::default()),
        }
    }

    async fn connect(&mut self, address: String, node: &str) -> Result<Done, Failure> {
        let node: EntityId = node.parse().map_err(|_| Failure::Usage("node".to_owned()))?;
        self.node.connect_peer(address.clone(), Some(node)).await.map_err(Failure::world)?;
        self.peer = Some((address, node));
        self.until(POLL, move |server| server.knows_node(node)).await?;
        Ok(Done::default())
    }

    async fn ask<T: Send>(&self, question: impl FnOnce(&Server) -> T + Send) -> Result<T, Failure> {
        read(&self.node, question).await.map_err(Failure::world)
    }

    async fn until(&self, poll: Duration, condition: impl Fn(&Server) -> bool + Send + Sync) -> Result<(), Failure> {
        let start = Instant::now();
        while !self.ask(&condition).await? {
            if PATIENCE < start.elapsed() {
                return Err(Failure::World("nothing happens any more".to_owned()));
            }
            tokio::time::sleep(poll).await;
        }
        Ok(())
    }

    async fn call(&self, from: Address, to: Address, body: Body) -> Result<Confirmed, Failure> {
        let call = HostedCall { account: self.account, token: [1; 16], from, to, body, fee: Amount::ZERO };
        let confirmed = self.node.submit(Request::Hosted(call)).await.map_err(Failure::world)?;
        match confirmed.receipt.rejection() {
            None => Ok(confirmed),
            Some(rejection) => Err(Failure::World(format!("refused: {}", rejection.reason()))),
        }
    }

    /// Does something for each of them, so many at a time.
    async fn each<T: Clone>(&self, items: &[T], act: impl Fn(T) -> (Address, Address, Body)) -> Result<(), Failure> {
        for part in items.chunks(SETUP_WINDOW) {
            let calls = part.iter().cloned().map(|item| {
                let (from, to, body) = act(item);
                self.call(from, to, body)
            });
            for outcome in join_all(calls.collect()).await {
                outcome?;
            }
        }
        Ok(())
    }

    async fn open(&mut self, count: usize, node: &str) -> Result<Done, Failure> {
        let node: EntityId = node.parse().map_err(|_| Failure::Usage("node".to_owned()))?;
        let signer = match self.signer {
            Some(signer) => signer,
            None => {
                let new = NewSigner { owner: self.account, key: NewKey::Generated, metadata: Blob::default() };
                self.node.create_signer(new).await.map_err(Failure::world)?.0
            }
        };
        self.signer = Some(signer);
        let first = self.ask(|server| server.signer(signer).map_or(0, |signer| signer.next_salt)).await?;
        let salts: Vec<u64> = (first..first + count as u64).collect();
        self.each(&salts, |salt| {
            let members = vec![Member { signer, weight: 1 }];
            let body = CreateEntity { threshold: 1, members, salt, metadata: Blob::default() };
            (signer.address(), Address::ZERO, body.into())
        })
        .await?;
        let asset = self.asset;
        self.each(&salts, |salt| {
            let entity = derive::entity_id(&xln_types::Board::single(signer, salt));
            let body = OpenChannel {
                peer: node,
                collateral: vec![],
                grants: vec![AssetAmount { asset, amount: GRANT }],
                requested: vec![],
                dispute_window_s: 3600,
                valid_until_s: 0,
                chain_signatures: vec![],
            };
            (entity.address(), node.address(), body.into())
        })
        .await?;
        let wanted = self.ways().await?.len();
        self.until(POLL, move |server| open_channels(server) == wanted).await?;
        Ok(Done::default())
    }

    async fn grant(&self, channels: usize) -> Result<Done, Failure> {
        self.until(POLL, move |server| channels <= open_channels(server)).await?;
        let asset = self.asset;
        let ways = self.ways().await?;
        let missing = self.ask(move |server| {
            let granted = |way: &Way| {
                let channel = server.channel(way.channel)?;
                let me = channel.replica.as_ref()?.me;
                channel.line(asset).map(|line| line.granted(me))
            };
            ways.into_iter().filter(|way| granted(way) != Some(GRANT)).collect::<Vec<_>>()
        });
        let missing = missing.await?;
        self.each(&missing, |way: Way| {
            let body = SetCredit { channel: way.channel, asset, granted: GRANT };
            (way.own.address(), way.other.address(), body.into())
        })
        .await?;
        self.until_granted(channels).await
    }

    async fn until_granted(&self, channels: usize) -> Result<Done, Failure> {
        let asset = self.asset;
        self.until(POLL, move |server| {
            let both = |channel: &&xln_machine::channel::Channel| {
                channel.line(asset).is_some_and(|line| line.granted_by_left == GRANT && line.granted_by_right == GRANT)
            };
            channels <= server.channels().filter(both).count()
        })
        .await?;
        Ok(Done::default())
    }

    /// The channels with the other node.
    async fn ways(&self) -> Result<Vec<Way>, Failure> {
        self.ask(|server| {
            let way = |channel: &xln_machine::channel::Channel| {
                let me = channel.replica.as_ref()?.me;
                let (own, other) = (channel.head.entity(me), channel.head.entity(me.other()));
                Some(Way { channel: channel.head.id, own, other })
            };
            server.channels().filter_map(way).collect()
        })
        .await
    }

    fn batch(&self, count: usize) -> Body {
        let one = BatchedPayment { amount: Amount(1), memo: Blob::default() };
        BatchPayment { asset: self.asset, payments: vec![one; count] }.into()
    }

    fn payment(&self) -> Body {
        DirectPayment { asset: self.asset, amount: Amount(1), memo: Blob::default(), route: vec![] }.into()
    }

    /// Payments that this node has made and the other has signed, and frames, over all channels with it.
    async fn counts(&self) -> Result<(u64, u64), Failure> {
        self.ask(|server| {
            let counted = server.channels().filter_map(|channel| {
                let replica = channel.replica.as_ref()?;
                let payments: u64 = channel.book.lines.iter().map(|(_, line)| line.payments).sum();
                Some((payments, replica.height))
            });
            counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        })
        .await
    }

    async fn until_settled(&self) -> Result<(), Failure> {
        self.until(POLL, |server| {
            let settled = |channel: &xln_machine::channel::Channel| {
                channel.replica.as_ref().is_none_or(|replica| replica.is_settled())
            };
            server.channels().all(settled)
        })
        .await
    }

    async fn pay(&self, channels: usize, length: Duration, window: usize, batch: usize) -> Result<Done, Failure> {
        let body = if batch == 1 { self.payment() } else { self.batch(batch) };
        let ways: Vec<Way> = self.ways().await?.into_iter().take(channels).collect();
        let (_, frames_before) = self.counts().await?;
        let start = Instant::now();
        let (mut next, mut paid) = (0_usize, 0_u64);
        let mut under_way = tokio::task::JoinSet::new();
        let mut spawn = |under_way: &mut tokio::task::JoinSet<Result<Confirmed, Failure>>| {
            let way = ways[next % ways.len()];
            next += 1;
            let (node, body, account) = (self.node.clone(), body.clone(), self.account);
            let (from, to) = (way.own.address(), way.other.address());
            under_way.spawn(async move {
                let call = HostedCall { account, token: [1; 16], from, to, body, fee: Amount::ZERO };
                node.submit(Request::Hosted(call)).await.map_err(Failure::world)
            });
        };
        for _ in 0..window {
            spawn(&mut under_way);
        }
        while let Some(outcome) = under_way.join_next().await {
            let confirmed = outcome.map_err(Failure::world)??;
            match confirmed.receipt.rejection() {
                None => paid += batch as u64,
                // A draft that is full is the contended channel's own back-pressure.
                Some(xln_types::Rejection::StackFull { .. }) => tokio::time::sleep(POLL).await,
                Some(rejection) => return Err(Failure::World(format!("refused: {}", rejection.reason()))),
            }
            if start.elapsed() < length {
                spawn(&mut under_way);
            }
        }
        self.until_settled().await?;
        let seconds = start.elapsed().as_secs_f64();
        let (_, frames) = self.counts().await?;
        Ok(Done { payments: paid, frames: frames - frames_before, seconds, ..Done::default() })
    }

    async fn lone(&self, times: usize) -> Result<Done, Failure> {
        let way = *self.ways().await?.first().ok_or_else(|| Failure::World("no channel".to_owned()))?;
        let mut samples_ms = Vec::with_capacity(times);
        for _ in 0..times {
            let before = self.payments_in(way).await?;
            let start = Instant::now();
            self.call(way.own.address(), way.other.address(), self.payment()).await?;
            self.until(POLL_FINE, move |server| before < payments_in(server, way)).await?;
            samples_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(Done { samples_ms, ..Done::default() })
    }

    async fn payments_in(&self, way: Way) -> Result<u64, Failure> {
        self.ask(move |server| payments_in(server, way)).await
    }

    async fn reconnect(&mut self, outstanding: usize, running: &Running) -> Result<Done, Failure> {
        let (address, node) = self.peer.clone().ok_or_else(|| Failure::World("never connected".to_owned()))?;
        let ways: Vec<Way> = self.ways().await?;
        let step = (ways.len() / outstanding.max(1)).max(1);
        running.cut_peers();
        let chosen: Vec<Way> = ways.iter().copied().step_by(step).take(outstanding).collect();
        let body = self.payment();
        self.each(&chosen, |way: Way| (way.own.address(), way.other.address(), body.clone())).await?;
        let start = Instant::now();
        self.node.connect_peer(address, Some(node)).await.map_err(Failure::world)?;
        self.until_settled().await?;
        Ok(Done { seconds: start.elapsed().as_secs_f64(), ..Done::default() })
    }
}

fn payments_in(server: &Server, way: Way) -> u64 {
    server.channel(way.channel).map_or(0, |channel| channel.book.lines.iter().map(|(_, line)| line.payments).sum())
}

fn open_channels(server: &Server) -> usize {
    server.channels().filter(|channel| channel.replica.is_some() && channel.head.status == ChannelStatus::Open).count()
}

/// Waits for all of them, in their order.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: BTreeMap<usize, T> = BTreeMap::new();
    std::future::poll_fn(|context| {
        for (index, future) in pending.iter_mut().enumerate() {
            if !done.contains_key(&index)
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                done.insert(index, value);
            }
        }
        if done.len() == pending.len() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_values().collect()
}
