//! The common trait of the five machines (PRD 6.1.1): `process` is its `processMessage`, `create_block` and `apply_block` run many
//! messages, `prove` is its `getProof`. A machine owns records below its `prefix` in the state tree and never sees its parent.

use xln_merkle::{Proof, Reader};
use xln_types::{Hash, Path, Rejection};

/// The five kinds, from the root down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineKind {
    /// The root: routes, orders, seals.
    Server,
    /// A key and the entities it created.
    Signer,
    /// Someone who owns, owes and decides.
    Entity,
    /// Two entities' account with each other.
    Channel,
    /// An entity's bridge to the chain.
    Depositary,
}

/// When an input is executed: the hub's logged time and its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Unix milliseconds; never goes back.
    pub now_ms: u64,
    /// The input's number, from 1.
    pub sequence: u64,
}

impl At {
    /// Unix seconds.
    pub fn now_s(self) -> u64 {
        self.now_ms / 1000
    }
}

/// What every machine can do.
pub trait Machine {
    /// Which of the five.
    const KIND: MachineKind;
    /// What it is told.
    type Message;
    /// The state that results: handed to `commit`, which can't fail.
    type Transition;

    /// Its 32-byte name.
    fn id(&self) -> Hash;

    /// Below which bytes of the state tree its records lie (ST-3).
    fn prefix(&self) -> Vec<u8>;

    /// Decides on a message without changing anything (PRD `processMessage`).
    ///
    /// # Errors
    /// A [`Rejection`], the same on every replay (TX-5).
    fn process(&self, at: At, message: &Self::Message) -> Result<Self::Transition, Rejection>;

    /// Takes up what `process` decided.
    fn commit(&mut self, transition: Self::Transition);

    /// Runs messages in order, keeping those that aren't refused (PRD `createBlock`): which of them stood, and why the others
    /// fell.
    fn create_block(&mut self, at: At, messages: Vec<Self::Message>) -> Block<Self::Message> {
        let mut block = Block { messages: Vec::new(), refused: Vec::new() };
        for message in messages {
            match self.process(at, &message) {
                Ok(transition) => {
                    self.commit(transition);
                    block.messages.push(message);
                }
                Err(rejection) => block.refused.push((message, rejection)),
            }
        }
        block
    }

    /// Replays a block that another replica created (PRD `applyBlock`): all of it stands, or the first refusal is the answer.
    ///
    /// # Errors
    /// The [`Rejection`] of the first message that doesn't stand here.
    fn apply_block(&mut self, at: At, messages: &[Self::Message]) -> Result<(), Rejection> {
        for message in messages {
            let transition = self.process(at, message)?;
            self.commit(transition);
        }
        Ok(())
    }

    /// Proves one of its records, or that it has none there (PRD `getProof`). `None` when the path isn't below its prefix.
    fn prove(&self, tree: &Reader, path: &Path) -> Option<Proof> {
        path.0.starts_with(&self.prefix()).then(|| tree.prove(&path.0))
    }
}

/// What became of the messages of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<M> {
    /// Those that stood, in order.
    pub messages: Vec<M>,
    /// Those that fell, and why.
    pub refused: Vec<(M, Rejection)>,
}
