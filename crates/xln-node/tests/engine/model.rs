//! What must be true of a recovered hub, whatever happened before: a model of a few lists, which knows nothing of machines.

use crate::people::{Who, digest, eth};
use crate::rig::{Heard, Passed};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use xln_api::backend::BlockId;
use xln_machine::Server;
use xln_node::history::History;
use xln_types::{Event, Hash, OperationId, Receipt};

/// How far a state has gone: inputs executed, blocks sealed.
pub(crate) type Place = (u64, u64);

/// What was promised so far.
#[derive(Default)]
pub(crate) struct Model {
    /// Payments by their memo: how much.
    pub(crate) payments: BTreeMap<u64, u64>,
    /// Receipts that were given as answers, or spoken to the outlet.
    spoken: Vec<Receipt>,
    /// Blocks that were spoken: number and hash.
    blocks: Vec<(u64, Hash)>,
    /// What the hub signed.
    signed: Vec<Hash>,
    /// Operations that the chain's worker was told of.
    operations: Vec<OperationId>,
    /// The whole state at each place that it went through, as text.
    images: BTreeMap<Place, String>,
}

/// The whole state, as text.
pub(crate) fn image(server: &Server) -> String {
    let mut text = format!("{} {} {:?}\n", server.now_ms(), server.sequence(), server.record());
    for signer in server.signers() {
        let _ = writeln!(text, "{signer:?}");
    }
    for entity in server.entities() {
        let _ = writeln!(text, "{entity:?} {:?}", server.depositary_of(entity.record.id));
    }
    for channel in server.channels() {
        let _ = writeln!(text, "{channel:?}");
    }
    for operation in server.operations().chain(server.ended_operations()) {
        let _ = writeln!(text, "{operation:?}");
    }
    text
}

pub(crate) fn place(server: &Server) -> Place {
    (server.sequence(), server.sealed_number())
}

impl Model {
    /// Notes where the living state stands.
    pub(crate) fn lives(&mut self, server: &Server) {
        self.images.insert(place(server), image(server));
    }

    /// Notes an answer.
    pub(crate) fn answered(&mut self, receipt: Receipt) {
        self.spoken.push(receipt);
    }

    /// Takes what was spoken to the world.
    pub(crate) fn hears(&mut self, heard: &mut Heard) {
        self.spoken.append(&mut heard.receipts);
        self.signed.append(&mut heard.signed);
        self.operations.append(&mut heard.operations);
        self.blocks.extend(heard.blocks.drain(..).map(|block| (block.header.number, block.hash)));
    }

    /// Compares with what recovery found; says which law broke.
    pub(crate) fn check(&mut self, server: &Server, history: &History, passed: &Passed) -> Result<(), String> {
        self.check_spoken(server, history, passed)?;
        self.check_once(server, passed)?;
        // TX-7: replay came to the very state that lived.
        let at = place(server);
        if (passed.receipts.len() as u64, passed.blocks) != at {
            return Err(format!(
                "replay passed {} inputs and {} blocks to {at:?}",
                passed.receipts.len(),
                passed.blocks
            ));
        }
        if let Some(lived) = self.images.get(&at).filter(|lived| **lived != image(server)) {
            return Err(format!("another state at {at:?}: lived {lived} replayed {}", image(server)));
        }
        if !self.images.is_empty() && !self.images.contains_key(&at) {
            return Err(format!("a state that never lived: {at:?}"));
        }
        self.images.retain(|place, _| *place <= at);
        Ok(())
    }

    /// TX-6: what was spoken is there, and is what was spoken.
    fn check_spoken(&self, server: &Server, history: &History, passed: &Passed) -> Result<(), String> {
        for receipt in &self.spoken {
            let at = usize::try_from(receipt.sequence).unwrap_or(usize::MAX).saturating_sub(1);
            let found = passed.receipts.get(at);
            if found != Some(receipt) {
                return Err(format!("spoken and lost: {receipt:?}, found {found:?}"));
            }
            // TX-2: by its hash it is found too, unless that had taken effect before.
            let known = history.receipt(receipt.hash).map(|stored| stored.receipt);
            if known.is_none_or(|known| known != *receipt && (!known.is_executed() || receipt.is_executed())) {
                return Err(format!("not known by its hash: {receipt:?}"));
            }
        }
        for (number, hash) in &self.blocks {
            if history.block(BlockId::Number(*number)).is_none_or(|found| found.hash != *hash) {
                return Err(format!("a block was spoken and lost: {number}"));
            }
        }
        let digests: BTreeSet<Hash> = (1..=server.sealed_number())
            .filter_map(|number| history.block(BlockId::Number(number)))
            .map(|block| digest(&block.seal))
            .collect();
        if let Some(lost) = self.signed.iter().find(|signed| !digests.contains(signed)) {
            return Err(format!("signed and lost: {lost}"));
        }
        if let Some(lost) = self.operations.iter().find(|operation| server.operation(**operation).is_none()) {
            return Err(format!("performed and lost: {lost}"));
        }
        Ok(())
    }

    /// TX-2, CH-2, DP-3: each payment and each fact at most once, and the sums say the same.
    fn check_once(&self, server: &Server, passed: &Passed) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let mut volume = 0;
        for receipt in &passed.receipts {
            // A hub payment tells of two legs in one receipt.
            for memo in memos(receipt).collect::<BTreeSet<u64>>() {
                if !seen.insert(memo) {
                    return Err(format!("a payment was executed twice: {memo}"));
                }
                volume += self.payments.get(&memo).ok_or_else(|| format!("never asked for: {memo}"))?;
            }
        }
        let hubs: u128 = [Who::Alice, Who::Bob, Who::Carol]
            .into_iter()
            .filter_map(|who| server.channel(who.channel())?.line(eth()).map(|line| line.volume.0))
            .sum();
        // Each payment crosses two channels.
        if hubs != 2 * u128::from(volume) {
            return Err(format!("{hubs} moved over the channels, {volume} paid twice"));
        }
        let deposits = server.record().cursor.block;
        let free = server.reserve(Who::Alice.entity(), eth()).map_or(0, |reserve| reserve.free.0);
        let left: i128 = server
            .operations()
            .chain(server.ended_operations())
            .fold(0, |sum, operation| sum + i128::try_from(operation.amount.0).unwrap_or(i128::MAX));
        let arrived = i128::from(deposits) * i128::from(deposits + 1) / 2;
        if free + left != arrived {
            return Err(format!("{arrived} were deposited, {free} are free and {left} went on their way"));
        }
        Ok(())
    }
}

/// The memos of the payments that a receipt tells of.
fn memos(receipt: &Receipt) -> impl Iterator<Item = u64> {
    receipt.logs.iter().filter_map(|log| match log {
        Event::Paid { memo, .. } => std::str::from_utf8(&memo.0).ok()?.parse().ok(),
        _ => None,
    })
}
