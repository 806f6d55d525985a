//! Numbers from a seed (SplitMix64): the same seed, the same test.

/// A stream of numbers.
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A stream of its own for another use.
    pub(crate) fn fork(&mut self) -> Dice {
        Dice(self.next())
    }

    /// An address that nobody has the key of.
    pub(crate) fn address(&mut self) -> String {
        let digits = (0..20).map(|_| format!("{:02x}", self.below(256)));
        std::iter::once("0x".to_owned()).chain(digits).collect()
    }
}
