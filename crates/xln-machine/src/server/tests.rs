//! The server composed: entities, channels and payments over the hub, from genesis to sealed block.

use super::{Input, Server};
use xln_crypto::{VerifiedTx, derive};
use xln_types::asset::Asset;
use xln_types::board::{Board, Member};
use xln_types::codec::Blob;
use xln_types::entry::{Authority, Command, Genesis};
use xln_types::tx::{self, AssetAmount, Body, DISPUTE_WINDOW_S_DEFAULT, Transaction};
use xln_types::{Address, Amount, AssetId, AssetInfo, ChannelId, EntityId, Receipt, Rejection, Side, SignerId};

const NOW_MS: u64 = 1_700_000_000_000;

struct Hub {
    server: Server,
    asset: AssetId,
}

impl Hub {
    fn new() -> Hub {
        let asset = Asset::NATIVE;
        let id = derive::asset_id(31_337, &asset);
        let genesis = Genesis {
            chain_id: 31_337,
            depositary: Address([0xdd; 20]),
            hub_signer: SignerId([0xaa; 20]),
            created: NOW_MS / 1000,
            assets: vec![AssetInfo { id, asset, symbol: "ETH".to_owned(), decimals: 18 }],
            policies: vec![],
            tree_width: 4,
            tree_threshold: 16,
        };
        Hub { server: Server::new(&genesis, 7).expect("genesis"), asset: id }
    }

    /// A hosted signer and its entity.
    fn entity(&mut self, number: u8) -> EntityId {
        let signer = SignerId([number; 20]);
        let (public_key, owner) = (Blob(vec![2; 33]), signer.address());
        let command = Command::RegisterSigner { signer, public_key, owner, hosted: 1, metadata: Blob::default() };
        assert!(self.server.apply(NOW_MS, &Input::Command(command)).receipt.is_executed());
        let members = vec![Member { signer, weight: 1 }];
        let body = tx::CreateEntity { threshold: 1, members, salt: 0, metadata: Blob::default() };
        assert!(self.call(signer.address(), Address::ZERO, owner, &body.into(), 0).is_executed());
        derive::entity_id(&Board::single(signer, 0))
    }

    fn call(&mut self, from: Address, to: Address, account: Address, body: &Body, fee: u128) -> Receipt {
        let nonce = self.server.next_nonce(from).expect("known sender");
        let (kind, data) = (body.kind(), body.to_data());
        let timestamp = NOW_MS / 1000;
        let signature = Blob::default();
        let tx = Transaction { kind, from, to, nonce, data, fee: Amount(fee), timestamp, signature };
        let decoded = self.server.decode(tx).expect("canonical");
        let verified = VerifiedTx::from_log(decoded, Authority::Account { account });
        self.server.apply(NOW_MS, &Input::Transaction(verified)).receipt
    }

    /// A newcomer opens with the hub and grants it credit.
    fn open_with_hub(&mut self, number: u8, granted: u128) -> ChannelId {
        let own = derive::entity_id(&Board::single(SignerId([number; 20]), 0));
        let peer = self.server.hub_id();
        let body = tx::OpenChannel {
            peer,
            collateral: vec![],
            grants: vec![AssetAmount { asset: self.asset, amount: Amount(granted) }],
            requested: vec![],
            dispute_window_s: DISPUTE_WINDOW_S_DEFAULT,
            valid_until_s: 0,
            chain_signatures: vec![],
        };
        let receipt = self.call(own.address(), peer.address(), Address([number; 20]), &body.into(), 0);
        assert!(receipt.is_executed(), "{receipt:?}");
        self.server.channel_between(own, peer).expect("opened").head.id
    }

    fn pay(&mut self, number: u8, from: EntityId, to: EntityId, amount: u128) -> Receipt {
        let body =
            tx::DirectPayment { asset: self.asset, amount: Amount(amount), memo: Blob::default(), route: vec![] };
        self.call(from.address(), to.address(), Address([number; 20]), &body.into(), 0)
    }

    fn delta_of(&self, channel: ChannelId, entity: EntityId) -> i128 {
        let channel = self.server.channel(channel).expect("channel");
        let side = channel.side_of(entity).expect("its own");
        channel.line(self.asset).expect("line").share(side).0
    }
}

/// CH-4, CH-14: with no capital anywhere, credit alone carries a payment over the hub; both legs move, or neither, and a
/// rejection names the leg and what would have worked.
#[test]
fn a_hub_payment_moves_both_legs_or_neither() {
    let mut hub = Hub::new();
    let (payer, payee) = (hub.entity(1), hub.entity(2));
    let (first, second) = (hub.open_with_hub(1, 0), hub.open_with_hub(2, 500));
    let hub_id = hub.server.hub_id();
    // The hub grants the payer 700: it may owe the hub that much.
    let grant = tx::SetCredit { channel: first, asset: hub.asset, granted: Amount(700) };
    assert!(hub.call(hub_id.address(), payer.address(), Address([0xaa; 20]), &grant.into(), 0).is_executed());
    assert!(hub.pay(1, payer, payee, 300).is_executed());
    assert_eq!((hub.delta_of(first, payer), hub.delta_of(second, payee)), (-300, 300));
    let before = (hub.delta_of(first, payer), hub.delta_of(second, payee), hub.server.next_nonce(payer.address()));
    let refused = hub.pay(1, payer, payee, 201);
    assert_eq!(refused.rejection(), Some(&Rejection::InsufficientFunds { available: Amount(200), leg: 1 }));
    let refused = hub.pay(1, payer, payee, 401);
    assert_eq!(refused.rejection(), Some(&Rejection::InsufficientFunds { available: Amount(400), leg: 0 }));
    assert_eq!((hub.delta_of(first, payer), hub.delta_of(second, payee)), (before.0, before.1));
    assert_eq!(refused.changes.len(), 1, "a refused input changes nothing but its sender's nonce (TX-5)");
    assert_eq!(hub.server.next_nonce(payer.address()), before.2.map(|nonce| nonce + 2), "and uses it up (TX-2)");
    assert_eq!(hub.server.available_in(second, side(&hub, second, payee), hub.asset), Some(Amount(300)));
}

fn side(hub: &Hub, channel: ChannelId, entity: EntityId) -> Side {
    hub.server.channel(channel).and_then(|channel| channel.side_of(entity)).expect("its own")
}

/// TX-6, TX-7: the same inputs give the same header, and each receipt is proven by it.
#[test]
fn replay_gives_the_same_block_and_receipts_prove_golden() {
    let run = || {
        let mut hub = Hub::new();
        let (one, two) = (hub.entity(1), hub.entity(2));
        let _ = (hub.open_with_hub(1, 50), hub.open_with_hub(2, 50));
        let refused = hub.pay(1, one, two, 1);
        assert!(!refused.is_executed());
        hub.server.seal(NOW_MS + 100)
    };
    let (block, again) = (run(), run());
    assert_eq!(block, again);
    let encoded: Vec<Vec<u8>> = block.receipts.iter().map(alloy_rlp::encode).collect();
    let hash = xln_merkle::HashFunction::Keccak256;
    for (index, leaf) in encoded.iter().enumerate() {
        let proof = xln_merkle::list::prove(hash, &encoded, index).expect("in the block");
        let (root, length) = (block.header.receipt_root.0, block.header.entries);
        assert_eq!(xln_merkle::list::verify(hash, &root, index as u64, length, leaf, &proof), Ok(()));
    }
}
