//! The world of a simulated node's engine: a disk in memory, a pen that signs with the hub's key, an ear that notes what it is told, a door
//! whose box is a queue, keys in a list.

use crate::chain::CHAIN_ID;
use crate::clock::NodeClock;
use crate::people::People;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xln_api::backend::StoredBlock;
use xln_crypto::{derive, secp};
use xln_machine::server::{Effect, Input};
use xln_node::door::{Door, Keys};
use xln_node::engine::{HubSigner, Mail, Outlet, World};
use xln_node::keystore::KeystoreError;
use xln_node::shared::Shared;
use xln_storage::MemDisk;
use xln_types::{Entry, Hash, OperationId, Receipt, SignerId, TxHash};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine's world here.
pub(crate) struct Here;

impl World for Here {
    type Disk = MemDisk;
    type Signer = Pen;
    type Outlet = Ear;
}

/// Signs with the hub's key.
#[derive(Clone)]
pub(crate) struct Pen([u8; 32]);

impl Pen {
    pub(crate) fn new(secret: [u8; 32]) -> Pen {
        Pen(secret)
    }
}

impl HubSigner for Pen {
    fn sign(&self, digest: &Hash) -> [u8; 65] {
        secp::sign(&self.0, digest).unwrap_or([0; 65])
    }
}

/// What was spoken to the world.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) receipts: Vec<Receipt>,
    /// Number, hash and last sequence of each block.
    pub(crate) blocks: Vec<(u64, Hash, u64)>,
    pub(crate) operations: Vec<OperationId>,
}

/// Notes what it is told.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    pub(crate) fn take(&self) -> Heard {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Outlet for Ear {
    fn confirmed(&self, receipts: &[Receipt]) {
        lock(&self.0).receipts.extend_from_slice(receipts);
    }
    fn sealed(&self, block: &StoredBlock, _: &[Receipt]) {
        lock(&self.0).blocks.push((block.header.number, block.hash, block.header.last_sequence));
    }
    fn perform(&self, effect: Effect) {
        let Effect::Operate { operation, .. } = effect else { return };
        lock(&self.0).operations.push(operation);
    }
}

#[derive(Default)]
struct Mailbox {
    mail: VecDeque<Mail>,
    /// Inputs that were put in, by the name that their receipt will bear.
    noted: BTreeMap<TxHash, Input>,
}

/// The door of one life of a node.
#[derive(Clone)]
pub(crate) struct SimDoor {
    shared: Arc<Shared>,
    mailbox: Arc<Mutex<Mailbox>>,
    clock: NodeClock,
}

/// The secret that marks hosted calls, of every node.
pub(crate) const TOKEN_SECRET: [u8; 32] = [9; 32];

impl SimDoor {
    pub(crate) fn new(shared: Arc<Shared>, clock: NodeClock) -> SimDoor {
        SimDoor { shared, mailbox: Arc::default(), clock }
    }

    /// Takes the next piece of mail out of the box.
    pub(crate) fn next_mail(&self) -> Option<Mail> {
        lock(&self.mailbox).mail.pop_front()
    }

    pub(crate) fn has_mail(&self) -> bool {
        !lock(&self.mailbox).mail.is_empty()
    }

    /// What was put in under this name.
    pub(crate) fn noted(&self, hash: TxHash) -> Option<Input> {
        let mut mailbox = lock(&self.mailbox);
        match mailbox.noted.get(&hash)? {
            // The same fact may be told again.
            input @ (Input::Fact(_) | Input::Command(_) | Input::Peer(_) | Input::Frames) => Some(input.clone()),
            Input::Transaction(_) => mailbox.noted.remove(&hash),
        }
    }
}

impl Door for SimDoor {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn post(&self, mail: Mail) -> bool {
        let named = match &mail {
            Mail::Signed(tx, _) => Some((tx.hash(), Input::Transaction(tx.clone()))),
            Mail::Fact(fact, _) => Some((derive::entry_hash(&Entry::Fact { fact: *fact }), Input::Fact(*fact))),
            Mail::Command(command, _) => {
                let entry = Entry::Command { command: command.clone() };
                Some((derive::entry_hash(&entry), Input::Command(command.clone())))
            }
            _ => None,
        };
        let mut mailbox = lock(&self.mailbox);
        mailbox.noted.extend(named);
        mailbox.mail.push_back(mail);
        true
    }

    fn chain_id(&self) -> u64 {
        CHAIN_ID
    }

    fn token_secret(&self) -> [u8; 32] {
        TOKEN_SECRET
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn elapsed_ms(&self) -> u64 {
        self.clock.elapsed_ms()
    }
}

/// The keys that a hub holds for its people.
pub(crate) struct KeyRing(BTreeMap<SignerId, [u8; 32]>);

impl KeyRing {
    pub(crate) fn of(people: &People) -> KeyRing {
        let hosted = people.list.iter().filter(|person| person.is_hosted);
        KeyRing(hosted.map(|person| (person.signer, person.secret)).collect())
    }
}

impl Keys for KeyRing {
    fn sign(&self, signer: SignerId, digest: &Hash) -> Result<[u8; 65], KeystoreError> {
        self.with_secret(signer, |secret| secp::sign(secret, digest).map_err(KeystoreError::from))?
    }
    fn with_secret<T>(&self, signer: SignerId, use_it: impl FnOnce(&[u8; 32]) -> T) -> Result<T, KeystoreError> {
        self.0.get(&signer).map(use_it).ok_or(KeystoreError::Unknown(signer))
    }
}
