//! A record's fields, each with the law that says when it may change.

use crate::agreed::Terms;
use crate::records::Held;
use xln_types::Side;

/// Name, law, value.
pub(crate) type Field = (&'static str, &'static str, String);

macro_rules! fields {
    ($record:expr; $($law:literal: $($field:ident),+);+ $(;)?) => {
        vec![$($((stringify!($field), $law, format!("{:?}", $record.$field))),+),+]
    };
}

impl Held {
    /// All fields in the record's order of importance.
    pub(crate) fn fields(&self) -> Vec<Field> {
        match self {
            Held::Server(record) => fields!(record; "DP-3": cursor, halted; "DP-4": chain_time_s),
            Held::Signer(record) => fields!(record;
                "TX-2": nonce; "N-5": id, next_salt, entities; "TX-3": owner, hosted, public_key; "TX-7": created_s, metadata),
            Held::Entity(record) => fields!(record;
                "TX-2": nonce; "N-5": id, signer, board; "CH-11": channels, channels_open; "TX-7": accepts_free, created_s),
            Held::Metadata(record) => vec![("metadata", "TX-7", format!("{record:?}"))],
            Held::Policy(record) => fields!(record;
                "DP-2": asset, grant_max, grant_total_max, owed_max, reserve_ppm; "HT-4": fee_base, fee_ppm),
            Held::Head(record) => fields!(record;
                "N-6": id, left, right, epoch; "CH-11": status, opener, accepted, awaited;
                "CH-7": dispute_window_s; "DP-5": settle_counter; "TX-7": created_s),
            Held::Reference(record) => vec![("left", "N-6", format!("{record:?}"))],
            Held::Line(record) => fields!(record;
                "CH-2": offdelta; "CH-12": collateral, ondelta; "CH-3": granted_by_left, granted_by_right;
                "DP-5": held_left, held_right; "CH-2": payments, volume; "CH-12": listed),
            Held::Reserve(record) => fields!(record;
                "DP-1": free, allocating, allocated; "DP-4": withdrawing; "DP-2": owed; "CH-3": granted; "CH-13": net),
            Held::Operation(record) => fields!(record;
                "DP-4": id, kind, status, entity, asset, amount, channel, side, recipient, counter, valid_until_s,
                    chain_signature, raw, opening, created_s),
            Held::Asset(record) => fields!(record; "N-4": id, asset, symbol, decimals),
            Held::Unclaimed(record) => vec![("unclaimed", "DP-3", format!("{record:?}"))],
            Held::Terms(record) => terms(record),
            Held::Htlc(record) => fields!(record; "HT-1": asset, amount, hashlock, expires_at_s, onion),
            Held::Replica(record) => fields!(record;
                "CH-7": nonce, node, remote; "CH-9": height, by; "CH-6": frame, timestamp_s; "CH-7": signed_nonce;
                "CH-6": stacked, newest, drafted; "CH-9": turn; "CH-12": frozen),
            Held::Node(record) => vec![("node", "N-5", format!("{record:?}"))],
            Held::Payment(record) => fields!(record;
                "HT-1": id, payer, payee, asset; "HT-4": amount, fee; "HT-1": hashlock, channel, key, deadline_s;
                "TX-7": created_s, memo; "HT-2": status, failure, preimage),
            Held::Forward(record) => fields!(record; "HT-3": payment, channel, key; "HT-2": preimage),
            Held::Invoice(record) => fields!(record;
                "HT-4": amount, asset; "HT-2": payment, payee, preimage, hashlock, expires_at_s; "TX-7": memo, created_s),
        }
    }
}

/// Terms, the two sides' apart.
fn terms(record: &Terms) -> Vec<Field> {
    let mut fields = fields!(record;
        "CH-7": dispute_window_s; "CH-12": fact_block, fact_log_index; "DP-5": settle_counter, settlement; "CH-11": closing);
    for side in [Side::Left, Side::Right] {
        let of = record.side(side);
        fields.extend([
            (side.pick("left.htlc_next", "right.htlc_next"), "HT-2", format!("{:?}", of.htlc_next)),
            (side.pick("left.mailbox", "right.mailbox"), "CH-6", format!("{:?}", of.mailbox)),
            (side.pick("left.window_asked_s", "right.window_asked_s"), "CH-7", format!("{:?}", of.window_asked_s)),
            (side.pick("left.close_asked_s", "right.close_asked_s"), "CH-11", format!("{:?}", of.close_asked_s)),
            (side.pick("left.settle_asked", "right.settle_asked"), "DP-5", format!("{:?}", of.settle_asked)),
        ]);
    }
    fields
}
