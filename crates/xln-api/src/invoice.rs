//! An invoice as portable text: all that a payer elsewhere needs (`docs/api.md`, *Invoices*).
//!
//! `xln1`, then hex of `rlp([version, payee, node, asset, amount, hashlock, expires_at, memo])` and of the first four bytes of
//! `keccak256("XLN invoice v1" ‖ rlp)`: a character that got lost on the way locks nobody's money.

use crate::text::{Bytes, Text, hex};
use xln_crypto::hash::keccak256_parts;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable, decode};
use xln_types::tx::MEMO_BYTES_MAX;
use xln_types::{Amount, AssetId, EntityId, Hash};

/// What the text starts with.
const PREFIX: &str = "xln1";
/// The only version so far.
const VERSION: u8 = 1;
/// What the sum's hash starts with.
const DOMAIN: &[u8] = b"XLN invoice v1";
/// Bytes of the sum.
const SUM_BYTES: usize = 4;
/// Longest text.
pub const INVOICE_TEXT_BYTES_MAX: usize = 1024;

/// What a payer needs to know.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct InvoiceText {
    version: u8,
    /// Who is to be paid.
    pub payee: EntityId,
    /// The hub of the payee's node.
    pub node: EntityId,
    /// In which asset.
    pub asset: AssetId,
    /// How much, exactly.
    pub amount: Amount,
    /// SHA-256 of the preimage.
    pub hashlock: Hash,
    /// Until when it can be paid, unix seconds.
    pub expires_at_s: u64,
    /// Free bytes, at most 256.
    pub memo: Blob,
}

impl InvoiceText {
    /// Of an invoice of an entity of this node.
    pub fn new(node: EntityId, invoice: &xln_machine::server::invoices::Invoice) -> InvoiceText {
        InvoiceText {
            version: VERSION,
            payee: invoice.payee,
            node,
            asset: invoice.asset,
            amount: invoice.amount,
            hashlock: invoice.hashlock,
            expires_at_s: invoice.expires_at_s,
            memo: invoice.memo.clone(),
        }
    }
}

fn sum(rlp: &[u8]) -> [u8; SUM_BYTES] {
    let Hash([a, b, c, d, ..]) = keccak256_parts(&[DOMAIN, rlp]);
    [a, b, c, d]
}

impl Text for InvoiceText {
    const EXPECTED: &'static str = "an invoice: xln1 and hex digits, as its payee's hub wrote it";
    const PATTERN: &'static str = "^xln1([0-9a-fA-F]{2})+$";
    fn read(text: &str) -> Option<Self> {
        if INVOICE_TEXT_BYTES_MAX < text.len() {
            return None;
        }
        let Bytes(bytes) = Bytes::read(&format!("0x{}", text.strip_prefix(PREFIX)?))?;
        let (rlp, found) = bytes.split_last_chunk::<SUM_BYTES>()?;
        let invoice: InvoiceText = decode(rlp).ok().filter(|_| *found == sum(rlp))?;
        let sound = invoice.version == VERSION
            && invoice.memo.0.len() <= MEMO_BYTES_MAX
            && invoice.amount.in_range()
            && invoice.amount != Amount::ZERO;
        sound.then_some(invoice)
    }
    fn write(&self) -> String {
        let rlp = alloy_rlp::encode(self);
        let digits = hex(&[rlp.as_slice(), &sum(&rlp)].concat());
        format!("{PREFIX}{}", digits.trim_start_matches("0x"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoice(memo: usize) -> InvoiceText {
        InvoiceText {
            version: VERSION,
            payee: EntityId([1; 32]),
            node: EntityId([2; 32]),
            asset: AssetId([3; 32]),
            amount: Amount(xln_types::AMOUNT_MAX),
            hashlock: Hash([4; 32]),
            expires_at_s: u64::MAX,
            memo: Blob(vec![5; memo]),
        }
    }

    /// The encoding changes on purpose only.
    #[test]
    fn the_text_is_what_it_was() {
        let small = InvoiceText { amount: Amount(7), expires_at_s: 1_800_000_000, ..invoice(1) };
        let (one, two, three, four) = ("01".repeat(32), "02".repeat(32), "03".repeat(32), "04".repeat(32));
        let rlp = format!("f88c01a0{one}a0{two}a0{three}07a0{four}846b49d20005");
        let text = small.write();
        assert!(text.starts_with(&format!("xln1{rlp}")), "{text}");
        assert_eq!(text.len(), 4 + rlp.len() + 8);
        assert_eq!(InvoiceText::read(&text), Some(small));
    }

    /// The longest fits, and nothing but what was written reads.
    #[test]
    fn no_character_can_be_another() {
        let text = invoice(MEMO_BYTES_MAX).write();
        assert!(text.len() <= INVOICE_TEXT_BYTES_MAX, "{}", text.len());
        assert_eq!(InvoiceText::read(&text), Some(invoice(MEMO_BYTES_MAX)));
        assert_eq!(InvoiceText::read(&format!("xln1{}", text[4..].to_uppercase())), Some(invoice(MEMO_BYTES_MAX)));
        for at in 0..text.len() {
            for digit in ["0", "7", "f"].into_iter().filter(|digit| *digit != &text[at..=at]) {
                let mut other = text.clone();
                other.replace_range(at..=at, digit);
                assert_eq!(InvoiceText::read(&other), None, "{at}");
            }
            assert_eq!(InvoiceText::read(&text[..at]), None, "{at}");
        }
        for other in [InvoiceText { version: 2, ..invoice(1) }, InvoiceText { amount: Amount::ZERO, ..invoice(1) }] {
            assert_eq!(InvoiceText::read(&other.write()), None);
        }
        assert_eq!(InvoiceText::read(&invoice(MEMO_BYTES_MAX + 1).write()), None);
    }
}
