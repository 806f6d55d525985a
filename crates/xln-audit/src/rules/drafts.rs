//! The hub's own side of channels with other nodes: transactions are drafted, frames close over them, and what no longer fits drops.
//!
//! **CH-6** (a frame's hash binds all of it), **CH-7** (its nonce is above all that were signed), **CH-8** (what stands alone is never stacked),
//! **CH-9** (turns), **CH-12** (facts), **HT-2**, **HT-6** (when something may be proposed), **DP-2** (what it would come to).

use super::{Doubt, Shadow, doubt, require};
use crate::agreed::{Replica, Terms};
use crate::book::Book;
use crate::memory::{Draft, Memory, Outcome, Proposed};
use crate::records::{Head, Held};
use std::sync::Arc;
use xln_types::frame::{CollateralChange, FRAME_TXS_MAX};
use xln_types::htlc::HTLC_EXPIRY_S_MAX;
use xln_types::path::StorageType;
use xln_types::{AssetId, ChannelId, ChannelProof, EntityId, Frame, FrameTx, Hash, HtlcKey, Path, Side};

/// Most frames that wait for an acknowledgement (CH-8).
const STACK_FRAMES_MAX: usize = 32;
/// Most transactions that wait for a frame; the ends of HTLCs always have a place.
const DRAFT_TXS_MAX: usize = 16_384;
/// Most bytes of transactions in one frame, but for a single longer one.
const FRAME_TX_BYTES_MAX: usize = 96 * 1024;
/// CH-9: for so long left yields at most, in milliseconds.
const TURN_MS_MAX: u64 = 10_000;
/// HT-2: a claim is proposed no later than this before the expiry, in seconds.
const CLAIM_MARGIN_S: u64 = 30;

impl Shadow<'_> {
    /// What is remembered of a channel whose other side is on another node.
    pub(super) fn memory(&self, channel: ChannelId) -> Option<&Memory> {
        self.step.channels.get(&channel).or_else(|| self.held.memories.channels.get(&channel))
    }

    pub(super) fn need_memory(&self, channel: ChannelId) -> Result<Memory, Doubt> {
        let memory = self.memory(channel).cloned();
        memory.ok_or_else(|| doubt("CH-6", "a channel with another node", channel.to_string()))
    }

    pub(super) fn replica(&self, head: &Head) -> Result<Replica, Doubt> {
        let path = Path::replica(self.need_signer(head.left)?, head.left, head.id);
        let replica = self.get(&path).and_then(Held::replica).copied();
        replica.ok_or_else(|| doubt("CH-6", "a record of the channel's frames", head.id.to_string()))
    }

    /// Puts a memory, and the record that shows it.
    pub(super) fn keep(&mut self, head: &Head, memory: Memory, replica: Replica) -> Result<(), Doubt> {
        let record = Replica {
            stacked: memory.stack.len() as u64,
            newest: memory.stack.back().map_or(Hash::ZERO, |proposed| proposed.proof.frame),
            drafted: memory.drafts.len() as u64,
            turn: u8::from(memory.owes || memory.yields_since_ms.is_some()),
            ..replica
        };
        let path = Path::replica(self.need_signer(head.left)?, head.left, head.id);
        self.put(path, Held::Replica(record));
        self.step.channels.insert(head.id, memory);
        Ok(())
    }

    /// The book as the records say it: of a channel with another node, as of the last frame that both have signed.
    pub(super) fn book(&self, head: &Head) -> Result<Book, Doubt> {
        let signer = self.need_signer(head.left)?;
        let mut book = Book::default();
        for path in self.paths_below(&Path::channel_prefix(signer, head.left, head.id)) {
            if let Some(Held::Line(line)) = self.get(&path) {
                let (.., asset) = path.parts();
                book.lines.insert(AssetId(asset.0), *line);
            }
        }
        let mut prefix = Path::entity_prefix(signer, head.left);
        prefix.push(StorageType::Htlcs as u8);
        prefix.extend(head.id.0);
        for path in self.paths_below(&prefix) {
            match (crate::place::Place::of(&path), self.get(&path)) {
                (Some(crate::place::Place::Htlc(_, _, key)), Some(Held::Htlc(htlc))) => {
                    book.htlcs.insert(key, htlc.clone());
                }
                (_, Some(Held::Terms(terms))) => book.terms = Terms::clone(terms),
                _ => {}
            }
        }
        Ok(book)
    }

    /// The book after all that this side has proposed and drafted.
    pub(super) fn tip(&self, head: &Head) -> Result<Book, Doubt> {
        let tip = self.memory(head.id).and_then(|memory| memory.tip.as_ref().or(memory.top.as_ref()));
        tip.map_or_else(|| self.book(head), |tip| Ok(tip.clone()))
    }

    /// Puts what a book has become: its lines with both sides' sums, its HTLCs, its terms.
    pub(super) fn put_book(&mut self, head: &Head, after: &Book) -> Result<(), Doubt> {
        let (signer, before) = (self.need_signer(head.left)?, self.book(head)?);
        for (asset, line) in &after.lines {
            if before.lines.get(asset) != Some(line) {
                self.put_line(head, *asset, *line)?;
            }
        }
        if before.terms != after.terms {
            let held = Held::Terms(Box::new(after.terms.clone()));
            self.put(Path::terms(signer, head.left, head.id), held);
        }
        let window = after.terms.dispute_window_s;
        if window != 0 && window != head.dispute_window_s {
            let head = self.head(head.id)?;
            self.put_head(Head { dispute_window_s: window, ..head })?;
        }
        for key in before.htlcs.keys().filter(|key| !after.htlcs.contains_key(key)) {
            self.remove(Path::htlc(signer, head.left, head.id, *key));
        }
        for (key, htlc) in after.htlcs.iter().filter(|(key, _)| !before.htlcs.contains_key(key)) {
            self.put(Path::htlc(signer, head.left, head.id, *key), Held::Htlc(htlc.clone()));
        }
        Ok(())
    }

    /// One transaction on a book whose two sides are both here.
    pub(super) fn step_book(&mut self, head: &Head, by: Side, tx: &FrameTx) -> Result<(), Doubt> {
        let mut book = self.book(head)?;
        self.may_propose(by, &book, tx)?;
        book.step(by, tx)?;
        self.put_book(head, &book)?;
        self.recount(head)
    }

    /// DP-2: what both sides would owe more, if all that is locked, stacked and drafted came to pass.
    pub(super) fn recount(&mut self, head: &Head) -> Result<(), Doubt> {
        let (book, tip) = (self.book(head)?, self.tip(head)?);
        let mut exposures = Vec::new();
        for asset in tip.lines.keys() {
            for side in [Side::Left, Side::Right] {
                let more = tip.exposure(&book, *asset, side);
                if more != 0 {
                    exposures.push((head.entity(side), *asset, more));
                }
            }
        }
        self.step.exposures.insert(head.id, exposures);
        Ok(())
    }

    /// What an entity would owe in an asset beyond what its books say.
    pub(super) fn exposed(&self, entity: EntityId, asset: AssetId) -> u128 {
        let of = |exposures: &Vec<(EntityId, AssetId, u128)>| {
            let own = exposures.iter().filter(|(who, what, _)| (*who, *what) == (entity, asset));
            own.fold(0_u128, |sum, (_, _, more)| sum.saturating_add(*more))
        };
        let mut sum = self.held.memories.exposed.get(&(entity, asset)).copied().unwrap_or(0);
        for (channel, after) in &self.step.exposures {
            sum = sum.saturating_add(of(after));
            sum = sum.saturating_sub(self.held.memories.exposures.get(channel).map_or(0, of));
        }
        sum
    }

    /// HT-2, HT-6: whether `me` may propose something now, on this book.
    fn may_propose(&self, me: Side, book: &Book, tx: &FrameTx) -> Result<(), Doubt> {
        match tx {
            FrameTx::HtlcAdd { htlc, .. } => self.expires_within(htlc.expires_at_s, 1, HTLC_EXPIRY_S_MAX),
            FrameTx::HtlcFulfill { id, .. } => {
                let expires_at_s = book.htlc(HtlcKey { side: me.other(), id: *id })?.expires_at_s;
                let early = self.now_s().saturating_add(CLAIM_MARGIN_S) < expires_at_s;
                require(early, "HT-2", &format!("a claim well before {expires_at_s}"), || self.now_s().to_string())
            }
            FrameTx::HtlcCancel { key, .. } if key.side == me => {
                let (expires_at_s, deep_s) = (book.htlc(*key)?.expires_at_s, self.server().chain_time_s);
                let over = expires_at_s <= deep_s;
                require(over, "HT-2", &format!("a deep block past {expires_at_s}"), || deep_s.to_string())
            }
            _ => Ok(()),
        }
    }

    /// HT-6: not past, and at most so far ahead.
    pub(super) fn expires_within(&self, expires_at_s: u64, soonest_s: u64, ahead_s: u64) -> Result<(), Doubt> {
        let range = self.now_s().saturating_add(soonest_s)..=self.now_s().saturating_add(ahead_s);
        require(range.contains(&expires_at_s), "HT-6", &format!("an expiry within {range:?}"), || {
            expires_at_s.to_string()
        })
    }

    /// Lets a transaction of this side's wait for the turn's frame. `vague`: its failure's reason is one that only replay can tell.
    pub(super) fn draft(&mut self, channel: ChannelId, tx: FrameTx, vague: bool) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        let (mut memory, replica) = (self.need_memory(channel)?, self.replica(&head)?);
        require(replica.frozen == 0, "CH-12", "no frame once a dispute has begun", || channel.to_string())?;
        let is_end = matches!(tx, FrameTx::HtlcFulfill { .. } | FrameTx::HtlcCancel { .. });
        let room = is_end || memory.drafts.len() < DRAFT_TXS_MAX;
        require(room, "CH-8", &format!("at most {DRAFT_TXS_MAX} drafts"), || "one more".to_owned())?;
        let mut tip = self.tip(&head)?;
        self.may_propose(memory.me, &tip, &tx)?;
        tip.step(memory.me, &tx)?;
        if let FrameTx::HtlcAdd { id, .. } = &tx {
            memory.htlc_next = memory.htlc_next.max(id.saturating_add(1));
        }
        memory.drafts.push_back(Arc::new(Draft { tx, signed: 0, vague }));
        memory.tip = Some(tip);
        memory.speaks = true;
        self.keep(&head, memory, replica)?;
        self.recount(&head)
    }

    /// CH-6: on a new base what no longer fits drops: at once if it was never signed, else once that is released (CH-8).
    pub(super) fn rebase(&self, memory: &mut Memory, base: &Book) {
        memory.tip = None;
        let drafts = std::mem::take(&mut memory.drafts);
        if drafts.is_empty() {
            return;
        }
        let mut book = base.clone();
        for draft in drafts {
            let fits = self.may_propose(memory.me, &book, &draft.tx).and_then(|()| book.step(memory.me, &draft.tx));
            match fits {
                Ok(()) => memory.drafts.push_back(draft),
                Err(_) => memory.waiting.push((draft.signed, Outcome::Dropped(draft.tx.clone()))),
            }
        }
        if !memory.drafts.is_empty() {
            memory.tip = Some(book);
        }
    }

    /// CH-8, CH-9: whether a frame may close now.
    fn may_close(&self, memory: &Memory, replica: &Replica) -> bool {
        let yields = memory.yields_since_ms.is_some_and(|since| self.now_ms < since.saturating_add(TURN_MS_MAX));
        let alone = |proposed: &Arc<Proposed>| proposed.drafts.first().is_some_and(|draft| draft.tx.stands_alone());
        let blocked = memory.stack.back().is_some_and(alone) || STACK_FRAMES_MAX <= memory.stack.len();
        if yields || blocked || replica.frozen == 1 {
            return false;
        }
        match memory.drafts.front() {
            Some(next) => memory.stack.is_empty() || !next.tx.stands_alone(),
            None => memory.owes && memory.stack.is_empty(),
        }
    }

    /// The turn's end: frames close over what is drafted, channel by channel.
    pub(super) fn frames(&mut self) -> Result<(), Doubt> {
        let speaking: Vec<ChannelId> = self.held.memories.speaking.values().copied().collect();
        for channel in speaking {
            let head = self.head(channel)?;
            let (mut memory, mut replica) = (self.need_memory(channel)?, self.replica(&head)?);
            if !memory.speaks && !self.may_close(&memory, &replica) {
                continue;
            }
            if memory.patient && self.may_close(&memory, &replica) {
                memory.patient = false;
            }
            memory.speaks = false;
            let timed = |draft: &Arc<Draft>| matches!(draft.tx, FrameTx::HtlcAdd { .. } | FrameTx::HtlcFulfill { .. });
            if memory.drafts.iter().any(timed) {
                let base = memory.top.clone().map_or_else(|| self.book(&head), Ok)?;
                self.rebase(&mut memory, &base);
                // What was never signed drops at once.
                let dropped = memory.ripe(1).into_iter();
                self.todo.extend(dropped.map(|outcome| super::htlcs::Todo::Outcome(channel, outcome)));
            }
            while self.may_close(&memory, &replica) {
                self.close_frame(&head, &mut memory, &mut replica)?;
            }
            if let (Some(newest), Some(hash)) = (memory.stack.back_mut(), self.hints.get(&channel))
                && newest.proof.frame == Hash::ZERO
            {
                let proof = ChannelProof { frame: *hash, ..newest.proof };
                *newest = Arc::new(Proposed { proof, ..Proposed::clone(newest) });
            }
            memory.patient |= memory.yields_since_ms.is_some() && !memory.drafts.is_empty();
            self.keep(&head, memory, replica)?;
            self.recount(&head)?;
        }
        Ok(())
    }

    fn close_frame(&self, head: &Head, memory: &mut Memory, replica: &mut Replica) -> Result<(), Doubt> {
        memory.yields_since_ms = None;
        let drafts = next_drafts(memory);
        let mut book = memory.top.take().map_or_else(|| self.book(head), Ok)?;
        for draft in &drafts {
            book.step(memory.me, &draft.tx)?;
        }
        if memory.drafts.is_empty() {
            memory.tip = None;
        }
        let last = memory.stack.back();
        let (height, previous, last_s) = last.map_or((replica.height, replica.frame, replica.timestamp_s), |last| {
            (last.height, last.proof.frame, last.timestamp_s)
        });
        // Upon a hash that only replay can tell, or of a failure that only replay can tell, stands another such hash.
        let vague = drafts.iter().any(|draft| draft.vague) || (last.is_some() && previous == Hash::ZERO);
        let frame = Frame {
            channel: head.id,
            height: height.saturating_add(1),
            previous,
            by: memory.me,
            timestamp_s: self.now_s().max(last_s),
            txs: drafts.iter().map(|draft| draft.tx.clone()).collect(),
            state: book.state(),
        };
        replica.signed_nonce = replica.signed_nonce.max(replica.nonce).saturating_add(1);
        memory.owes = false;
        let proof = ChannelProof {
            channel: head.id,
            nonce: replica.signed_nonce,
            by: memory.me,
            board_epoch: 0,
            offdeltas: book.offdeltas(),
            htlcs: book.locks(),
            dispute_window_s: book.terms.dispute_window_s,
            frame: if vague { Hash::ZERO } else { xln_crypto::frame_hash(&frame) },
        };
        let (height, timestamp_s) = (frame.height, frame.timestamp_s);
        memory.stack.push_back(Arc::new(Proposed { proof, height, timestamp_s, drafts }));
        memory.top = Some(book);
        Ok(())
    }

    /// CH-12: the first fact told that stands in no frame and whose asset is listed is proposed by the side whose reserve it came from, a
    /// settlement by left. One that doesn't fit waits.
    pub(super) fn draft_facts(&mut self, head: &Head) -> Result<(), Doubt> {
        let (book, memory) = (self.book(head)?, self.need_memory(head.id)?);
        let next = memory.facts.iter().find(|tx| is_listed(&book, tx)).cloned();
        let Some(FrameTx::Fact { change, .. }) = &next else { return Ok(()) };
        let proposer = match change {
            CollateralChange::Added { side, .. } => *side,
            CollateralChange::Settled { .. } | CollateralChange::Lapsed { .. } => Side::Left,
        };
        let stacked = memory.stack.iter().flat_map(|proposed| proposed.drafts.iter());
        let known = stacked.chain(&memory.drafts).any(|draft| Some(&draft.tx) == next.as_ref());
        if let Some(tx) = next.filter(|_| proposer == memory.me && !known) {
            let _ = self.draft(head.id, tx, false);
        }
        Ok(())
    }
}

/// CH-12: whether a fact's asset counts in this book.
pub(super) fn is_listed(book: &Book, tx: &FrameTx) -> bool {
    matches!(tx, FrameTx::Fact { asset, .. } if book.listed(*asset).is_ok())
}

/// The next frame's: one that stands alone, or as many others as a frame bears.
fn next_drafts(memory: &mut Memory) -> Vec<Arc<Draft>> {
    let (mut drafts, mut bytes) = (Vec::new(), 0_usize);
    while let Some(next) = memory.drafts.front() {
        let alone = next.tx.stands_alone();
        bytes = bytes.saturating_add(alloy_rlp::encode(&next.tx).len());
        let full = FRAME_TXS_MAX <= drafts.len() || FRAME_TX_BYTES_MAX < bytes;
        if !drafts.is_empty() && (alone || full) {
            break;
        }
        drafts.extend(memory.drafts.pop_front());
        if alone {
            break;
        }
    }
    drafts
}
