//! Workloads: seeded steps of everything that can happen, each predicted by a ledger of its own ([`ledger`], [`rules`], [`outcomes`]) with outcome and
//! number, and the whole state compared after each (**TX-5**, **CH-1**, **CH-13**, **DP-1** to **DP-5**, **TX-2**).
//!
//! A failure names seed and step; the same seed plays it again.

mod acts;
mod choose;
mod compare;
mod ledger;
mod outcomes;
mod rules;

use super::hub::{Hub, entity};
use crate::dice::Dice;
use crate::server::{Input, SealedBlock};
use choose::Chooser;
use compare::Ids;
use ledger::Ledger;
use std::collections::BTreeMap;
use xln_crypto::derive;
use xln_types::OperationId;

/// Who takes part; the ledger's first is the hub.
const PEOPLE: [&str; 8] = ["hub", "a", "b", "c", "d", "e", "K", "L"];
/// Steps between two blocks.
pub(super) const BLOCK_STEPS: u64 = 40;

/// The id of an operation, which is part of the protocol (DP-4).
fn operation_id(owner: &str, nonce: u64, index: u64) -> OperationId {
    derive::operation_id(entity("hub"), entity(owner).address(), nonce, index)
}

/// How often each kind of step stood, and each reason was given.
pub(super) type Count = BTreeMap<&'static str, u64>;

/// A server and its ledger on the way through a workload.
pub(super) struct Workload {
    pub(super) hub: Hub,
    ids: Ids,
    ledger: Ledger,
    dice: Dice,
    seed: u64,
    step: u64,
    pub(super) stood: Count,
    pub(super) refused: Count,
    pub(super) blocks: Vec<SealedBlock>,
    /// What was told, and when.
    pub(super) inputs: Vec<(u64, Input)>,
}

impl Workload {
    pub(super) fn new(seed: u64) -> Workload {
        let mut hub = Hub::new();
        super::script::play(&mut hub, "entities a b c d e K L");
        let (ids, ledger, dice) = (Ids::new(&hub, &PEOPLE), Ledger::new(&PEOPLE), Dice::new(seed));
        let (stood, refused, blocks) = (Count::new(), Count::new(), Vec::new());
        Workload { hub, ids, ledger, dice, seed, step: 0, stood, refused, blocks, inputs: Vec::new() }
    }

    /// Plays steps on; each is predicted, and each seals what is due.
    pub(super) fn play(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step += 1;
            self.hub.now_ms += self.dice.below(4000);
            let now_s = self.hub.now_s();
            let step = Chooser { dice: &mut self.dice, ledger: &self.ledger, now_s }.step();
            let input = acts::input(&mut self.hub, &self.ledger, &step);
            self.inputs.push((self.hub.now_ms, input.clone()));
            let predicted = self.ledger.play(&step, now_s);
            let receipt = self.hub.apply_unseen(&input);
            let context = || format!("seed={} step={} {step:?}", self.seed, self.step);
            assert_eq!(receipt.rejection(), predicted.as_ref().err(), "{}", context());
            match predicted {
                Ok(()) => *self.stood.entry(step.name()).or_default() += 1,
                Err(why) => *self.refused.entry(why.reason()).or_default() += 1,
            }
            self.ledger.audit();
            compare::agree(&self.hub, &self.ids, &self.ledger, &context);
            if self.step.is_multiple_of(BLOCK_STEPS) {
                self.blocks.push(self.hub.server.seal(self.hub.now_ms));
            }
        }
    }
}

/// TX-5, CH-13, DP-1 to DP-5: a ledger that shares nothing with the machines foretells every outcome, every number that explains a refusal,
/// and the whole state after it.
#[test]
fn a_ledger_foretells_every_outcome() {
    let (mut stood, mut refused) = (Count::new(), Count::new());
    for seed in 0..10 {
        let mut workload = Workload::new(seed);
        workload.play(2_400);
        super::image::check(&workload.hub.server);
        let counts = [(&mut stood, workload.stood), (&mut refused, workload.refused)];
        for (all, count) in counts {
            count.into_iter().for_each(|(name, times)| *all.entry(name).or_default() += times);
        }
    }
    let few = |count: &Count, least| count.iter().filter(|(_, times)| **times < least).count();
    assert_eq!((stood.len(), few(&stood, 3)), (16, 0), "every kind of step stood: {stood:?}");
    assert_eq!((refused.len(), few(&refused, 3)), (25, 0), "{refused:?}");
}
