//! Who takes part: alice and bob, whose keys the hub holds for the account [`OWNER`]; carol, who keeps her own; and the hub. All have a
//! channel with the hub, with credit both ways: nothing needs the chain.

use xln_api::backend::HostedCall;
use xln_crypto::{TokenKey, VerifiedTx, derive, verify};
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::entry::Genesis;
use xln_types::tx::{AssetAmount, CreateEntity, DISPUTE_WINDOW_S_DEFAULT, DirectPayment, OpenChannel, SetCredit};
use xln_types::{
    Address, Amount, Asset, AssetId, AssetInfo, Board, Body, ChainFact, ChannelId, Command, EntityId, FactKind,
    FactPosition, Hash, SignerId, Transaction,
};

/// Unix seconds at which every hub here begins.
pub(crate) const START_S: u64 = 1_700_000_000;
/// What each grants the other in its channel.
pub(crate) const GRANT: Amount = Amount(1_000_000_000);
/// The API account that alice and bob belong to.
pub(crate) const OWNER: Address = Address([0xac; 20]);
const CHAIN_ID: u64 = 31_337;
const DEPOSITARY: Address = Address([0xdd; 20]);

/// One who takes part, by the key of its signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Hub,
    Alice,
    Bob,
    Carol,
}

impl Who {
    pub(crate) fn secret(self) -> [u8; 32] {
        [1 + self as u8; 32]
    }

    pub(crate) fn signer(self) -> SignerId {
        xln_crypto::secp::signer_of_secret(&self.secret()).expect("a key").0
    }

    pub(crate) fn entity(self) -> EntityId {
        derive::entity_id(&Board::single(self.signer(), 0))
    }

    pub(crate) fn address(self) -> Address {
        self.entity().address()
    }

    /// Its channel with the hub.
    pub(crate) fn channel(self) -> ChannelId {
        let (one, other) = (self.entity(), Who::Hub.entity());
        derive::channel_id(CHAIN_ID, DEPOSITARY, one.min(other), one.max(other), 0)
    }

    /// The API account that may act for it.
    fn account(self) -> Address {
        if self == Who::Hub { self.signer().address() } else { OWNER }
    }

    fn is_custody(self) -> bool {
        self == Who::Carol
    }
}

/// The one asset here.
pub(crate) fn eth() -> AssetId {
    derive::asset_id(CHAIN_ID, &Asset::NATIVE)
}

/// What every log here begins with.
pub(crate) fn genesis() -> Genesis {
    Genesis {
        chain_id: CHAIN_ID,
        depositary: DEPOSITARY,
        hub_signer: Who::Hub.signer(),
        created: START_S,
        assets: vec![AssetInfo { id: eth(), asset: Asset::NATIVE, symbol: "ETH".to_owned(), decimals: 18 }],
        policies: vec![],
        tree_width: 4,
        tree_threshold: 16,
    }
}

/// What the hub signs of a block.
pub(crate) fn digest(seal: &xln_types::Seal) -> Hash {
    xln_crypto::seal::seal_digest(CHAIN_ID, DEPOSITARY, seal)
}

/// A hosted call of an entity.
pub(crate) fn hosted(from: Who, to: Who, body: impl Into<Body>) -> HostedCall {
    let (account, from, to) = (from.account(), from.address(), to.address());
    HostedCall { account, token: [7; 16], from, to, body: body.into(), fee: Amount::ZERO }
}

/// A transaction that a key signed, verified as the node's door does it.
pub(crate) fn signed_by(key: Who, from: Address, to: Who, nonce: u64, now_s: u64, body: &Body) -> VerifiedTx {
    let (kind, data, to) = (body.kind(), body.to_data(), to.address());
    let fee = Amount::ZERO;
    let mut tx = Transaction { kind, from, to, nonce, data, fee, timestamp: now_s, signature: Blob::default() };
    let hash = derive::tx_hash(CHAIN_ID, Who::Hub.entity(), &tx);
    tx.signature = verify::sign_tx(&hash, &key.secret()).expect("signed");
    let decoded = derive::decoded(CHAIN_ID, Who::Hub.entity(), tx).expect("canonical");
    verify::verify(decoded, &TokenKey::new([0; 32])).expect("verified")
}

/// A payment's body; its memo tells it from every other.
pub(crate) fn payment(amount: u64, memo: u64) -> Body {
    let (amount, memo) = (Amount(u128::from(amount)), Blob(memo.to_string().into_bytes()));
    Body::from(DirectPayment { asset: eth(), amount, memo, route: Vec::new() })
}

/// Makes a signer known.
pub(crate) fn register(signer: SignerId, hosted: bool, metadata_bytes: usize) -> Command {
    let (public_key, metadata) = (Blob(vec![2; 33]), Blob(vec![1; metadata_bytes]));
    Command::RegisterSigner { signer, public_key, owner: OWNER, hosted: u8::from(hosted), metadata }
}

/// A deposit for alice, the n-th thing that the chain did; its amount is its number.
pub(crate) fn deposit(number: u64) -> ChainFact {
    let at = FactPosition { block: number, log_index: 0, block_hash: Hash([1; 32]), chain_tx: Hash([2; 32]) };
    let amount = Amount(u128::from(number));
    let sender = Address([3; 20]);
    ChainFact { at, kind: FactKind::Deposited { entity: Who::Alice.entity(), asset: eth(), amount, sender } }
}

/// What is asked, in order, before a story begins: signers, entities, channels, credit.
pub(crate) enum Step {
    Command(Command),
    Hosted(HostedCall),
    Signed(VerifiedTx),
}

fn asks(from: Who, to: Who, nonce: u64, body: Body) -> Step {
    if from.is_custody() {
        Step::Signed(signed_by(from, from.address(), to, nonce, START_S, &body))
    } else {
        Step::Hosted(hosted(from, to, body))
    }
}

/// The nonce of carol's next transaction when all is in place.
pub(crate) const CAROLS_FIRST: u64 = 1;

pub(crate) fn beginning() -> Vec<Step> {
    let mut steps = Vec::new();
    for who in [Who::Alice, Who::Bob, Who::Carol] {
        let signer = who.signer();
        steps.push(Step::Command(register(signer, !who.is_custody(), 0)));
        let members = vec![Member { signer, weight: 1 }];
        let create = Body::from(CreateEntity { threshold: 1, members, salt: 0, metadata: Blob::default() });
        steps.push(if who.is_custody() {
            Step::Signed(signed_by(who, signer.address(), Who::Hub, 0, START_S, &create))
        } else {
            Step::Hosted(HostedCall { from: signer.address(), ..hosted(who, Who::Hub, create) })
        });
        let open = OpenChannel {
            peer: Who::Hub.entity(),
            collateral: vec![],
            grants: vec![AssetAmount { asset: eth(), amount: GRANT }],
            requested: vec![],
            dispute_window_s: DISPUTE_WINDOW_S_DEFAULT,
            valid_until_s: START_S + 3600,
            chain_signatures: vec![],
        };
        steps.push(asks(who, Who::Hub, 0, Body::from(open)));
        let credit = SetCredit { channel: who.channel(), asset: eth(), granted: GRANT };
        steps.push(asks(Who::Hub, who, 0, Body::from(credit)));
    }
    steps
}
