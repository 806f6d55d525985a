//! Questions to the state: each finds what stands there, and nothing for what doesn't.

use super::hub::{account, channel, entity, signer};
use super::script::check;
use xln_types::{Address, AssetId, ChannelId, EntityId, OperationId, Side, SignerId};

/// ST-3: what exists is found by every name it has, in the order of creation.
#[test]
fn what_exists_is_found_by_every_name() {
    let hub = check(
        "
        entities a K
        a open hub grant 5 ETH
        a open K
        chain deposited a 9 ETH
        a withdraw 9 ETH
        ",
    );
    let server = &hub.server;
    assert_eq!(server.hub_id(), entity("hub"));
    let signers: Vec<SignerId> = server.signers().map(|signer| signer.id).collect();
    assert_eq!(signers, ["hub", "a", "K"].map(signer));
    let entities: Vec<EntityId> = server.entities().map(|entity| entity.record.id).collect();
    assert_eq!(entities, ["hub", "a", "K"].map(entity));
    let channels: Vec<ChannelId> = server.channels().map(|channel| channel.head.id).collect();
    assert_eq!(channels, [channel("a", "hub"), channel("a", "K")]);
    let handle = server.entity_handle(entity("K")).expect("founded");
    let own: Vec<ChannelId> = server.channels_of(handle).map(|channel| channel.head.id).collect();
    assert_eq!(own, [channel("a", "K")]);
    let between = server.channel_between(entity("K"), entity("a")).map(|channel| channel.head.id);
    assert_eq!(between, Some(channel("a", "K")));
    let by_address = server.entity_by_address(entity("a").address()).map(|entity| entity.record.id);
    assert_eq!(by_address, Some(entity("a")));
    assert_eq!(server.asset_by_symbol("USD").map(|info| info.id), Some(hub.asset("USD")));
    assert_eq!(server.asset(hub.asset("USD")).map(|info| info.decimals), Some(6));
    assert!(server.assets().map(|info| info.id).is_sorted() && server.assets().count() == 3);
    assert_eq!([server.hosts(entity("a")), server.hosts(entity("K")), server.hosts(entity("z"))], [true, false, false]);
    assert_eq!(server.operations().map(|operation| operation.id).collect::<Vec<_>>(), hub.operations);
    assert_eq!(server.ended_operations().count(), 0);
    assert_eq!(server.next_nonce(signer("a").address()), Some(1));
    let granted = server.channel(channel("a", "hub")).and_then(|it| it.side_of(entity("hub"))).expect("its own");
    assert_eq!(server.available_in(channel("a", "hub"), granted, hub.asset("ETH")).map(|out| out.0), Some(5));
}

/// ST-3: what doesn't exist is found under no name, nor is what was deleted.
#[test]
fn what_does_not_exist_is_not_found() {
    let hub = check("entities a b \n b delete");
    let server = &hub.server;
    assert!(server.signer(SignerId([9; 20])).is_none());
    for gone in [entity("b"), entity("z")] {
        assert!(server.entity(gone).is_none() && server.entity_by_address(gone.address()).is_none());
        assert!(server.depositary_of(gone).is_none() && server.reserve(gone, hub.asset("ETH")).is_none());
        assert!(server.channel_between(gone, entity("a")).is_none() && !server.hosts(gone));
    }
    // The last 20 bytes of an id aren't the id.
    let mut other = entity("a");
    other.0[0] ^= 1;
    assert!(server.entity(other).is_none());
    assert!(server.channel(ChannelId([1; 32])).is_none());
    assert!(server.available_in(ChannelId([1; 32]), Side::Left, hub.asset("ETH")).is_none());
    assert!(server.operation(OperationId([1; 32])).is_none());
    assert!(server.asset(AssetId([1; 32])).is_none() && server.asset_by_symbol("ABC").is_none());
    assert_eq!(server.next_nonce(account("z")), None);
    assert_eq!(server.next_nonce(Address::ZERO), None);
    assert_eq!(server.entities().count(), 2);
}
