//! What a channel is told, and what it does. One `match`; the arithmetic stands in [`Line`]. **CH-5**: the answer depends on
//! `by`, never on whose replica asks.

use super::line::Line;
use super::state::{Channel, ChannelStatus, Head};
use crate::machine::{At, Machine, MachineKind};
use xln_types::{Amount, AssetId, Balance, Hash, Path, Rejection, Side};

/// What a channel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who acts.
    pub by: Side,
    /// What it does.
    pub action: Action,
}

/// The acts of one side, and what the chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The other side's consent to the opening.
    Accept,
    /// `by` lists an asset.
    List {
        /// Which.
        asset: AssetId,
    },
    /// `by` pays the other side (CH-2).
    Pay {
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// `by` sets what it grants (CH-3).
    Grant {
        /// In which asset.
        asset: AssetId,
        /// The new grant.
        granted: Amount,
    },
    /// `by` begins to take collateral out (DP-5).
    Hold {
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// What `by` was about to take out is released.
    Release {
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// The chain recorded collateral from `by`'s reserve (CH-12).
    CollateralAdded {
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// The chain recorded a settlement (DP-5).
    Settled {
        /// In which asset.
        asset: AssetId,
        /// What left's reserve gained.
        left: Balance,
        /// What right's reserve gained.
        right: Balance,
    },
    /// One of the opening's collaterals is there, or has certainly failed.
    Arrived,
}

/// The new head, and the new line where one changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// All but the lines.
    pub head: Head,
    /// The line that changed.
    pub line: Option<(AssetId, Line)>,
}

impl Channel {
    fn listed_line(&self, asset: AssetId) -> Result<&Line, Rejection> {
        self.book.listed_line(asset)
    }

    fn open_line(&self, asset: AssetId) -> Result<&Line, Rejection> {
        match self.head.status {
            ChannelStatus::Open => self.listed_line(asset),
            status => Err(Rejection::ChannelNotOpen { status: status.number() }),
        }
    }
}

/// A head whose consent and collateral are both there becomes open (CH-11).
fn opened(head: Head) -> Head {
    let ready = head.status == ChannelStatus::Pending && head.accepted == 1 && head.awaited == 0;
    if ready { Head { status: ChannelStatus::Open, ..head } } else { head }
}

impl Machine for Channel {
    const KIND: MachineKind = MachineKind::Channel;
    type Message = Message;
    type Transition = Transition;

    fn id(&self) -> Hash {
        Hash(self.head.id.0)
    }

    /// A channel's records lie below its left entity.
    fn prefix(&self) -> Vec<u8> {
        Path::channel_prefix(self.signer, self.head.left, self.head.id)
    }

    fn process(&self, _at: At, message: &Message) -> Result<Transition, Rejection> {
        let (by, head) = (message.by, self.head);
        let changed = |asset: AssetId, line: Line| Ok(Transition { head, line: Some((asset, line)) });
        match message.action {
            Action::Accept if by == head.opener || head.accepted == 1 => Err(Rejection::NotYoursToAccept {}),
            Action::Accept => Ok(Transition { head: opened(Head { accepted: 1, ..head }), line: None }),
            Action::Arrived => {
                let awaited = head.awaited.saturating_sub(1);
                Ok(Transition { head: opened(Head { awaited, ..head }), line: None })
            }
            Action::List { asset } => changed(asset, self.book.list(asset)?),
            Action::Pay { asset, amount } => changed(asset, self.open_line(asset)?.pay(by, amount)?),
            Action::Grant { asset, granted } => changed(asset, self.listed_line(asset)?.grant(by, granted)?),
            Action::Hold { asset, amount } => {
                let line = self.open_line(asset)?.hold(by, amount)?;
                let settle_counter = head.settle_counter.checked_add(1).ok_or(Rejection::OutOfRange {})?;
                Ok(Transition { head: Head { settle_counter, ..head }, line: Some((asset, line)) })
            }
            Action::Release { asset, amount } => changed(asset, self.listed_line(asset)?.release(by, amount)?),
            Action::CollateralAdded { asset, amount } => {
                // CH-12: an unlisted asset's collateral is kept, and only waits.
                let line = self.line(asset).copied().unwrap_or_default();
                changed(asset, line.collateral_added(by, amount)?)
            }
            Action::Settled { asset, left, right } => {
                let line = self.line(asset).copied().unwrap_or_default();
                changed(asset, line.settled(left, right)?)
            }
        }
    }

    fn commit(&mut self, transition: Transition) {
        self.head = transition.head;
        if let Some((asset, line)) = transition.line {
            self.set_line(asset, line);
        }
    }
}
