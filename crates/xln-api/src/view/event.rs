//! Events, in receipts and pushed to subscribers. An asset is named by id, and by symbol where that is known here.

use crate::directory::Directory;
use crate::text::hex;
use serde_json::{Map, Value, json};
use xln_machine::channel::ChannelStatus;
use xln_machine::depositary::OperationStatus;
use xln_types::{AssetId, Event, Failure, Hash};

/// An event as JSON.
pub(crate) fn event(event: &Event, directory: &Directory) -> Value {
    let mut value = fields(event);
    if let (Some(asset), Some(fields)) = (asset_of(event), value.as_object_mut()) {
        fields.insert("asset".to_owned(), asset.to_string().into());
        if let Some(symbol) = directory.symbol(asset) {
            fields.insert("symbol".to_owned(), symbol.into());
        }
    }
    value
}

/// The asset that an event is about.
pub(crate) fn asset_of(event: &Event) -> Option<AssetId> {
    match event {
        Event::CreditSet { asset, .. }
        | Event::Paid { asset, .. }
        | Event::ReserveChanged { asset, .. }
        | Event::CollateralChanged { asset, .. }
        | Event::HtlcAdded { asset, .. }
        | Event::AssetRegistered { asset } => Some(*asset),
        _ => None,
    }
}

fn fields(event: &Event) -> Value {
    match event {
        Event::SignerRegistered { signer } => json!({ "type": "signer_registered", "signerId": signer.to_string() }),
        Event::AssetRegistered { .. } => json!({ "type": "asset_registered" }),
        Event::EntityCreated { entity } => json!({ "type": "entity_created", "entityId": entity.to_string() }),
        Event::EntityUpdated { entity } => json!({ "type": "entity_updated", "entityId": entity.to_string() }),
        Event::EntityDeleted { entity } => json!({ "type": "entity_deleted", "entityId": entity.to_string() }),
        Event::ChannelStatus { channel, left, right, status } => json!({
            "type": "channel_status", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "status": ChannelStatus::from_number(*status).map(ChannelStatus::name),
        }),
        Event::CreditSet { channel, left, right, grantor, granted, .. } => json!({
            "type": "credit_set", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "grantor": grantor.to_string(), "granted": granted.to_string(),
        }),
        Event::Paid { channel, payer, payee, amount, delta, memo, .. } => {
            let mut paid = Map::from_iter([
                ("type".to_owned(), "paid".into()),
                ("channelId".to_owned(), channel.to_string().into()),
                ("from".to_owned(), payer.to_string().into()),
                ("to".to_owned(), payee.to_string().into()),
                ("amount".to_owned(), amount.to_string().into()),
                ("delta".to_owned(), delta.to_string().into()),
            ]);
            paid.extend(memo_text(&memo.0).map(|memo| ("memo".to_owned(), memo)));
            paid.into()
        }
        Event::ReserveChanged { entity, free, .. } => {
            json!({ "type": "reserve_changed", "entityId": entity.to_string(), "free": free.to_string() })
        }
        Event::CollateralChanged { channel, left, right, collateral, .. } => json!({
            "type": "collateral_changed", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "collateral": collateral.to_string(),
        }),
        Event::Operation { operation, entity, status } => json!({
            "type": "operation", "operationId": operation.to_string(), "entityId": entity.to_string(),
            "status": OperationStatus::from_number(*status).map(OperationStatus::name),
        }),
        Event::Alarm { reason } => json!({ "type": "alarm", "reason": reason }),
        _ => between_nodes(event),
    }
}

/// Events of HTLCs, routes, and channels with other nodes.
fn between_nodes(event: &Event) -> Value {
    match event {
        Event::PaymentEnded { payment, payer, failure, preimage } => json!({
            "type": "payment_ended", "paymentId": payment.to_string(), "from": payer.to_string(),
            "status": if failure.is_empty() { "completed" } else { "failed" }, "failure": failure.first().map(failed),
            "preimage": (*preimage != Hash::ZERO).then(|| preimage.to_string()),
        }),
        Event::HtlcAdded { channel, left, right, key, amount, hashlock, expires_at_s, .. } => json!({
            "type": "htlc_added", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "side": key.side.to_string(), "id": key.id.to_string(),
            "amount": amount.to_string(), "hashlock": hashlock.to_string(), "expiresAt": expires_at_s,
        }),
        Event::HtlcEnded { channel, left, right, key, failure } => json!({
            "type": "htlc_ended", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "side": key.side.to_string(), "id": key.id.to_string(),
            "status": if failure.is_empty() { "fulfilled" } else { "cancelled" }, "failure": failure.first().map(failed),
        }),
        Event::FrameAgreed { channel, left, right, height, nonce } => json!({
            "type": "frame_agreed", "channelId": channel.to_string(), "left": left.to_string(),
            "right": right.to_string(), "height": height.to_string(), "nonce": nonce.to_string(),
        }),
        Event::EntityIntroduced { entity, node } => json!({
            "type": "entity_introduced", "entityId": entity.to_string(), "node": node.to_string(),
        }),
        Event::InvoiceCreated { payee, hashlock } => json!({
            "type": "invoice_created", "entityId": payee.to_string(), "hashlock": hashlock.to_string(),
        }),
        Event::InvoicePaid { payee, hashlock, payment } => json!({
            "type": "invoice_paid", "entityId": payee.to_string(), "hashlock": hashlock.to_string(),
            "paymentId": payment.to_string(),
        }),
        _ => Value::Null,
    }
}

/// Why a payment failed, and how many hops away from whoever reads it.
pub(crate) fn failed(failure: &Failure) -> Value {
    json!({ "reason": failure.reason.reason(), "hop": failure.hop })
}

/// A memo as its payer wrote it: text, or hex where it is none.
pub(crate) fn memo_text(memo: &[u8]) -> Option<Value> {
    match std::str::from_utf8(memo) {
        Ok("") => None,
        Ok(text) => Some(text.into()),
        Err(_) => Some(hex(memo).into()),
    }
}
