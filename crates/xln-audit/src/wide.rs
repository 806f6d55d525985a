//! Products that don't fit 128 bits: a share in millionths is compared by cross-multiplication, so that nothing is rounded.

/// `left · right` as (high, low); ordered as the number is.
pub(crate) fn product(left: u128, right: u64) -> (u128, u128) {
    let right = u128::from(right);
    let low_half = left & u128::from(u64::MAX);
    // Each factor is below 2⁶⁴ here, so neither product overflows; the carry is added to a number below 2¹²⁸ − 2⁶⁴.
    let low = low_half.wrapping_mul(right);
    let high = (left >> 64).wrapping_mul(right);
    let middle = high.wrapping_add(low >> 64);
    (middle >> 64, (middle << 64) | (low & u128::from(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn products_past_128_bits_are_exact() {
        assert_eq!(product(7, 6), (0, 42));
        assert_eq!(product(u128::MAX, u64::MAX), (u128::from(u64::MAX) - 1, u128::MAX - u128::from(u64::MAX) + 1));
        assert_eq!(product(1 << 120, 1 << 20), (1 << 12, 0));
        assert!(product(1 << 127, 3) > product(1 << 127, 2));
    }
}
