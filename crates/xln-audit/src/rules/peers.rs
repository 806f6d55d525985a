//! What another node said, taken: its frames and acknowledgements. **CH-5**, **CH-6** (replayed here, hash by hash), **CH-7** (who signed, over what,
//! and with which nonce), **CH-8** (what becomes final or released), **CH-9** (heights and crossings), **CH-12** (facts as they were told), **DP-5**.

use super::htlcs::Todo;
use super::{Doubt, Shadow, doubt, require};
use crate::agreed::Replica;
use crate::book::Book;
use crate::holdings::Flow;
use crate::memory::{Draft, Memory, Outcome};
use crate::records::{Head, OPERATION_PENDING, OPERATION_WAITING, Operation, SETTLE};
use std::sync::Arc;
use xln_crypto::evidence::proof_digest;
use xln_crypto::{SignatureError, secp};
use xln_types::SignerId;
use xln_types::frame::{CollateralChange, FRAME_AHEAD_S_MAX, FRAME_TXS_MAX, NONCE_SKIP_MAX};
use xln_types::htlc::HTLC_EXPIRY_S_MAX;
use xln_types::{ChannelId, ChannelProof, EntityId, Frame, FrameTx, Hash, HtlcKey, PeerMessage, Rejection, Side};

/// Bytes of a signature for the chain.
const CHAIN_SIGNATURE_BYTES: usize = 65;

/// A frame's book, and what it will mean.
struct Replayed {
    book: Book,
    outcomes: Vec<Outcome>,
}

impl Shadow<'_> {
    pub(super) fn peer(
        &mut self,
        node: EntityId,
        signer: SignerId,
        message: &PeerMessage,
        rejection: Option<&Rejection>,
    ) -> Result<(), Doubt> {
        self.signed(signer, message)?;
        let Some(rejection) = rejection else {
            self.said(node, signer, message)?;
            return self.work_off();
        };
        // Bounds on how much one node may offer aren't counted here.
        if matches!(rejection, Rejection::StackFull { .. } | Rejection::TooLarge { .. }) {
            return Ok(());
        }
        let possible = self.trial().said(node, signer, message).is_ok();
        require(!possible, "CH-6", "what can be taken is taken", || rejection.reason().to_owned())
    }

    /// CH-6, CH-7: the proof is of this frame, and its signature is this signer's.
    fn signed(&self, signer: SignerId, message: &PeerMessage) -> Result<(), Doubt> {
        let (proof, signature) = match message {
            PeerMessage::Frame { frame, proof, signature, intro } => {
                let hash = xln_crypto::frame_hash(frame);
                require(proof.frame == hash, "CH-6", &format!("a proof of frame {hash}"), || proof.frame.to_string())?;
                let same = (proof.channel, proof.by) == (frame.channel, frame.by);
                require(same, "CH-6", "a proof of the frame's channel and side", || format!("{proof:?}"))?;
                let count = frame.txs.len();
                require(count <= FRAME_TXS_MAX, "CH-6", &format!("{FRAME_TXS_MAX} in a frame"), || count.to_string())?;
                require(intro.len() <= 1, "N-5", "at most one introduction", || intro.len().to_string())?;
                (proof, signature)
            }
            PeerMessage::Ack { proof, signature } => (proof, signature),
            PeerMessage::Refused { .. } | PeerMessage::ForChain { .. } => {
                return require(signer == SignerId::ZERO, "TX-3", "no signer", || signer.to_string());
            }
        };
        // The chain takes no other spelling of v, and what it doesn't take proves nothing.
        let spelled = matches!(signature.0.last(), Some(27 | 28));
        require(spelled, "CH-7", "a signature that ends in 27 or 28", || format!("{:?}", signature.0.last()))?;
        let genesis = &self.held.genesis;
        let digest = proof_digest(genesis.chain_id, genesis.depositary, proof);
        let found = secp::recover(&digest, &signature.0);
        let expected = format!("the signature of {signer}");
        let found = found.map_err(|error: SignatureError| doubt("CH-7", &*expected, error.to_string()))?;
        require(found == signer, "CH-7", &expected, || format!("of {found}"))
    }

    fn said(&mut self, node: EntityId, signer: SignerId, message: &PeerMessage) -> Result<(), Doubt> {
        let channel = message.channel();
        match message {
            PeerMessage::Frame { frame, proof, intro, .. } => {
                if self.held.sides(channel).is_none() {
                    return self.offered(node, signer, frame, proof, intro);
                }
                let head = self.spoken_for(channel, node, Some(signer))?;
                let offered = self.need_memory(channel)?.offered.is_some();
                require(!offered, "CH-11", "consent first", || "a second frame".to_owned())?;
                self.frame_arrives(&head, frame, proof)
            }
            PeerMessage::Ack { proof, .. } => {
                let head = self.spoken_for(channel, node, Some(signer))?;
                self.acknowledgement(&head, proof)
            }
            PeerMessage::ForChain { counter, valid_until_s, signature, .. } => {
                let (head, me) = (self.spoken_for(channel, node, None)?, self.need_memory(channel)?.me);
                let known = self.settlement_of(head.entity(me), channel, *counter);
                let known = known.filter(|known| known.status == OPERATION_WAITING);
                let known = known.ok_or_else(|| doubt("DP-5", "a settlement that waits", counter.to_string()))?;
                let same = known.valid_until_s == *valid_until_s && signature.0.len() == CHAIN_SIGNATURE_BYTES;
                require(same, "DP-5", "a signature on what was asked for", || valid_until_s.to_string())?;
                let chain_signature = signature.clone();
                self.put_operation(Operation { status: OPERATION_PENDING, chain_signature, ..known })
            }
            PeerMessage::Refused { .. } => Err(doubt("CH-9", "what changes something", "a refusal")),
        }
    }

    /// CH-7: that node speaks for the channel's other side, and who signs is on its board.
    fn spoken_for(&self, channel: ChannelId, node: EntityId, signer: Option<SignerId>) -> Result<Head, Doubt> {
        let head = self.head(channel)?;
        let (me, replica) = (self.need_memory(channel)?.me, self.replica(&head)?);
        require(replica.node == node, "CH-7", &format!("node {}", replica.node), || node.to_string())?;
        let board = self.entity(head.entity(me.other()))?.board;
        if let Some(signer) = signer {
            let signs = board.sole_member() == Some(signer) && replica.remote == signer;
            require(signs, "CH-7", &format!("a signature of {}", replica.remote), || signer.to_string())?;
        }
        Ok(head)
    }

    /// CH-9: on the head, or known, or in the way of left's own.
    fn frame_arrives(&mut self, head: &Head, frame: &Frame, proof: &ChannelProof) -> Result<(), Doubt> {
        let (mut memory, replica) = (self.need_memory(head.id)?, self.replica(head)?);
        require(frame.by != memory.me, "CH-5", "a frame of the other side's", || frame.by.to_string())?;
        require(replica.frozen == 0, "CH-12", "no frame once a dispute has begun", || head.id.to_string())?;
        if frame.height <= replica.height {
            let again = proof.frame == replica.frame;
            return require(again, "CH-9", &format!("a height above {}", replica.height), || frame.height.to_string());
        }
        let next = replica.height.checked_add(1).ok_or_else(super::out_of_range)?;
        require(frame.height == next, "CH-9", &format!("height {next}"), || frame.height.to_string())?;
        let on_head = frame.previous == replica.frame;
        require(on_head, "CH-9", &format!("a frame on {}", replica.frame), || frame.previous.to_string())?;
        if memory.me == Side::Left && !memory.stack.is_empty() {
            memory.yields_since_ms = Some(self.now_ms);
            return self.keep(head, memory, replica);
        }
        self.take(head, frame, proof)
    }

    /// A frame of the other side's becomes the head.
    pub(super) fn take(&mut self, head: &Head, frame: &Frame, proof: &ChannelProof) -> Result<(), Doubt> {
        let (mut memory, mut replica) = (self.need_memory(head.id)?, self.replica(head)?);
        let Replayed { book, outcomes } = self.replayed(head, &memory, &replica, frame, proof)?;
        let signed_before = replica.signed_nonce;
        give_up(&mut memory, signed_before);
        (replica.height, replica.frame, replica.nonce) = (frame.height, proof.frame, proof.nonce);
        (replica.timestamp_s, replica.by) = (frame.timestamp_s, frame.by);
        // What is acknowledged is signed.
        replica.signed_nonce = signed_before.max(proof.nonce);
        memory.yields_since_ms = None;
        self.told(&frame.txs);
        forget_facts(&mut memory, &book);
        self.rebase(&mut memory, &book);
        let mut now = Vec::new();
        for outcome in outcomes {
            // CH-8: a preimage is knowledge, and used at once.
            match outcome {
                Outcome::Claimed(..) => now.push(outcome),
                other => memory.waiting.push((signed_before, other)),
            }
        }
        now.extend(memory.ripe(proof.nonce));
        self.agreed(head, &book, memory, replica, now)
    }

    /// CH-6: what the frame's transactions lead to, each judged by what is known now.
    fn replayed(
        &self,
        head: &Head,
        memory: &Memory,
        replica: &Replica,
        frame: &Frame,
        proof: &ChannelProof,
    ) -> Result<Replayed, Doubt> {
        let nonces = replica.nonce.saturating_add(1)..=replica.nonce.saturating_add(NONCE_SKIP_MAX);
        let rises = nonces.contains(&proof.nonce);
        require(rises, "CH-7", &format!("a nonce within {nonces:?}"), || proof.nonce.to_string())?;
        require(proof.board_epoch == 0, "CH-7", "the founding board", || format!("epoch {}", proof.board_epoch))?;
        let times = replica.timestamp_s..=self.now_s().saturating_add(FRAME_AHEAD_S_MAX);
        let timely = times.contains(&frame.timestamp_s);
        require(timely, "CH-6", &format!("a time within {times:?}"), || frame.timestamp_s.to_string())?;
        let opens = matches!(frame.txs.as_slice(), [FrameTx::Open { .. }]);
        require(opens == (frame.height == 1), "CH-11", "the opening in the first frame", || frame.height.to_string())?;
        let apart = frame.txs.len() == 1 || !frame.txs.iter().any(FrameTx::stands_alone);
        require(apart, "CH-8", "alone what stands alone", || format!("{} in a frame", frame.txs.len()))?;
        let (mut book, mut outcomes) = (self.book(head)?, Vec::new());
        for tx in &frame.txs {
            self.acceptable(memory, &book, tx)?;
            outcomes.extend(meaning(memory.me, tx));
            book.step(frame.by, tx)?;
        }
        let state = book.state();
        require(state == frame.state, "CH-6", &format!("a state of {state}"), || frame.state.to_string())?;
        covers(&book, proof)?;
        Ok(Replayed { book, outcomes })
    }

    /// What is judged once, when a frame is taken (CH-6): expiries and chain facts.
    fn acceptable(&self, memory: &Memory, book: &Book, tx: &FrameTx) -> Result<(), Doubt> {
        let now_s = self.now_s();
        match tx {
            FrameTx::HtlcAdd { htlc, .. } => {
                let most = now_s.saturating_add(HTLC_EXPIRY_S_MAX).saturating_add(FRAME_AHEAD_S_MAX);
                let near = htlc.expires_at_s <= most;
                require(near, "HT-6", &format!("an expiry by {most}"), || htlc.expires_at_s.to_string())
            }
            FrameTx::HtlcFulfill { id, .. } => {
                let expires_at_s = book.htlc(HtlcKey { side: memory.me, id: *id })?.expires_at_s;
                require(now_s < expires_at_s, "HT-2", &format!("a claim before {expires_at_s}"), || now_s.to_string())
            }
            FrameTx::HtlcCancel { key, .. } if key.side != memory.me => {
                let expires_at_s = book.htlc(*key)?.expires_at_s;
                let over = expires_at_s <= now_s;
                require(over, "HT-2", &format!("a payer's cancel past {expires_at_s}"), || now_s.to_string())
            }
            FrameTx::Fact { block, change: CollateralChange::Lapsed { counter }, .. } => {
                let server = self.server();
                let begun = book.terms.settlement.first().filter(|begun| begun.counter == *counter);
                let over = begun.is_some_and(|begun| begun.valid_until_s < server.chain_time_s);
                let told = !memory.facts.iter().any(|fact| super::drafts::is_listed(book, fact));
                let deep = over && told && *block <= server.cursor.block;
                require(deep, "CH-12", "a deep block past the settlement's validity", || counter.to_string())
            }
            FrameTx::Fact { .. } => {
                let next = memory.facts.iter().find(|fact| super::drafts::is_listed(book, fact));
                require(next == Some(tx), "CH-12", &format!("the next fact told: {next:?}"), || format!("{tx:?}"))
            }
            _ => Ok(()),
        }
    }

    /// CH-7, CH-8: the other side has signed one of the hub's own frames, and with it all before it.
    fn acknowledgement(&mut self, head: &Head, proof: &ChannelProof) -> Result<(), Doubt> {
        let (mut memory, mut replica) = (self.need_memory(head.id)?, self.replica(head)?);
        let is_this = |ours: &ChannelProof| {
            // A frame whose hash only replay can tell is known by its nonce.
            ours.frame == proof.frame || (ours.frame == Hash::ZERO && ours.nonce == proof.nonce)
        };
        let Some(place) = memory.stack.iter().position(|proposed| is_this(&proposed.proof)) else {
            let again = proof.frame == replica.frame;
            return require(again, "CH-9", "a frame that waits", || proof.frame.to_string());
        };
        let (mut book, mut outcomes, mut txs) = (self.book(head)?, Vec::new(), Vec::new());
        for _ in 0..=place {
            let Some(proposed) = memory.stack.pop_front() else { break };
            for draft in &proposed.drafts {
                outcomes.push(own_meaning(memory.me, draft));
                book.step(memory.me, &draft.tx)?;
                txs.push(draft.tx.clone());
            }
            (replica.height, replica.frame) = (proposed.height, proposed.proof.frame);
            (replica.nonce, replica.timestamp_s) = (proposed.proof.nonce, proposed.timestamp_s);
        }
        // The records after it are what both have signed: hashed anew, they are what the proof says.
        covers(&book, proof)?;
        let same = (proof.nonce, proof.by) == (replica.nonce, memory.me);
        require(same, "CH-7", &format!("nonce {}", replica.nonce), || proof.nonce.to_string())?;
        require(proof.board_epoch == 0, "CH-7", "the founding board", || format!("epoch {}", proof.board_epoch))?;
        (replica.frame, replica.by) = (proof.frame, memory.me);
        if memory.stack.is_empty() {
            memory.top = None;
        }
        self.told(&txs);
        forget_facts(&mut memory, &book);
        outcomes.extend(memory.ripe(proof.nonce));
        self.agreed(head, &book, memory, replica, outcomes)
    }

    /// Both have signed a frame more: the book follows, and what comes of it.
    fn agreed(
        &mut self,
        head: &Head,
        book: &Book,
        mut memory: Memory,
        replica: Replica,
        outcomes: Vec<Outcome>,
    ) -> Result<(), Doubt> {
        memory.speaks |= memory.owes || !memory.drafts.is_empty();
        self.put_book(head, book)?;
        self.keep(head, memory, replica)?;
        self.recount(head)?;
        self.draft_facts(head)?;
        self.todo.extend(outcomes.into_iter().map(|outcome| Todo::Outcome(head.id, outcome)));
        Ok(())
    }

    /// CH-13: collateral that was only told of now stands in a book.
    fn told(&mut self, txs: &[FrameTx]) {
        for tx in txs {
            if let FrameTx::Fact { asset, change, .. } = tx {
                self.note_flow(*asset, Flow::Told(super::fact::told(change).saturating_neg()));
            }
        }
    }

    /// DP-5: the settlement that this side asked for, while it is under way.
    pub(super) fn settlement_of(&self, owner: EntityId, channel: ChannelId, counter: u64) -> Option<Operation> {
        let mut all = self.operations_of(owner).into_iter();
        all.find(|known| (known.kind, known.channel, known.counter) == (SETTLE, channel, counter))
    }
}

/// CH-7: the proof covers exactly this book.
fn covers(book: &Book, proof: &ChannelProof) -> Result<(), Doubt> {
    let (offdeltas, locks, window) = (book.offdeltas(), book.locks(), book.terms.dispute_window_s);
    require(proof.offdeltas == offdeltas, "CH-7", &format!("offdeltas {offdeltas}"), || proof.offdeltas.to_string())?;
    require(proof.htlcs == locks, "CH-7", &format!("htlcs {locks}"), || proof.htlcs.to_string())?;
    let same = proof.dispute_window_s == window;
    require(same, "CH-7", &format!("a window of {window} s"), || proof.dispute_window_s.to_string())
}

/// CH-9: right gives up its stack, puts its transactions back in order, and owes a frame.
fn give_up(memory: &mut Memory, signed_nonce: u64) {
    (memory.top, memory.tip) = (None, None);
    if memory.stack.is_empty() {
        return;
    }
    memory.owes = true;
    let later = std::mem::take(&mut memory.drafts);
    for proposed in std::mem::take(&mut memory.stack) {
        let again = proposed.drafts.iter().map(|draft| Arc::new(Draft { signed: signed_nonce, ..Draft::clone(draft) }));
        memory.drafts.extend(again);
    }
    memory.drafts.extend(later);
}

/// CH-12: what stands in the head waits no more.
fn forget_facts(memory: &mut Memory, book: &Book) {
    let last = (book.terms.fact_block, book.terms.fact_log_index);
    memory.facts.retain(|fact| match fact {
        FrameTx::Fact { block, log_index, .. } => last < (*block, *log_index) || !super::drafts::is_listed(book, fact),
        _ => false,
    });
}

/// What a transaction of the other side's means for the hub's side, once it is final or released.
fn meaning(me: Side, tx: &FrameTx) -> Option<Outcome> {
    match tx {
        FrameTx::HtlcAdd { id, .. } => Some(Outcome::Locked(HtlcKey { side: me.other(), id: *id })),
        FrameTx::HtlcFulfill { id, preimage } => Some(Outcome::Claimed(HtlcKey { side: me, id: *id }, *preimage)),
        FrameTx::HtlcCancel { key, failure } if key.side == me => Some(Outcome::Returned(*key, Some(failure.clone()))),
        _ => None,
    }
}

/// What the hub's own means, once the other side has signed it.
fn own_meaning(me: Side, draft: &Draft) -> Outcome {
    match &draft.tx {
        FrameTx::HtlcCancel { key, failure } if key.side == me => {
            Outcome::Returned(*key, Some(failure.clone()).filter(|_| !draft.vague))
        }
        tx => Outcome::Acknowledged(tx.clone()),
    }
}
