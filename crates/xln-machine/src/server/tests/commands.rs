//! Commands, the acts of operator and API (**N-4**, **N-5**, **DP-4**, **CH-7**), and the genesis that everything begins with.

use super::hub::{CHAIN_ID, Hub, account, genesis, signer};
use super::script::{check, play};
use crate::server::{GenesisError, Input, Server};
use xln_crypto::derive;
use xln_types::asset::{Asset, AssetKind};
use xln_types::codec::Blob;
use xln_types::entry::{Command, Genesis};
use xln_types::{Address, AssetId, AssetInfo, Event, Path, Receipt, Rejection, SignerId};

fn register(hub: &mut Hub, info: AssetInfo) -> Receipt {
    hub.apply(&Input::Command(Command::RegisterAsset { info }))
}

fn token(number: u8, symbol: &str) -> AssetInfo {
    let asset = Asset::erc20(Address([number; 20]));
    AssetInfo { id: derive::asset_id(CHAIN_ID, &asset), asset, symbol: symbol.to_owned(), decimals: 18 }
}

/// N-4: an asset is registered under the hash of what it names, once, with a symbol that is plain and its own.
#[test]
fn an_asset_is_registered_once_under_its_own_hash() {
    let mut hub = Hub::new();
    assert_eq!(register(&mut hub, token(1, "A.b_c-1")).rejection(), None);
    assert_eq!(hub.events, [Event::AssetRegistered { asset: token(1, "").id }]);
    let (exists, limit) = (Rejection::AlreadyExists {}, Rejection::TooLarge { limit: 32 });
    for (info, why) in [
        (token(1, "OTHER"), exists.clone()),
        (token(2, "A.b_c-1"), exists.clone()),
        (token(2, "ETH"), exists),
        (token(2, ""), limit.clone()),
        (token(2, &"x".repeat(33)), limit.clone()),
        (token(2, "a b"), limit.clone()),
        (token(2, "€"), limit.clone()),
        (token(2, "a/b"), limit),
        (AssetInfo { decimals: 39, ..token(2, "T") }, Rejection::OutOfRange {}),
        (AssetInfo { id: AssetId([1; 32]), ..token(2, "T") }, Rejection::UnknownAsset {}),
        (AssetInfo { id: token(3, "").id, ..token(2, "T") }, Rejection::UnknownAsset {}),
    ] {
        assert_eq!(register(&mut hub, info.clone()).rejection(), Some(&why), "{info:?}");
    }
    assert_eq!(register(&mut hub, AssetInfo { decimals: 38, ..token(2, &"x".repeat(32)) }).rejection(), None);
    let unique = Asset { kind: AssetKind::Erc1155, ..token(4, "").asset };
    let other = AssetInfo { id: derive::asset_id(CHAIN_ID, &unique), asset: unique, ..token(4, "MULTI") };
    assert_eq!(register(&mut hub, other).rejection(), None);
}

/// N-5: a signer becomes known once, with metadata within its bound.
#[test]
fn a_signer_is_registered_once() {
    let mut hub = Hub::new();
    let command = |signer, bytes, hosted| {
        let (public_key, owner, metadata) = (Blob(vec![2; 33]), account("a"), Blob(vec![b'm'; bytes]));
        Input::Command(Command::RegisterSigner { signer, public_key, owner, hosted, metadata })
    };
    let large = hub.apply(&command(signer("a"), 4097, 1));
    assert_eq!(large.rejection(), Some(&Rejection::TooLarge { limit: 4096 }));
    assert_eq!(hub.apply(&command(signer("a"), 4096, 7)).rejection(), None);
    assert_eq!(hub.events, [Event::SignerRegistered { signer: signer("a") }]);
    assert_eq!(hub.server.signer(signer("a")).map(|signer| signer.hosted), Some(1), "a flag is 0 or 1");
    for known in [signer("a"), signer("hub")] {
        assert_eq!(hub.apply(&command(known, 0, 0)).rejection(), Some(&Rejection::AlreadyExists {}));
    }
    assert_eq!(hub.apply(&command(signer("b"), 0, 0)).rejection(), None);
}

/// N-5: whoever registered somebody else's public key first loses the signer to whoever proves to have the key, and nobody else gets it.
#[test]
fn a_signer_goes_to_whoever_proves_to_have_its_key() {
    let mut hub = Hub::new();
    let key = signer("a");
    let register = |hub: &mut Hub, owner, hosted| {
        let (public_key, metadata) = (Blob(vec![2; 33]), Blob::default());
        let command = Command::RegisterSigner { signer: key, public_key, owner, hosted, metadata };
        hub.apply(&Input::Command(command)).rejection().cloned()
    };
    let owner = |hub: &Hub| hub.server.signer(key).map(|signer| (signer.owner, signer.hosted));
    let (squatter, stranger, own) = (account("b"), account("c"), key.address());
    assert_eq!(register(&mut hub, squatter, 0), None);
    assert_eq!(register(&mut hub, stranger, 0), Some(Rejection::AlreadyExists {}), "a public key proves nothing");
    assert_eq!(register(&mut hub, own, 0), None, "the account that logs in with this key");
    assert_eq!(owner(&hub), Some((own, 0)));
    assert_eq!(register(&mut hub, own, 0), Some(Rejection::AlreadyExists {}), "nothing would change");
    assert_eq!(register(&mut hub, squatter, 0), Some(Rejection::AlreadyExists {}));
    assert_eq!(register(&mut hub, stranger, 1), None, "the key itself was handed over");
    assert_eq!(owner(&hub), Some((stranger, 1)));
    assert_eq!(register(&mut hub, own, 0), None, "what is hosted stays so");
    assert_eq!(owner(&hub), Some((own, 1)));
    let (signer, owner) = (signer("hub"), signer("hub").address());
    let (public_key, metadata) = (Blob(vec![2; 33]), Blob::default());
    let command = Command::RegisterSigner { signer, public_key, owner, hosted: 1, metadata };
    assert_eq!(hub.apply(&Input::Command(command)).rejection(), Some(&Rejection::AlreadyExists {}), "the hub's own");
}

/// CH-7, ST-3: address 0 is never a signer; its record would stand where the server's own does.
#[test]
fn address_zero_is_never_a_signer() {
    assert_eq!(Path::signer(SignerId::ZERO), Path::SERVER);
    let mut hub = Hub::new();
    let (signer, owner, hosted) = (SignerId::ZERO, account("a"), 1);
    let (public_key, metadata) = (Blob(vec![2; 33]), Blob::default());
    let command = Command::RegisterSigner { signer, public_key, owner, hosted, metadata };
    assert_eq!(hub.apply(&Input::Command(command)).rejection(), Some(&Rejection::UnknownSigner {}));
}

/// DP-4: what is about to be sent is noted with the operation, to be sent again byte for byte; of no other operation.
#[test]
fn what_is_sent_is_noted_first() {
    let mut hub =
        check("entities a \n sent #1 => UnknownOperation \n chain deposited a 5 ETH \n a withdraw 5 ETH \n sent #1");
    let operation = hub.server.operation(hub.operations[0]).expect("under way");
    assert_eq!((operation.status.name(), operation.raw.as_slice()), ("sent", [Hub::raw_of(1)].as_slice()));
    play(&mut hub, "chain withdrawn a 5 ETH #1 \n sent #1 => UnknownOperation");
}

/// N-4, TX-7: a genesis that contradicts itself starts no hub; one that doesn't gives the same root whatever seeds its indexes.
#[test]
fn a_genesis_is_checked() {
    let sound = genesis();
    let mut assets = sound.assets.clone();
    assets[1].symbol = "ETH".to_owned();
    let twice = Genesis { assets, ..sound.clone() };
    let mut assets = sound.assets.clone();
    assets[1].id = AssetId([1; 32]);
    let foreign = Genesis { assets, ..sound.clone() };
    let asset = |symbol: &str| GenesisError::Asset { symbol: symbol.to_owned() };
    for (genesis, error) in [
        (Genesis { tree_width: 0, ..sound.clone() }, GenesisError::Tree),
        (Genesis { tree_width: 17, ..sound.clone() }, GenesisError::Tree),
        (Genesis { tree_threshold: 0, ..sound.clone() }, GenesisError::Tree),
        (twice, asset("ETH")),
        (foreign, asset("USD")),
        (Genesis { chain_id: 1, ..sound.clone() }, asset("ETH")),
    ] {
        let refused = Server::new(&genesis, 1).err();
        assert_eq!(refused.as_ref(), Some(&error));
        assert!(error.to_string().starts_with("genesis: "));
    }
    let roots = [0, 1, u64::MAX].map(|seed| Server::new(&sound, seed).expect("sound").tree().root());
    assert!(roots.iter().all(|root| *root == roots[0]));
    let wide = Server::new(&Genesis { tree_width: 16, tree_threshold: 1, ..sound.clone() }, 1).expect("sound");
    assert_eq!(wide.tree().root(), roots[0], "ST-1: layout isn't part of the root");
    assert_eq!(wide.genesis().chain_id, sound.chain_id);
}
