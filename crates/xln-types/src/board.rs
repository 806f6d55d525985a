//! Boards (**N-5**): who may act for an entity. The founding board's hash is the entity's id. A board of one takes the same
//! path as a board of many (EN-1).

use crate::codec::{RlpDecodable, RlpEncodable};
use crate::id::SignerId;

/// Most members a board may have; the contract's bound is the same.
pub const BOARD_MEMBERS_MAX: usize = 32;

/// A member and its voting weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Member {
    /// The member's signer.
    pub signer: SignerId,
    /// Its weight, at least 1.
    pub weight: u64,
}

/// A founding board: `[threshold, [[member, weight], …], salt]` (N-5).
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Board {
    /// The weight that carries a decision.
    pub threshold: u64,
    /// Distinct members.
    pub members: Vec<Member>,
    /// The creator's next free number, from 0.
    pub salt: u64,
}

impl Board {
    /// A board of one: `signer` alone decides.
    pub fn single(signer: SignerId, salt: u64) -> Board {
        Board { threshold: 1, members: vec![Member { signer, weight: 1 }], salt }
    }

    /// The only member, if the board has exactly one.
    pub fn sole_member(&self) -> Option<SignerId> {
        match self.members.as_slice() {
            [member] => Some(member.signer),
            _ => None,
        }
    }

    /// True when it has 1 to [`BOARD_MEMBERS_MAX`] distinct members of weight ≥ 1 and a threshold that they can reach.
    pub fn is_valid(&self) -> bool {
        let distinct = self.members.iter().enumerate().all(|(index, member)| {
            !self.members.iter().skip(index.saturating_add(1)).any(|other| other.signer == member.signer)
        });
        let total = self.members.iter().try_fold(0_u64, |sum, member| sum.checked_add(member.weight));
        !self.members.is_empty()
            && self.members.len() <= BOARD_MEMBERS_MAX
            && distinct
            && self.members.iter().all(|member| member.weight > 0)
            && total.is_some_and(|total| (1..=total).contains(&self.threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N-5: a board names distinct members with weight, and a threshold that they can reach.
    #[test]
    fn only_boards_that_can_decide_are_valid() {
        let one = Board::single(SignerId([1; 20]), 0);
        assert!(one.is_valid());
        assert_eq!(one.sole_member(), Some(SignerId([1; 20])));
        let member = |n: u8, weight| Member { signer: SignerId([n; 20]), weight };
        let board = |threshold, members: Vec<Member>| Board { threshold, members, salt: 0 };
        assert!(board(2, vec![member(1, 1), member(2, 1)]).is_valid());
        for bad in [
            board(1, vec![]),
            board(0, vec![member(1, 1)]),
            board(2, vec![member(1, 1)]),
            board(1, vec![member(1, 1), member(1, 1)]),
            board(1, vec![member(1, 0)]),
            board(1, vec![member(1, u64::MAX), member(2, 1)]),
            board(1, (0..=32).map(|n| member(n, 1)).collect()),
        ] {
            assert!(!bad.is_valid(), "{bad:?}");
        }
    }
}
