//! Two replicas played by hand: each test says who drafts, proposes, receives.

use super::super::script::ASSET;
use super::{EXPIRY_S, GRANT, NOW_MS, open_tx, replica};
use crate::channel::replica::{Judge, Outcome, Received, Signed};
use crate::channel::{Book, Replica};
use xln_crypto::frame_hash;
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::{Amount, ChannelProof, Failure, Frame, FrameTx, Hash, Htlc, HtlcKey, Rejection, Side, TxHash};

pub(super) use xln_types::Side::{Left, Right};

/// A signed frame on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub frame: Frame,
    pub proof: ChannelProof,
}

impl Sent {
    /// The proposer's signature.
    pub(super) fn signed(&self) -> Signed {
        signed(self.proof)
    }

    /// The same, after a change that its proposer signed too.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Frame, &mut ChannelProof)) -> Sent {
        let mut sent = self.clone();
        change(&mut sent.frame, &mut sent.proof);
        sent.proof.frame = frame_hash(&sent.frame);
        sent
    }
}

pub(super) fn signed(proof: ChannelProof) -> Signed {
    Signed { proof, signature: Blob(vec![7; 65]) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub replicas: [Replica; 2],
    pub books: [Book; 2],
    pub judge: Judge,
}

pub(super) fn pay(amount: u128) -> FrameTx {
    FrameTx::Pay { asset: ASSET, amount: Amount(amount), payment: TxHash([5; 32]), memo: Blob::default() }
}

pub(super) fn grant(granted: u128) -> FrameTx {
    FrameTx::Credit { asset: ASSET, granted: Amount(granted) }
}

pub(super) const PREIMAGE: Hash = Hash([3; 32]);

pub(super) fn htlc(amount: u128) -> Htlc {
    let onion = Blob::default();
    Htlc { asset: ASSET, amount: Amount(amount), hashlock: hashlock(&PREIMAGE), expires_at_s: EXPIRY_S, onion }
}

pub(super) fn add(id: u64, amount: u128) -> FrameTx {
    FrameTx::HtlcAdd { id, htlc: htlc(amount) }
}

pub(super) fn fulfill(id: u64) -> FrameTx {
    FrameTx::HtlcFulfill { id, preimage: PREIMAGE }
}

pub(super) fn cancel(side: Side, id: u64) -> FrameTx {
    FrameTx::HtlcCancel { key: HtlcKey { side, id }, failure: Failure::here(Rejection::NoRoute {}) }
}

impl Pair {
    /// Before the first frame.
    pub(super) fn new() -> Pair {
        let judge = Judge { now_ms: NOW_MS, chain_s: NOW_MS / 1000, chain_block: 0 };
        Pair { replicas: [replica(Left), replica(Right)], books: Default::default(), judge }
    }

    /// After left's opening and right's grant: height 2, nonce 2.
    pub(super) fn opened() -> Pair {
        let mut pair = Pair::new();
        let open = open_tx().expect("it is there");
        pair.does(Left, [open]);
        pair.does(Right, [grant(GRANT.0)]);
        pair
    }

    pub(super) fn replica(&mut self, side: Side) -> &mut Replica {
        &mut self.replicas[side.pick(0, 1)]
    }

    pub(super) fn book(&self, side: Side) -> &Book {
        &self.books[side.pick(0, 1)]
    }

    pub(super) fn offdelta(&self, side: Side) -> i128 {
        self.book(side).line(ASSET).map_or(0, |line| line.offdelta.0)
    }

    pub(super) fn draft(&mut self, side: Side, tx: FrameTx) -> Result<(), Rejection> {
        let (index, judge) = (side.pick(0, 1), self.judge);
        let would = self.replicas[index].would_draft(&self.books[index], &judge, &tx);
        let does = self.replicas[index].draft(&self.books[index], &judge, tx);
        assert_eq!(would, does, "what would be drafted is drafted");
        does
    }

    pub(super) fn propose(&mut self, side: Side) -> Option<Sent> {
        let (index, judge) = (side.pick(0, 1), self.judge);
        let proposal = self.replicas[index].propose(&self.books[index], &judge, 0)?;
        Some(Sent { frame: proposal.frame.clone(), proof: proposal.proof })
    }

    /// Drafts, and closes one frame over it.
    pub(super) fn proposes(&mut self, side: Side, txs: impl IntoIterator<Item = FrameTx>) -> Sent {
        for tx in txs {
            assert_eq!(self.draft(side, tx), Ok(()));
        }
        self.propose(side).expect("there is something to propose")
    }

    /// To the side that didn't propose it.
    pub(super) fn deliver(&mut self, sent: &Sent) -> Result<Received, Rejection> {
        let (index, judge) = (sent.frame.by.other().pick(0, 1), self.judge);
        self.replicas[index].receive_frame(&mut self.books[index], &judge, &sent.frame, sent.signed())
    }

    /// A side's acknowledgement of its head, to the other.
    pub(super) fn ack(&mut self, from: Side) -> Result<Received, Rejection> {
        let proof = self.replica(from).acknowledgement(0).expect("the head is the other's");
        let index = from.other().pick(0, 1);
        self.replicas[index].receive_ack(&mut self.books[index], signed(proof))
    }

    /// Drafted, proposed, taken and acknowledged; what each side was told: the proposer last.
    pub(super) fn does(&mut self, side: Side, txs: impl IntoIterator<Item = FrameTx>) -> [Vec<Outcome>; 2] {
        let sent = self.proposes(side, txs);
        let arrived = taken(self.deliver(&sent));
        let acknowledged = taken(self.ack(side.other()));
        assert_eq!(self.books[0], self.books[1], "CH-6: both have one book");
        [arrived, acknowledged]
    }
}

#[track_caller]
pub(super) fn taken(received: Result<Received, Rejection>) -> Vec<Outcome> {
    match received {
        Ok(Received::Taken(outcomes)) => outcomes,
        other => panic!("not taken: {other:?}"),
    }
}
