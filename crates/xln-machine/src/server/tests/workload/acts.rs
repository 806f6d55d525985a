//! What can happen in a workload, and how it is told to a server.

use super::super::hub::{Envelope, Hub, channel, entity, signer};
use super::ledger::{Kind, Ledger, NONE, Operation, Policy, amount};
use crate::server::Input;
use xln_types::codec::Blob;
use xln_types::entry::Command;
use xln_types::tx::{self, AssetAmount, AssetPolicy, Body};
use xln_types::{Address, Amount, AssetId, ChainFact, FactKind, FactPosition, OperationId, Side};

/// Asset and amount.
pub(super) type Sum = (usize, i128);

/// What someone asks for.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Open { peer: usize, lock: Vec<Sum>, grants: Vec<Sum>, ask: Vec<Sum>, until_s: u64, signed: bool },
    Accept { peer: usize, grants: Vec<Sum> },
    Credit { peer: usize, granted: Sum },
    Pay { to: usize, sum: Sum, fee: i128 },
    Deposit { sum: Sum },
    Withdraw { sum: Sum, until_s: u64, signed: bool },
    Allocate { peer: usize, sum: Sum, until_s: u64, signed: bool },
    Deallocate { peer: usize, sum: Sum, until_s: u64 },
    Update { asset: usize, policy: Policy, accepts_free: bool },
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// `by` acts for `from`.
    Ask {
        from: usize,
        by: usize,
        nonce_off: i64,
        time_off_s: i64,
        act: Act,
    },
    Deposited {
        who: usize,
        sum: Sum,
        sent: Option<OperationId>,
    },
    /// An operation that the chain has recorded.
    Landed {
        operation: OperationId,
    },
    /// What the owner did past the hub.
    Taken {
        who: usize,
        into: Option<usize>,
        sum: Sum,
    },
    Time {
        timestamp_s: u64,
    },
    Reverted {
        operation: OperationId,
    },
    Reorg,
    /// A fact that was told before.
    Stale,
    Sent {
        operation: OperationId,
    },
}

impl Step {
    /// Its kind, for the count of what was played.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Step::Ask { act: Act::Open { .. }, .. } => "open",
            Step::Ask { act: Act::Accept { .. }, .. } => "accept",
            Step::Ask { act: Act::Credit { .. }, .. } => "credit",
            Step::Ask { act: Act::Pay { .. }, .. } => "pay",
            Step::Ask { act: Act::Deposit { .. }, .. } => "deposit",
            Step::Ask { act: Act::Withdraw { .. }, .. } => "withdraw",
            Step::Ask { act: Act::Allocate { .. }, .. } => "allocate",
            Step::Ask { act: Act::Deallocate { .. }, .. } => "deallocate",
            Step::Ask { act: Act::Update { .. }, .. } => "update",
            Step::Deposited { .. } => "deposited",
            Step::Landed { .. } => "landed",
            Step::Taken { .. } => "taken",
            Step::Time { .. } => "time",
            Step::Reverted { .. } => "reverted",
            Step::Reorg => "reorg",
            Step::Stale => "stale",
            Step::Sent { .. } => "sent",
        }
    }
}

/// An asset's id.
pub(super) fn asset(hub: &Hub, number: usize) -> AssetId {
    hub.asset(["ETH", "USD", "NFT", "ABC"][number])
}

/// What the shell would send for an operation.
pub(super) fn raw(operation: OperationId) -> Blob {
    Blob(operation.0.to_vec())
}

/// Tells a server what happens.
pub(super) fn input(hub: &mut Hub, ledger: &Ledger, step: &Step) -> Input {
    let name = |who: usize| ledger.people[who].name;
    let kind = match step {
        Step::Ask { from, by, nonce_off, time_off_s, act } => {
            let (from, by) = (name(*from), name(*by));
            let mut envelope = Envelope::new(from, if let Act::Pay { to, .. } = act { name(*to) } else { "" });
            (envelope.nonce_off, envelope.time_off_s) = (*nonce_off, *time_off_s);
            envelope.authority = super::super::hub::authority(by);
            if let Act::Pay { fee, .. } = act {
                envelope.fee = amount(*fee);
            }
            return Input::Transaction(hub.verified(&envelope, &body(hub, ledger, from, act)));
        }
        Step::Sent { operation } => {
            let (operation, raw) = (*operation, vec![raw(*operation)]);
            return Input::Command(Command::Broadcast { operation, raw });
        }
        Step::Deposited { who, sum, .. } => {
            let (entity, asset, sender) = (entity(name(*who)), asset(hub, sum.0), Address([3; 20]));
            FactKind::Deposited { entity, asset, amount: amount(sum.1), sender }
        }
        Step::Landed { operation } => landed(hub, ledger, *operation),
        Step::Taken { who, into, sum } => taken(hub, ledger, *who, *into, *sum, OperationId::ZERO),
        Step::Time { timestamp_s } => FactKind::Time { timestamp: *timestamp_s },
        Step::Reverted { operation } => FactKind::Reverted { operation: *operation },
        Step::Reorg => FactKind::DeepReorg { depth: 20 },
        Step::Stale => FactKind::DeepReorg { depth: 21 },
    };
    // A revert has no log, and so no place of its own.
    hub.chain_block += u64::from(!matches!(step, Step::Stale | Step::Reverted { .. }));
    let chain_tx = match step {
        Step::Deposited { sent: Some(operation), .. } => xln_crypto::keccak256(&raw(*operation).0),
        _ => xln_types::Hash::ZERO,
    };
    let at = FactPosition { block: hub.chain_block, log_index: 0, chain_tx, ..FactPosition::default() };
    Input::Fact(ChainFact { at, kind })
}

fn taken(hub: &Hub, ledger: &Ledger, who: usize, into: Option<usize>, sum: Sum, operation: OperationId) -> FactKind {
    let (own, asset, amount) = (ledger.people[who].name, asset(hub, sum.0), amount(sum.1));
    let Some(peer) = into.map(|peer| ledger.people[peer].name) else {
        return FactKind::Withdrawn { entity: entity(own), asset, amount, recipient: Address([3; 20]), operation };
    };
    let side = if entity(own) < entity(peer) { Side::Left } else { Side::Right };
    FactKind::CollateralAdded { channel: channel(own, peer), entity: entity(own), side, asset, amount, operation }
}

fn landed(hub: &Hub, ledger: &Ledger, id: OperationId) -> FactKind {
    let Operation { kind, owner, peer, asset: number, amount: sum, counter, .. } = ledger.operations[&id];
    match kind {
        Kind::Withdraw => taken(hub, ledger, owner, None, (number, sum), id),
        Kind::Allocate => taken(hub, ledger, owner, Some(peer), (number, sum), id),
        _ => {
            let (own, peer) = (ledger.people[owner].name, ledger.people[peer].name);
            let (gained, nothing) = (xln_types::Balance(sum), xln_types::Balance::ZERO);
            let is_left = entity(own) < entity(peer);
            let (left, right) = if is_left { (gained, nothing) } else { (nothing, gained) };
            FactKind::Settled { channel: channel(own, peer), asset: asset(hub, number), counter, left, right }
        }
    }
}

fn body(hub: &Hub, ledger: &Ledger, from: &str, act: &Act) -> Body {
    let sum = |(number, sum): Sum| AssetAmount { asset: asset(hub, number), amount: amount(sum) };
    let sums = |list: &[Sum]| list.iter().copied().map(sum).collect::<Vec<_>>();
    let peer_of = |peer: usize| ledger.people[peer].name;
    let signature = |signed: bool| Blob(vec![1; if signed { 65 } else { 0 }]);
    match act {
        Act::Open { peer, lock, grants, ask, until_s, signed } => tx::OpenChannel {
            peer: entity(peer_of(*peer)),
            collateral: sums(lock),
            grants: sums(grants),
            requested: sums(ask),
            dispute_window_s: 60,
            valid_until_s: *until_s,
            chain_signatures: if *signed { vec![signature(true); lock.len()] } else { vec![] },
        }
        .into(),
        Act::Accept { peer, grants } => {
            tx::AcceptChannel { channel: channel(from, peer_of(*peer)), grants: sums(grants) }.into()
        }
        Act::Credit { peer, granted } => {
            let AssetAmount { asset, amount: granted } = sum(*granted);
            tx::SetCredit { channel: channel(from, peer_of(*peer)), asset, granted }.into()
        }
        Act::Pay { sum: paid, .. } => {
            let AssetAmount { asset, amount } = sum(*paid);
            tx::DirectPayment { asset, amount, memo: Blob::default(), route: vec![] }.into()
        }
        Act::Deposit { sum: sent } => tx::Deposit { asset: sum(*sent).asset, amount: sum(*sent).amount }.into(),
        Act::Withdraw { sum: out, until_s, signed } => {
            let (AssetAmount { asset, amount }, chain_signature) = (sum(*out), signature(*signed));
            let (recipient, valid_until_s) = (signer(from).address(), *until_s);
            tx::Withdraw { asset, amount, recipient, valid_until_s, chain_signature }.into()
        }
        Act::Allocate { peer, sum: into, until_s, signed } => {
            let (AssetAmount { asset, amount }, chain_signature) = (sum(*into), signature(*signed));
            let channel = channel(from, peer_of(*peer));
            tx::Allocate { channel, asset, amount, valid_until_s: *until_s, chain_signature }.into()
        }
        Act::Deallocate { peer, sum: out, until_s } => {
            let (AssetAmount { asset, amount }, channel) = (sum(*out), channel(from, peer_of(*peer)));
            tx::Deallocate { channel, asset, amount, valid_until_s: *until_s }.into()
        }
        Act::Update { asset: number, policy, accepts_free } => {
            let cap = |number: i128| if number == NONE { Amount(u128::MAX) } else { amount(number) };
            let small = |number: i128| u64::try_from(number).expect("small");
            let policy = AssetPolicy {
                asset: asset(hub, *number),
                grant_max: cap(policy.grant_to_one),
                grant_total_max: cap(policy.grant_in_all),
                owed_max: cap(policy.owe),
                reserve_ppm: small(policy.reserve_ppm),
                fee_base: amount(policy.fee_base),
                fee_ppm: small(policy.fee_ppm),
            };
            let accepts_free = u8::from(*accepts_free);
            tx::UpdateEntity { metadata: Blob::default(), policies: vec![policy], accepts_free }.into()
        }
    }
}
