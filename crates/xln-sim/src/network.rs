//! Links between nodes: opaque messages of bytes on their way, and everything that can happen to them there.
//!
//! A link carries messages in order and soon, until a fault says otherwise. A message that was sent is on its way until its time has come;
//! [`Network::arrived`] hands out what has, in order of (time, sequence). What the bytes mean is the business of whoever sends and takes them.
//!
//! **The seam of the peer protocol**: a node's outlet calls [`Network::send`] with what `Outlet::send(to, messages)` got, encoded; what
//! [`Network::arrived`] hands out becomes `Mail::Peer { from, messages }` of the node that it is for. Until then [`crate::chatter`] sends
//! numbered greetings.

use crate::dice::Dice;
use crate::fault::{Counts, Fault};
use std::collections::BTreeMap;

/// How long a message is on its way when all is well, in milliseconds.
const USUAL_MS: u64 = 5;
/// The longest delay that a fault adds.
const DELAY_MS_MAX: u64 = 2_000;
/// One message in so many meets a fault of its own while faults are on.
const MESSAGE_FAULT_ONE_IN: u64 = 12;

/// From whom to whom.
pub type Link = (usize, usize);

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub from: usize,
    /// Whom it is for.
    pub to: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    dice: Dice,
    enabled: Vec<Fault>,
    on_the_way: BTreeMap<(u64, u64), Message>,
    sent: u64,
    /// Nothing passes a link that is cut, until then; and by which fault.
    cut: BTreeMap<Link, (u64, Fault)>,
    /// Nodes that take nothing until then.
    silent: BTreeMap<usize, u64>,
    /// Messages that the next one of their link shall overtake.
    held: BTreeMap<Link, Message>,
    /// When the last message of a link arrives, so that the next doesn't overtake it.
    last_ms: BTreeMap<Link, u64>,
    /// How often each fault fired.
    pub counts: Counts,
}

impl Network {
    /// Links on which these faults may happen.
    pub fn new(dice: Dice, enabled: &[Fault]) -> Network {
        let enabled = enabled.iter().copied().filter(|fault| fault.is_of_links()).collect();
        let (on_the_way, cut, silent, held, last_ms) = Default::default();
        Network { dice, enabled, on_the_way, sent: 0, cut, silent, held, last_ms, counts: Counts::new() }
    }

    fn fired(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }

    /// Faults end: links are whole again, and stay so.
    pub fn heal(&mut self) {
        self.enabled.clear();
        self.cut.clear();
        self.silent.clear();
    }

    /// Cuts links or silences a node for a while, if `fault` does that.
    pub fn disturb(&mut self, fault: Fault, nodes: usize, now_ms: u64) {
        if nodes < 2 {
            return;
        }
        let one = self.dice.index(nodes);
        let other = (one + 1 + self.dice.index(nodes - 1)) % nodes;
        let until_ms = now_ms + 200 + self.dice.below(3_000);
        match fault {
            Fault::LinkPartition => {
                self.cut.insert((one, other), (until_ms, fault));
                self.cut.insert((other, one), (until_ms, fault));
            }
            Fault::LinkOneWay => {
                self.cut.insert((one, other), (until_ms, fault));
            }
            Fault::PeerSilent => {
                self.silent.insert(one, until_ms);
            }
            _ => {}
        }
    }

    /// Sends a message, which may meet a fault.
    pub fn send(&mut self, now_ms: u64, from: usize, to: usize, mut bytes: Vec<u8>) {
        let link = (from, to);
        if let Some((until_ms, fault)) = self.cut.get(&link).copied() {
            if now_ms < until_ms {
                return self.fired(fault);
            }
            self.cut.remove(&link);
        }
        let usual_ms = now_ms + USUAL_MS + self.dice.below(USUAL_MS);
        let last_ms = self.last_ms.get(&link).copied().unwrap_or(0);
        let mut at_ms = usual_ms.max(last_ms);
        let meets = !self.enabled.is_empty() && self.dice.once_in(MESSAGE_FAULT_ONE_IN);
        let fault = if meets { Some(self.dice.pick(&self.enabled)) } else { None };
        match fault {
            Some(fault @ Fault::LinkDrop) => return self.fired(fault),
            Some(fault @ Fault::LinkDelay) => {
                at_ms = at_ms.max(usual_ms + 1 + self.dice.below(DELAY_MS_MAX));
                self.fired(fault);
            }
            // Held back until the next one has gone before it.
            Some(Fault::LinkReorder) if !self.held.contains_key(&link) => {
                self.held.insert(link, Message { from, to, bytes });
                return;
            }
            Some(fault @ Fault::LinkDuplicate) => {
                let later_ms = at_ms + self.dice.below(DELAY_MS_MAX);
                self.put(later_ms, Message { from, to, bytes: bytes.clone() });
                self.fired(fault);
            }
            Some(fault @ Fault::FrameBitflip) if !bytes.is_empty() => {
                let bit = self.dice.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                self.fired(fault);
            }
            _ => {}
        }
        self.last_ms.insert(link, at_ms);
        self.put(at_ms, Message { from, to, bytes });
        if let Some(overtaken) = self.held.remove(&link) {
            self.put(at_ms + 1, overtaken);
            self.fired(Fault::LinkReorder);
        }
    }

    fn put(&mut self, at_ms: u64, message: Message) {
        self.sent += 1;
        self.on_the_way.insert((at_ms, self.sent), message);
    }

    /// What has arrived by now, in order.
    pub fn arrived(&mut self, now_ms: u64) -> Vec<Message> {
        let later = self.on_the_way.split_off(&(now_ms + 1, 0));
        let arrived = std::mem::replace(&mut self.on_the_way, later);
        let mut taken = Vec::new();
        for (key, message) in arrived {
            match self.silent.get(&message.to).copied() {
                Some(until_ms) if now_ms < until_ms => {
                    self.fired(Fault::PeerSilent);
                    self.on_the_way.insert((until_ms, key.1), message);
                }
                _ => taken.push(message),
            }
        }
        taken
    }

    /// A node restarts: its connections are gone, and what was on its way to it or from it.
    pub fn restarted(&mut self, node: usize) {
        let before = self.on_the_way.len();
        self.on_the_way.retain(|_, message| message.to != node && message.from != node);
        self.held.retain(|(from, to), _| *from != node && *to != node);
        if self.on_the_way.len() < before && self.enabled.contains(&Fault::PeerRestart) {
            self.fired(Fault::PeerRestart);
        }
    }

    /// True when nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.on_the_way.is_empty() && self.held.is_empty()
    }
}
