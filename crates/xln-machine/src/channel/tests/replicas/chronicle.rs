//! What every signed proof stands for: the book behind it and all that led there, computed here from the frames alone (**CH-6**), so
//! that disputes are judged by real lines and HTLCs and not by what a replica believes.

use crate::channel::Book;
use std::collections::HashMap;
use std::rc::Rc;
use xln_types::{ChannelProof, Frame, FrameTx, Hash, Side};

/// What the chain looks at when it compares two proofs (DP-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp {
    pub nonce: u64,
    pub by: Side,
    pub frame: Hash,
}

impl Stamp {
    /// The state that needs no signature (DP-5).
    pub(super) const ZERO: Stamp = Stamp { nonce: 0, by: Side::Left, frame: Hash::ZERO };

    pub(super) fn of(proof: &ChannelProof) -> Stamp {
        Stamp { nonce: proof.nonce, by: proof.by, frame: proof.frame }
    }
}

/// What travels: frames and acknowledgements, each with its proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mail {
    Frame(Stamp),
    Ack(Stamp),
}

/// A frame, and the state after it.
#[derive(Debug)]
pub(super) struct Known {
    pub frame: Frame,
    pub book: Book,
    /// Every transaction from the first frame on.
    pub history: Vec<(Side, FrameTx)>,
}

/// All frames that were ever signed, by hash.
#[derive(Default)]
pub(super) struct Chronicle {
    frames: HashMap<Hash, Rc<Known>>,
    proofs: HashMap<Stamp, ChannelProof>,
}

impl Chronicle {
    /// Takes a signed frame up: what it says of the state must be what its transactions make of the one before.
    pub(super) fn enter(&mut self, frame: &Frame, proof: &ChannelProof) -> Stamp {
        let stamp = Stamp::of(proof);
        self.proofs.insert(stamp, *proof);
        if !self.frames.contains_key(&proof.frame) {
            let before = self.frames.get(&frame.previous);
            let mut book = before.map(|known| known.book.clone()).unwrap_or_default();
            let mut history = before.map(|known| known.history.clone()).unwrap_or_default();
            for tx in &frame.txs {
                assert_eq!(book.apply(frame.by, tx), Ok(()), "CH-6: a signed transaction applies");
                history.push((frame.by, tx.clone()));
            }
            let digests = book.digests();
            assert_eq!(digests.state, frame.state, "CH-6: the state that was signed");
            assert_eq!((digests.offdeltas, digests.htlcs), (proof.offdeltas, proof.htlcs), "CH-7");
            self.frames.insert(proof.frame, Rc::new(Known { frame: frame.clone(), book, history }));
        }
        stamp
    }

    pub(super) fn known(&self, frame: Hash) -> Rc<Known> {
        self.frames.get(&frame).expect("only what was signed travels").clone()
    }

    pub(super) fn proof(&self, stamp: Stamp) -> ChannelProof {
        *self.proofs.get(&stamp).expect("only what was signed travels")
    }

    pub(super) fn book(&self, stamp: Stamp) -> Book {
        self.frames.get(&stamp.frame).map(|known| known.book.clone()).unwrap_or_default()
    }

    pub(super) fn history(&self, frame: Hash) -> Vec<(Side, FrameTx)> {
        self.frames.get(&frame).map(|known| known.history.clone()).unwrap_or_default()
    }
}
