//! Keys as strings of bits, most significant first. Bits past the end of a key read as 0.

/// Whether the bit at `position` is set.
pub(crate) fn bit(key: &[u8], position: u32) -> bool {
    byte(key, position / 8) & 0x80_u8.wrapping_shr(position % 8) != 0
}

/// The position of the first bit in which two keys of one length differ; `None` if they are equal.
pub(crate) fn differ(left: &[u8], right: &[u8]) -> Option<u32> {
    (0_u32..).step_by(8).zip(left.iter().zip(right)).find_map(|(start, (left, right))| {
        let changed = left ^ right;
        (changed != 0).then(|| start.saturating_add(changed.leading_zeros()))
    })
}

/// The `width` (`1..=16`) bits that begin at `start`, as a number.
pub(crate) fn digit(key: &[u8], start: u32, width: u32) -> u32 {
    let first = start / 8;
    // A digit of 16 bits that begins at the last bit of a byte ends within the third.
    let window = [0, byte(key, first), byte(key, first.saturating_add(1)), byte(key, first.saturating_add(2))];
    let unused = 24_u32.saturating_sub(start % 8).saturating_sub(width);
    u32::from_be_bytes(window).wrapping_shr(unused) & u32::MAX.wrapping_shr(32_u32.saturating_sub(width))
}

fn byte(key: &[u8], index: u32) -> u8 {
    key.get(index as usize).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_its_bits_at_every_width_and_offset() {
        let key = [0b1011_0010, 0x5a, 0xff, 0x01, 0x80];
        for width in 1..=16 {
            for start in 0..48 {
                let spelled =
                    (start..start + width).fold(0, |digit, position| digit << 1 | u32::from(bit(&key, position)));
                assert_eq!(digit(&key, start, width), spelled, "width={width} start={start}");
            }
        }
    }

    #[test]
    fn differ_finds_the_first_bit() {
        for position in 0..40_u8 {
            let left = [0x55; 5];
            let mut right = left;
            for later in position..40 {
                right[usize::from(later / 8)] ^= 0x80 >> (later % 8);
            }
            assert_eq!(differ(&left, &right), Some(u32::from(position)));
        }
        assert_eq!(differ(&[1, 2], &[1, 2]), None);
    }
}
