//! The loop (DESIGN 3): take what came in, order it, apply it, log it, and speak of it once it is durable; each 100 ms seal a block.
//!
//! The engine itself neither waits nor reads a clock: a driver ([`crate::driver`] in production, the simulator elsewhere) hands
//! it mail and time and tells it when to seal. It is generic over the world it acts in ([`World`]): disk, signer, outlet.
//!
//! Laws: **TX-4** order; **TX-6** persist, then speak: no answer, event, signature or chain effect leaves before the record that
//! caused it is synced; **TX-2** the same signed bytes get the first receipt.

mod steps;

use crate::history::History;
use crate::shared::Shared;
use alloy_rlp::Encodable;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use xln_api::backend::{Confirmed, HostedCall, StoredBlock, SubmitError, Unavailable};
use xln_crypto::{TokenKey, VerifiedMessage, VerifiedTx};
use xln_machine::mempool::{Mempool, Turn};
use xln_machine::server::peers::PeerVerdict;
use xln_machine::server::{Effect, Input, SealedBlock};
use xln_machine::{Outcome, Server};
use xln_storage::{Disk, LogError, LogWriter};
use xln_types::codec::Blob;
use xln_types::{
    Address, Authority, Body, ChainFact, ChannelId, Command, EntityId, Entry, Hash, PeerMessage, Receipt, Record,
    Rejection, SignerId, Transaction, TxHash,
};

/// Most inputs executed in one turn, so that blocks and answers stay regular under load.
pub const TURN_INPUTS_MAX: usize = 256;
/// Past this many bytes waiting for the disk nothing more is executed: the mempool fills and sheds.
pub const LOG_QUEUED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Past this many bytes of entries a turn ends: with one more entry its record still fits the log.
pub const TURN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Past this many bytes of receipts a block is full and is sealed before its time: with one more receipt its record still fits the log.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most askers that wait for a signed transaction that another sent first.
pub const JOINED_ASKERS_MAX: usize = 16_384;
/// With so many chain facts and commands waiting, commands are shed. Facts never are: a fact that came after one that was refused
/// would make it stale (DP-3), so whoever brings them bounds them.
pub const FIRST_QUEUE_MAX: usize = 65_536;

/// With so many messages of other nodes waiting, more are dropped: whoever said them says them again.
pub const PEER_QUEUE_MAX: usize = 65_536;

/// What the engine acts upon.
pub trait World: 'static {
    /// Where the log lies.
    type Disk: Disk + 'static;
    /// Who signs seals for the hub.
    type Signer: HubSigner;
    /// Who hears what became durable: subscribers, and the chain's worker.
    type Outlet: Outlet;
}

/// Signs for the hub, after the seal is durable.
pub trait HubSigner: Send + 'static {
    /// Signs a seal's digest; the same digest gives the same bytes.
    fn sign(&self, digest: &Hash) -> [u8; 65];
}

/// Hears what became durable, in order. Must not block.
pub trait Outlet: Send + 'static {
    /// Inputs were executed and are durable.
    fn confirmed(&self, receipts: &[Receipt]);
    /// A block is durable and signed.
    fn sealed(&self, block: &StoredBlock, receipts: &[Receipt]);
    /// The core wants this done in the world; repeating it is harmless.
    fn perform(&self, effect: Effect);
}

/// Where the answer to an input goes.
pub type Reply = oneshot::Sender<Result<Confirmed, SubmitError>>;

/// A place among a session's messages under way, given back when dropped.
pub type PeerPlace = Option<Box<dyn Send>>;

/// What reaches the engine.
pub enum Mail {
    /// A call for a hosted entity.
    Hosted(HostedCall, Reply),
    /// A transaction whose signature was checked.
    Signed(VerifiedTx, Reply),
    /// An act of operator or API.
    Command(Command, Reply),
    /// A fact of the chain.
    Fact(ChainFact, Reply),
    /// What another node said, its signature checked; the place that it holds in its session is given back once it is done.
    Peer(VerifiedMessage, PeerPlace),
    /// A session with another node began: what it hasn't acknowledged is said again (CH-10).
    PeerUp(EntityId),
    /// The log is durable up to this record, or has failed.
    Durable(Result<u64, LogError>),
    /// Finish what is queued, then end.
    Stop,
}

/// Who waits for an answer, and whether it has a place at the door to give back.
struct Asker {
    reply: Reply,
    holds_place: bool,
}

impl From<Reply> for Asker {
    fn from(reply: Reply) -> Asker {
        Asker { reply, holds_place: true }
    }
}

impl Asker {
    fn without_place(reply: Reply) -> Asker {
        Asker { reply, holds_place: false }
    }
}

enum Waiting {
    Hosted(HostedCall, Asker),
    Signed(VerifiedTx, Asker),
}

/// What was executed and waits for its record to be durable.
enum Unspoken {
    Batch { record: u64, answers: Vec<(Option<Asker>, Confirmed)>, effects: Vec<Effect> },
    Block { record: u64, block: Box<SealedBlock> },
}

/// The loop's state.
pub struct Engine<W: World> {
    shared: Arc<Shared>,
    log: LogWriter<W::Disk>,
    signer: W::Signer,
    outlet: W::Outlet,
    token_key: TokenKey,
    mempool: Mempool<Waiting>,
    first: VecDeque<(Input, Reply)>,
    peers: VecDeque<(VerifiedMessage, PeerPlace)>,
    /// Whose turn it is among peers and senders: they alternate, so that neither starves the other.
    peers_next: bool,
    /// What is said to other nodes without any change: known frames acknowledged again, refusals.
    said: Vec<Effect>,
    /// The first frame that each channel waited for when it was last looked at.
    reminded: BTreeMap<ChannelId, Hash>,
    durable: u64,
    /// Askers of a signed transaction that is on its way: the same bytes wait for the same receipt.
    joined: HashMap<TxHash, Vec<Reply>>,
    /// How many of them there are.
    joined_askers: usize,
    unspoken: VecDeque<Unspoken>,
    /// Bytes of the receipts that aren't sealed yet.
    open_bytes: usize,
    failed: bool,
}

impl<W: World> Engine<W> {
    /// An engine over recovered state.
    pub fn new(
        shared: Arc<Shared>,
        log: LogWriter<W::Disk>,
        signer: W::Signer,
        outlet: W::Outlet,
        token_key: TokenKey,
    ) -> Engine<W> {
        let open_bytes = shared.history().open_bytes();
        let durable = shared.applied.load(Ordering::Acquire);
        Engine {
            shared,
            log,
            signer,
            outlet,
            token_key,
            mempool: Mempool::default(),
            first: VecDeque::new(),
            peers: VecDeque::new(),
            peers_next: true,
            said: Vec::new(),
            reminded: BTreeMap::new(),
            durable,
            joined: HashMap::new(),
            joined_askers: 0,
            unspoken: VecDeque::new(),
            open_bytes,
            failed: false,
        }
    }

    /// Takes one piece of mail in. Nothing is executed yet.
    pub fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Durable(Ok(record)) => self.speak(record),
            Mail::Durable(Err(error)) => self.fail(&error),
            Mail::Stop => {}
            Mail::Hosted(_, reply) | Mail::Signed(_, reply) | Mail::Command(_, reply) | Mail::Fact(_, reply)
                if self.failed =>
            {
                self.answer(reply, Err(SubmitError::Unavailable(Unavailable::Storage)));
            }
            Mail::Command(_, reply) if FIRST_QUEUE_MAX <= self.first.len() => {
                self.answer(reply, Err(SubmitError::Overloaded));
            }
            Mail::Command(command, reply) => self.first.push_back((Input::Command(command), reply)),
            Mail::Fact(fact, reply) => self.first.push_back((Input::Fact(fact), reply)),
            Mail::Peer(message, place) if !self.failed && self.peers.len() < PEER_QUEUE_MAX => {
                self.peers.push_back((message, place));
            }
            Mail::Peer(..) => {}
            Mail::PeerUp(node) => {
                let outstanding = self.shared.server().outstanding(node);
                self.say(outstanding);
            }
            Mail::Hosted(call, reply) => self.take_hosted(call, reply),
            Mail::Signed(tx, reply) => self.take_signed(tx, reply),
        }
    }

    fn take_hosted(&mut self, call: HostedCall, reply: Reply) {
        let expected = match self.admitted(call.from, &call.body, Authority::Account { account: call.account }) {
            Ok(expected) => expected,
            Err(rejection) => return self.answer(reply, Err(SubmitError::Rejected(rejection))),
        };
        let (from, fee) = (call.from, call.fee);
        let pushed = self.mempool.push(from, expected, Turn::Next, fee, Waiting::Hosted(call, reply.into()));
        self.pushed(pushed);
    }

    fn take_signed(&mut self, tx: VerifiedTx, reply: Reply) {
        let from = tx.tx().from;
        let expected = match self.admitted(from, tx.body(), tx.authority()) {
            Ok(expected) => expected,
            Err(rejection) => return self.answer(reply, Err(SubmitError::Rejected(rejection))),
        };
        if let Some(stored) = self.shared.history().receipt(tx.hash()) {
            return self.answer(reply, Err(SubmitError::Known(Box::new(stored.receipt))));
        }
        if let Some(askers) = self.joined.get_mut(&tx.hash()) {
            if JOINED_ASKERS_MAX <= self.joined_askers {
                return self.answer(reply, Err(SubmitError::Overloaded));
            }
            self.joined_askers += 1;
            self.shared.leave();
            return askers.push(reply);
        }
        let (hash, nonce, fee) = (tx.hash(), tx.tx().nonce, tx.tx().fee);
        // The mempool bounds these: one that waits behind a gap, maybe for minutes, holds no place at the door.
        self.shared.leave();
        let asker = Asker::without_place(reply);
        let pushed = self.mempool.push(from, expected, Turn::Nonce(nonce), fee, Waiting::Signed(tx, asker));
        if pushed.is_ok() {
            self.joined.insert(hash, Vec::new());
        }
        self.pushed(pushed);
    }

    /// The nonce that the sender's next transaction must carry, if this authority may act for it.
    fn admitted(&self, from: Address, body: &Body, authority: Authority) -> Result<u64, Rejection> {
        let server = self.shared.server();
        server.admits(from, body, authority)?;
        server.next_nonce(from).ok_or(Rejection::UnknownSender {})
    }

    fn pushed(&mut self, pushed: Result<(), (xln_machine::mempool::Refusal, Waiting)>) {
        if let Err((refusal, Waiting::Hosted(_, asker) | Waiting::Signed(_, asker))) = pushed {
            self.answer(asker, Err(SubmitError::Refused(refusal)));
        }
    }

    /// True while something could be executed at once.
    pub fn has_work(&self) -> bool {
        !self.failed
            && (!self.first.is_empty() || !self.peers.is_empty() || self.mempool.has_ready())
            && self.log.queued_bytes() <= LOG_QUEUED_BYTES_MAX
            && !self.is_block_full()
    }

    /// True while something that was executed is in no block.
    pub fn has_open_entries(&self) -> bool {
        !self.failed && self.shared.server().has_open_entries()
    }

    /// True when the open block must be sealed before anything more is executed.
    pub fn is_block_full(&self) -> bool {
        BLOCK_BYTES_MAX <= self.open_bytes
    }

    /// Executes what is ready, at most [`TURN_INPUTS_MAX`] and as many bytes as a record bears, and hands it to the log as one record.
    pub fn execute(&mut self, now_ms: u64) {
        if self.failed || !(self.has_work() || self.shared.server().wants_frames(now_ms)) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let mut server = shared.server_mut();
        let at_ms = now_ms.max(server.now_ms());
        let (mut entries, mut answers, mut effects) = (Vec::new(), Vec::new(), Vec::new());
        let mut turn_bytes = 0;
        while entries.len() < TURN_INPUTS_MAX && turn_bytes < TURN_BYTES_MAX && !self.is_block_full() {
            let Some((input, nonce, reply)) = self.next_input(&server, at_ms) else { break };
            let Outcome { receipt, effects: wished } = server.apply(at_ms, &input);
            let entry = input.to_entry();
            turn_bytes += entry.length();
            self.open_bytes += receipt.length();
            entries.push(entry);
            effects.extend(wished);
            answers.push((reply, Confirmed { receipt, nonce }));
        }
        // CH-6: the turn's end is where frames close, and is logged as such.
        if server.wants_frames(at_ms) {
            let Outcome { receipt, effects: wished } = server.apply(at_ms, &Input::Frames);
            self.open_bytes += receipt.length();
            entries.push(Input::Frames.to_entry());
            effects.extend(wished);
            answers.push((None, Confirmed { receipt, nonce: None }));
        }
        let said = std::mem::take(&mut self.said);
        if entries.is_empty() {
            drop(server);
            return self.say(said);
        }
        effects.extend(said);
        let effects = newest_acknowledgements(effects);
        match self.write(&server, &Record::Batch { at_ms, entries }) {
            Ok(record) => self.unspoken.push_back(Unspoken::Batch { record, answers, effects }),
            Err(error) => {
                self.unspoken.push_back(Unspoken::Batch { record: u64::MAX, answers, effects: Vec::new() });
                drop(server);
                self.fail(&error);
            }
        }
    }

    /// TX-4: facts and commands first, then the mempool's order.
    fn next_input(&mut self, server: &Server, at_ms: u64) -> Option<(Input, Option<u64>, Option<Asker>)> {
        if let Some((input, reply)) = self.first.pop_front() {
            return Some((input, None, Some(reply.into())));
        }
        self.peers_next = !self.peers_next;
        if self.peers_next || !self.mempool.has_ready() {
            while let Some((message, _place)) = self.peers.pop_front() {
                match server.admit_peer(at_ms, &message) {
                    PeerVerdict::Take => return Some((Input::Peer(message), None, None)),
                    PeerVerdict::Again(effect) => self.said.push(effect),
                    PeerVerdict::Refuse(reason) => self.refuse_peer(&message, reason),
                }
            }
        }
        match self.mempool.pop()? {
            Waiting::Signed(tx, asker) => {
                let nonce = Some(tx.tx().nonce);
                Some((Input::Transaction(tx), nonce, Some(asker)))
            }
            Waiting::Hosted(call, asker) => {
                let (tx, nonce) = self.hosted(server, call, at_ms);
                Some((Input::Transaction(tx), Some(nonce), Some(asker)))
            }
        }
    }

    /// Tells a node why its frame wasn't taken; nothing else is worth an answer.
    fn refuse_peer(&mut self, message: &VerifiedMessage, reason: Rejection) {
        tracing::debug!(node = %message.node(), reason = reason.reason(), "a peer's message was refused");
        self.shared.peer_refused.fetch_add(1, Ordering::Relaxed);
        if let PeerMessage::Frame { proof, .. } = message.message() {
            let refused = PeerMessage::Refused { channel: proof.channel, frame: proof.frame, reason };
            let (node, signer) = (message.node(), SignerId::ZERO);
            self.said.push(Effect::Tell { node, signer, message: Box::new(refused) });
        }
    }

    /// Says something to other nodes that changes nothing, once all that it may show is durable.
    fn say(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() || self.failed {
            return;
        }
        let record = self.shared.applied.load(Ordering::Acquire);
        self.unspoken.push_back(Unspoken::Batch { record, answers: Vec::new(), effects });
        self.speak(self.durable);
    }

    /// CH-10: what a node hasn't acknowledged for as long as this wasn't called is said again, byte for byte.
    pub fn remind(&mut self) {
        let mut again = Vec::new();
        {
            let server = self.shared.server();
            let mut waiting = BTreeMap::new();
            for node in server.peer_nodes() {
                for effect in server.outstanding(node) {
                    let Effect::Tell { message, .. } = &effect else { continue };
                    let PeerMessage::Frame { proof, .. } = &**message else { continue };
                    let first = *waiting.entry(proof.channel).or_insert(proof.frame);
                    if self.reminded.get(&proof.channel) == Some(&first) {
                        again.push(effect);
                    }
                }
            }
            self.reminded = waiting;
        }
        self.say(again);
    }

    /// TX-2: for a hosted call the hub sets nonce and timestamp, and marks it with the account's token.
    fn hosted(&self, server: &Server, call: HostedCall, at_ms: u64) -> (VerifiedTx, u64) {
        let HostedCall { account, token, from, to, body, fee } = call;
        let nonce = server.next_nonce(from).unwrap_or(0);
        let (kind, data) = (body.kind(), body.to_data());
        let timestamp = at_ms / 1000;
        let mut tx = Transaction { kind, from, to, nonce, data, fee, timestamp, signature: Blob::default() };
        let genesis = server.genesis();
        let hash = xln_crypto::derive::tx_hash(genesis.chain_id, self.shared.hub, &tx);
        tx.signature = self.token_key.sign(&hash, &token, account);
        let decoded = xln_types::tx::DecodedTx { tx, body, hash };
        (VerifiedTx::from_log(decoded, Authority::Account { account }), nonce)
    }

    /// Seals what was executed since the last block; the log has it before anyone signs it (TX-6).
    pub fn seal(&mut self, now_ms: u64) {
        if self.failed {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let mut server = shared.server_mut();
        let at_ms = now_ms.max(server.now_ms());
        let mut block = server.seal(at_ms);
        self.open_bytes = 0;
        let receipts = std::mem::take(&mut block.receipts);
        let record = Record::Block { header: block.header.clone(), seal: block.seal, receipts };
        let written = self.write(&server, &record);
        if let Record::Block { receipts, .. } = record {
            block.receipts = receipts;
        }
        match written {
            Ok(record) => self.unspoken.push_back(Unspoken::Block { record, block: Box::new(block) }),
            Err(error) => {
                drop(server);
                self.fail(&error);
            }
        }
        self.log.request_mark();
    }

    /// Queues a record for the disk. What readers see from now on is at least this far (see [`Shared::read`]).
    fn write(&self, _locked: &Server, record: &Record) -> Result<u64, LogError> {
        let sequence = self.log.submit(alloy_rlp::encode(record))?;
        self.shared.applied.store(sequence, Ordering::Release);
        Ok(sequence)
    }

    /// Everything up to this record is durable: now it may be spoken of.
    fn speak(&mut self, durable: u64) {
        self.durable = self.durable.max(durable);
        while let Some(next) = self.unspoken.front() {
            let (Unspoken::Batch { record, .. } | Unspoken::Block { record, .. }) = next;
            if durable < *record {
                break;
            }
            match self.unspoken.pop_front() {
                Some(Unspoken::Batch { answers, effects, .. }) => self.speak_batch(answers, effects),
                Some(Unspoken::Block { block, .. }) => self.sign(*block),
                None => {}
            }
        }
        self.shared.durable_to(durable);
    }

    fn speak_batch(&mut self, answers: Vec<(Option<Asker>, Confirmed)>, effects: Vec<Effect>) {
        let receipts: Vec<Receipt> = answers.iter().map(|(_, confirmed)| confirmed.receipt.clone()).collect();
        self.shared.history_mut().confirm(&receipts);
        for (asker, confirmed) in answers {
            self.answer_joined(confirmed.receipt.hash, || Ok(confirmed.clone()));
            if let Some(asker) = asker {
                self.answer(asker, Ok(confirmed));
            }
        }
        self.outlet.confirmed(&receipts);
        for effect in effects {
            self.outlet.perform(effect);
        }
    }

    fn sign(&self, mut block: SealedBlock) {
        let signature = self.signer.sign(&block.digest);
        let number = block.header.number;
        // Losing this record loses nothing: the same digest gives the same signature after a restart (CH-10).
        let _ = self.log.submit(alloy_rlp::encode(Record::Signature { number, signature: Blob(signature.to_vec()) }));
        let stored = History::stored(&block, Some(signature));
        let receipts = Arc::new(std::mem::take(&mut block.receipts));
        self.shared.history_mut().seal(stored.clone(), Arc::clone(&receipts));
        self.outlet.sealed(&stored, &receipts);
    }

    /// The log failed: nothing that isn't durable is spoken of, and nothing new is taken. Only a restart recovers.
    fn fail(&mut self, error: &LogError) {
        if self.failed {
            return;
        }
        tracing::error!(%error, "the log failed: nothing new is confirmed");
        self.failed = true;
        self.shared.fail();
        let storage = || Err(SubmitError::Unavailable(Unavailable::Storage));
        let unspoken = std::mem::take(&mut self.unspoken);
        let askers = unspoken.into_iter().flat_map(|unspoken| match unspoken {
            Unspoken::Batch { answers, .. } => answers.into_iter().filter_map(|(asker, _)| asker).collect(),
            Unspoken::Block { .. } => Vec::new(),
        });
        let mut askers: Vec<Asker> = askers.collect();
        askers.extend(self.first.drain(..).map(|(_, reply)| Asker::from(reply)));
        askers.extend(self.joined.drain().flat_map(|(_, replies)| replies).map(Asker::without_place));
        self.joined_askers = 0;
        let mut waiting: Vec<Waiting> = std::iter::from_fn(|| self.mempool.pop()).collect();
        // What waits for its turn never gets one now.
        waiting.extend(self.mempool.remove_stale(|_, _| true));
        askers.extend(waiting.into_iter().map(|(Waiting::Hosted(_, asker) | Waiting::Signed(_, asker))| asker));
        for asker in askers {
            self.answer(asker, storage());
        }
    }

    fn answer(&self, asker: impl Into<Asker>, answer: Result<Confirmed, SubmitError>) {
        let Asker { reply, holds_place } = asker.into();
        if holds_place {
            self.shared.leave();
        }
        // An asker who went away no longer wants to know.
        let _ = reply.send(answer);
    }

    /// Answers those who sent the same signed bytes as another.
    fn answer_joined(&mut self, hash: TxHash, answer: impl Fn() -> Result<Confirmed, SubmitError>) {
        for reply in self.joined.remove(&hash).into_iter().flatten() {
            self.joined_askers = self.joined_askers.saturating_sub(1);
            self.answer(Asker::without_place(reply), answer());
        }
    }

    /// Drops numbered transactions that waited too long for their turn (their timestamp ran out).
    pub fn forget_stale(&mut self, now_ms: u64) {
        let now_s = now_ms / 1000;
        let stale = self.mempool.remove_stale(|_, waiting| match waiting {
            Waiting::Signed(tx, _) => tx.tx().timestamp.abs_diff(now_s) > xln_types::tx::TIMESTAMP_SKEW_S_MAX,
            Waiting::Hosted(..) => false,
        });
        for waiting in stale {
            if let Waiting::Signed(tx, asker) = waiting {
                let expected = self.shared.server().next_nonce(tx.tx().from).unwrap_or(0);
                let refusal = xln_machine::mempool::Refusal::Repeat { expected };
                let refused = || Err(SubmitError::Refused(refusal));
                self.answer_joined(tx.hash(), refused);
                self.answer(asker, refused());
            }
        }
    }

    /// Counts inputs that took at most so long from the door to applied.
    pub fn note_processed(&self, took: std::time::Duration, count: u64) {
        self.shared.processed.note(took, count);
    }

    /// True when all that was executed has been spoken of.
    pub fn is_quiet(&self) -> bool {
        self.failed || (self.unspoken.is_empty() && !self.has_work())
    }

    /// Writes what is queued and closes the log.
    ///
    /// # Errors
    /// What the disk answered.
    pub fn close(self) -> Result<(), LogError> {
        self.log.close()
    }
}

/// One acknowledgement settles all frames before it: of several in one turn the newest is said.
fn newest_acknowledgements(mut effects: Vec<Effect>) -> Vec<Effect> {
    let mut acknowledged = BTreeSet::new();
    effects.reverse();
    effects.retain(|effect| match effect {
        Effect::Tell { message, .. } => match &**message {
            PeerMessage::Ack { proof, .. } => acknowledged.insert(proof.channel),
            _ => true,
        },
        _ => true,
    });
    effects.reverse();
    effects
}

/// The input that an entry of one's own log stands for; `None` for the genesis.
///
/// # Errors
/// When a transaction's body isn't canonical, which a whole log excludes.
pub fn input_of(server: &Server, entry: Entry) -> Result<Option<Input>, xln_types::codec::RlpError> {
    Ok(match entry {
        Entry::Genesis { .. } => None,
        Entry::Fact { fact } => Some(Input::Fact(fact)),
        Entry::Command { command } => Some(Input::Command(command)),
        Entry::Peer { node, signer, message } => Some(Input::Peer(VerifiedMessage::from_log(node, signer, message))),
        Entry::Frames {} => Some(Input::Frames),
        Entry::Transaction { tx, authority } => {
            Some(Input::Transaction(VerifiedTx::from_log(server.decode(tx)?, authority)))
        }
    })
}
