//! Random walks (**CH-6**, **CH-8** to **CH-10**, **CH-13**, **DP-5**, **HT-2** to **HT-4**): three nodes and their people do everything at once, lines break,
//! nodes are busy or behind the chain. When all is quiet again both sides of every channel agree, nothing is held, every payment has ended,
//! and each has exactly what a ledger of its own says, hubs their fees.
//!
//! A failure names its seed; the same seed plays it again.

mod acts;
mod ledger;

use super::net::Net;
use super::script::play;
use super::{checks, script};
use crate::dice::Dice;
use crate::server::tests::image;
use acts::act;
use ledger::Ledger;
use std::collections::BTreeMap;

/// Walks that are tried.
const SEEDS: u64 = 100;
/// Acts of each.
const ACTS: u64 = 80;

/// The hubs.
const HUBS: [&str; 3] = ["A", "B", "C"];
/// Channels, and so who may pay whom directly.
const CHANNELS: [(&str, &str); 7] =
    [("A", "B"), ("B", "C"), ("C", "A"), ("A.p", "A"), ("B.q", "B"), ("C.r", "C"), ("A.p", "B")];

const MORNING: &str = "
    nodes A B C
    people A.p B.q C.r
    meet A B C
    A update policy USD base 1
    B update policy USD base 1
    C update policy USD base 1
    A.p update free 1
    chain deposited A 500 USD
    chain deposited B 500 USD
    chain deposited C 500 USD
    ";

fn morning() -> Net {
    let mut net = Net::new();
    net.careful = false;
    play(&mut net, MORNING);
    for (one, other) in CHANNELS {
        play(&mut net, &format!("{one} open {other} grant 100 USD \n {other} credit {one} 100 USD"));
    }
    for (one, other) in [("A", "B"), ("B", "C"), ("C", "A")] {
        play(&mut net, &format!("{one} allocate {other} 90 USD \n chain added {one} {other} 90 USD #1"));
    }
    net.manual = true;
    net
}

/// Everything goes on, time passes, and what can end ends.
fn evening(net: &mut Net) {
    net.manual = false;
    for node in 0..net.nodes.len() {
        (net.nodes[node].lags, net.nodes[node].busy) = (false, false);
        let _ = net.catch_up(node);
        net.close_frames(node);
    }
    // What is under way arrives before its time is over.
    let lines: Vec<_> = (0..9).map(|line| (line / 3, line % 3)).filter(|(from, to)| from != to).collect();
    for hours in 0..6 {
        for _ in 0..3 {
            net.settle();
            lines.iter().for_each(|(from, to)| net.remind(*from, *to));
            net.settle();
            script::step(net, "clock 11");
        }
        if hours == 0 {
            acts::record_operations(net, None);
        } else {
            script::step(net, "clock 3600");
            script::step(net, "chain time 0");
        }
    }
    net.settle();
}

fn walk(seed: u64, count: &mut BTreeMap<String, u64>) {
    let mut net = morning();
    let (mut dice, mut ledger) = (Dice::new(seed), Ledger::new(&net));
    for step in 0..ACTS {
        let done = act(&mut net, &mut dice, &mut ledger);
        *count.entry(done).or_default() += 1;
        if step.is_multiple_of(16) {
            checks::agree(&net);
        }
    }
    evening(&mut net);
    checks::agree(&net);
    checks::quiet(&net);
    for node in &net.nodes {
        let server = &node.server;
        image::check(server);
        let left = (server.outgoing.len(), server.expiries.len(), server.forwards.len(), server.payments.len());
        assert_eq!(left, (0, 0, 0, 0), "{}", node.name);
        assert_eq!(server.operations().count(), 0, "{}", node.name);
        for channel in server.channels() {
            assert!(channel.book.htlcs.is_empty() && channel.promised.is_empty(), "{}", node.name);
            let held = channel.book.lines.iter().map(|(_, line)| line.held_left.0 + line.held_right.0);
            assert_eq!(held.sum::<u128>(), 0, "{}", node.name);
        }
    }
    let inputs: usize = net.nodes.iter().map(|node| node.inputs.len()).sum();
    *count.entry("inputs".into()).or_default() += inputs as u64;
    for (outcome, times) in ledger.compare(&net) {
        *count.entry(outcome).or_default() += times;
    }
    if seed.is_multiple_of(4) {
        checks::replay(&mut net);
    }
}

/// The whole of it, on hundreds of seeds.
#[test]
fn whatever_happens_all_agree_in_the_evening() {
    let mut count = BTreeMap::new();
    for seed in 0..SEEDS {
        let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk(seed, &mut count)));
        assert!(walked.is_ok(), "seed={seed}");
    }
    println!("{count:?}");
}
