//! What a tour draws from its seed: keys, amounts, order. The same seed draws the same (SplitMix64).

use xln_client::{ClientError, Key};
use xln_crypto::hash::keccak256_parts;

/// A stream of numbers and keys from a seed.
pub(crate) struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// A stream from its start.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice { seed, state: seed }
    }

    /// A key of its own for each name.
    pub(crate) fn key(&self, name: &str) -> Result<Key, ClientError> {
        Key::new(self.secret(name))
    }

    /// That key's bytes.
    pub(crate) fn secret(&self, name: &str) -> [u8; 32] {
        keccak256_parts(&[b"xln demo", &self.seed.to_be_bytes(), name.as_bytes()]).0
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `from..=to`.
    pub(crate) fn between(&mut self, from: u128, to: u128) -> u128 {
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        from + wide % (to - from + 1)
    }

    /// An index below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.between(0, bound as u128 - 1)).unwrap_or(0)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
