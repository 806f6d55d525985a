//! A hub to play with: people are single letters, capital ones keep their own keys; `hub` is the hub's own entity. `a1` is the
//! second entity of `a`. Assets are `ETH`, `USD` (ERC-20) and `NFT` (ERC-721).
//!
//! [`Hub::apply`] is `Server::apply` and, after it, the comparison of everything with everything ([`super::image`]).

use super::image::Image;
use crate::server::{Effect, Input, Outcome, Server};
use std::collections::BTreeMap;
use xln_crypto::{VerifiedTx, derive};
use xln_types::asset::{Asset, AssetKind};
use xln_types::board::Board;
use xln_types::codec::Blob;
use xln_types::entry::{Authority, Command, Genesis};
use xln_types::tx::{Body, Transaction};
use xln_types::{
    Address, Amount, AssetId, AssetInfo, ChainFact, ChannelId, EntityId, Event, FactKind, FactPosition, Hash,
    OperationId, Receipt, SignerId,
};

/// Unix seconds at which every hub here begins.
pub(super) const START_S: u64 = 1_700_000_000;
/// The chain of every hub here.
pub(super) const CHAIN_ID: u64 = 31_337;
/// Its depositary.
pub(super) const DEPOSITARY: Address = Address([0xdd; 20]);

/// How a transaction is sent, apart from its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) authority: Authority,
    pub(super) fee: Amount,
    /// How far its nonce lies from the next one.
    pub(super) nonce_off: i64,
    /// How far its timestamp lies from the hub's time, seconds.
    pub(super) time_off_s: i64,
}

/// A server, and what a test wants to remember of it.
pub(super) struct Hub {
    pub(super) server: Server,
    pub(super) now_ms: u64,
    pub(super) assets: BTreeMap<String, AssetId>,
    /// Those that were begun, in order.
    pub(super) operations: Vec<OperationId>,
    /// What the last input wanted done.
    pub(super) effects: Vec<Effect>,
    /// What the last input said.
    pub(super) events: Vec<Event>,
    /// The chain's last block that a fact stood in.
    pub(super) chain_block: u64,
}

/// The assets that a hub knows from the start.
fn assets() -> Vec<AssetInfo> {
    let contract = Address([5; 20]);
    let unique = Asset { kind: AssetKind::Erc721, contract, token_id: [7; 32] };
    [(Asset::NATIVE, "ETH", 18), (Asset::erc20(contract), "USD", 6), (unique, "NFT", 0)]
        .map(|(asset, symbol, decimals)| AssetInfo {
            id: derive::asset_id(CHAIN_ID, &asset),
            asset,
            symbol: symbol.to_owned(),
            decimals,
        })
        .to_vec()
}

/// A genesis without policies.
pub(super) fn genesis() -> Genesis {
    Genesis {
        chain_id: CHAIN_ID,
        depositary: DEPOSITARY,
        hub_signer: signer("hub"),
        created: START_S,
        assets: assets(),
        policies: vec![],
        tree_width: 4,
        tree_threshold: 16,
    }
}

/// The signer of a name.
pub(super) fn signer(name: &str) -> SignerId {
    SignerId([if name == "hub" { 0xaa } else { name.as_bytes()[0] }; 20])
}

/// The API account of a name.
pub(super) fn account(name: &str) -> Address {
    let mut address = signer(name).address();
    if name != "hub" {
        address.0[0] = 0xac;
    }
    address
}

/// True for who keeps its own key.
pub(super) fn is_custody(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
}

/// The entity of a name.
pub(super) fn entity(name: &str) -> EntityId {
    let salt = if name == "hub" { 0 } else { name[1..].parse().unwrap_or(0) };
    derive::entity_id(&Board::single(signer(name), salt))
}

/// The channel between two names, whether it exists or not.
pub(super) fn channel(one: &str, other: &str) -> ChannelId {
    let (one, other) = (entity(one), entity(other));
    derive::channel_id(CHAIN_ID, DEPOSITARY, one.min(other), one.max(other), 0)
}

/// Who acts for a name, unless a step says otherwise.
pub(super) fn authority(name: &str) -> Authority {
    if is_custody(name) {
        Authority::Signer { signer: signer(name) }
    } else {
        Authority::Account { account: account(name) }
    }
}

impl Envelope {
    /// From an entity to another, as it usually acts.
    pub(super) fn new(from: &str, to: &str) -> Envelope {
        let to = if to.is_empty() { Address::ZERO } else { entity(to).address() };
        let (from, authority) = (entity(from).address(), authority(from));
        Envelope { from, to, authority, fee: Amount::ZERO, nonce_off: 0, time_off_s: 0 }
    }
}

impl Hub {
    pub(super) fn new() -> Hub {
        Hub::from_genesis(&genesis())
    }

    pub(super) fn from_genesis(genesis: &Genesis) -> Hub {
        let known = genesis.assets.iter().map(|info| (info.symbol.clone(), info.id)).collect();
        Hub {
            server: Server::new(genesis, 7).expect("a sound genesis"),
            now_ms: START_S * 1000,
            assets: known,
            operations: Vec::new(),
            effects: Vec::new(),
            events: Vec::new(),
            chain_block: 0,
        }
    }

    pub(super) fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// An asset by its symbol; one that nobody registered for a symbol that nobody knows.
    pub(super) fn asset(&self, symbol: &str) -> AssetId {
        self.assets.get(symbol).copied().unwrap_or(AssetId([0xee; 32]))
    }

    /// Applies an input, and compares the state before and after it with what its receipt says (TX-5). Before that, it is played
    /// once and refused at the very end: whatever it did is undone.
    pub(super) fn apply(&mut self, input: &Input) -> Receipt {
        let before = Image::of(&self.server);
        before.check_undone(&mut self.server, self.now_ms, input);
        let receipt = self.apply_unseen(input);
        before.check_receipt(&self.server, input, &receipt);
        receipt
    }

    /// Applies an input and compares nothing, for tests of many.
    pub(super) fn apply_unseen(&mut self, input: &Input) -> Receipt {
        let Outcome { receipt, effects } = self.server.apply(self.now_ms, input);
        for event in &receipt.logs {
            if let Event::Operation { operation, .. } = event
                && !self.operations.contains(operation)
            {
                self.operations.push(*operation);
            }
        }
        (self.effects, self.events) = (effects, receipt.logs.clone());
        receipt
    }

    /// A transaction as it would leave the verifier.
    pub(super) fn verified(&self, envelope: &Envelope, body: &Body) -> VerifiedTx {
        let Envelope { from, to, authority, fee, nonce_off, time_off_s } = *envelope;
        let nonce = self.server.next_nonce(from).unwrap_or(0).wrapping_add_signed(nonce_off);
        let timestamp = self.now_s().wrapping_add_signed(time_off_s);
        let (kind, data, signature) = (body.kind(), body.to_data(), Blob::default());
        let tx = Transaction { kind, from, to, nonce, data, fee, timestamp, signature };
        VerifiedTx::from_log(self.server.decode(tx).expect("canonical"), authority)
    }

    pub(super) fn call(&mut self, envelope: &Envelope, body: &Body) -> Receipt {
        self.apply(&Input::Transaction(self.verified(envelope, body)))
    }

    /// The signer of a name becomes known.
    pub(super) fn register(&mut self, name: &str) -> Receipt {
        let hosted = u8::from(!is_custody(name));
        let (public_key, metadata) = (Blob(vec![2; 33]), Blob::default());
        let (signer, owner) = (signer(name), account(name));
        self.apply(&Input::Command(Command::RegisterSigner { signer, public_key, owner, hosted, metadata }))
    }

    /// A fact in the chain's next block.
    pub(super) fn fact(&mut self, kind: FactKind) -> Receipt {
        self.chain_block += 1;
        let at = FactPosition { block: self.chain_block, log_index: 0, ..FactPosition::default() };
        self.apply(&Input::Fact(ChainFact { at, kind }))
    }

    /// What the chain would call the transaction that a deposit was sent in.
    pub(super) fn raw_of(number: usize) -> Blob {
        Blob(format!("raw transaction of operation {number}").into_bytes())
    }

    /// The hash of that transaction.
    pub(super) fn chain_tx_of(number: usize) -> Hash {
        xln_crypto::keccak256(&Hub::raw_of(number).0)
    }
}
