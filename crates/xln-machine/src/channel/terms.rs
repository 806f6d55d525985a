//! What the two sides of a channel agreed besides money: window, mailboxes, settlements, and how far the chain's facts are told.
//!
//! Laws: **CH-11** (a close that both asked for), **CH-12** (where the facts stand), **DP-5** (settlements), **HT-2** (numbers of HTLCs).

use xln_types::codec::{RlpDecodable, RlpEncodable};
use xln_types::tx::SettleDiff;
use xln_types::{Address, Side};

/// What one side has named or asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct SideTerms {
    /// Its mailbox (CH-16); zero for none.
    pub mailbox: Address,
    /// The dispute window that it asks for; 0 for none.
    pub window_asked_s: u64,
    /// The lowest number that its next HTLC may have (HT-2).
    pub htlc_next: u64,
    /// Until when the close that it asks for may be mined; 0 for none.
    pub close_asked_s: u64,
    /// The settlement that it asks for and that needs the other's agreement: none or one.
    pub settle_asked: Vec<Settlement>,
}

/// Collateral on its way to reserves (DP-5).
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Settlement {
    /// What each side takes, by asset; negative puts in.
    pub diffs: Vec<SettleDiff>,
    /// Strictly rises.
    pub counter: u64,
    /// Until when it may be mined, unix seconds.
    pub valid_until_s: u64,
}

/// What the two sides agreed besides money.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Terms {
    /// Seconds to counter in a dispute.
    pub dispute_window_s: u64,
    /// Left's.
    pub left: SideTerms,
    /// Right's.
    pub right: SideTerms,
    /// Where the last chain fact taken stands.
    pub fact_block: u64,
    /// Its log index.
    pub fact_log_index: u64,
    /// The counter of the last settlement agreed.
    pub settle_counter: u64,
    /// The settlement under way: none or one.
    pub settlement: Vec<Settlement>,
    /// 1 once both sides asked for the same close (CH-11).
    pub closing: u8,
}

impl Terms {
    /// One side's.
    pub fn side(&self, side: Side) -> &SideTerms {
        side.pick(&self.left, &self.right)
    }

    pub(super) fn side_mut(&mut self, side: Side) -> &mut SideTerms {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}
