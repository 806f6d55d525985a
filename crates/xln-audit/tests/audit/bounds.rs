//! Small logs of their own for bounds that the story doesn't reach: what the core refuses there, called executed, is refused by the
//! audit too (**CH-12**, **EN-5**).

use crate::hub::{Hub, Player, asset};
use xln_audit::Audit;
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{AssetAmount, CHANNEL_ASSETS_MAX, DeleteEntity, OpenChannel, SetCredit};
use xln_types::{Address, Amount, Asset, AssetInfo, Record};

/// The laws that a log breaks whose last receipt is called executed. The honest log breaks none.
fn broken(mut hub: Hub) -> Vec<&'static str> {
    hub.seal();
    hub.sign();
    let laws = |records: &[Record]| {
        let mut audit = Audit::new();
        records.iter().for_each(|record| audit.record(record));
        audit.finish().violations.iter().map(|violation| violation.law).collect::<Vec<_>>()
    };
    assert_eq!(laws(&hub.records), [""; 0]);
    let last = hub.records.iter_mut().rev().find_map(|record| match record {
        Record::Block { receipts, .. } => receipts.last_mut(),
        _ => None,
    });
    last.expect("a receipt").status = Status::Executed;
    laws(&hub.records)
}

/// CH-12: a channel lists 128 assets and not one more.
#[test]
fn a_channel_lists_128_assets() {
    let number = |index: usize| u8::try_from(index).expect("small");
    let assets: Vec<AssetInfo> = (0..=CHANNEL_ASSETS_MAX)
        .map(|index| asset(Asset::erc20(Address([number(index); 20])), &format!("T{index}")))
        .collect();
    let grant = |info: &AssetInfo| AssetAmount { asset: info.id, amount: Amount(1) };
    let (player, peer) = (Player::new(1, true), Player::hub());
    let mut hub = Hub::new(assets.clone(), vec![]);
    hub.command("register", player.registration());
    hub.act("found", &player, Address::ZERO, player.founding());
    let body = OpenChannel {
        peer: peer.entity,
        collateral: vec![],
        grants: assets.iter().take(CHANNEL_ASSETS_MAX).map(grant).collect(),
        requested: vec![],
        dispute_window_s: 60,
        valid_until_s: 0,
        chain_signatures: vec![Blob::default()],
    };
    hub.act("open", &player, peer.entity.address(), body);
    let body = SetCredit { channel: player.channel(&peer), asset: assets[CHANNEL_ASSETS_MAX].id, granted: Amount(1) };
    hub.refused("one more", &player, peer.entity.address(), body, "too_many_assets");
    assert_eq!(broken(hub), ["CH-12", "TX-6"]);
}

/// EN-5: the hub's own entity is never deleted, even with nothing left.
#[test]
fn the_hub_itself_never_goes() {
    let mut hub = Hub::new(vec![], vec![]);
    let own = Player::hub();
    hub.refused("go", &own, Address::ZERO, DeleteEntity { entity: own.entity }, "not_empty");
    assert_eq!(broken(hub), ["EN-5", "TX-6"]);
}
