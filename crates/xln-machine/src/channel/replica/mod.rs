//! One side's replica of a channel whose other side is on another node: frames proposed, replayed, acknowledged, stacked, crossed
//! (PROTOCOL 2). Pure: signatures were checked before, and are wishes after; time is an argument.
//!
//! Laws:
//! - **CH-6** a receiver commits only what it computed itself; a refused transaction that was never signed drops alone.
//! - **CH-7** heights are gapless; a new frame's nonce is above every nonce that its signer ever signed here.
//! - **CH-8** what is *final* and what is *released*: [`Replica`] keeps for each the highest nonce that could still undo it.
//! - **CH-9** left's frame wins a crossing; right gives up its stack and owes a frame; left takes turns.
//! - **CH-10** what was signed is sent again byte for byte.
//! - **CH-12** facts in the chain's order, each judged once; nothing is signed any more once a dispute has begun.
//!
//! The exhaustive test of these rules, with a dispute at every step, is `tests/replicas`. Read [`Replica`], then `propose`, then
//! `receive`.

mod judge;
mod outcome;
mod propose;
mod receive;

pub use judge::{FULFILL_MARGIN_S, Judge};
pub use outcome::{Checked, Outcome, Received, Replayed};

use super::book::Book;
use std::collections::VecDeque;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::frame::CollateralChange;
use xln_types::{AssetId, ChannelId, ChannelProof, EntityId, Frame, FrameTx, Hash, Rejection, Side, SignerId};

/// Most frames that wait for the other side's acknowledgement (CH-16). What comes on top waits unsigned, in one draft.
pub const STACK_FRAMES_MAX: usize = 32;
/// Most transactions that wait to be put into a frame (CH-16).
pub const DRAFT_TXS_MAX: usize = 16_384;
/// Most bytes of transactions in one frame: with its proof and signature the message stays within the peers' bound.
pub const FRAME_TX_BYTES_MAX: usize = 96 * 1024;
/// CH-9: after so long without a frame of right's, left goes on.
pub const TURN_MS_MAX: u64 = 10_000;
/// Most chain facts that wait to be put into a frame.
pub const FACTS_MAX: usize = 1024;

/// A signed frame of one's own that the other side hasn't acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The frame.
    pub frame: Frame,
    /// What its signature covers.
    pub proof: ChannelProof,
}

/// A transaction that waits to be put into a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it does.
    pub tx: FrameTx,
    /// The highest nonce of a frame given up that held it; 0: it was never signed.
    pub signed_nonce: u64,
}

/// The other side's signature on a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it covers.
    pub proof: ChannelProof,
    /// 65 bytes r ‖ s ‖ v.
    pub signature: Blob,
}

/// What the chain did to this channel, seen deep and in no frame yet (CH-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenFact {
    /// The block.
    pub block: u64,
    /// Its hash.
    pub block_hash: Hash,
    /// Index of the log in it.
    pub log_index: u64,
    /// In which asset.
    pub asset: AssetId,
    /// What it did.
    pub change: CollateralChange,
}

impl SeenFact {
    /// Its place in the chain's order: block, and index of the log in it.
    pub fn place(&self) -> (u64, u64) {
        (self.block, self.log_index)
    }

    /// As a frame's transaction.
    pub fn to_tx(self) -> FrameTx {
        let SeenFact { block, block_hash, log_index, asset, change } = self;
        FrameTx::Fact { block, block_hash, log_index, asset, change }
    }
}

/// What becomes of something once the other side's signature has a nonce above `nonce` (CH-8).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    /// The highest nonce that this side signed while it was otherwise.
    nonce: u64,
    outcome: Outcome,
}

/// One side's memory of a channel, beside the committed [`Book`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Which channel.
    pub channel: ChannelId,
    /// Which side this is.
    pub me: Side,
    /// The node by which the other side is reached.
    pub node: EntityId,
    /// Who signs for the other side.
    pub remote: SignerId,
    /// Height of the head, the last frame both have signed; 0 before the first.
    pub height: u64,
    /// The head's hash.
    pub frame: Hash,
    /// Hash of the frame before the head.
    pub previous: Hash,
    /// The head's nonce.
    pub nonce: u64,
    /// The head's timestamp, unix seconds.
    pub timestamp_s: u64,
    /// Who proposed the head.
    pub by: Side,
    /// The other side's signature on the head; none before the first frame.
    pub evidence: Option<Signed>,
    /// CH-15: the highest nonce that this side ever signed.
    pub signed_nonce: u64,
    /// The lowest number that this side's next HTLC may have: none is used twice once signed (HT-2).
    pub htlc_next: u64,
    /// Own frames that wait for their acknowledgement, each on top of the one before.
    pub stack: VecDeque<Proposal>,
    /// The book after the stack; `None`: the head's.
    proposed: Option<Box<Book>>,
    /// The book after the drafts; `None`: the stack's.
    tip: Option<Box<Book>>,
    /// What waits to be put into a frame.
    pub draft: VecDeque<Draft>,
    /// Left: since when it yields to right (CH-9), unix milliseconds.
    pub yielding_since_ms: Option<u64>,
    /// Right: it has given up a stack and not proposed since (CH-9).
    pub owes: bool,
    /// CH-12: a dispute was begun or seen; nothing is signed any more.
    pub frozen: bool,
    /// Two frames of the other side on one: evidence (CH-9).
    pub equivocation: Option<Box<(Signed, Signed)>>,
    /// Chain facts that wait to be put into a frame, in the chain's order.
    pub facts: VecDeque<SeenFact>,
    pending: VecDeque<Pending>,
    /// The first frame of the other side's, while this side's consent is awaited (CH-11).
    pub offered: Option<Box<(Frame, Signed)>>,
}

/// The replica's record in the state tree: what it has signed and seen, without the frames themselves, which stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ReplicaRecord {
    /// The node by which the other side is reached.
    pub node: EntityId,
    /// Who signs for the other side.
    pub remote: SignerId,
    /// Height of the head.
    pub height: u64,
    /// The head's hash.
    pub frame: Hash,
    /// The head's nonce.
    pub nonce: u64,
    /// The head's timestamp, unix seconds.
    pub timestamp_s: u64,
    /// Who proposed the head.
    pub by: Side,
    /// The highest nonce that this side ever signed (CH-15).
    pub signed_nonce: u64,
    /// How many frames wait for their acknowledgement.
    pub stacked: u64,
    /// Hash of the newest of them; zero for none.
    pub newest: Hash,
    /// How many transactions wait to be put into a frame.
    pub drafted: u64,
    /// 1 while left yields, or right owes a frame (CH-9).
    pub turn: u8,
    /// 1 once a dispute has begun (CH-12).
    pub frozen: u8,
}

impl Replica {
    /// A replica before the first frame.
    pub fn new(channel: ChannelId, me: Side, node: EntityId, remote: SignerId) -> Replica {
        Replica {
            channel,
            me,
            node,
            remote,
            height: 0,
            frame: Hash::ZERO,
            previous: Hash::ZERO,
            nonce: 0,
            timestamp_s: 0,
            by: Side::Left,
            evidence: None,
            signed_nonce: 0,
            htlc_next: 0,
            stack: VecDeque::new(),
            proposed: None,
            tip: None,
            draft: VecDeque::new(),
            yielding_since_ms: None,
            owes: false,
            frozen: false,
            equivocation: None,
            facts: VecDeque::new(),
            pending: VecDeque::new(),
            offered: None,
        }
    }

    /// The state after everything this side has proposed or drafted.
    pub fn tip<'a>(&'a self, head: &'a Book) -> &'a Book {
        self.tip.as_deref().or(self.proposed.as_deref()).unwrap_or(head)
    }

    /// Its record in the state tree.
    pub fn record(&self) -> ReplicaRecord {
        ReplicaRecord {
            node: self.node,
            remote: self.remote,
            height: self.height,
            frame: self.frame,
            nonce: self.nonce,
            timestamp_s: self.timestamp_s,
            by: self.by,
            signed_nonce: self.signed_nonce,
            stacked: self.stack.len() as u64,
            newest: self.stack.back().map_or(Hash::ZERO, |proposal| proposal.proof.frame),
            drafted: self.draft.len() as u64,
            turn: u8::from(self.yielding_since_ms.is_some() || self.owes),
            frozen: u8::from(self.frozen),
        }
    }

    /// True when nothing is outstanding: heads are equal and all is final and released.
    pub fn is_settled(&self) -> bool {
        self.stack.is_empty() && self.draft.is_empty() && self.pending.is_empty() && !self.owes
    }

    /// CH-12: a dispute was begun or seen.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// CH-12: a fact that this node knows to be deep now. Its side proposes it; either may.
    ///
    /// # Errors
    /// `StackFull` when too many wait.
    pub fn see(&mut self, fact: SeenFact) -> Result<(), Rejection> {
        if FACTS_MAX <= self.facts.len() {
            return Err(Rejection::StackFull { limit: FACTS_MAX as u64 });
        }
        self.facts.push_back(fact);
        Ok(())
    }

    /// The acknowledgement of the head: this side's signature on the same state. Where the link was broken it is sent again before the
    /// stack (CH-10): to whoever lacks it the stack stands on an unknown frame, is refused, and nobody would send it once more.
    pub fn acknowledgement(&self, board_epoch: u64) -> Option<ChannelProof> {
        let evidence = self.evidence.as_ref().filter(|_| self.by != self.me)?;
        Some(ChannelProof { board_epoch, ..evidence.proof })
    }
}
