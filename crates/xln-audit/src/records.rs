//! The records of the state tree, decoded here from their documented shape (`docs/spec/audit.md`) and not with the
//! core's types: a second reading of the same bytes.

use crate::agreed::{Forward, Invoice, Payment, Replica, Terms};
use crate::place::Place;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable, decode};
use xln_types::tx::AssetPolicy;
use xln_types::{
    Address, Amount, AssetId, AssetInfo, Balance, Board, ChannelId, EntityId, FactPosition, Htlc, OperationId, Side,
    SignerId,
};

/// A channel that waits for consent or collateral.
pub(crate) const CHANNEL_PENDING: u8 = 0;
/// A channel over which payments flow.
pub(crate) const CHANNEL_OPEN: u8 = 1;
/// An operation that waits for the other side's consent.
pub(crate) const OPERATION_WAITING: u8 = 0;
/// An operation that may be sent.
pub(crate) const OPERATION_PENDING: u8 = 1;
/// An operation whose chain transactions are signed.
pub(crate) const OPERATION_SENT: u8 = 2;
/// Operation kinds.
pub(crate) const DEPOSIT: u8 = 0;
pub(crate) const WITHDRAW: u8 = 1;
pub(crate) const ALLOCATE: u8 = 2;
pub(crate) const SETTLE: u8 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct ServerRecord {
    pub(crate) cursor: FactPosition,
    pub(crate) chain_time_s: u64,
    pub(crate) halted: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct SignerRecord {
    pub(crate) id: SignerId,
    pub(crate) public_key: Blob,
    pub(crate) owner: Address,
    pub(crate) hosted: u8,
    pub(crate) nonce: u64,
    pub(crate) next_salt: u64,
    pub(crate) entities: u64,
    pub(crate) created_s: u64,
    pub(crate) metadata: Blob,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct EntityRecord {
    pub(crate) id: EntityId,
    pub(crate) signer: SignerId,
    pub(crate) board: Board,
    pub(crate) nonce: u64,
    pub(crate) channels: u64,
    pub(crate) channels_open: u64,
    pub(crate) accepts_free: u8,
    pub(crate) created_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Head {
    pub(crate) id: ChannelId,
    pub(crate) left: EntityId,
    pub(crate) right: EntityId,
    pub(crate) epoch: u64,
    pub(crate) status: u8,
    pub(crate) opener: Side,
    pub(crate) accepted: u8,
    pub(crate) awaited: u64,
    pub(crate) dispute_window_s: u64,
    pub(crate) settle_counter: u64,
    pub(crate) created_s: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Line {
    pub(crate) collateral: Amount,
    pub(crate) ondelta: Balance,
    pub(crate) offdelta: Balance,
    pub(crate) granted_by_left: Amount,
    pub(crate) granted_by_right: Amount,
    pub(crate) held_left: Amount,
    pub(crate) held_right: Amount,
    pub(crate) payments: u64,
    pub(crate) volume: Amount,
    pub(crate) listed: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Reserve {
    pub(crate) free: Balance,
    pub(crate) allocating: Amount,
    pub(crate) allocated: Amount,
    pub(crate) withdrawing: Amount,
    pub(crate) owed: Amount,
    pub(crate) granted: Amount,
    pub(crate) net: Balance,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) kind: u8,
    pub(crate) status: u8,
    pub(crate) entity: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) channel: ChannelId,
    pub(crate) side: Side,
    pub(crate) recipient: Address,
    pub(crate) counter: u64,
    pub(crate) valid_until_s: u64,
    pub(crate) chain_signature: Blob,
    pub(crate) raw: Vec<Blob>,
    pub(crate) opening: u8,
    pub(crate) created_s: u64,
}

/// Any record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Server(ServerRecord),
    Signer(SignerRecord),
    Entity(EntityRecord),
    Metadata(Blob),
    Policy(AssetPolicy),
    Head(Head),
    /// A right entity's reference to its channel: the left entity.
    Reference(EntityId),
    Line(Line),
    Reserve(Reserve),
    Operation(Operation),
    Asset(AssetInfo),
    Unclaimed(Amount),
    Terms(Box<Terms>),
    Htlc(Htlc),
    Replica(Replica),
    /// The node on which an entity acts.
    Node(EntityId),
    Payment(Box<Payment>),
    Forward(Forward),
    Invoice(Box<Invoice>),
}

/// First byte of an RLP list.
const RLP_LIST: u8 = 0xc0;

impl Held {
    /// Reads the record that lies at `place`; `None` when the bytes aren't the canonical RLP of its shape (N-3).
    pub(crate) fn read(place: &Place, bytes: &[u8]) -> Option<Held> {
        match place {
            Place::Server => decode(bytes).map(Held::Server),
            Place::Signer(_) => decode(bytes).map(Held::Signer),
            Place::Entity(_) => decode(bytes).map(Held::Entity),
            Place::Metadata(_) => decode(bytes).map(Held::Metadata),
            Place::Policy(..) => decode(bytes).map(Held::Policy),
            Place::Channel(..) if bytes.first().is_some_and(|first| RLP_LIST <= *first) => {
                decode(bytes).map(Held::Head)
            }
            Place::Channel(..) => decode(bytes).map(Held::Reference),
            Place::Line(..) => decode(bytes).map(Held::Line),
            Place::Reserve(..) => decode(bytes).map(Held::Reserve),
            Place::Operation(..) => decode(bytes).map(Held::Operation),
            Place::Asset(_) => decode(bytes).map(Held::Asset),
            Place::Unclaimed(..) => decode(bytes).map(Held::Unclaimed),
            Place::Terms(..) => decode(bytes).map(|terms| Held::Terms(Box::new(terms))),
            Place::Htlc(..) => decode(bytes).map(Held::Htlc),
            Place::Replica(..) => decode(bytes).map(Held::Replica),
            Place::Node(_) => decode(bytes).map(Held::Node),
            Place::Payment(..) => decode(bytes).map(|payment| Held::Payment(Box::new(payment))),
            Place::Forward(..) => decode(bytes).map(Held::Forward),
            Place::Invoice(..) => decode(bytes).map(|invoice| Held::Invoice(Box::new(invoice))),
        }
        .ok()
    }

    /// Its bytes in the tree.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Held::Server(record) => alloy_rlp::encode(record),
            Held::Signer(record) => alloy_rlp::encode(record),
            Held::Entity(record) => alloy_rlp::encode(record),
            Held::Metadata(record) => alloy_rlp::encode(record),
            Held::Policy(record) => alloy_rlp::encode(record),
            Held::Head(record) => alloy_rlp::encode(record),
            Held::Reference(record) => alloy_rlp::encode(record),
            Held::Line(record) => alloy_rlp::encode(record),
            Held::Reserve(record) => alloy_rlp::encode(record),
            Held::Operation(record) => alloy_rlp::encode(record),
            Held::Asset(record) => alloy_rlp::encode(record),
            Held::Unclaimed(record) => alloy_rlp::encode(record),
            Held::Terms(record) => alloy_rlp::encode(&**record),
            Held::Htlc(record) => alloy_rlp::encode(record),
            Held::Replica(record) => alloy_rlp::encode(record),
            Held::Node(record) => alloy_rlp::encode(record),
            Held::Payment(record) => alloy_rlp::encode(&**record),
            Held::Forward(record) => alloy_rlp::encode(record),
            Held::Invoice(record) => alloy_rlp::encode(&**record),
        }
    }

    /// The record that says as much as none: a reserve, a line or a waiting amount of zero, a server that saw no fact.
    pub(crate) fn nothing_at(place: &Place) -> Option<Held> {
        match place {
            Place::Server => Some(Held::Server(ServerRecord::default())),
            Place::Line(..) => Some(Held::Line(Line::default())),
            Place::Reserve(..) => Some(Held::Reserve(Reserve::default())),
            Place::Unclaimed(..) => Some(Held::Unclaimed(Amount::ZERO)),
            Place::Terms(..) => Some(Held::Terms(Box::default())),
            _ => None,
        }
    }
}

macro_rules! typed {
    ($($name:ident: $variant:ident($type:ty)),+ $(,)?) => {
        impl Held {
            $(
                /// The record if it is of this kind.
                pub(crate) fn $name(&self) -> Option<&$type> {
                    match self {
                        Held::$variant(record) => Some(record),
                        _ => None,
                    }
                }
            )+
        }
    };
}

typed! {
    server: Server(ServerRecord),
    signer: Signer(SignerRecord),
    entity: Entity(EntityRecord),
    policy: Policy(AssetPolicy),
    head: Head(Head),
    line: Line(Line),
    reserve: Reserve(Reserve),
    operation: Operation(Operation),
    asset: Asset(AssetInfo),
    unclaimed: Unclaimed(Amount),
    replica: Replica(Replica),
    node: Node(EntityId),
    forward: Forward(Forward),
    invoice: Invoice(Invoice),
}

impl Head {
    pub(crate) fn entity(&self, side: Side) -> EntityId {
        side.pick(self.left, self.right)
    }
}

impl Line {
    /// What `side` owns of, or owes beyond, the collateral: the two always sum to C (CH-13). `None` past the range.
    pub(crate) fn share(&self, side: Side) -> Option<i128> {
        let delta = self.ondelta.0.checked_add(self.offdelta.0)?;
        let collateral = i128::try_from(self.collateral.0).ok()?;
        side.pick(Some(delta), collateral.checked_sub(delta))
    }

    pub(crate) fn granted(&self, grantor: Side) -> Amount {
        grantor.pick(self.granted_by_left, self.granted_by_right)
    }

    pub(crate) fn held(&self, side: Side) -> Amount {
        side.pick(self.held_left, self.held_right)
    }

    pub(crate) fn held_mut(&mut self, side: Side) -> &mut Amount {
        match side {
            Side::Left => &mut self.held_left,
            Side::Right => &mut self.held_right,
        }
    }

    /// What `side` owns of the collateral and hasn't locked.
    pub(crate) fn secured(&self, side: Side) -> Option<u128> {
        let share = u128::try_from(self.share(side)?).unwrap_or(0);
        Some(share.saturating_sub(self.held(side).0))
    }

    /// CH-1: what `side` can pay.
    pub(crate) fn out(&self, side: Side) -> Option<u128> {
        let granted = i128::try_from(self.granted(side.other()).0).ok()?;
        let held = i128::try_from(self.held(side).0).ok()?;
        let out = self.share(side)?.checked_add(granted)?.checked_sub(held)?;
        Some(u128::try_from(out).unwrap_or(0))
    }
}
