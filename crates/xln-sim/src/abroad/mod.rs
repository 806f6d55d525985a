//! Channels between nodes: who acts elsewhere, sessions over the simulated links, what people ask of one another across them, and what must be
//! true of both ends together.
//!
//! **The cut.** Production and unchanged: the engine and its door to other nodes, frames and replicas, signatures and their checks, encodings. Simulated:
//! the session (that a link is up, that it tears, that it begins anew) in [`sessions`].
//!
//! [`travel`] chooses what is asked, [`audit`] keeps a small ledger of what went between nodes, [`checks`] compares both ends.

pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod sessions;
pub(crate) mod travel;
mod travel_htlcs;

use crate::people::{HUB, People, channel};
use std::collections::BTreeMap;
use xln_types::{Address, ChannelId, EntityId};

/// Who of a node's people hold channels with other nodes, beside its hub: hosted, and without limits of their own, so that what hosted
/// flows are answered stays foretold whatever frames are under way.
pub(crate) const TRAVELLERS: [usize; 2] = [1, 2];

/// A channel that one of a node's people may have with another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tie {
    /// The person here.
    pub(crate) who: usize,
    /// Node and person there.
    pub(crate) peer: (usize, usize),
    /// True where the one here is left.
    pub(crate) is_left: bool,
}

/// Who acts on other nodes, as one node sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abroad {
    pub(crate) entities: BTreeMap<EntityId, (usize, usize)>,
    pub(crate) addresses: BTreeMap<Address, EntityId>,
    pub(crate) ties: BTreeMap<ChannelId, Tie>,
}

impl Abroad {
    /// As node `number` of so many sees it.
    pub(crate) fn of(number: usize, nodes: usize) -> Abroad {
        let mut abroad = Abroad::default();
        let own = People::new(number);
        for node in (0..nodes).filter(|node| *node != number) {
            for (place, person) in People::new(node).list.iter().enumerate() {
                abroad.entities.insert(person.entity, (node, place));
                abroad.addresses.insert(person.entity.address(), person.entity);
                for (who, one) in own.list.iter().enumerate() {
                    let tie = Tie { who, peer: (node, place), is_left: one.entity < person.entity };
                    abroad.ties.insert(channel(one.entity, person.entity), tie);
                }
            }
        }
        abroad
    }

    /// Whether somebody's own limits would depend on what is under way between nodes.
    pub(crate) fn travels(&self, who: usize) -> bool {
        !self.entities.is_empty() && (who == HUB || TRAVELLERS.contains(&who))
    }
}
