//! What an exploration plays, and the mistakes that are planted to see that it can fail.

/// An operation that a side may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first frame.
    Open,
    /// A payment whose amount no other has.
    Pay,
    /// A payment of 1, each like the other.
    Same,
    Add,
    Fulfill,
    /// Gives an HTLC back; after the expiry also takes an own one back.
    Cancel,
    /// Lowers its grant to nothing.
    Lower,
    Raise,
    /// What is never stacked (CH-8).
    Alone,
}

/// What an owner of replicas, or a replica whose fields were reached into, does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mistake {
    #[default]
    None,
    /// CH-9: right, having given up a stack, doesn't owe a frame.
    OwesNothing,
    /// CH-9: left doesn't yield.
    TakesNoTurns,
    /// CH-9: left gives up its stack as right does.
    LeftGivesWay,
    /// CH-9: of equal transactions that were given up one is put back.
    EqualIsDropped,
    /// CH-7: a new frame's nonce is above the head's alone.
    NonceAboveTheHead,
    /// CH-8: what arrived counts as final.
    FinalOnArrival,
    /// CH-8: an HTLC counts as returned with the frame that gives it back.
    ReturnedOnArrival,
    /// CH-8: what no longer fits counts as undone at once.
    DroppedOnArrival,
    /// CH-9: nothing is acknowledged twice, neither a duplicate nor, after a reconnect, the head.
    SilentOnCopies,
    /// CH-10: after a reconnect the stack is sent again, but no acknowledgement of the head before it.
    ResumesWithoutAck,
    /// Not a mistake to these rules: at equal nonces the frame that right proposed wins (DP-5 says left's).
    TieIsRights,
}

/// What is explored. Every bound that is raised multiplies the states.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub kinds: &'static [Kind],
    /// Operations of left's and of right's, at most.
    pub operations: [u8; 2],
    /// Late copies of what was sent, at most.
    pub copies: u8,
    /// How often all that is in flight is lost, at most.
    pub losses: u8,
    /// How often left's turn ends by time, at most.
    pub timeouts: u8,
    /// Whether the HTLCs may expire.
    pub expires: bool,
    /// Whether it starts before the first frame.
    pub from_nothing: bool,
    pub mistake: Mistake,
    /// An exploration that would see more worlds than this fails.
    pub worlds_max: usize,
}

impl Plan {
    pub(super) const fn of(operations: [u8; 2], kinds: &'static [Kind]) -> Plan {
        Plan {
            kinds,
            operations,
            copies: 0,
            losses: 0,
            timeouts: 0,
            expires: false,
            from_nothing: false,
            mistake: Mistake::None,
            worlds_max: 2_000_000,
        }
    }

    pub(super) fn with(self, mistake: Mistake) -> Plan {
        Plan { mistake, ..self }
    }
}
