//! What a hostile node may lock: onions that no honest payer makes (**HT-1**, **HT-4**). Each comes back with its reason; nothing panics.

use super::net::Net;
use super::script::{play, preimage};
use crate::machine::At;
use crate::server::routes::{HOP_DELTA_S, Source};
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::htlc::{Hop, ONION_BYTES_MAX, ONION_VERSION};
use xln_types::tx::ROUTE_HOPS_MAX;
use xln_types::{Amount, EntityId, Htlc, Onion, TxHash};

/// Until when A locks, seconds from now.
const AHEAD_S: u64 = 3000;

/// A, whose rules are its own, locks 100 for B with any bytes at all.
fn lock(net: &mut Net, onion: Blob) {
    let (asset, hashlock, now_ms) = (net.asset("USD"), hashlock(&preimage(1)), net.now_ms);
    let expires_at_s = net.now_s() + AHEAD_S;
    let (channel, side) = net.people.channel("A", "B");
    let server = &mut net.nodes[0].server;
    let (handle, at) = (server.channel_index.get(&channel).expect("open"), At { now_ms, sequence: server.sequence() });
    let htlc = Htlc { asset, amount: Amount(100), hashlock, expires_at_s, onion };
    let _ = server.lock(at, handle, side, htlc, Source::Own).expect("locked");
    let changes = server.drain_changes();
    server.write_changes(&changes);
    net.close_frames(0);
    net.settle();
}

/// HT-4: a hub follows an onion only where it gets its fee and has time to spare, and to whom it has a channel.
#[test]
fn a_hostile_onion_comes_back() {
    let mut net = Net::new();
    play(
        &mut net,
        "nodes A B C \n meet A B C \n A open B \n B credit A 9999 USD \n B open C \n C credit B 9999 USD
        B update policy USD base 1 ppm 1000000 \n told A",
    );
    let now_s = net.now_s();
    let hop = |to: EntityId, amount, expires_at_s| Hop { to, amount: Amount(amount), expires_at_s };
    let (a, b, c) = (net.people.entity("A"), net.people.entity("B"), net.people.entity("C"));
    let late_s = now_s + AHEAD_S - HOP_DELTA_S;
    let onion = |version, hops| Blob(alloy_rlp::encode(Onion { version, payment: TxHash([9; 32]), hops }));
    let route = |hops| onion(ONION_VERSION, hops);
    let cases = [
        (Blob(vec![1, 2, 3]), "0:MalformedBody"),
        (Blob(vec![0xc0]), "0:MalformedBody"),
        (Blob(vec![0xff; ONION_BYTES_MAX]), "0:MalformedBody"),
        (onion(2, vec![]), "0:MalformedBody"),
        (route(vec![hop(c, 1, late_s); ROUTE_HOPS_MAX + 1]), "0:MalformedBody"),
        (route(vec![]), "0:InvoiceUnpayable"),
        (route(vec![hop(c, 49, late_s)]), "1:InvoiceUnpayable"),
        (route(vec![hop(c, 50, late_s)]), "0:FeeTooLow"),
        (route(vec![hop(c, 100, late_s)]), "0:FeeTooLow"),
        (route(vec![hop(c, 101, late_s)]), "0:FeeTooLow"),
        (route(vec![hop(c, 1 << 120, late_s)]), "0:OutOfRange"),
        (route(vec![hop(c, u128::MAX, late_s)]), "0:OutOfRange"),
        (route(vec![hop(c, 0, late_s)]), "0:AmountNotPositive"),
        (route(vec![hop(c, 49, late_s + 1)]), "0:ExpiryOutside"),
        (route(vec![hop(c, 49, u64::MAX)]), "0:ExpiryOutside"),
        (route(vec![hop(c, 49, now_s)]), "0:ExpiryOutside"),
        (route(vec![hop(c, 49, 0)]), "0:ExpiryOutside"),
        (route(vec![hop(a, 49, late_s)]), "0:NoRoute"),
        (route(vec![hop(b, 49, late_s)]), "0:NoRoute"),
        (route(vec![hop(EntityId::ZERO, 49, late_s)]), "0:NoRoute"),
        (route(vec![hop(c, 49, late_s), hop(b, 9, late_s - HOP_DELTA_S)]), "1:NoRoute"),
    ];
    for (onion, expected) in cases {
        lock(&mut net, onion.clone());
        play(&mut net, &format!("told A locked 100, returned:{expected} \n forwards B 0 \n held B C USD 0"));
    }
    play(&mut net, "outgoing A 0 \n outgoing B 0 \n net B USD 0");
}
