//! The workload: what people ask of a node, chosen by chance and by what the ledger says may work; now and then what can't.
//!
//! [`choose`] and [`founders`] make the requests, [`flaws`] those that are refused before the log. What a request is to be answered the ledger foretells once
//! its turn has come ([`crate::model`]); only what the door must refuse is known when it is asked ([`Flaw`]).

pub(crate) mod choose;
pub(crate) mod flaws;
mod founders;
pub(crate) mod setup;

use crate::dice::Dice;
use crate::people::People;
use std::collections::BTreeMap;
use xln_api::backend::{HostedCall, Request};
use xln_crypto::{derive, verify};
use xln_types::codec::Blob;
use xln_types::{Address, Amount, Body, Transaction};

/// What is wrong with a request, that the door must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// A nonce that was used.
    Repeat,
    /// A nonce too far ahead.
    TooFar,
    /// Another signs, or another account calls.
    Stranger,
    /// A hosted call for somebody who keeps its own key.
    NotHosted,
    /// A sender that nobody knows.
    UnknownSender,
    /// A signature that is none.
    Signature,
    /// Data that isn't what the type says.
    Malformed,
    /// Signed too long ago.
    Old,
}

impl Flaw {
    /// The reason of the refusal that it must meet.
    pub(crate) fn reason(self) -> Option<&'static str> {
        Some(match self {
            Flaw::None => return None,
            Flaw::Repeat => "repeat",
            Flaw::TooFar => "too_far",
            Flaw::Stranger => "not_authorized",
            Flaw::NotHosted => "not_hosted",
            Flaw::UnknownSender => "unknown_sender",
            Flaw::Signature => "signature",
            Flaw::Malformed => "malformed_body",
            Flaw::Old => "timestamp_outside",
        })
    }
}

/// What somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) flaw: Flaw,
    /// It was sent before, and may have had its turn.
    pub(crate) again: bool,
}

/// What one node's people ask.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) dice: Dice,
    /// The next nonce of who keeps its own key, what is on its way included.
    nonces: BTreeMap<Address, u64>,
    /// What was signed last.
    signed: Option<Asked>,
    memos: u64,
    symbols: u64,
    pub(crate) asked: u64,
}

/// A transaction before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Whose key or account it is, by the number of the person.
    pub(crate) by: usize,
    /// The entity, or the signer that founds one.
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) body: Body,
    pub(crate) fee: Amount,
}

impl Workload {
    pub(crate) fn new(dice: Dice) -> Workload {
        Workload { dice, nonces: BTreeMap::new(), signed: None, memos: 0, symbols: 0, asked: 0 }
    }

    /// The nonce that the next signed transaction of a sender has to carry; `known` is the next by what is durable.
    fn next_nonce(&self, from: Address, known: u64) -> u64 {
        self.nonces.get(&from).copied().unwrap_or(0).max(known)
    }

    /// Makes a request of a draft: a hosted call, or a transaction that its sender signs.
    pub(crate) fn request(&mut self, people: &People, draft: Draft, known: u64, now_s: u64) -> Asked {
        let person = &people.list[draft.by];
        if person.is_hosted {
            let Draft { from, to, body, fee, .. } = draft;
            let call = HostedCall { account: person.account, token: [7; 16], from, to, body, fee };
            return Asked { request: Request::Hosted(call), flaw: Flaw::None, again: false };
        }
        let nonce = self.next_nonce(draft.from, known);
        self.nonces.insert(draft.from, nonce + 1);
        let tx = signed(people, &person.secret, &draft, nonce, now_s);
        let asked = Asked { request: Request::Signed(tx), flaw: Flaw::None, again: false };
        self.signed = Some(asked.clone());
        asked
    }
}

/// A draft, signed.
pub(crate) fn signed(people: &People, secret: &[u8; 32], draft: &Draft, nonce: u64, timestamp: u64) -> Transaction {
    let Draft { from, to, body, fee, .. } = draft.clone();
    let (kind, data) = (body.kind(), body.to_data());
    let mut tx = Transaction { kind, from, to, nonce, data, fee, timestamp, signature: Blob::default() };
    let hash = derive::tx_hash(crate::chain::CHAIN_ID, people.hub().entity, &tx);
    // Keys here are keys.
    tx.signature = verify::sign_tx(&hash, secret).unwrap_or_default();
    tx
}
