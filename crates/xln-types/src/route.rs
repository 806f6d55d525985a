//! A route that a payer gives for a payment (**HT-1**): its hops, what each asks for, and what locks the payment on it.

use crate::amount::Amount;
use crate::codec::{RlpDecodable, RlpEncodable};
use crate::id::{EntityId, Hash};

/// A route that the payer gives (HT-1), and what locks the payment on it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Route {
    /// SHA-256 of the recipient's preimage.
    pub hashlock: Hash,
    /// Until when it must have ended, unix seconds; 0: as the hops' expiries need it.
    pub deadline_s: u64,
    /// From the first hop after the payer to the recipient.
    pub hops: Vec<RouteHop>,
}

/// One hop of a given route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct RouteHop {
    /// Whom the payment goes to, or through.
    pub entity: EntityId,
    /// What it gets for passing it on; 0 for the recipient.
    pub fee: Amount,
}
