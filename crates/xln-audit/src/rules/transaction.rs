//! Transactions: who sends, who signed (**TX-3**), the nonce (**TX-2**), and entities coming and going (**N-5**, **EN-5**).

use super::{Doubt, Shadow, doubt, require};
use crate::holdings::Flow;
use crate::place::Place;
use crate::records::{EntityRecord, Held, Reserve, SignerRecord};
use xln_crypto::{derive, secp};
use xln_types::tx::{CreateEntity, Scheme, TxType, UpdateEntity};
use xln_types::{
    Address, Amount, AssetId, Authority, Board, Body, EntityId, Hash, Path, Rejection, SignerId, Transaction,
};

/// Bytes of the token id in a hosted call's signature.
const TOKEN_ID_BYTES: usize = 16;

/// TX-3: the signature names who the log says authorised the transaction. The mark of a hosted call is keyed by a secret of the
/// hub's, so of it only the account can be read here.
pub(crate) fn check_signature(chain_id: u64, hub: EntityId, tx: &Transaction, by: Authority) -> Result<(), Doubt> {
    let digest = Hash(derive::tx_hash(chain_id, hub, tx).0);
    let claimed = format!("{by:?}");
    let Some((scheme, bytes)) = tx.signature.0.split_first() else {
        return Err(doubt("TX-3", claimed, "no signature"));
    };
    let found = if *scheme == Scheme::Secp256k1.number() {
        let signer = secp::recover(&digest, bytes).map_err(|error| doubt("TX-3", &*claimed, error.to_string()))?;
        Authority::Signer { signer }
    } else if *scheme == Scheme::Token.number() {
        let account = bytes.get(TOKEN_ID_BYTES..).and_then(<[u8]>::first_chunk::<20>);
        let account = account.ok_or_else(|| doubt("TX-3", &*claimed, "a signature cut short"))?;
        Authority::Account { account: Address(*account) }
    } else {
        return Err(doubt("TX-3", claimed, format!("signature scheme {scheme}")));
    };
    require(found == by, "TX-3", &claimed, || format!("{found:?}"))
}

/// Who sends, and its record.
pub(super) enum Sender {
    Signer(SignerRecord),
    Entity(EntityRecord),
}

impl Sender {
    fn nonce(&self) -> u64 {
        match self {
            Sender::Signer(record) => record.nonce,
            Sender::Entity(record) => record.nonce,
        }
    }
}

impl Shadow<'_> {
    pub(super) fn transaction(
        &mut self,
        tx: &Transaction,
        by: Authority,
        rejection: Option<&Rejection>,
    ) -> Result<(), Doubt> {
        check_signature(self.held.genesis.chain_id, self.held.hub, tx, by)?;
        let sender = match self.admitted(tx, by) {
            Ok(sender) => sender,
            // Refused at the door: not even the nonce is used up.
            Err(_) if rejection.is_some() => return Ok(()),
            Err(reason) => return Err(reason),
        };
        let nonce = tx.nonce.checked_add(1).ok_or_else(|| doubt("TX-2", "a nonce below 2^64 - 1", "the last"))?;
        match &sender {
            Sender::Signer(record) => {
                let after = SignerRecord { nonce, ..record.clone() };
                self.put(Path::signer(record.id), Held::Signer(after));
            }
            Sender::Entity(record) => self.put_entity(EntityRecord { nonce, ..record.clone() }),
        }
        match rejection {
            None => {
                self.executed(tx, sender)?;
                self.work_off()
            }
            Some(rejection) => self.refused(tx, sender, rejection),
        }
    }

    /// What the transaction does once its nonce is used up.
    pub(super) fn executed(&mut self, tx: &Transaction, sender: Sender) -> Result<(), Doubt> {
        let body = tx.body().map_err(|error| doubt("N-3", "a canonical body", error.to_string()))?;
        let fee_free = tx.fee == Amount::ZERO || tx.kind == TxType::DirectPayment;
        require(fee_free, "TX-1", "no fee without a hop", || tx.fee.to_string())?;
        match sender {
            Sender::Signer(record) => match body {
                Body::CreateEntity(body) => self.create_entity(record.id, body),
                _ => Err(doubt("TX-1", "CREATE_ENTITY", tx.kind.name())),
            },
            Sender::Entity(record) => self.entity_transaction(record.id, tx, &body),
        }
    }

    fn entity_transaction(&mut self, from: EntityId, tx: &Transaction, body: &Body) -> Result<(), Doubt> {
        match body {
            Body::UpdateEntity(body) => self.update_entity(from, body),
            Body::DeleteEntity(body) => {
                require(body.entity == from, "EN-5", "the sender itself", || body.entity.to_string())?;
                self.delete_entity(from)
            }
            Body::OpenChannel(body) => self.open_channel(from, tx, body),
            Body::AcceptChannel(body) => self.accept_channel(from, body),
            Body::SetCredit(body) => self.set_credit(from, body),
            Body::DirectPayment(body) => self.payment(from, tx, body),
            Body::BatchPayment(body) => self.batch(from, tx, body),
            Body::UpdateChannel(body) => self.update_channel(from, body),
            Body::HtlcCreate(body) => self.htlc_create(from, body),
            Body::HtlcFulfill(body) => self.htlc_fulfill(from, body),
            Body::HtlcCancel(body) => self.htlc_cancel(from, body),
            Body::Deposit(body) => self.deposit(from, tx, body),
            Body::Withdraw(body) => self.withdraw(from, tx, body),
            Body::Allocate(body) => self.allocate(from, tx, body),
            Body::Deallocate(body) => self.deallocate(from, tx, body),
            other => Err(doubt("TX-1", "a type that this hub executes", other.kind().name())),
        }
    }

    /// The sender, if it exists, whoever signed may act for it alone (EN-1), and it is the nonce's turn (TX-2).
    fn admitted(&self, tx: &Transaction, by: Authority) -> Result<Sender, Doubt> {
        let unknown = || doubt("TX-3", "a known sender", tx.from.to_string());
        let sender = if tx.kind == TxType::CreateEntity {
            let record = self.get(&Path::signer(SignerId::from(tx.from))).and_then(Held::signer);
            Sender::Signer(record.cloned().ok_or_else(unknown)?)
        } else {
            let (_, id) = self.held.entity_at(tx.from).ok_or_else(unknown)?;
            let elsewhere = self.node_of(id);
            require(elsewhere.is_none(), "TX-3", "a sender that acts here", || format!("on node {elsewhere:?}"))?;
            Sender::Entity(self.entity(id)?)
        };
        let acting = match (&sender, by) {
            (_, Authority::Signer { signer }) => Some(signer),
            (Sender::Signer(record), Authority::Account { .. }) => Some(record.id),
            (Sender::Entity(record), Authority::Account { .. }) => record.board.sole_member(),
        };
        let acting = acting.filter(|signer| match &sender {
            Sender::Signer(record) => record.id == *signer,
            Sender::Entity(record) => {
                let weight = record.board.members.iter().find(|member| member.signer == *signer);
                weight.is_some_and(|member| record.board.threshold <= member.weight)
            }
        });
        let acting = acting.ok_or_else(|| doubt("TX-3", "who decides for the sender", format!("{by:?}")))?;
        if let Authority::Account { account } = by {
            let signer = self.get(&Path::signer(acting)).and_then(Held::signer);
            let owns = signer.is_some_and(|signer| signer.owner == account && signer.hosted == 1);
            require(owns, "TX-3", "the account of the hosted signer", || account.to_string())?;
        }
        require(sender.nonce() == tx.nonce, "TX-2", &format!("nonce {}", sender.nonce()), || tx.nonce.to_string())?;
        Ok(sender)
    }

    fn create_entity(&mut self, creator: SignerId, body: CreateEntity) -> Result<(), Doubt> {
        let CreateEntity { threshold, members, salt, metadata } = body;
        let board = Board { threshold, members, salt };
        let alone = board.is_valid() && board.sole_member() == Some(creator);
        require(alone, "N-5", "a valid board of its creator", || format!("{board:?}"))?;
        let path = Path::signer(creator);
        let signer = self.get(&path).and_then(Held::signer).cloned();
        let signer = signer.ok_or_else(|| doubt("N-5", "a known signer", creator.to_string()))?;
        require(signer.next_salt == salt, "N-5", &format!("salt {}", signer.next_salt), || salt.to_string())?;
        let (next_salt, entities) = (salt.saturating_add(1), signer.entities.saturating_add(1));
        self.put(path, Held::Signer(SignerRecord { next_salt, entities, ..signer }));
        let id = derive::entity_id(&board);
        let taken = self.held.entity_at(id.address()).is_some();
        require(!taken, "N-5", "an entity that isn't there yet", || id.to_string())?;
        let record = EntityRecord {
            id,
            signer: creator,
            board,
            nonce: 0,
            channels: 0,
            channels_open: 0,
            accepts_free: 0,
            created_s: self.now_s(),
        };
        self.put(Path::entity(creator, id), Held::Entity(record));
        self.put(Path::metadata(creator, id), Held::Metadata(metadata));
        for (path, asset, amount) in self.waiting_for(id) {
            self.remove(path);
            let free = xln_types::Balance(super::signed(amount)?);
            self.put(Path::reserve(creator, id, asset), Held::Reserve(Reserve { free, ..Reserve::default() }));
        }
        Ok(())
    }

    /// DP-3: what arrived before the entity was known.
    fn waiting_for(&self, entity: EntityId) -> Vec<(Path, AssetId, Amount)> {
        let mut prefix = Path::entity_prefix(SignerId::ZERO, entity);
        prefix.push(xln_types::path::StorageType::Balances as u8);
        let below = self.held.below(&prefix);
        let waiting = below.filter_map(|(path, held)| match (Place::of(path), held) {
            (Some(Place::Unclaimed(_, asset)), Held::Unclaimed(amount)) => Some((*path, asset, *amount)),
            _ => None,
        });
        waiting.collect()
    }

    fn update_entity(&mut self, from: EntityId, body: &UpdateEntity) -> Result<(), Doubt> {
        let record = self.entity(from)?;
        let accepts_free = if body.accepts_free == 2 { record.accepts_free } else { body.accepts_free };
        let signer = record.signer;
        self.put_entity(EntityRecord { accepts_free, ..record });
        if !body.metadata.0.is_empty() {
            self.put(Path::metadata(signer, from), Held::Metadata(body.metadata.clone()));
        }
        for policy in &body.policies {
            self.require_asset(policy.asset)?;
            self.put(Path::policy(signer, from, policy.asset), Held::Policy(*policy));
        }
        Ok(())
    }

    /// EN-5: only with no channel, reserve, debt or hold left; then its records are gone.
    fn delete_entity(&mut self, from: EntityId) -> Result<(), Doubt> {
        let record = self.entity(from)?;
        let signer = record.signer;
        require(from != self.held.hub, "EN-5", "not the hub's own entity", || from.to_string())?;
        require(record.channels == 0, "EN-5", "no channel left", || record.channels.to_string())?;
        let prefix = Path::entity_prefix(signer, from);
        let mut gone = Vec::new();
        for (path, held) in self.held.below(&prefix) {
            match held {
                Held::Entity(_) | Held::Metadata(_) | Held::Policy(_) => gone.push(*path),
                Held::Reserve(reserve) if *reserve == Reserve::default() => {}
                // What it asked for and nobody paid ends by itself.
                Held::Invoice(_) => {}
                other => return Err(doubt("EN-5", "nothing left", format!("{other:?}"))),
            }
        }
        for path in gone {
            self.remove(path);
        }
        let path = Path::signer(signer);
        let creator = self.get(&path).and_then(Held::signer).cloned();
        let creator = creator.ok_or_else(|| doubt("N-5", "a known signer", signer.to_string()))?;
        let entities = creator.entities.saturating_sub(1);
        self.put(path, Held::Signer(SignerRecord { entities, ..creator }));
        Ok(())
    }

    pub(super) fn note_flow(&mut self, asset: AssetId, flow: Flow) {
        self.flows.push((asset, flow));
    }
}
