//! A channel's record, and what it answers.

use super::book::Book;
use super::line::Line;
use super::replica::Replica;
use xln_types::codec::{Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError};
use xln_types::{Amount, AssetId, ChannelId, EntityId, Side, SignerId};

/// CH-11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChannelStatus {
    /// Proposed; waits for consent or for its collateral.
    Pending = 0,
    /// Payments flow (the API's alias: `ready`).
    Open = 1,
    /// A close is on its way.
    Closing = 2,
    /// A dispute is open.
    Disputed = 3,
    /// Over.
    Closed = 4,
}

impl ChannelStatus {
    /// Its number in records, events and rejections.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The status with this number.
    pub fn from_number(number: u8) -> Option<ChannelStatus> {
        [Self::Pending, Self::Open, Self::Closing, Self::Disputed, Self::Closed].get(usize::from(number)).copied()
    }

    /// Its name in API answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Disputed => "disputed",
            Self::Closed => "closed",
        }
    }
}

impl Encodable for ChannelStatus {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.number().encode(out);
    }
    fn length(&self) -> usize {
        1
    }
}

impl Decodable for ChannelStatus {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        ChannelStatus::from_number(u8::decode(buf)?).ok_or(RlpError::Custom("channel status is 0 to 4"))
    }
}

/// A channel's head: all but its asset lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Head {
    /// N-6.
    pub id: ChannelId,
    /// The entity with the smaller id (N-5).
    pub left: EntityId,
    /// The entity with the larger id.
    pub right: EntityId,
    /// Rises when a channel between the two ends (N-6).
    pub epoch: u64,
    /// CH-11.
    pub status: ChannelStatus,
    /// Who opened, and funds.
    pub opener: Side,
    /// 1 once the other side consented.
    pub accepted: u8,
    /// How many of the opening's collaterals the chain hasn't recorded yet.
    pub awaited: u64,
    /// Seconds to counter in a dispute.
    pub dispute_window_s: u64,
    /// The counter of the last settlement that was begun (DP-5).
    pub settle_counter: u64,
    /// Unix seconds.
    pub created_s: u64,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its left entity's signer: the channel's place in the tree (ST-3).
    pub signer: SignerId,
    /// Who, which epoch, how far.
    pub head: Head,
    /// Lines, HTLCs and terms; of a channel with another node: as of the last frame both have signed.
    pub book: Book,
    /// This side's memory of frames, where the other side is on another node.
    pub replica: Option<Box<Replica>>,
    /// What each side would owe and grant beyond what the book says if all that is locked, stacked and drafted came to pass, by asset.
    pub promised: Vec<(AssetId, [Promised; 2])>,
}

/// What a side would owe and grant beyond what a book says (DP-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promised {
    /// Owed beyond collateral.
    pub owed: Amount,
    /// Granted.
    pub granted: Amount,
}

impl Channel {
    /// A channel in which nothing has happened yet.
    pub fn new(signer: SignerId, head: Head) -> Channel {
        Channel { signer, head, book: Book::default(), replica: None, promised: Vec::new() }
    }

    /// The line of an asset, if there is one.
    pub fn line(&self, asset: AssetId) -> Option<&Line> {
        self.book.line(asset)
    }

    /// Puts an asset's line.
    pub fn set_line(&mut self, asset: AssetId, line: Line) {
        self.book.set_line(asset, line);
    }

    /// How many assets both sides listed (CH-12).
    pub fn listed(&self) -> usize {
        self.book.listed()
    }

    /// On which side an entity stands.
    pub fn side_of(&self, entity: EntityId) -> Option<Side> {
        self.head.side_of(entity)
    }

    /// The book after everything that this side has proposed or drafted; of a channel whose sides are both here, the book.
    pub fn tip(&self) -> &Book {
        self.replica.as_ref().map_or(&self.book, |replica| replica.tip(&self.book))
    }
}

impl Head {
    /// On which side an entity stands.
    pub fn side_of(&self, entity: EntityId) -> Option<Side> {
        if entity == self.left {
            Some(Side::Left)
        } else if entity == self.right {
            Some(Side::Right)
        } else {
            None
        }
    }

    /// The entity on a side.
    pub fn entity(&self, side: Side) -> EntityId {
        side.pick(self.left, self.right)
    }
}
