//! What goes on outside the nodes: blocks are mined, people use the chain by themselves, messages pass between nodes.

use crate::chain::contract::Call;
use crate::chain::{Sent, Slot};
use crate::fault::Fault;
use crate::people::{self, PEOPLE};
use crate::sim::{Event, Sim};
use xln_types::{Address, OperationId};

/// Milliseconds between two blocks of the chain.
const MINE_MS: u64 = 100;
/// The account that deposits for others.
const GIVER: Address = Address([0xfa; 20]);

impl Sim<'_> {
    /// Somebody deposits for somebody, or takes out past its hub, by its own chain transaction.
    pub(crate) fn give(&mut self, number: usize) {
        let who = self.dice.index(PEOPLE);
        let person = &self.nodes[number].people.list[who];
        let (entity, is_hosted) = (person.entity, person.is_hosted);
        let asset = self.dice.index(2);
        let amount = 1 + i128::from(self.dice.below(2_000));
        let hash = xln_crypto::keccak256(self.dice.throw().to_be_bytes());
        let call = if !is_hosted && self.dice.once_in(8) {
            let operation = OperationId(hash.0);
            Call::Taken { entity, asset: people::asset_id(asset), amount: amount / 20 + 1, operation, to: GIVER }
        } else {
            Call::Deposit { entity, asset: people::asset(asset), amount }
        };
        self.chain.lock().submit(Sent { hash, from: GIVER, nonce: None, call });
    }

    pub(crate) fn mine(&mut self) -> Result<(), String> {
        let beat_ms = if self.is_quiet { 16 * MINE_MS } else { MINE_MS };
        self.plan(beat_ms, Event::Mine);
        let now_ms = self.now_ms();
        if now_ms < self.stalled_until_ms {
            self.book.fired(Fault::ChainStall);
            return Ok(());
        }
        // Miners' clocks are their own.
        if self.dice.once_in(20) {
            self.ahead_s = self.dice.pick(&[0, 5, 20, 45]);
        }
        let mut chain = self.chain.lock();
        chain.mine(now_ms / 1000 + self.ahead_s);
        let head = chain.head().clone();
        self.book.trace.note(now_ms, b'M', 0, &head.hash.0);
        if head.number.is_multiple_of(64) {
            return self.custody(&chain);
        }
        Ok(())
    }

    /// CH-13: what the depositary has recorded is what it holds.
    pub(crate) fn custody(&self, chain: &crate::chain::Ledger) -> Result<(), String> {
        for asset in 0..2 {
            let (held, recorded) = chain.custody(people::asset_id(asset));
            if held != recorded {
                return Err(format!("CH-13: the depositary holds {held} and has recorded {recorded}"));
            }
        }
        Ok(())
    }

    pub(crate) fn talk(&mut self) -> Result<(), String> {
        let now_ms = self.now_ms();
        for message in self.network.arrived(now_ms) {
            self.at_node = Some(message.to);
            self.book.trace.note(now_ms, b'T', message.to, &message.bytes);
            self.chatter.hear(&message)?;
        }
        let (from, to) = (self.dice.index(self.nodes.len()), self.dice.index(self.nodes.len()));
        if from != to && self.nodes[from].life.is_some() && !self.is_quiet {
            self.chatter.say(&mut self.network, now_ms, from, to);
        }
        let in_ms = if self.is_quiet { 400 } else { 1 + self.dice.below(8) };
        self.plan(in_ms, Event::Talk);
        Ok(())
    }

    /// Gives the chain's accounts what they will send.
    pub(crate) fn endow(&mut self) {
        let mut chain = self.chain.lock();
        for asset in 0..2 {
            let id = people::asset_id(asset);
            chain.endow(Slot::Held(GIVER, id), 1 << 100);
            for person in self.nodes.iter().flat_map(|node| &node.people.list) {
                chain.endow(Slot::Held(person.signer.address(), id), 20_000);
            }
        }
    }
}
