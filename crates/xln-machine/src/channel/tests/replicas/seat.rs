//! One side of an explored channel: the production replica and book, and beside them what a judge of it must remember: every state
//! that the side has signed, every state that it holds the other's signature on, and all that it was told (**CH-8**).
//!
//! Everything a side does is a function of itself and of one [`Input`], so [`super::explore`] computes each such step once.

use super::chronicle::{Chronicle, Mail, Stamp};
use super::mistakes;
use super::plan::{Kind, Mistake, Plan};
use super::{ASSET, EXPIRY_S, GRANT, NOW_MS};
use crate::channel::replica::{Judge, Outcome, Received, TURN_MS_MAX};
use crate::channel::{Book, Replica};
use std::collections::{BTreeMap, BTreeSet};
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::{Address, Amount, Failure, FrameTx, Hash, Htlc, HtlcKey, Rejection, Side, TxHash};

/// What a side was told, as far as money depends on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The other side's payments and HTLCs that are final.
    pub finals: Vec<FrameTx>,
    /// The other side's HTLCs whose claim both have signed.
    pub claimed: BTreeSet<u64>,
    /// Own payments and HTLCs that were dropped or returned.
    pub released: Vec<FrameTx>,
    /// All own transactions that were dropped.
    pub dropped: Vec<FrameTx>,
}

#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub replica: Replica,
    pub book: Book,
    /// How many operations it has begun.
    pub made: u8,
    pub drafted: Vec<FrameTx>,
    pub told: Told,
    pub signed: BTreeSet<Stamp>,
    pub evidence: BTreeSet<Stamp>,
    /// The other side's HTLCs that it has given back, by a signature.
    pub cancelled: BTreeSet<u64>,
    /// Every HTLC that it has signed, by name.
    pub htlcs: BTreeMap<HtlcKey, Htlc>,
    /// What it has sent, where late copies are explored.
    pub sent: Vec<Mail>,
    /// Left: it has ignored a frame of right's and taken none since.
    pub ignored: bool,
    /// It has refused a frame that came too late: only a dispute helps (HT-2).
    pub blocked: bool,
    /// The HTLCs have expired by its clock.
    pub late: bool,
    /// A rule that it broke.
    pub fault: Option<String>,
    pub mistake: Mistake,
}

/// What happens to a side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    /// It drafts the n-th of its [`Seat::operations`].
    Draft(usize),
    /// It closes a frame; `true`: after its turn was over by time.
    Propose(bool),
    Receive(Mail),
    Reconnect,
}

/// How the judges' clocks stand: before every expiry, or after.
pub(super) fn judge(late: bool) -> Judge {
    if late {
        Judge { now_ms: EXPIRY_S * 1000, chain_s: EXPIRY_S, chain_block: 0 }
    } else {
        Judge { now_ms: NOW_MS, chain_s: NOW_MS / 1000, chain_block: 0 }
    }
}

/// The preimage of the lock of an HTLC.
pub(super) fn preimage(key: HtlcKey) -> Hash {
    Hash([key.side.pick(1, 129) + u8::try_from(key.id).expect("few"); 32])
}

fn signed(proof: xln_types::ChannelProof) -> crate::channel::replica::Signed {
    crate::channel::replica::Signed { proof, signature: Blob::default() }
}

impl Seat {
    pub(super) fn new(replica: Replica, mistake: Mistake) -> Seat {
        Seat {
            replica,
            book: Book::default(),
            made: 0,
            drafted: Vec::new(),
            told: Told::default(),
            signed: BTreeSet::new(),
            evidence: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            htlcs: BTreeMap::new(),
            sent: Vec::new(),
            ignored: false,
            blocked: false,
            late: false,
            fault: None,
            mistake,
        }
    }

    fn fail(&mut self, what: impl Into<String>) {
        self.fault.get_or_insert(what.into());
    }

    /// What it could begin now; the book decides whether it may.
    pub(super) fn operations(&self, plan: &Plan, late: bool) -> Vec<FrameTx> {
        let [left, right] = plan.operations;
        if self.replica.me.pick(left, right) <= self.made {
            return Vec::new();
        }
        plan.kinds.iter().flat_map(|kind| self.operations_of(*kind, late)).collect()
    }

    fn operations_of(&self, kind: Kind, late: bool) -> Vec<FrameTx> {
        let me = self.replica.me;
        // Each amount is a bit of its own, so that no loss hides behind a gain.
        let amount = Amount(1 << (self.made * 2 + me.pick(0, 1)));
        let theirs = || self.book.htlcs.keys().copied().filter(move |key| key.side == me.other());
        let tip = self.replica.tip(&self.book);
        let granted = tip.line(ASSET).map_or(Amount::ZERO, |line| line.granted(me));
        let pay = |amount, name: u8| FrameTx::Pay {
            asset: ASSET,
            amount,
            payment: TxHash([name; 32]),
            memo: Blob::default(),
        };
        match kind {
            Kind::Open => super::open_tx().into_iter().filter(|_| tip.terms.dispute_window_s == 0).collect(),
            Kind::Pay => vec![pay(amount, self.made * 2 + me.pick(0, 1))],
            Kind::Same => vec![pay(Amount(1), 99)],
            Kind::Add => {
                let id = self.replica.next_htlc_id(&self.book);
                let hashlock = hashlock(&preimage(HtlcKey { side: me, id }));
                let onion = Blob::default();
                let htlc = Htlc { asset: ASSET, amount, hashlock, expires_at_s: EXPIRY_S, onion };
                vec![FrameTx::HtlcAdd { id, htlc }]
            }
            Kind::Fulfill => theirs().map(|key| FrameTx::HtlcFulfill { id: key.id, preimage: preimage(key) }).collect(),
            Kind::Cancel => {
                let own = self.book.htlcs.keys().copied().filter(|key| late && key.side == me);
                let failure = Failure::here(Rejection::NoRoute {});
                theirs().chain(own).map(|key| FrameTx::HtlcCancel { key, failure: failure.clone() }).collect()
            }
            Kind::Lower if granted == Amount::ZERO => Vec::new(),
            Kind::Lower => vec![FrameTx::Credit { asset: ASSET, granted: Amount::ZERO }],
            Kind::Raise if granted == GRANT => Vec::new(),
            Kind::Raise => vec![FrameTx::Credit { asset: ASSET, granted: GRANT }],
            Kind::Alone => vec![FrameTx::Update { dispute_window_s: 0, mailbox: Address([self.made + 1; 20]) }],
        }
    }

    /// One step; what it sends. `None`: it can't be taken.
    pub(super) fn act(
        &mut self,
        chronicle: &mut Chronicle,
        plan: &Plan,
        late: bool,
        input: &Input,
    ) -> Option<Vec<Mail>> {
        // Any turn is over by then.
        self.ignored &= self.late || !late;
        self.late = late;
        let mails = match input {
            Input::Draft(index) => {
                let tx = self.operations(plan, late).get(*index)?.clone();
                self.replica.draft(&self.book, &judge(late), tx.clone()).ok()?;
                self.made += 1;
                self.drafted.push(tx);
                Vec::new()
            }
            Input::Propose(over) => vec![self.propose(chronicle, plan, late, *over)?],
            Input::Receive(Mail::Frame(stamp)) => self.receive_frame(chronicle, plan, late, *stamp),
            Input::Receive(Mail::Ack(stamp)) => {
                self.receive_ack(chronicle, plan, *stamp);
                Vec::new()
            }
            Input::Reconnect => self.greet(plan),
        };
        mistakes::after_all(plan.mistake, &mut self.replica);
        if 0 < plan.copies {
            let new: Vec<Mail> = mails.iter().copied().filter(|mail| !self.sent.contains(mail)).collect();
            self.sent.extend(new);
        }
        self.look_at_itself(chronicle);
        Some(mails)
    }

    fn propose(&mut self, chronicle: &mut Chronicle, plan: &Plan, late: bool, over: bool) -> Option<Mail> {
        let mut judge = judge(late);
        if over {
            self.replica.yielding_since_ms?;
            judge.now_ms += TURN_MS_MAX;
        }
        let swept = self.replica.sweep(&self.book, &judge);
        self.hear(swept);
        if !self.replica.may_propose(judge.now_ms) {
            return None;
        }
        mistakes::before_proposing(plan.mistake, &mut self.replica);
        let below = self.replica.stack.back().map(|below| below.frame.txs.iter().any(FrameTx::stands_alone));
        let proposal = self.replica.propose(&self.book, &judge, 0)?.clone();
        let stamp = chronicle.enter(&proposal.frame, &proposal.proof);
        let alone = proposal.frame.txs.iter().any(FrameTx::stands_alone);
        if below == Some(true) || (alone && (below.is_some() || proposal.frame.txs.len() != 1)) {
            self.fail("CH-8: what stands alone was stacked");
        }
        if plan.mistake == Mistake::None && self.signed.iter().any(|known| stamp.nonce <= known.nonce) {
            self.fail("CH-7: a new nonce isn't above all that were signed");
        }
        if self.ignored && !over {
            self.fail("CH-9: left took right's turn");
        }
        self.sign(stamp, &proposal.frame.txs);
        Some(Mail::Frame(stamp))
    }

    /// Remembers what a signature of this side's covers.
    fn sign(&mut self, stamp: Stamp, txs: &[FrameTx]) {
        let me = self.replica.me;
        self.signed.insert(stamp);
        for tx in txs {
            match tx {
                FrameTx::HtlcAdd { id, htlc } => {
                    let known = self.htlcs.insert(HtlcKey { side: stamp.by, id: *id }, htlc.clone());
                    if known.is_some_and(|known| known != *htlc) {
                        self.fail(format!("HT-2: two HTLCs are called {id}"));
                    }
                }
                FrameTx::HtlcCancel { key, .. } if stamp.by == me && key.side != me => {
                    self.cancelled.insert(key.id);
                }
                _ => {}
            }
        }
    }

    fn receive_frame(&mut self, chronicle: &Chronicle, plan: &Plan, late: bool, stamp: Stamp) -> Vec<Mail> {
        let known = chronicle.known(stamp.frame);
        mistakes::before_frame(plan.mistake, &mut self.replica);
        let before = (self.replica.clone(), self.book.clone());
        let proof = signed(chronicle.proof(stamp));
        match self.replica.receive_frame(&mut self.book, &judge(late), &known.frame, proof) {
            Ok(Received::Taken(outcomes)) => {
                self.sign(stamp, &known.frame.txs);
                self.evidence.insert(stamp);
                self.ignored = false;
                let outcomes = mistakes::misheard(plan.mistake, &before, &self.replica, &known.frame.txs, outcomes);
                self.hear(outcomes);
                if plan.mistake == Mistake::EqualIsDropped {
                    mistakes::drop_equals(&mut self.replica, &self.book);
                }
            }
            Ok(Received::Again) if plan.mistake == Mistake::SilentOnCopies => return Vec::new(),
            Ok(Received::Again) => {}
            Ok(Received::Crossed) => {
                self.ignored = true;
                return Vec::new();
            }
            Err(why) => {
                self.refuse(&before, why, late);
                return Vec::new();
            }
        }
        self.greeting_ack()
    }

    fn refuse(&mut self, before: &(Replica, Book), why: Rejection, late: bool) {
        if (&self.replica, &self.book) != (&before.0, &before.1) {
            self.fail(format!("CH-6: a refused frame changed something: {why:?}"));
        }
        match why {
            Rejection::FrameGap { .. } | Rejection::StaleFrame {} => {}
            Rejection::HtlcExpired { .. } if late => self.blocked = true,
            why => self.fail(format!("CH-6: an honest frame was refused: {why:?}")),
        }
    }

    fn receive_ack(&mut self, chronicle: &Chronicle, plan: &Plan, stamp: Stamp) {
        let before = (self.replica.clone(), self.book.clone());
        match self.replica.receive_ack(&mut self.book, signed(chronicle.proof(stamp))) {
            Ok(Received::Taken(outcomes)) => {
                self.evidence.insert(stamp);
                let outcomes = mistakes::misheard(plan.mistake, &before, &self.replica, &[], outcomes);
                self.hear(outcomes);
            }
            Ok(Received::Again) | Err(Rejection::StaleFrame {}) => {}
            other => self.fail(format!("CH-9: an honest acknowledgement was answered with {other:?}")),
        }
    }

    fn greeting_ack(&self) -> Vec<Mail> {
        self.replica.acknowledgement(0).map(|proof| Mail::Ack(Stamp::of(&proof))).into_iter().collect()
    }

    /// CH-10: what is sent when the link is there again: the head's acknowledgement, then the stack.
    fn greet(&self, plan: &Plan) -> Vec<Mail> {
        let silent = matches!(plan.mistake, Mistake::ResumesWithoutAck | Mistake::SilentOnCopies);
        let mut mails = if silent { Vec::new() } else { self.greeting_ack() };
        mails.extend(self.replica.stack.iter().map(|proposal| Mail::Frame(Stamp::of(&proposal.proof))));
        mails
    }

    /// Takes up what the replica reports.
    fn hear(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Final(tx) => {
                    self.hear_final(&tx);
                    self.told.finals.push(tx);
                }
                Outcome::Acknowledged(FrameTx::HtlcFulfill { id, .. }) => {
                    self.told.claimed.insert(id);
                }
                Outcome::Acknowledged(_) | Outcome::Preimage { .. } => {}
                Outcome::Returned { key, htlc, .. } => {
                    self.told.released.push(FrameTx::HtlcAdd { id: key.id, htlc });
                }
                Outcome::Dropped { tx, .. } => {
                    if matches!(tx, FrameTx::Pay { .. } | FrameTx::HtlcAdd { .. }) {
                        self.told.released.push(tx.clone());
                    }
                    self.told.dropped.push(tx);
                }
            }
        }
    }

    /// Whoever is told that an HTLC is final locks the next one for it: it must not be gone by then.
    fn hear_final(&mut self, tx: &FrameTx) {
        let FrameTx::HtlcAdd { id, .. } = tx else { return };
        let name = HtlcKey { side: self.replica.me.other(), id: *id };
        let own = self.drafted.iter().any(|tx| match tx {
            FrameTx::HtlcFulfill { id, .. } => *id == name.id,
            FrameTx::HtlcCancel { key, .. } => *key == name,
            _ => false,
        });
        if self.book.htlc(name).is_none() && !own {
            self.fail("HT-3: an HTLC was called final that its payer had taken back");
        }
    }

    /// What must hold of a side whatever the other one is like.
    fn look_at_itself(&mut self, chronicle: &Chronicle) {
        let head = Stamp { nonce: self.replica.nonce, by: self.replica.by, frame: self.replica.frame };
        if self.book != chronicle.book(head) {
            self.fail("CH-6: the book isn't what the frames make of it");
        }
        if self.replica.equivocation.is_some() {
            self.fail("CH-9: an honest side is accused of equivocation");
        }
        let shares =
            self.book.lines.iter().map(|(_, line)| (line.share(Side::Left).0 + line.share(Side::Right).0, line));
        if shares.into_iter().any(|(sum, line)| sum != line.collateral.0.cast_signed()) {
            self.fail("CH-13: the shares don't sum to C");
        }
        if let Some(lost) = super::dispute::lost(self, chronicle, head) {
            self.fail(lost);
        }
    }
}
