//! What subscribers are told: the node hands receipts and blocks over once they are durable, in the log's order, and each becomes
//! numbered events of the topics concerned. JSON is written when the first subscriber needs it, and once; only what a transaction's
//! or payment's topic carries is written for each subscriber, as far as it may see it ([`crate::sight`]).
//!
//! The order and number of events are a function of the log, so a topic's numbers go on after a restart where they stopped.

use crate::api::Api;
use crate::backend::StoredBlock;
use crate::directory::Directory;
use crate::sight::Sight;
use crate::view::block::BlockView;
use crate::view::event;
use crate::view::payment::{Payment, PaymentView};
use crate::view::receipt::ReceiptView;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use xln_net::{Topic, Topics};
use xln_types::{Event, Receipt, TxHash};

/// One event, as topics carry it: a pointer.
#[derive(Clone)]
pub struct ApiEvent(Arc<Written>);

struct Written {
    what: What,
    json: OnceLock<String>,
}

enum What {
    /// The log at this index of a receipt.
    Log(Arc<Receipt>, usize),
    /// A transaction was executed, or rejected.
    Confirmed(Arc<Receipt>),
    /// A payment was made.
    Paid(Payment),
    /// It is in a block that the hub signed.
    Sealed { hash: TxHash, block: u64, index: u64 },
    /// A block.
    Block(Box<StoredBlock>),
}

impl ApiEvent {
    fn new(what: What) -> ApiEvent {
        ApiEvent(Arc::new(Written { what, json: OnceLock::new() }))
    }

    /// Its JSON, as it looks to one subscriber.
    pub(crate) fn data(&self, directory: &Directory, sight: &Sight) -> Cow<'_, str> {
        if self.0.what.looks_the_same() {
            return Cow::Borrowed(self.0.json.get_or_init(|| self.0.what.to_json(directory, sight).to_string()));
        }
        Cow::Owned(self.0.what.to_json(directory, sight).to_string())
    }
}

impl What {
    /// True where each subscriber may see all of it: a topic's logs concern its entity or channel.
    fn looks_the_same(&self) -> bool {
        !matches!(self, What::Confirmed(_) | What::Paid(_))
    }

    fn to_json(&self, directory: &Directory, sight: &Sight) -> Value {
        let typed = |kind: &str, value: serde_json::Result<Value>| {
            let mut value = value.unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("type".to_owned(), kind.into());
            }
            value
        };
        match self {
            What::Log(receipt, index) => {
                let log = receipt.logs.get(*index).map(|log| event::event(log, directory));
                let mut value = log.unwrap_or_default();
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("hash".to_owned(), receipt.hash.to_string().into());
                    fields.insert("timestamp".to_owned(), (receipt.executed_at_ms / 1000).into());
                }
                value
            }
            What::Confirmed(receipt) => {
                typed("confirmed", serde_json::to_value(ReceiptView::new(receipt, None, directory, sight)))
            }
            What::Paid(payment) => {
                let symbol = directory.symbol(payment.asset).unwrap_or_else(|| payment.asset.to_string());
                typed(
                    "completed",
                    serde_json::to_value(PaymentView::new(payment, symbol, |entity| sight.sees_entity(entity))),
                )
            }
            What::Sealed { hash, block, index } => {
                json!({ "type": "sealed", "hash": hash.to_string(), "block": block.to_string(), "index": index })
            }
            What::Block(block) => typed("block", serde_json::to_value(BlockView::from(&**block))),
        }
    }
}

/// The topics that an event belongs to.
fn topics_of(event: &Event) -> Vec<Topic> {
    match event {
        Event::EntityCreated { entity }
        | Event::EntityUpdated { entity }
        | Event::EntityDeleted { entity }
        | Event::ReserveChanged { entity, .. }
        | Event::InvoiceCreated { payee: entity, .. }
        | Event::InvoicePaid { payee: entity, .. }
        | Event::EntityIntroduced { entity, .. }
        | Event::Operation { entity, .. } => vec![Topic::Entity(*entity)],
        Event::PaymentEnded { payment, payer, .. } => vec![Topic::Payment(*payment), Topic::Entity(*payer)],
        Event::ChannelStatus { channel, left, right, .. }
        | Event::CreditSet { channel, left, right, .. }
        | Event::HtlcAdded { channel, left, right, .. }
        | Event::HtlcEnded { channel, left, right, .. }
        | Event::FrameAgreed { channel, left, right, .. }
        | Event::CollateralChanged { channel, left, right, .. } => {
            vec![Topic::Channel(*channel), Topic::Entity(*left), Topic::Entity(*right)]
        }
        Event::Paid { channel, payer, payee, .. } => {
            vec![Topic::Channel(*channel), Topic::Entity(*payer), Topic::Entity(*payee)]
        }
        Event::SignerRegistered { .. } | Event::AssetRegistered { .. } | Event::Alarm { .. } => Vec::new(),
    }
}

/// A receipt found in the log at the start: it counts for the topics of entities and channels, so that numbers go on where they stopped.
pub fn replayed(topics: &Topics<ApiEvent>, receipt: &Receipt) {
    each_log(&Arc::new(receipt.clone()), |topic, event| topics.count(topic, event));
}

/// A block found in the log at the start: it counts for `block`.
pub fn replayed_block(topics: &Topics<ApiEvent>, block: &StoredBlock) {
    topics.count(Topic::Block, ApiEvent::new(What::Block(Box::new(block.clone()))));
}

/// One of the latest transactions found in the log at the start, with its place once it is sealed: it counts for its own topics. Those of
/// older ones are forgotten anyway.
pub fn replayed_transaction(topics: &Topics<ApiEvent>, receipt: &Receipt, sealed: Option<(u64, u64)>) {
    each_own(&Arc::new(receipt.clone()), |topic, event| topics.count(topic, event));
    if let Some((block, index)) = sealed {
        own_sealed(receipt, block, index, |topic, event| topics.count(topic, event));
    }
}

impl Api {
    /// Receipts are durable: tells the subscribers of what they concern. In the log's order, each once.
    pub fn confirmed(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            each_confirmed(receipt, |topic, event| {
                self.0.topics.publish(topic, event);
            });
        }
        self.recall(receipts);
    }

    /// A block is durable and signed: tells the subscribers of its entries and of `block`. In order, each once.
    pub fn sealed(&self, block: &StoredBlock, receipts: &[Receipt]) {
        each_sealed(block, receipts, |topic, event| {
            self.0.topics.publish(topic, event);
        });
    }

    /// Lists what is found in receipts from before the start, without telling anyone. In the log's order, each once.
    pub fn recall(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            self.0.payments.hear(receipt);
            for log in &receipt.logs {
                if let Event::InvoiceCreated { payee, hashlock } = log {
                    self.0.directory.put_payee(*hashlock, *payee);
                }
            }
        }
    }
}

fn each_confirmed(receipt: &Receipt, mut tell: impl FnMut(Topic, ApiEvent)) {
    let receipt = Arc::new(receipt.clone());
    each_log(&receipt, &mut tell);
    each_own(&receipt, tell);
}

/// What happened, for the entities and channels that it concerns.
fn each_log(receipt: &Arc<Receipt>, mut tell: impl FnMut(Topic, ApiEvent)) {
    for (index, log) in receipt.logs.iter().enumerate() {
        let topics = topics_of(log);
        if topics.is_empty() {
            continue;
        }
        let event = ApiEvent::new(What::Log(Arc::clone(receipt), index));
        for topic in topics {
            tell(topic, event.clone());
        }
    }
}

/// What became of it, for whoever follows this transaction or payment.
fn each_own(receipt: &Arc<Receipt>, mut tell: impl FnMut(Topic, ApiEvent)) {
    tell(Topic::Tx(receipt.hash), ApiEvent::new(What::Confirmed(Arc::clone(receipt))));
    if let Some(payment) = Payment::of(receipt) {
        tell(Topic::Payment(receipt.hash), ApiEvent::new(What::Paid(payment)));
    }
}

fn own_sealed(receipt: &Receipt, block: u64, index: u64, mut tell: impl FnMut(Topic, ApiEvent)) {
    let event = ApiEvent::new(What::Sealed { hash: receipt.hash, block, index });
    if Payment::of(receipt).is_some() {
        tell(Topic::Payment(receipt.hash), event.clone());
    }
    tell(Topic::Tx(receipt.hash), event);
}

fn each_sealed(block: &StoredBlock, receipts: &[Receipt], mut tell: impl FnMut(Topic, ApiEvent)) {
    for (index, receipt) in (0_u64..).zip(receipts) {
        own_sealed(receipt, block.header.number, index, &mut tell);
    }
    tell(Topic::Block, ApiEvent::new(What::Block(Box::new(block.clone()))));
}
