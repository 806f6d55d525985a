//! The suite `ws`: what a client sees of a hub on the same machine (PRD 4.1, 5.1.2, 10.1).

use crate::bench::floor;
use crate::bench::load::{Parties, Pipelined, paced, pipeline};
use crate::bench::row::Row;
use crate::bench::statistics::Samples;
use crate::child::DevHub;
use crate::failure::Failure;
use crate::show;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use xln_crypto::secp;
use xln_node::keystore::Keystore;
use xln_storage::RealDisk;
use xln_types::Hash;

/// Payments under way in the pipelined run.
const WINDOW: usize = 512;
/// Bytes of a record of one payment in the log, as the floor of one confirmation.
const RECORD_BYTES: usize = 512;
/// The interval of blocks.
const BLOCK: Duration = Duration::from_millis(100);

/// What the hub does while its blocks are timed.
#[derive(Clone, Copy)]
enum Load {
    /// Nothing.
    Idle,
    /// Payments at the rate that it is asked to bear.
    Steady,
    /// As many as client and hub together can, on the same cores.
    Saturated,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Load::Idle => "idle",
            Load::Steady => "loaded with 10,000 payments/s",
            Load::Saturated => "saturated",
        }
    }
}

/// Payments a second of [`Load::Steady`]: the target of the pipelined run.
const STEADY_PER_S: usize = 10_000;

/// How much is measured.
struct Size {
    single: usize,
    pipelined: usize,
    blocks: Duration,
    creations: usize,
    signatures: usize,
}

const FULL: Size =
    Size { single: 2_000, pipelined: 200_000, blocks: Duration::from_secs(60), creations: 200, signatures: 20_000 };
const QUICK: Size =
    Size { single: 300, pipelined: 20_000, blocks: Duration::from_secs(5), creations: 30, signatures: 2_000 };

/// Measures everything.
pub(crate) async fn run(quick: bool, as_json: bool) -> Result<Vec<Row>, Failure> {
    let size = if quick { QUICK } else { FULL };
    let bar = show::progress("ws", 8, as_json);
    let start = Instant::now();
    let hub = DevHub::start().await?;
    hub.until_ready().await?;
    let mut rows = vec![Row::at_most("start to /readyz", ms(start), "ms", 2_000.0)];
    let parties = Parties::found(&hub).await?;
    bar.inc(1);
    rows.extend(one_at_a_time(&parties, &hub, &size).await?);
    bar.inc(1);
    rows.extend(pipelined(&parties, &size).await?);
    let start = Instant::now();
    let hub = hub.crash_and_restart().await?;
    hub.until_ready().await?;
    let name = format!("restart after kill -9, {} payments in the log, to /readyz", size.pipelined);
    rows.push(Row::at_most(name, ms(start), "ms", 5_000.0));
    let parties = parties.again(&hub).await?;
    bar.inc(1);
    for load in [Load::Idle, Load::Steady, Load::Saturated] {
        rows.extend(block_intervals(&parties, load, size.blocks).await?);
        bar.inc(1);
    }
    rows.extend(creations(&parties, size.creations).await?);
    bar.inc(1);
    rows.push(hosted_signatures(hub.scratch(), size.signatures)?);
    let start = Instant::now();
    hub.stop().await?;
    rows.push(Row::at_most("stop, by Ctrl-C", ms(start), "ms", 2_000.0));
    bar.finish_and_clear();
    Ok(rows)
}

/// Milliseconds since then.
fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// One request at a time over one connection: the answer comes when the payment is durable.
async fn one_at_a_time(parties: &Parties, hub: &DevHub, size: &Size) -> Result<Vec<Row>, Failure> {
    let mut socket = parties.client.socket().await?;
    let before = processed(parties).await?;
    let mut confirmed = Samples::default();
    for _ in 0..size.single {
        let start = Instant::now();
        let _ = socket.call("payment.send", parties.payment(1)).await?;
        confirmed.since(start);
    }
    let after = processed(parties).await?;
    let mut floor = Samples::default();
    let folder = hub.scratch().to_owned();
    let times = size.single;
    let syncing = move || floor::append_and_sync(&folder, RECORD_BYTES, times);
    let synced = tokio::task::spawn_blocking(syncing).await.map_err(Failure::world)?.map_err(Failure::world)?;
    synced.into_iter().for_each(|took| floor.note(took));
    let row = |name: &str, part: usize, target: f64| {
        Row::at_most(name, confirmed.percentile(part), "ms", target).beside(floor.percentile(part))
    };
    Ok(vec![
        Row::at_most("processed p99, at most", between(&before, &after, 0.99), "ms", 10.0),
        row("confirmed p50", 500, 10.0),
        row("confirmed p95", 950, 100.0),
        row("confirmed p99", 990, 200.0),
    ])
}

/// The buckets of `xln_processed_seconds`: upper end in seconds, and how many inputs lie below it.
async fn processed(parties: &Parties) -> Result<Vec<(f64, u64)>, Failure> {
    let (_, text) = parties.client.raw("/metrics").await?;
    let line = |line: &str| {
        let (end, count) = line.strip_prefix("xln_processed_seconds_bucket{le=\"")?.split_once("\"} ")?;
        Some((end.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// The bucket's end, in milliseconds, below which the fraction `part` of what came between the two looks lies.
fn between(before: &[(f64, u64)], after: &[(f64, u64)], part: f64) -> f64 {
    let counts: Vec<(f64, u64)> =
        after.iter().zip(before).map(|((end, after), (_, before))| (*end, after - before)).collect();
    let total = counts.last().map_or(0, |(_, count)| *count);
    let wanted = part * total as f64;
    counts.iter().find(|(_, count)| wanted <= *count as f64).map_or(f64::INFINITY, |(end, _)| end * 1000.0)
}

/// Many under way over one connection.
async fn pipelined(parties: &Parties, size: &Size) -> Result<Vec<Row>, Failure> {
    let total = size.pipelined;
    let Pipelined { per_s, asked_bytes, answered_bytes } = pipeline(parties, WINDOW, |done| total <= done).await?;
    let echo = move || floor::echo(asked_bytes, answered_bytes, WINDOW, total);
    let floor = tokio::task::spawn_blocking(echo).await.map_err(Failure::world)?.map_err(Failure::world)?;
    let records = changed_records(parties).await?;
    let messages = per_s * records as f64;
    Ok(vec![
        Row::at_least("payments pipelined", per_s, "1/s", 10_000.0).beside(floor),
        Row::at_least("machine messages (records that the payments changed)", messages, "1/s", 10_000.0),
    ])
}

/// How many records one payment changes: each change is the answer to a message that a machine was sent.
async fn changed_records(parties: &Parties) -> Result<usize, Failure> {
    let paid = parties.client.post("/payments/send", &parties.payment(1)).await?;
    let id = xln_client::client::text(&paid, "paymentId")?;
    // The operator sees all of them.
    let receipt = parties.operator.get(&format!("/transactions/{id}")).await?;
    Ok(receipt["changes"].as_array().map_or(0, Vec::len))
}

/// The intervals of blocks by their own timestamps, beside a bare ticker that runs at the same time.
async fn block_intervals(parties: &Parties, load: Load, length: Duration) -> Result<Vec<Row>, Failure> {
    let mut socket = parties.client.socket().await?;
    let _ = socket.call("subscribe", json!({ "channels": ["block"] })).await?;
    let ticking = tokio::task::spawn_blocking(move || floor::ticks(BLOCK, length));
    let watching = async {
        let until = Instant::now() + length;
        let (mut intervals, mut last) = (Samples::default(), None);
        while Instant::now() < until {
            let (_, _, block) = socket.event().await?;
            let at_ms = block["timestampMs"].as_f64().unwrap_or_default();
            if let Some(last) = last {
                intervals.push(at_ms - last);
            }
            last = Some(at_ms);
        }
        Ok::<Samples, Failure>(intervals)
    };
    let until = Instant::now() + length;
    let loading = async {
        match load {
            Load::Idle => Ok(0.0),
            Load::Steady => paced(parties, STEADY_PER_S, length).await,
            Load::Saturated => pipeline(parties, WINDOW, |_| until <= Instant::now()).await.map(|done| done.per_s),
        }
    };
    let (intervals, loaded) = tokio::join!(watching, loading);
    let (intervals, _) = (intervals?, loaded?);
    let name = load.name();
    let mut floor = Samples::default();
    ticking.await.map_err(Failure::world)?.into_iter().for_each(|took| floor.note(took));
    let low = Row::at_least(format!("block interval p0.1, {name}"), intervals.percentile(1), "ms", 90.0);
    let high = Row::at_most(format!("block interval p99.9, {name}"), intervals.percentile(999), "ms", 110.0);
    Ok(vec![low.beside(floor.percentile(1)), high.beside(floor.percentile(999))])
}

/// What is made rarely: each to its durable answer.
async fn creations(parties: &Parties, times: usize) -> Result<Vec<Row>, Failure> {
    let mut socket = parties.client.socket().await?;
    let [mut signers, mut entities, mut channels, mut allocations] = [const { Samples::none() }; 4];
    for _ in 0..times {
        let start = Instant::now();
        let _ = socket.call("signer.create", json!({})).await?;
        signers.since(start);
        let start = Instant::now();
        let made = socket.call("entity.create", json!({ "signerId": parties.signer, "type": "single" })).await?;
        entities.since(start);
        let open = json!({ "entityA": made["entityId"], "entityB": parties.hub_id });
        let start = Instant::now();
        let opened: Value = socket.call("channel.open", open).await?;
        channels.since(start);
        let _ = xln_client::client::text(&opened, "channelId")?;
        let allocate = json!({
            "entityId": parties.payer, "channelId": parties.channel, "asset": "ETH", "amount": "1",
        });
        let start = Instant::now();
        let _ = socket.call("reserve.allocate", allocate).await?;
        allocations.since(start);
    }
    let both = |name: &str, samples: &Samples, target: f64| {
        [
            Row::at_most(format!("{name} p50"), samples.median(), "ms", target),
            Row::at_most(format!("{name} max"), samples.max(), "ms", target),
        ]
    };
    let rows = [
        both("signer.create", &signers, 100.0),
        both("entity.create", &entities, 200.0),
        both("channel.open", &channels, 500.0),
        both("reserve.allocate", &allocations, 50.0),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Signatures with a key that lies wrapped in an unlocked keystore, beside the bare signature.
fn hosted_signatures(scratch: &Path, times: usize) -> Result<Row, Failure> {
    let disk = RealDisk::open(&scratch.join("bench-keys")).map_err(Failure::world)?;
    let keystore = Keystore::unlock(disk, "a password of the bench").map_err(Failure::world)?;
    let (signer, _) = keystore.generate().map_err(Failure::world)?;
    let digest = |number: usize| xln_crypto::keccak256(number.to_be_bytes());
    let start = Instant::now();
    for number in 0..times {
        let _ = keystore.sign(signer, &digest(number)).map_err(Failure::world)?;
    }
    let hosted = times as f64 / start.elapsed().as_secs_f64();
    let (secret, start) = ([7; 32], Instant::now());
    for number in 0..times {
        let signed: Result<[u8; 65], _> = secp::sign(&secret, &Hash(digest(number).0));
        let _ = signed.map_err(Failure::world)?;
    }
    let bare = times as f64 / start.elapsed().as_secs_f64();
    Ok(Row::at_least("hosted signatures, one core", hosted, "1/s", 1_000.0).beside(bare))
}
