//! What a caller may see of a receipt: a user its own entities' records and the channels in which it stands, on either side; roles
//! that see all, all. Others' reserves, lines and channels are left out of receipts, payments and pushed events alike.

use crate::call::Call;
use crate::error::ApiError;
use std::collections::BTreeSet;
use xln_machine::entity::EntityRecord;
use xln_machine::server::invoices::Invoice;
use xln_machine::signer::Signer;
use xln_types::codec::decode;
use xln_types::path::StorageType;
use xln_types::{ChannelId, EntityId, Event, Path, Receipt, SignerId, StateChange, TxHash};

/// Which of the objects that a receipt names the caller may see. By default none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    all: bool,
    signers: BTreeSet<SignerId>,
    entities: BTreeSet<EntityId>,
    channels: BTreeSet<ChannelId>,
}

/// Who stands in what an event tells: entities, and the channel between them.
fn named(event: &Event) -> (Option<ChannelId>, Vec<EntityId>) {
    match event {
        Event::EntityCreated { entity }
        | Event::EntityUpdated { entity }
        | Event::EntityDeleted { entity }
        | Event::ReserveChanged { entity, .. }
        | Event::PaymentEnded { payer: entity, .. }
        | Event::InvoiceCreated { payee: entity, .. }
        | Event::InvoicePaid { payee: entity, .. }
        | Event::EntityIntroduced { entity, .. }
        | Event::Operation { entity, .. } => (None, vec![*entity]),
        Event::ChannelStatus { channel, left, right, .. }
        | Event::CreditSet { channel, left, right, .. }
        | Event::HtlcAdded { channel, left, right, .. }
        | Event::HtlcEnded { channel, left, right, .. }
        | Event::FrameAgreed { channel, left, right, .. }
        | Event::CollateralChanged { channel, left, right, .. } => (Some(*channel), vec![*left, *right]),
        Event::Paid { channel, payer, payee, .. } => (Some(*channel), vec![*payer, *payee]),
        Event::SignerRegistered { .. } | Event::AssetRegistered { .. } | Event::Alarm { .. } => (None, Vec::new()),
    }
}

/// The channel that a path lies in.
fn channel_of(path: &Path) -> Option<ChannelId> {
    let (_, _, storage, first, _) = path.parts();
    let beneath = [StorageType::Channels, StorageType::Htlcs, StorageType::Replicas];
    beneath.iter().any(|kind| *kind as u8 == storage).then_some(ChannelId(first.0))
}

/// True for an invoice's record: the preimage stands in it.
pub(crate) fn is_invoice(path: &Path) -> bool {
    path.parts().2 == StorageType::Invoices as u8
}

fn is_unpaid(record: &[u8]) -> bool {
    !record.is_empty() && !decode::<Invoice>(record).is_ok_and(|invoice| invoice.payment != TxHash::ZERO)
}

impl Sight {
    /// May the caller know of the receipt?
    pub(crate) fn sees_any(&self) -> bool {
        self.all || !(self.signers.is_empty() && self.entities.is_empty() && self.channels.is_empty())
    }

    /// True when nothing of the receipt is hidden.
    fn sees_whole(&self, receipt: &Receipt) -> bool {
        receipt.changes.iter().all(|change| self.sees_change(change))
            && receipt.logs.iter().all(|log| self.sees_event(log))
    }

    pub(crate) fn sees_entity(&self, entity: EntityId) -> bool {
        self.all || self.entities.contains(&entity)
    }

    /// A record at this path; the server's own are open to all.
    fn sees_record(&self, path: &Path) -> bool {
        let signer = SignerId::from(path.parts().0);
        self.all
            || signer == SignerId::ZERO
            || self.signers.contains(&signer)
            || channel_of(path).is_some_and(|channel| self.channels.contains(&channel))
    }

    /// A record's change. What an open invoice is claimed with is for nobody's eyes: whoever knows it can claim on the way.
    pub(crate) fn sees_change(&self, change: &StateChange) -> bool {
        self.sees_record(&change.path) && !(is_invoice(&change.path) && is_unpaid(&change.new.0))
    }

    pub(crate) fn sees_event(&self, event: &Event) -> bool {
        match (event, named(event)) {
            _ if self.all => true,
            (Event::AssetRegistered { .. }, _) => true,
            (Event::SignerRegistered { signer }, _) => self.signers.contains(signer),
            (_, (Some(channel), _)) => self.channels.contains(&channel),
            (_, (None, entities)) => entities.iter().any(|entity| self.entities.contains(entity)),
        }
    }
}

/// TX-2: the signer under which a transaction's sender lies, told by the nonce that it used up.
fn sender_signer(receipt: &Receipt) -> Option<SignerId> {
    receipt.changes.iter().find_map(|StateChange { path, old, new }| {
        let (signer, entity, ..) = path.parts();
        let signer = SignerId::from(signer);
        let used = if *path == Path::signer(signer) {
            let nonce = |bytes: &[u8]| decode::<Signer>(bytes).ok().map(|record| record.nonce);
            nonce(&old.0).is_some_and(|before| Some(before) < nonce(&new.0))
        } else if *path == Path::entity(signer, EntityId(entity.0)) {
            let nonce = |bytes: &[u8]| decode::<EntityRecord>(bytes).ok().map(|record| record.nonce);
            // An entity is deleted by itself alone (EN-5), and takes its nonce along.
            nonce(&old.0).is_some_and(|before| new.0.is_empty() || Some(before) < nonce(&new.0))
        } else {
            false
        };
        used.then_some(signer)
    })
}

impl Call {
    async fn owns(&self, entity: EntityId) -> Result<bool, ApiError> {
        let account = self.caller()?.account;
        Ok(self.entity(entity).await.is_ok_and(|fact| fact.owner == account))
    }

    /// What this caller may see of a receipt: what lies under its signers, and the channels in which one of its entities stands.
    pub(crate) async fn sight(&self, receipt: &Receipt) -> Result<Sight, ApiError> {
        let caller = self.caller()?;
        let mut sight = Sight { all: caller.role.sees_all(), ..Sight::default() };
        if sight.all {
            return Ok(sight);
        }
        let mut known = BTreeSet::new();
        for change in &receipt.changes {
            let (signer, entity, ..) = change.path.parts();
            let (signer, entity) = (SignerId::from(signer), EntityId(entity.0));
            if signer == SignerId::ZERO || !known.insert((signer, entity)) {
                continue;
            }
            if self.owner(signer).await? == Some(caller.account) {
                sight.signers.insert(signer);
                if entity != EntityId::ZERO {
                    sight.entities.insert(entity);
                }
            }
        }
        for log in &receipt.logs {
            if let Event::SignerRegistered { signer } = log
                && self.owner(*signer).await? == Some(caller.account)
            {
                sight.signers.insert(*signer);
            }
            let (channel, entities) = named(log);
            for entity in entities {
                if sight.entities.contains(&entity) || self.owns(entity).await? {
                    sight.entities.insert(entity);
                    sight.channels.extend(channel);
                }
            }
        }
        for change in &receipt.changes {
            let Some(channel) = channel_of(&change.path) else { continue };
            if !sight.channels.contains(&channel) && self.visible_channel(channel).await.is_ok() {
                sight.channels.insert(channel);
            }
        }
        Ok(sight)
    }

    /// Whether this caller may have a receipt whole, as proofs need it: its sender's owner, or who sees all that is in it.
    pub(crate) async fn sees_whole(&self, receipt: &Receipt, sight: &Sight) -> Result<bool, ApiError> {
        if sight.sees_whole(receipt) {
            return Ok(true);
        }
        let Some(sender) = sender_signer(receipt) else { return Ok(false) };
        Ok(self.owner(sender).await? == Some(self.caller()?.account))
    }
}
