//! The engine with all that it acts upon, and nothing that isn't seeded: a disk in memory, a stepped log, a pen that signs without a key,
//! an ear that notes what it is told.

use crate::people::{START_S, Step, beginning, genesis};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use xln_api::backend::{Confirmed, StoredBlock, SubmitError};
use xln_crypto::TokenKey;
use xln_machine::server::{Effect, SealedBlock};
use xln_node::engine::{Engine, HubSigner, Mail, Outlet, Reply, World};
use xln_node::recovery::{Recovered, RecoveryError, Witness, recover};
use xln_node::shared::Shared;
use xln_storage::{LogOptions, LogWriter, MemDisk};
use xln_types::{Hash, OperationId, Receipt};

/// The engine's world here.
pub(crate) struct Here;

impl World for Here {
    type Disk = MemDisk;
    type Signer = Pen;
    type Outlet = Ear;
}

/// What was spoken to the world.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) blocks: Vec<StoredBlock>,
    pub(crate) operations: Vec<OperationId>,
    pub(crate) signed: Vec<Hash>,
}

type Notes = Arc<Mutex<Heard>>;

fn noted<T>(notes: &Notes, act: impl FnOnce(&mut Heard) -> T) -> T {
    act(&mut notes.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Signs without a key: the same digest, the same bytes.
pub(crate) struct Pen(Notes);

impl HubSigner for Pen {
    fn sign(&self, digest: &Hash) -> [u8; 65] {
        noted(&self.0, |heard| heard.signed.push(*digest));
        let mut signature = [0; 65];
        signature[..32].copy_from_slice(&digest.0);
        signature
    }
}

/// Notes what it is told.
pub(crate) struct Ear(Notes);

impl Outlet for Ear {
    fn confirmed(&self, receipts: &[Receipt]) {
        noted(&self.0, |heard| heard.receipts.extend_from_slice(receipts));
    }
    fn sealed(&self, block: &StoredBlock, _: &[Receipt]) {
        noted(&self.0, |heard| heard.blocks.push(block.clone()));
    }
    fn perform(&self, effect: Effect) {
        let Effect::Operate { operation, .. } = effect else { return };
        noted(&self.0, |heard| heard.operations.push(operation));
    }
}

/// Counts what replay passed.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) blocks: u64,
}

impl Witness for Passed {
    fn executed(&mut self, receipt: &Receipt) {
        self.receipts.push(receipt.clone());
    }
    fn sealed(&mut self, _: &SealedBlock) {
        self.blocks += 1;
    }
}

/// An answer that may come.
pub(crate) type Answer = oneshot::Receiver<Result<Confirmed, SubmitError>>;

/// A running engine.
pub(crate) struct Rig {
    pub(crate) engine: Engine<Here>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) heard: Notes,
    durable: Receiver<Mail>,
    pub(crate) now_ms: u64,
}

/// Segments and commits so small that a life of the engine has many.
fn options() -> LogOptions {
    LogOptions { segment_bytes_max: 24 << 10, commit_bytes_max: 6 << 10, ..LogOptions::new([7; 16]) }
}

/// What a disk holds, replayed.
pub(crate) fn replay(disk: &MemDisk) -> Result<(Recovered<MemDisk>, Passed), RecoveryError> {
    let mut passed = Passed::default();
    let recovered = recover(disk.clone(), options(), 11, &mut passed, genesis)?;
    Ok((recovered, passed))
}

impl Rig {
    /// An engine over what was recovered.
    pub(crate) fn over(recovered: Recovered<MemDisk>, now_ms: u64) -> Rig {
        let Recovered { server, history, log, summary } = recovered;
        let (sender, durable): (Sender<Mail>, _) = channel();
        let log = LogWriter::stepped(log, move |result| sender.send(Mail::Durable(result)).expect("the rig lives"));
        let shared = Arc::new(Shared::new(server, history, summary.last_sequence.max(1)));
        let heard = Notes::default();
        let (pen, ear) = (Pen(Arc::clone(&heard)), Ear(Arc::clone(&heard)));
        let engine = Engine::new(Arc::clone(&shared), log, pen, ear, TokenKey::new([9; 32]));
        Rig { engine, shared, heard, durable, now_ms }
    }

    /// A fresh engine with everybody in place, all of it durable.
    pub(crate) fn fresh(disk: &MemDisk) -> Rig {
        let (recovered, _) = replay(disk).expect("an empty disk");
        let mut rig = Rig::over(recovered, START_S * 1000);
        for step in beginning() {
            let answer = rig.begin(step);
            rig.flush();
            let confirmed = rig.confirmed(answer);
            assert!(confirmed.receipt.is_executed(), "{:?}", confirmed.receipt);
        }
        rig.engine.seal(rig.now_ms);
        rig.flush();
        rig
    }

    fn begin(&mut self, step: Step) -> Answer {
        match step {
            Step::Command(command) => self.ask(|reply| Mail::Command(command, reply)),
            Step::Hosted(call) => self.ask(|reply| Mail::Hosted(call, reply)),
            Step::Signed(tx) => self.ask(|reply| Mail::Signed(tx, reply)),
        }
    }

    /// Puts something before the engine, as the node's door does.
    pub(crate) fn ask(&mut self, mail: impl FnOnce(Reply) -> Mail) -> Answer {
        assert!(self.shared.enter());
        let (reply, answer) = oneshot::channel();
        self.engine.take(mail(reply));
        answer
    }

    pub(crate) fn execute(&mut self) {
        self.engine.execute(self.now_ms);
    }

    /// Tells the engine what its log has done.
    pub(crate) fn hear(&mut self) {
        while let Ok(mail) = self.durable.try_recv() {
            self.engine.take(mail);
        }
    }

    /// Executes what is ready, makes it durable, speaks of it.
    pub(crate) fn flush(&mut self) {
        loop {
            self.execute();
            self.engine.step_log();
            self.hear();
            if !self.engine.has_work() {
                break;
            }
        }
    }

    pub(crate) fn noted<T>(&self, act: impl FnOnce(&mut Heard) -> T) -> T {
        noted(&self.heard, act)
    }

    /// The answer, which must be there and be a receipt.
    pub(crate) fn confirmed(&self, answer: Answer) -> Confirmed {
        self.answered(answer).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The answer, which must be there.
    pub(crate) fn answered(&self, mut answer: Answer) -> Result<Confirmed, SubmitError> {
        answer.try_recv().expect("an answer is there")
    }
}
