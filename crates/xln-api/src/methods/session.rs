//! The methods of a WebSocket session: what they take and give. What they do stands in [`crate::ws`].

use crate::access::Access;
use crate::method::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most topics of one `subscribe`, `unsubscribe` or `resume`.
pub(crate) const TOPICS_MAX: usize = 1024;

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::session::<Authenticate, Authenticated>(
            "authenticate",
            2,
            Access::Open,
            "Binds the session to a token's account. Only hub.info and ping answer before. Again with a new token renews.",
        ),
        Method::session::<Subscribe, Subscribed>(
            "subscribe",
            3,
            Access::User,
            "Events of these topics are pushed as {event, seq, data}: entity:ID, channel:ID, tx:HASH, payment:ID, block. from past \
             the next event is refused (4100 ahead, with the next number).",
        ),
        Method::session::<Topics, Unsubscribed>("unsubscribe", 4, Access::User, "No more events of these topics."),
        Method::session::<Resume, Subscribed>(
            "resume",
            5,
            Access::User,
            "Subscribes from behind the last event seen, and sends what was missed; error gap with the oldest kept.",
        ),
        Method::session::<Ack, Acked>(
            "ack",
            6,
            Access::User,
            "The events up to seq of a subscribed topic arrived; the hub may forget them.",
        ),
        Method::session::<Ping, Pong>("ping", 7, Access::Open, "The hub's time, open to all."),
    ]
}

/// A token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authenticate {
    /// As /auth/token gave it.
    pub(crate) token: String,
}

/// Whose session it is now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Authenticated {
    /// The account.
    pub(crate) account: String,
    /// `user`, `auditor`, `operator` or `admin`.
    pub(crate) role: &'static str,
    /// Until when the token counts, unix seconds; the session closes then.
    pub(crate) expires: u64,
}

/// Where a subscription starts: an event's number, or `now`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum From {
    #[default]
    Now,
    Seq(u64),
}

struct FromVisitor;

impl Visitor<'_> for FromVisitor {
    type Value = From;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's number from 1, or \"now\"")
    }
    fn visit_u64<E: de::Error>(self, seq: u64) -> Result<From, E> {
        if seq == 0 { Err(E::custom("expected an event's number from 1")) } else { Ok(From::Seq(seq)) }
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<From, E> {
        if text == "now" { Ok(From::Now) } else { Err(E::custom("expected an event's number from 1, or \"now\"")) }
    }
}

impl<'de> Deserialize<'de> for From {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromVisitor)
    }
}

impl JsonSchema for From {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("From")
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "integer", "minimum": 1 }, { "const": "now" }] })
    }
}

/// Topics, and where to start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    /// The topics.
    pub(crate) channels: Vec<String>,
    /// The first event wanted; now if absent.
    #[serde(default)]
    pub(crate) from: From,
}

/// The next event's number of each topic.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Subscribed {
    /// By topic.
    pub(crate) topics: BTreeMap<String, u64>,
}

/// Topics.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topics {
    /// The topics.
    pub(crate) channels: Vec<String>,
}

/// The topics that had been subscribed to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Unsubscribed {
    /// Those that ended.
    pub(crate) channels: Vec<String>,
}

/// The last event seen of each topic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resume {
    /// By topic; 0 before the first.
    pub(crate) topics: BTreeMap<String, u64>,
}

/// An acknowledgement.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ack {
    /// The topic.
    pub(crate) topic: String,
    /// The last event that arrived.
    pub(crate) seq: u64,
}

/// Noted.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Acked {
    /// As given.
    pub(crate) topic: String,
    /// As given.
    pub(crate) seq: u64,
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {}

/// The hub's time.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pong {
    /// Unix milliseconds.
    pub(crate) time: u64,
}
