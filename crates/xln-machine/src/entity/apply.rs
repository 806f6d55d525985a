//! What an entity is told, and what it does.

use super::state::Entity;
use crate::machine::{At, Machine, MachineKind};
use xln_types::codec::Blob;
use xln_types::tx::{AssetPolicy, METADATA_BYTES_MAX};
use xln_types::{Hash, Path, Rejection, planted};

/// Most policies an entity may set.
pub const POLICIES_MAX: usize = 128;
/// A share is at most the whole, in millionths.
pub const PPM_MAX: u64 = 1_000_000;

/// What an entity is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction's turn has come (TX-2).
    UseNonce {
        /// The transaction's.
        nonce: u64,
    },
    /// New metadata (empty: as before) and policies.
    Update {
        /// Free bytes.
        metadata: Blob,
        /// Each replaces the one of its asset.
        policies: Vec<AssetPolicy>,
        /// 0, 1, or 2: as before.
        accepts_free: u8,
    },
    /// A channel of its own was proposed.
    ChannelAdded,
    /// A channel of its own opened.
    ChannelOpened,
    /// The entity ends (EN-5). The caller has seen that no reserve, debt or hold is left.
    Delete,
}

/// What changes: counters are changed in place, so that a payment copies no metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The next nonce.
    Nonce(u64),
    /// How many channels, and how many of them open.
    Channels(u64, u64),
    /// Everything.
    Whole(Box<Entity>),
}

impl Entity {
    fn updated(&self, metadata: &Blob, policies: &[AssetPolicy], accepts_free: u8) -> Result<Entity, Rejection> {
        if METADATA_BYTES_MAX < metadata.0.len() {
            return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
        }
        let mut next = self.clone();
        if !metadata.0.is_empty() {
            next.metadata = metadata.clone();
        }
        for policy in policies {
            if PPM_MAX < policy.reserve_ppm || PPM_MAX < policy.fee_ppm || !policy.fee_base.in_range() {
                return Err(Rejection::OutOfRange {});
            }
            match next.policies.binary_search_by_key(&policy.asset, |known| known.asset) {
                Ok(index) => {
                    if let Some(slot) = next.policies.get_mut(index) {
                        *slot = *policy;
                    }
                }
                Err(index) => next.policies.insert(index, *policy),
            }
        }
        if POLICIES_MAX < next.policies.len() {
            return Err(Rejection::TooLarge { limit: POLICIES_MAX as u64 });
        }
        next.record.accepts_free = match accepts_free {
            0 | 1 => accepts_free,
            2 => self.record.accepts_free,
            _ => return Err(Rejection::OutOfRange {}),
        };
        Ok(next)
    }
}

impl Machine for Entity {
    const KIND: MachineKind = MachineKind::Entity;
    type Message = Message;
    type Transition = Transition;

    fn id(&self) -> Hash {
        Hash(self.record.id.0)
    }

    fn prefix(&self) -> Vec<u8> {
        Path::entity_prefix(self.record.signer, self.record.id)
    }

    fn process(&self, _at: At, message: &Message) -> Result<Transition, Rejection> {
        let record = &self.record;
        let next = |number: u64| number.checked_add(1).ok_or(Rejection::OutOfRange {});
        match message {
            Message::UseNonce { nonce } if *nonce != record.nonce && !planted("nonce_unchecked") => {
                Err(Rejection::WrongNonce { expected: record.nonce })
            }
            Message::UseNonce { nonce } => Ok(Transition::Nonce(next(*nonce)?)),
            Message::Update { metadata, policies, accepts_free } => {
                self.updated(metadata, policies, *accepts_free).map(|entity| Transition::Whole(Box::new(entity)))
            }
            Message::ChannelAdded => Ok(Transition::Channels(next(record.channels)?, record.channels_open)),
            Message::ChannelOpened => Ok(Transition::Channels(record.channels, next(record.channels_open)?)),
            Message::Delete if record.channels != 0 => Err(Rejection::NotEmpty {}),
            Message::Delete => Ok(Transition::Whole(Box::new(Entity { deleted: true, ..self.clone() }))),
        }
    }

    fn commit(&mut self, transition: Transition) {
        match transition {
            Transition::Nonce(nonce) => self.record.nonce = nonce,
            Transition::Channels(channels, open) => {
                self.record.channels = channels;
                self.record.channels_open = open;
            }
            Transition::Whole(entity) => *self = *entity,
        }
    }
}
