//! Invoices: payments that an entity asks for, claimed by a preimage that the hub keeps for it until then.

use super::journal::Undo;
use super::state::Server;
use crate::machine::At;
use xln_crypto::frames::hashlock;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::tx::MEMO_BYTES_MAX;
use xln_types::{Address, Amount, AssetId, EntityId, Event, Hash, Rejection, TxHash};

/// Most open invoices in all.
pub const INVOICES_MAX: usize = 1 << 20;
/// Longest that an invoice may stay open, in seconds.
pub const INVOICE_S_MAX: u64 = 30 * 24 * 3600;
/// How many invoices that were paid or have expired are remembered.
pub const ENDED_INVOICES_MAX: usize = 65_536;
/// How many invoices one deep block's time may end; the next block ends the rest.
pub const EXPIRED_INVOICES_MAX: usize = 1024;

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Invoice {
    /// Who is to be paid.
    pub payee: EntityId,
    /// In which asset.
    pub asset: AssetId,
    /// How much, exactly.
    pub amount: Amount,
    /// What it is claimed with; shown to nobody before.
    pub preimage: Hash,
    /// SHA-256 of it.
    pub hashlock: Hash,
    /// Until when it can be paid, unix seconds.
    pub expires_at_s: u64,
    /// Free bytes.
    pub memo: Blob,
    /// Unix seconds.
    pub created_s: u64,
    /// The payer's transaction, once paid; zero until then.
    pub payment: TxHash,
}

/// Whose, and which.
pub(super) type InvoiceKey = (EntityId, Hash);

impl Server {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn create_invoice(
        &mut self,
        at: At,
        account: Address,
        payee: EntityId,
        asset: AssetId,
        amount: Amount,
        preimage: Hash,
        expires_at_s: u64,
        memo: &Blob,
    ) -> Result<(), Rejection> {
        let entity = self.known_entity(payee)?;
        self.authorise_account(entity, account)?;
        if !self.assets.contains_key(&asset) {
            return Err(Rejection::UnknownAsset {});
        }
        if amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        if !amount.in_range() {
            return Err(Rejection::OutOfRange {});
        }
        if MEMO_BYTES_MAX < memo.0.len() {
            return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
        }
        let (from_s, until_s) = (at.now_s().saturating_add(1), at.now_s().saturating_add(INVOICE_S_MAX));
        if !(from_s..=until_s).contains(&expires_at_s) {
            return Err(Rejection::ExpiryOutside { from_s, until_s });
        }
        if INVOICES_MAX <= self.invoices.len() {
            return Err(Rejection::StackFull { limit: INVOICES_MAX as u64 });
        }
        let key = (payee, hashlock(&preimage));
        if self.invoices.contains_key(&key) {
            return Err(Rejection::AlreadyExists {});
        }
        let invoice = Invoice {
            payee,
            asset,
            amount,
            preimage,
            hashlock: key.1,
            expires_at_s,
            memo: memo.clone(),
            created_s: at.now_s(),
            payment: TxHash::ZERO,
        };
        self.invoices.insert(key, invoice);
        self.invoice_expiries.insert((expires_at_s, key));
        self.journal.undos.push(Undo::Invoice(key, None));
        self.journal.events.push(Event::InvoiceCreated { payee, hashlock: key.1 });
        Ok(())
    }

    /// A claim is on its way to the payer's node: nobody else can pay it meanwhile.
    pub(super) fn invoice_claimed(&mut self, key: InvoiceKey, payment: TxHash) {
        let Some(invoice) = self.invoices.get_mut(&key) else { return };
        self.journal.undos.push(Undo::Invoice(key, Some(Box::new(invoice.clone()))));
        invoice.payment = payment;
    }

    /// The claim can't be made any more. Nobody else may pay it: whoever was on the way may have seen the preimage.
    pub(super) fn invoice_unclaimed(&mut self, key: InvoiceKey) {
        self.end_invoice(key, TxHash::ZERO);
    }

    /// It is claimed: the payment is final.
    pub(super) fn invoice_paid(&mut self, key: InvoiceKey) {
        let (payee, hashlock) = key;
        let Some(payment) = self.invoices.get(&key).map(|invoice| invoice.payment) else { return };
        self.end_invoice(key, payment);
        self.journal.events.push(Event::InvoicePaid { payee, hashlock, payment });
    }

    fn end_invoice(&mut self, key: InvoiceKey, payment: TxHash) {
        let Some(invoice) = self.invoices.remove(&key) else { return };
        self.invoice_expiries.remove(&(invoice.expires_at_s, key));
        self.journal.undos.push(Undo::Invoice(key, Some(Box::new(invoice.clone()))));
        if ENDED_INVOICES_MAX <= self.ended_invoices.len() {
            let _ = self.ended_invoices.pop_front();
        }
        self.ended_invoices.push_back(Invoice { payment, ..invoice });
    }

    /// A deep block is past them.
    pub(super) fn expire_invoices(&mut self, deep_s: u64) {
        let expired = self.invoice_expiries.iter().take_while(|(expires_at_s, _)| *expires_at_s < deep_s);
        // One that is being claimed ends with its claim.
        let is_free = |key: &InvoiceKey| self.invoices.get(key).is_some_and(|invoice| invoice.payment == TxHash::ZERO);
        let expired = expired.map(|(_, key)| *key).filter(is_free);
        for key in expired.take(EXPIRED_INVOICES_MAX).collect::<Vec<_>>() {
            self.end_invoice(key, TxHash::ZERO);
        }
    }

    /// An invoice that is open, or ended not long ago.
    pub fn invoice(&self, payee: EntityId, hashlock: Hash) -> Option<&Invoice> {
        let ended = || self.ended_invoices.iter().rev().find(|it| it.payee == payee && it.hashlock == hashlock);
        self.invoices.get(&(payee, hashlock)).or_else(ended)
    }

    /// Invoices: those that are open, then those that ended, oldest first.
    pub fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.values().chain(self.ended_invoices.iter())
    }
}
