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
        Method::later("channel.close", 72, post("/channels/{channelId}/close"), "Closes by agreement."),
        Method::later("channel.dispute", 73, post("/channels/{channelId}/dispute"), "Starts a dispute on chain."),
        Method::later("audit.list", 120, get("/audit"), "The audit trail."),
        Method::later("apikey.create", 124, post("/apikeys"), "A key for machines."),
        Method::later("apikey.list", 125, get("/apikeys"), "Keys for machines."),
        Method::later("apikey.revoke", 126, post("/apikeys/{apikeyId}/revoke"), "Ends a key."),
    ]
}
