//! Who takes part: at each node a hub, people whose keys the hub holds, and people who keep their own. Keys come from numbers, so that ids
//! are the same in every run.

use crate::chain::{CHAIN_ID, DEPOSITARY};
use xln_crypto::{derive, secp};
use xln_types::codec::Blob;
use xln_types::entry::Genesis;
use xln_types::tx::{AssetPolicy, CreateEntity};
use xln_types::{Address, Amount, Asset, AssetId, AssetInfo, Board, Body, ChannelId, EntityId, SignerId};

/// Assets that are registered from the start: ETH, USD, and one that is unique.
pub(crate) const ASSETS: usize = 3;
/// The unique one. The contract takes none of it, so nobody ever has any.
pub(crate) const UNIQUE: usize = 2;
/// The hub among the people of a node.
pub(crate) const HUB: usize = 0;
/// The hub, four hosted, three who keep their own keys.
pub(crate) const PEOPLE: usize = 8;
const HOSTED: usize = 5;

/// One who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) secret: [u8; 32],
    pub(crate) signer: SignerId,
    pub(crate) public_key: [u8; 33],
    pub(crate) entity: EntityId,
    pub(crate) is_hosted: bool,
    /// The API account that may act for it.
    pub(crate) account: Address,
}

/// The people of one node.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) list: Vec<Person>,
    pub(crate) assets: [AssetId; ASSETS],
}

fn secret_of(node: usize, who: usize) -> [u8; 32] {
    xln_crypto::keccak256(format!("a key of the simulator: node {node}, person {who}").as_bytes()).0
}

/// What an asset is on the chain.
pub(crate) fn asset(number: usize) -> Asset {
    match number {
        0 => Asset::NATIVE,
        UNIQUE => Asset { kind: xln_types::asset::AssetKind::Erc721, ..Asset::erc20(Address([0x22; 20])) },
        other => Asset::erc20(Address([u8::try_from(other).unwrap_or(0xff) | 0x10; 20])),
    }
}

pub(crate) fn asset_id(number: usize) -> AssetId {
    derive::asset_id(CHAIN_ID, &asset(number))
}

/// The channel between two entities.
pub(crate) fn channel(one: EntityId, other: EntityId) -> ChannelId {
    derive::channel_id(CHAIN_ID, DEPOSITARY, one.min(other), one.max(other), 0)
}

impl People {
    pub(crate) fn new(node: usize) -> People {
        let person = |who: usize| {
            let secret = secret_of(node, who);
            // A hash that is no key doesn't occur.
            let (signer, public_key) = secp::signer_of_secret(&secret).unwrap_or((SignerId::ZERO, [0; 33]));
            let entity = derive::entity_id(&Board::single(signer, 0));
            let account =
                if who == HUB { signer.address() } else { Address([0xa0 + u8::try_from(node).unwrap_or(0); 20]) };
            Person { secret, signer, public_key, entity, is_hosted: who < HOSTED, account }
        };
        let assets = [0, 1, 2].map(asset_id);
        People { list: (0..PEOPLE).map(person).collect(), assets }
    }

    pub(crate) fn hub(&self) -> &Person {
        &self.list[HUB]
    }

    /// What a log of this node begins with.
    pub(crate) fn genesis(&self, created_s: u64) -> Genesis {
        let info = |number: usize, symbol: &str| AssetInfo {
            id: self.assets[number],
            asset: asset(number),
            symbol: symbol.to_owned(),
            decimals: 6,
        };
        Genesis {
            chain_id: CHAIN_ID,
            depositary: DEPOSITARY,
            hub_signer: self.hub().signer,
            created: created_s,
            assets: vec![info(0, "ETH"), info(1, "USD"), info(2, "NFT")],
            policies: vec![AssetPolicy {
                fee_base: Amount(1),
                fee_ppm: 2_000,
                ..AssetPolicy::unlimited(self.assets[1])
            }],
            tree_width: 4,
            tree_threshold: 16,
        }
    }
}

/// The founding of a person's entity with this salt.
pub(crate) fn founding(signer: SignerId, salt: u64) -> Body {
    let Board { threshold, members, salt } = Board::single(signer, salt);
    Body::from(CreateEntity { threshold, members, salt, metadata: Blob::default() })
}
