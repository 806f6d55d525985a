//! Amounts as people write them: whole units of the asset with decimals (`1.5`), or base units with a `u` behind (`1500000u`). Exact:
//! more digits than the asset has are refused, never rounded (**N-1**).

use xln_types::amount::{Amount, parse_amount};

/// Reads an amount of an asset with so many decimals. `None`: it isn't one, or past the range.
pub(crate) fn parse(text: &str, decimals: u8) -> Option<Amount> {
    if let Some(base) = text.strip_suffix('u') {
        return parse_amount(base).ok();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) || usize::from(decimals) < fraction.len() {
        return None;
    }
    if text.ends_with('.') || (1 < whole.len() && whole.starts_with('0')) {
        return None;
    }
    let digits = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
    let trimmed = digits.trim_start_matches('0');
    parse_amount(if trimmed.is_empty() { "0" } else { trimmed }).ok()
}

/// Writes base units as whole units of the asset.
pub(crate) fn format(base: &str, decimals: u8) -> String {
    let (sign, digits) = base.strip_prefix('-').map_or(("", base), |digits| ("-", digits));
    let decimals = usize::from(decimals);
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N-1: what a person writes is exact, or refused.
    #[test]
    fn amounts_are_exact_or_refused() {
        for (text, decimals, base) in [
            ("1", 6, Some(1_000_000)),
            ("1.5", 6, Some(1_500_000)),
            ("0.000001", 6, Some(1)),
            ("0", 18, Some(0)),
            ("7u", 18, Some(7)),
            ("0.0000001", 6, None),
            ("", 6, None),
            (".5", 6, None),
            ("1.", 6, None),
            ("01", 6, None),
            ("-1", 6, None),
            ("1e3", 6, None),
            ("１", 6, None),
            ("+1u", 6, None),
            ("1.5", 0, None),
            ("1329227995784915872903807060280344577", 0, None),
        ] {
            assert_eq!(parse(text, decimals), base.map(Amount), "{text}");
        }
        for (base, shown) in [("0", "0"), ("1", "0.000001"), ("-1500000", "-1.5"), ("12000000", "12")] {
            assert_eq!(format(base, 6), shown);
        }
        assert_eq!(format("5", 0), "5");
    }
}
