//! The suite `channel`: two hubs in two processes on loopback, frames between them over the real transport, each on a real disk. The
//! figures are of the protocol: payments enter in each process through the node's own door, without JSON in between.
//!
//! Read [`run`]; what a process does stands in [`side`].

mod orders;
pub(crate) mod side;

use crate::bench::floor;
use crate::bench::row::Row;
use crate::bench::statistics::Samples;
use crate::failure::Failure;
use crate::show;
use orders::{Done, Order, Side};
use xln_chain::dev::{DevChain, DevOptions};

/// How much is measured.
struct Size {
    channels: usize,
    load_ms: u64,
    lone: usize,
    many: usize,
    signatures: usize,
}

const FULL: Size = Size { channels: 1_000, load_ms: 10_000, lone: 1_000, many: 100_000, signatures: 4_000 };
const QUICK: Size = Size { channels: 200, load_ms: 2_000, lone: 100, many: 1_000, signatures: 1_000 };

/// Payments under way on each side of one contended channel.
const WINDOW: usize = 1_024;
/// Payments of one batch, and so of one frame.
const BATCH: usize = 64;

/// Measures everything.
pub(crate) async fn run(quick: bool, as_json: bool) -> Result<Vec<Row>, Failure> {
    let size = if quick { QUICK } else { FULL };
    let bar = show::progress("channel", 6, as_json);
    let folder = tempfile::tempdir().map_err(Failure::world)?;
    let chain_folder = folder.path().join("chain");
    let open = move || DevChain::open(&chain_folder, &DevOptions::default());
    let chain = tokio::task::spawn_blocking(open).await.map_err(Failure::world)?.map_err(Failure::world)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(Failure::world)?;
    let rpc = chain.serve(listener).map_err(Failure::world)?;
    let mut left = Side::start(&rpc.url(), folder.path().join("a"), 0).await?;
    let mut right = Side::start(&rpc.url(), folder.path().join("b"), 2).await?;
    let met = left.peer().to_owned();
    right.order(&Order::Connect { address: met, node: left.hub() }).await?;
    right.order(&Order::Open { count: size.channels, node: left.hub() }).await?;
    left.order(&Order::Grant { channels: size.channels }).await?;
    right.order(&Order::Await { channels: size.channels }).await?;
    bar.inc(1);
    let signatures = size.signatures;
    let floor = tokio::task::spawn_blocking(move || floor::sign_and_verify_twice(signatures));
    let floor = floor.await.map_err(Failure::world)?;
    bar.inc(1);
    let mut rows = Vec::new();
    // Fewer under way than there are channels, which take turns: so a channel has seldom two, and a frame one payment.
    let all = both_ways(&mut left, &mut right, size.channels, size.channels / 3, 1, size.load_ms).await?;
    let name = format!("payments over {} channels both ways, {:.1} a frame", size.channels, all.payments_a_frame());
    rows.push(Row::at_least(name, all.per_s(), "1/s", 5_000.0).of("channel").beside(floor).at_least_of_floor(0.5));
    let batches = both_ways(&mut left, &mut right, size.channels, size.channels / 3, BATCH, size.load_ms).await?;
    let name = format!(
        "payments in batches over {} channels both ways, {:.1} a frame",
        size.channels,
        batches.payments_a_frame()
    );
    rows.push(Row::at_least(name, batches.per_s(), "1/s", 100_000.0).of("channel"));
    bar.inc(1);
    let one = both_ways(&mut left, &mut right, 1, WINDOW, 1, size.load_ms).await?;
    let name = format!("payments over one contended channel both ways, {:.1} a frame", one.payments_a_frame());
    rows.push(Row::at_least(name, one.per_s(), "1/s", 0.0).of("channel"));
    bar.inc(1);
    let mut lone = Samples::none();
    for took_ms in left.order(&Order::Lone { times: size.lone }).await?.samples_ms {
        lone.push(took_ms);
    }
    for (name, part, target) in [("p50", 500, 15.0), ("p95", 950, 100.0), ("p99", 990, 200.0)] {
        let name = format!("a lone payment, to the verified acknowledgement, {name}");
        rows.push(Row::at_most(name, lone.percentile(part), "ms", target).of("channel"));
    }
    bar.inc(1);
    rows.push(reconnection(&mut left, &mut right, &size).await?);
    bar.finish_and_clear();
    for side in [left, right] {
        side.stop().await?;
    }
    rpc.shutdown().await;
    Ok(rows)
}

/// Both sides pay at once for so long; what both have signed in the end, over the time until then.
async fn both_ways(
    left: &mut Side,
    right: &mut Side,
    channels: usize,
    window: usize,
    batch: usize,
    millis: u64,
) -> Result<Done, Failure> {
    let order = Order::Pay { channels, millis, window, batch };
    let (one, other) = tokio::join!(left.order(&order), right.order(&order));
    let (one, other) = (one?, other?);
    // Frames and payments of a channel are the same on both sides; each side counts what it has itself paid.
    Ok(Done {
        payments: one.payments + other.payments,
        frames: one.frames.max(other.frames),
        seconds: one.seconds.max(other.seconds),
        ..one
    })
}

/// Many channels between two nodes: the session breaks while some have something outstanding, and is made again.
async fn reconnection(left: &mut Side, right: &mut Side, size: &Size) -> Result<Row, Failure> {
    let more = size.many.saturating_sub(size.channels);
    right.order(&Order::Open { count: more, node: left.hub() }).await?;
    left.order(&Order::Grant { channels: size.many.max(size.channels) }).await?;
    right.order(&Order::Await { channels: size.many.max(size.channels) }).await?;
    let took = right.order(&Order::Reconnect { outstanding: size.many / 100 }).await?;
    let name = format!(
        "{} channels reconnect and resume, {} of them with a payment outstanding",
        size.many.max(size.channels),
        size.many / 100
    );
    Ok(Row::at_most(name, took.seconds, "s", 5.0).of("channel"))
}
