//! What a hub remembers of a channel with another node beyond its records: what it has drafted and proposed, which chain facts it was told,
//! and what waits to become final or released (**CH-6**, **CH-8**, **CH-9**, **CH-12**). It follows from the entries alone.

use crate::book::Book;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use xln_types::{AssetId, ChannelId, ChannelProof, EntityId, Failure, Frame, FrameTx, Hash, HtlcKey, Side, TxHash};

/// A transaction of the hub's own that waits for a frame.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) tx: FrameTx,
    /// The highest nonce of a frame given up that held it; 0: none did.
    pub(crate) signed: u64,
    /// Its failure's reason is one that only replay can tell: the frame's hash is then the log's word.
    pub(crate) vague: bool,
}

/// A frame of the hub's own that waits for its acknowledgement.
#[derive(Clone, Debug)]
pub(crate) struct Proposed {
    /// What the acknowledgement must cover. Where something in the frame is vague its hash is zero.
    pub(crate) proof: ChannelProof,
    pub(crate) height: u64,
    pub(crate) timestamp_s: u64,
    pub(crate) drafts: Vec<Arc<Draft>>,
}

/// What becomes of something of another node's or of the hub's own.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The other side's HTLC is final (CH-8).
    Locked(HtlcKey),
    /// An HTLC of the hub's side was claimed.
    Claimed(HtlcKey, Hash),
    /// An HTLC of the hub's side was given back and released (CH-8). No failure: only replay knows which.
    Returned(HtlcKey, Option<Failure>),
    /// Both have signed the hub's own.
    Acknowledged(FrameTx),
    /// The hub's own fits no more, and is released.
    Dropped(FrameTx),
}

/// One channel's.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    /// Counts the channels with other nodes in the order in which they came to be.
    pub(crate) number: u64,
    pub(crate) me: Side,
    pub(crate) stack: VecDeque<Arc<Proposed>>,
    pub(crate) drafts: VecDeque<Arc<Draft>>,
    /// The book after the stack, where there is one.
    pub(crate) top: Option<Book>,
    /// The book after the drafts, where there are any.
    pub(crate) tip: Option<Book>,
    /// Chain facts that stand in no frame yet.
    pub(crate) facts: Vec<FrameTx>,
    /// What comes true once the other side has signed a nonce above this.
    pub(crate) waiting: Vec<(u64, Outcome)>,
    /// The first frame of the other side's, while consent is awaited.
    pub(crate) offered: Option<Box<(Frame, ChannelProof)>>,
    /// Lowest number of the side's next HTLC: none that was ever drafted is used again (HT-2).
    pub(crate) htlc_next: u64,
    /// CH-9, left: since when it yields.
    pub(crate) yields_since_ms: Option<u64>,
    /// CH-9, right: it gave up a stack and hasn't proposed since.
    pub(crate) owes: bool,
    /// The next end of a turn looks at it.
    pub(crate) speaks: bool,
    /// It is looked at once its patience has ended.
    pub(crate) patient: bool,
}

/// An HTLC in some channel.
pub(crate) type Lock = (ChannelId, HtlcKey);

/// For whom someone here locked an HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// For nobody else.
    Own,
    /// For a payment that starts here.
    Payment(EntityId, TxHash),
    /// For an HTLC that came in.
    Incoming(Lock),
}

/// What an entry changes of [`Memories`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) channels: BTreeMap<ChannelId, Memory>,
    /// HTLCs locked by someone here: when they expire, and for whom; `None`: over.
    pub(crate) outgoing: BTreeMap<Lock, Option<(u64, Source)>>,
    /// True: to be taken back at its expiry; false: that was tried, or it is over.
    pub(crate) expiries: BTreeMap<(u64, Lock), bool>,
    pub(crate) exposures: BTreeMap<ChannelId, Vec<(EntityId, AssetId, u128)>>,
}

/// All channels', and what is sorted by time.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    pub(crate) channels: BTreeMap<ChannelId, Memory>,
    /// Those that the next end of a turn looks at, or may look at, in the order in which the channels came to be.
    pub(crate) speaking: BTreeMap<u64, ChannelId>,
    pub(crate) outgoing: BTreeMap<Lock, (u64, Source)>,
    /// By when they expire (HT-2).
    pub(crate) expiries: BTreeSet<(u64, Lock)>,
    /// DP-2: what each would owe beyond what its books say, by channel and in all.
    pub(crate) exposures: BTreeMap<ChannelId, Vec<(EntityId, AssetId, u128)>>,
    pub(crate) exposed: BTreeMap<(EntityId, AssetId), u128>,
}

impl Memory {
    pub(crate) fn new(number: u64, me: Side) -> Memory {
        Memory {
            number,
            me,
            stack: VecDeque::new(),
            drafts: VecDeque::new(),
            top: None,
            tip: None,
            facts: Vec::new(),
            waiting: Vec::new(),
            offered: None,
            htlc_next: 0,
            yields_since_ms: None,
            owes: false,
            speaks: false,
            patient: false,
        }
    }

    /// CH-8: what the other side's signature with this nonce makes true, in order.
    pub(crate) fn ripe(&mut self, nonce: u64) -> Vec<Outcome> {
        let mut ripe = Vec::new();
        for (signed, outcome) in std::mem::take(&mut self.waiting) {
            if signed < nonce {
                ripe.push(outcome);
            } else {
                self.waiting.push((signed, outcome));
            }
        }
        ripe
    }
}

impl Memories {
    /// Takes up what an entry changed.
    pub(crate) fn follow(&mut self, step: Step) {
        for (channel, memory) in step.channels {
            if memory.speaks || memory.patient {
                self.speaking.insert(memory.number, channel);
            } else {
                self.speaking.remove(&memory.number);
            }
            self.channels.insert(channel, memory);
        }
        for (lock, source) in step.outgoing {
            match source {
                Some(source) => self.outgoing.insert(lock, source),
                None => self.outgoing.remove(&lock),
            };
        }
        for (expiry, there) in step.expiries {
            if there {
                self.expiries.insert(expiry);
            } else {
                self.expiries.remove(&expiry);
            }
        }
        for (channel, after) in step.exposures {
            for (entity, asset, more) in &after {
                let sum = self.exposed.entry((*entity, *asset)).or_default();
                *sum = sum.saturating_add(*more);
            }
            let before = self.exposures.insert(channel, after).unwrap_or_default();
            for (entity, asset, more) in before {
                let sum = self.exposed.entry((entity, asset)).or_default();
                *sum = sum.saturating_sub(more);
            }
        }
    }
}
