//! Numbered greetings between nodes, each with a checksum: they keep the links busy until the peer protocol does, and prove that each
//! fault of a link does what its name says, and no other harm.

use crate::network::{Message, Network};
use std::collections::{BTreeMap, BTreeSet};

/// What was said and heard.
#[derive(Debug, Default)]
pub struct Chatter {
    /// How many greetings went over each link.
    said: BTreeMap<(usize, usize), u64>,
    /// Which of them arrived.
    heard: BTreeMap<(usize, usize), BTreeSet<u64>>,
    /// How many couldn't be read.
    pub garbled: u64,
    /// How many arrived more than once.
    pub repeated: u64,
    /// How many arrived after a later one.
    pub overtaken: u64,
}

fn greeting(from: usize, to: usize, number: u64) -> Vec<u8> {
    let mut bytes = [(from as u64).to_be_bytes(), (to as u64).to_be_bytes(), number.to_be_bytes()].concat();
    let check = xln_crypto::keccak256(&bytes).0;
    bytes.extend_from_slice(&check[..8]);
    bytes
}

fn read(bytes: &[u8]) -> Option<(usize, usize, u64)> {
    let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
    let (from, to, number) = (usize::try_from(word(0)?).ok()?, usize::try_from(word(8)?).ok()?, word(16)?);
    (greeting(from, to, number) == bytes).then_some((from, to, number))
}

impl Chatter {
    /// One greets another.
    pub fn say(&mut self, network: &mut Network, now_ms: u64, from: usize, to: usize) {
        let number = self.said.entry((from, to)).or_default();
        *number += 1;
        network.send(now_ms, from, to, greeting(from, to, *number));
    }

    /// Takes a message; answers what is wrong with the world if it was never said.
    ///
    /// # Errors
    /// A message that was delivered to another, or invented.
    pub fn hear(&mut self, message: &Message) -> Result<(), String> {
        let Some((from, to, number)) = read(&message.bytes) else {
            self.garbled += 1;
            return Ok(());
        };
        if (from, to) != (message.from, message.to) {
            return Err(format!("a message from {from} to {to} came from {} to {}", message.from, message.to));
        }
        if self.said.get(&(from, to)).is_none_or(|said| *said < number) {
            return Err(format!("message {number} from {from} to {to} was never sent"));
        }
        let heard = self.heard.entry((from, to)).or_default();
        self.overtaken += u64::from(heard.last().is_some_and(|last| number < *last));
        self.repeated += u64::from(!heard.insert(number));
        Ok(())
    }

    /// How many greetings never arrived.
    pub fn lost(&self) -> u64 {
        let heard = |link| self.heard.get(link).map_or(0, |heard| heard.len() as u64);
        self.said.iter().map(|(link, said)| said - heard(link)).sum()
    }

    /// The last greeting of each link arrived: after all faults have ended, nothing is lost any more.
    pub fn is_heard(&self) -> bool {
        self.said.iter().all(|(link, said)| self.heard.get(link).is_some_and(|heard| heard.contains(said)))
    }
}
