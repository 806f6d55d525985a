//! What a signer is told, and what it does.

use super::state::Signer;
use crate::machine::{At, Machine, MachineKind};
use xln_types::codec::Blob;
use xln_types::{Address, Hash, Path, Rejection};

/// What a signer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction's turn has come: its nonce is used up, executed or rejected (TX-2).
    UseNonce {
        /// The transaction's.
        nonce: u64,
    },
    /// It founds an entity with this salt (N-5).
    Found {
        /// Must be the next free number.
        salt: u64,
    },
    /// One of its entities ended.
    Drop,
    /// It is another account's from now on.
    Own {
        /// The account.
        owner: Address,
        /// 1: the hub holds the key.
        hosted: u8,
        /// Free bytes.
        metadata: Blob,
    },
}

impl Machine for Signer {
    const KIND: MachineKind = MachineKind::Signer;
    type Message = Message;
    type Transition = Signer;

    fn id(&self) -> Hash {
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().skip(12).zip(self.id.0) {
            *to = from;
        }
        Hash(id)
    }

    fn prefix(&self) -> Vec<u8> {
        Path::signer_prefix(self.id)
    }

    fn process(&self, _at: At, message: &Message) -> Result<Signer, Rejection> {
        let next = |number: u64| number.checked_add(1).ok_or(Rejection::OutOfRange {});
        match message {
            Message::UseNonce { nonce } if *nonce != self.nonce => Err(Rejection::WrongNonce { expected: self.nonce }),
            Message::UseNonce { nonce } => Ok(Signer { nonce: next(*nonce)?, ..self.clone() }),
            Message::Found { salt } if *salt != self.next_salt => {
                Err(Rejection::WrongSalt { expected: self.next_salt })
            }
            Message::Found { salt } => {
                Ok(Signer { next_salt: next(*salt)?, entities: next(self.entities)?, ..self.clone() })
            }
            Message::Drop => Ok(Signer { entities: self.entities.saturating_sub(1), ..self.clone() }),
            Message::Own { owner, hosted, metadata } => {
                Ok(Signer { owner: *owner, hosted: *hosted, metadata: metadata.clone(), ..self.clone() })
            }
        }
    }

    fn commit(&mut self, transition: Signer) {
        *self = transition;
    }
}
