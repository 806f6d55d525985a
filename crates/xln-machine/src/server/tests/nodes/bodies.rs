//! What a script's step asks for: a transaction's body, or a fact of the chain.

use super::net::Net;
use super::script::{Words, number, preimage};
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::tx::{self, AssetAmount, AssetPolicy, Body, DISPUTE_WINDOW_S_DEFAULT};
use xln_types::{Address, Amount, Balance, ChainFact, FactKind, FactPosition, Hash, OperationId, Receipt, Side};

pub(super) fn body(net: &Net, words: &Words<'_>) -> Body {
    let (from, third) = (words.0[0], words.0.get(2).copied().unwrap_or_default());
    let (channel, side) = net.people.channel(from, third);
    let until = |otherwise| net.now_s() + words.small("for", otherwise);
    let at = |place| words.amount(net, place);
    let id = || words.0[3].parse().expect("an id");
    match words.0[1] {
        "open" => open(net, words, until(3600)).into(),
        "accept" => tx::AcceptChannel { channel, grants: words.amounts(net, "grant") }.into(),
        "credit" => tx::SetCredit { channel, asset: at(3).asset, granted: at(3).amount }.into(),
        "pay" => {
            let (AssetAmount { asset, amount }, memo) =
                (at(3), Blob(vec![b'm'; usize::try_from(words.number("memo", 0)).expect("small")]));
            tx::DirectPayment { asset, amount, memo, route: vec![] }.into()
        }
        "lock" => {
            let (AssetAmount { asset, amount }, hashlock) = (at(3), hashlock(&preimage(words.hash())));
            let onion = Blob(vec![1; usize::try_from(words.number("onion", 0)).expect("small")]);
            tx::HtlcCreate { channel, asset, amount, hashlock, expires_at_s: until(600), onion }.into()
        }
        "claim" => tx::HtlcFulfill { channel, id: id(), preimage: preimage(words.hash()) }.into(),
        "cancel" => {
            let side: Side = if words.0.contains(&"own") { side } else { side.other() };
            tx::HtlcCancel { channel, side, id: id(), reason: Blob::default() }.into()
        }
        "send" => route(net, words).into(),
        "allocate" => {
            let (AssetAmount { asset, amount }, chain_signature) = (at(3), Blob::default());
            tx::Allocate { channel, asset, amount, valid_until_s: until(3600), chain_signature }.into()
        }
        "withdraw" => {
            let (AssetAmount { asset, amount }, recipient) = (at(2), Address([3; 20]));
            let (valid_until_s, chain_signature) = (until(3600), Blob::default());
            tx::Withdraw { asset, amount, recipient, valid_until_s, chain_signature }.into()
        }
        "deallocate" => {
            let AssetAmount { asset, amount } = at(3);
            tx::Deallocate { channel, asset, amount, valid_until_s: until(3600) }.into()
        }
        "window" => {
            let mailbox = Address([u8::try_from(words.small("mailbox", 0)).expect("small"); 20]);
            tx::UpdateChannel { channel, dispute_window_s: words.small(third, 0), mailbox }.into()
        }
        _ => update(net, words).into(),
    }
}

fn open(net: &Net, words: &Words<'_>, valid_until_s: u64) -> tx::OpenChannel {
    tx::OpenChannel {
        peer: net.people.entity(words.0[2]),
        collateral: words.amounts(net, "lock"),
        grants: words.amounts(net, "grant"),
        requested: words.amounts(net, "ask"),
        dispute_window_s: words.small("window", DISPUTE_WINDOW_S_DEFAULT),
        valid_until_s,
        chain_signatures: vec![],
    }
}

fn route(net: &Net, words: &Words<'_>) -> tx::DirectPayment {
    let AssetAmount { asset, amount } = words.amount(net, 2);
    let hop = |entity: &str, fee| tx::RouteHop { entity: net.people.entity(entity), fee: Amount(fee) };
    let via = words.0.iter().filter_map(|word| word.split_once('+'));
    let mut hops: Vec<_> = via.map(|(hub, fee)| hop(hub, number(fee))).collect();
    hops.push(hop(words.after("to").expect("to somebody"), 0));
    let deadline_s = words.after("until").map_or(0, |seconds| net.now_s() + seconds.parse::<u64>().expect("seconds"));
    let memo = Blob(vec![b'm'; usize::try_from(words.number("memo", 0)).expect("small")]);
    let route = vec![tx::Route { hashlock: hashlock(&preimage(words.hash())), deadline_s, hops }];
    tx::DirectPayment { asset, amount, memo, route }
}

fn update(net: &Net, words: &Words<'_>) -> tx::UpdateEntity {
    let policies = words.after("policy").map(|symbol| AssetPolicy {
        asset: net.asset(symbol),
        grant_max: Amount(words.number("grants", u128::MAX)),
        grant_total_max: Amount(words.number("total", u128::MAX)),
        owed_max: Amount(words.number("cap", u128::MAX)),
        reserve_ppm: words.small("reserve", 0),
        fee_base: Amount(words.number("base", 0)),
        fee_ppm: words.small("ppm", 0),
    });
    let accepts_free = u8::try_from(words.small("free", 2)).expect("small");
    tx::UpdateEntity { metadata: Blob::default(), policies: policies.into_iter().collect(), accepts_free }
}

/// A fact in the chain's next block, which every node that doesn't lag takes.
pub(super) fn chain(net: &mut Net, words: &Words<'_>) -> Receipt {
    let entity = |at: usize| net.people.entity(words.0[at]);
    let kind = match words.0[1] {
        "deposited" => {
            let (AssetAmount { asset, amount }, sender) = (words.amount(net, 3), Address([3; 20]));
            FactKind::Deposited { entity: entity(2), asset, amount, sender }
        }
        "added" => {
            let (channel, side) = net.people.channel(words.0[2], words.0[3]);
            let AssetAmount { asset, amount } = words.amount(net, 4);
            let numbered = words.0.iter().any(|word| word.starts_with('#'));
            let operation =
                if numbered { net.node(words.0[2]).operations[words.hash() - 1] } else { OperationId::default() };
            FactKind::CollateralAdded { channel, entity: entity(2), side, asset, amount, operation }
        }
        "settled" => {
            let (channel, side) = net.people.channel(words.0[2], words.0[3]);
            let gains = [6, 7].map(|at| Balance(words.0[at].parse().expect("a gain")));
            let (left, right) = side.pick((gains[0], gains[1]), (gains[1], gains[0]));
            let counter = words.0[5].parse().expect("a counter");
            FactKind::Settled { channel, asset: net.asset(words.0[4]), counter, left, right }
        }
        _ => {
            let off_s: i64 = words.0[2].parse().expect("seconds");
            FactKind::Time { timestamp: net.now_s().wrapping_add_signed(off_s) }
        }
    };
    let block = net.facts.len() as u64 + 1;
    let at = FactPosition { block, log_index: 0, block_hash: Hash([9; 32]), chain_tx: Hash::ZERO };
    let receipts = net.fact(ChainFact { at, kind });
    let refused = receipts.iter().find(|receipt| !receipt.is_executed()).cloned();
    refused.or(receipts.first().cloned()).expect("somebody hears of it")
}
