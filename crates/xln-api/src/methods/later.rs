//! Methods whose machines come later: they stand in the OpenAPI and answer 4010 NOT_AVAILABLE.

use crate::method::{Method, get, post};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::later("signer.rotate", 19, post("/signers/{signerId}/rotate"), "Replaces a signer's key."),
        Method::later("session.grant", 24, post("/sessions/grant"), "Delegates debits to a session key."),
        Method::later("session.revoke", 25, post("/sessions/revoke"), "Ends a session key."),
        Method::later(
            "entity.propose",
            38,
            post("/entities/{entityId}/propose"),
            "Puts an action to the board's vote.",
        ),
        Method::later("entity.vote", 39, post("/entities/{entityId}/vote"), "A board member's vote."),
        Method::later("entity.execute", 40, post("/entities/{entityId}/execute"), "Executes what the board decided."),
        Method::later("channel.update", 70, post("/channels/{channelId}/update"), "Changes window and mailbox."),
        Method::later("channel.settle", 71, post("/channels/{channelId}/settle"), "Settles collateral by agreement."),
        Method::later("channel.close", 72, post("/channels/{channelId}/close"), "Closes by agreement."),
        Method::later("channel.dispute", 73, post("/channels/{channelId}/dispute"), "Starts a dispute on chain."),
        Method::later("channel.proof", 74, post("/channels/{channelId}/proof"), "A channel's evidence for the chain."),
        Method::later("htlc.create", 80, post("/htlcs"), "Locks a payment by hash."),
        Method::later("htlc.fulfill", 81, post("/htlcs/{htlcId}/fulfill"), "Claims a locked payment."),
        Method::later("htlc.cancel", 82, post("/htlcs/{htlcId}/cancel"), "Gives a locked payment back."),
        Method::later("htlc.list", 83, get("/htlcs"), "Locked payments."),
        Method::later("invoice.create", 92, post("/invoices"), "Asks for a payment."),
        Method::later("invoice.get", 93, get("/invoices/{invoiceId}"), "An invoice."),
        Method::later("invoice.list", 94, get("/invoices"), "Invoices."),
        Method::later("peer.connect", 116, post("/peers/connect"), "Connects to another hub."),
        Method::later("peer.list", 117, get("/peers"), "Hubs connected."),
        Method::later("audit.list", 120, get("/audit"), "The audit trail."),
        Method::later("apikey.create", 124, post("/apikeys"), "A key for machines."),
        Method::later("apikey.list", 125, get("/apikeys"), "Keys for machines."),
        Method::later("apikey.revoke", 126, post("/apikeys/{apikeyId}/revoke"), "Ends a key."),
    ]
}
