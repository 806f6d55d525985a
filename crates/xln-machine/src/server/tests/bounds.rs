//! Bounds (**CH-12**, **TX-4**): every list that a stranger can lengthen has its largest length, and a typed refusal behind it.

use super::hub::{CHAIN_ID, Envelope, Hub, channel, entity};
use super::script::check;
use crate::server::state::ENDED_OPERATIONS_MAX;
use crate::server::{ASSETS_MAX, Input};
use xln_crypto::derive;
use xln_types::asset::Asset;
use xln_types::codec::Blob;
use xln_types::entry::Command;
use xln_types::tx::{self, AssetAmount, Body, CHANNEL_ASSETS_MAX};
use xln_types::{Address, Amount, AssetId, AssetInfo, ChainFact, FactKind, FactPosition, Rejection, Side};

/// The token with this number, registered.
fn register_token(hub: &mut Hub, number: usize) -> AssetId {
    let mut contract = [0x77; 20];
    contract[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let asset = Asset::erc20(Address(contract));
    let info = AssetInfo { id: derive::asset_id(CHAIN_ID, &asset), asset, symbol: format!("T{number}"), decimals: 0 };
    let id = info.id;
    assert_eq!(hub.apply_unseen(&Input::Command(Command::RegisterAsset { info })).rejection(), None);
    id
}

/// A transaction that stands; what holds after many is checked once ([`super::image::check`]).
fn stands(hub: &mut Hub, envelope: &Envelope, body: &Body) {
    let tx = hub.verified(envelope, body);
    assert_eq!(hub.apply_unseen(&Input::Transaction(tx)).rejection(), None);
}

/// A fact in the chain's next block, likewise.
fn recorded(hub: &mut Hub, kind: FactKind) {
    hub.chain_block += 1;
    let at = FactPosition { block: hub.chain_block, ..FactPosition::default() };
    assert_eq!(hub.apply_unseen(&Input::Fact(ChainFact { at, kind })).rejection(), None);
}

/// CH-12: 128 assets work in one channel and one reserve; the next is refused by every act that would list it.
#[test]
fn a_channel_and_a_reserve_hold_128_assets() {
    let mut hub = check("entities a b \n a open hub");
    let assets: Vec<AssetId> = (0..=CHANNEL_ASSETS_MAX).map(|number| register_token(&mut hub, number)).collect();
    let (listed, late) = (&assets[..CHANNEL_ASSETS_MAX], assets[CHANNEL_ASSETS_MAX]);
    let (own, to_hub) = (channel("a", "hub"), Envelope::new("a", "hub"));
    for asset in &assets {
        let (entity, asset, amount, sender) = (entity("a"), *asset, Amount(10), Address([3; 20]));
        recorded(&mut hub, FactKind::Deposited { entity, asset, amount, sender });
    }
    let (valid_until_s, chain_signature) = (hub.now_s() + 600, Blob::default());
    let allocate = |asset| -> Body {
        let (amount, chain_signature) = (Amount(4), chain_signature.clone());
        tx::Allocate { channel: own, asset, amount, valid_until_s, chain_signature }.into()
    };
    for asset in listed {
        stands(&mut hub, &to_hub, &allocate(*asset));
        let operation = *hub.operations.last().expect("begun");
        let (entity, channel, amount, asset) = (entity("a"), own, Amount(4), *asset);
        let side = hub.server.channel(own).and_then(|channel| channel.side_of(entity)).expect("its own");
        recorded(&mut hub, FactKind::CollateralAdded { channel, entity, side, asset, amount, operation });
    }
    let full = Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 };
    let credit = |asset| -> Body { tx::SetCredit { channel: own, asset, granted: Amount(1) }.into() };
    assert_eq!(hub.call(&to_hub, &allocate(late)).rejection(), Some(&full));
    assert_eq!(hub.call(&to_hub, &credit(late)).rejection(), Some(&full));
    for asset in listed {
        let body: Body =
            tx::DirectPayment { asset: *asset, amount: Amount(4), memo: Blob::default(), route: vec![] }.into();
        stands(&mut hub, &to_hub, &body);
        stands(&mut hub, &to_hub, &credit(*asset));
    }
    super::image::check(&hub.server);
    let shares = |name: &str, asset| hub.server.reserve(entity(name), asset).expect("known").net.0;
    assert!(listed.iter().all(|asset| (shares("a", *asset), shares("hub", *asset)) == (0, 4)));
    assert_eq!(hub.server.depositary_of(entity("a")).map(|it| it.reserves.len()), Some(CHANNEL_ASSETS_MAX + 1));
}

/// CH-12: an opening lists at most 128 assets, over all that it locks, grants and asks for; so does a consent.
#[test]
fn an_opening_lists_at_most_128_assets() {
    let mut hub = check("entities a b");
    let assets: Vec<AssetId> = (0..=CHANNEL_ASSETS_MAX).map(|number| register_token(&mut hub, number)).collect();
    let lines = |range: std::ops::Range<usize>| -> Vec<AssetAmount> {
        assets[range].iter().map(|asset| AssetAmount { asset: *asset, amount: Amount(1) }).collect()
    };
    let open = |grants, requested| -> Body {
        let (collateral, chain_signatures) = (vec![], vec![]);
        let (peer, dispute_window_s, valid_until_s) = (entity("b"), 60, 0);
        tx::OpenChannel { peer, collateral, grants, requested, dispute_window_s, valid_until_s, chain_signatures }
            .into()
    };
    let full = Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 };
    let envelope = Envelope::new("a", "b");
    assert_eq!(hub.call(&envelope, &open(lines(0..100), lines(50..129))).rejection(), Some(&full));
    assert_eq!(hub.call(&envelope, &open(lines(0..129), vec![])).rejection(), Some(&full));
    assert_eq!(hub.call(&envelope, &open(lines(0..100), lines(50..120))).rejection(), None);
    let accept = |grants| -> Body { tx::AcceptChannel { channel: channel("a", "b"), grants }.into() };
    let envelope = Envelope::new("b", "a");
    assert_eq!(hub.call(&envelope, &accept(lines(0..129))).rejection(), Some(&full));
    assert_eq!(hub.call(&envelope, &accept(lines(112..129))).rejection(), Some(&full));
    assert_eq!(hub.call(&envelope, &accept(lines(112..128))).rejection(), None);
    let both = hub.server.channel(channel("a", "b")).map(|channel| channel.listed());
    assert_eq!(both, Some(CHANNEL_ASSETS_MAX));
    assert_eq!(hub.server.available_in(channel("a", "b"), Side::Left, assets[128]), None);
}

/// DP-4: operations that ended are remembered up to a bound, the oldest forgotten first.
#[test]
fn ended_operations_are_forgotten_past_their_bound() {
    let mut hub = check("entities a");
    let (asset, envelope) = (hub.asset("ETH"), Envelope::new("a", ""));
    let deposit: Body = tx::Deposit { asset, amount: Amount(1) }.into();
    let mut first = Vec::new();
    for _ in 0..3 {
        let tx = hub.verified(&envelope, &deposit);
        assert!(hub.apply_unseen(&Input::Transaction(tx)).is_executed());
        let operation = *hub.operations.last().expect("begun");
        assert!(hub.fact(FactKind::Reverted { operation }).is_executed());
        first.push(operation);
    }
    // The rest is put in by hand: what counts is the bound, not sixty thousand transactions.
    let filler = hub.server.operation(first[2]).expect("remembered").clone();
    hub.server.ended_operations.resize(ENDED_OPERATIONS_MAX, filler);
    let tx = hub.verified(&envelope, &deposit);
    assert!(hub.apply_unseen(&Input::Transaction(tx)).is_executed());
    let operation = *hub.operations.last().expect("begun");
    recorded(&mut hub, FactKind::Reverted { operation });
    assert_eq!(hub.server.ended_operations().count(), ENDED_OPERATIONS_MAX);
    assert!(hub.server.operation(first[0]).is_none() && hub.server.operation(first[1]).is_some());
    assert_eq!(hub.server.operation(operation).map(|it| it.status.name()), Some("failed"));
}

/// N-4: a hub knows a bounded number of assets.
#[test]
fn assets_are_bounded() {
    let mut hub = Hub::new();
    let filler = hub.server.assets.values().next().expect("known").clone();
    // Put in by hand and without records: what counts is the bound.
    for number in hub.server.assets.len()..ASSETS_MAX {
        let mut id = [0xff; 32];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        hub.server.assets.insert(AssetId(id), filler.clone());
    }
    let asset = Asset::erc20(Address([9; 20]));
    let info = AssetInfo { id: derive::asset_id(CHAIN_ID, &asset), asset, symbol: "LATE".to_owned(), decimals: 0 };
    let receipt = hub.apply_unseen(&Input::Command(Command::RegisterAsset { info }));
    assert_eq!(receipt.rejection(), Some(&Rejection::TooManyAssets { limit: ASSETS_MAX as u64 }));
}
