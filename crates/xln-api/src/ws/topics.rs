//! Subscriptions of a session: only to what its account may see.

use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::events::ApiEvent;
use crate::methods::session::{Ack, Acked, From, Resume, Subscribe, Subscribed, TOPICS_MAX, Topics, Unsubscribed};
use std::collections::BTreeMap;
use xln_net::{Mailbox, SubscribeError, Topic};

/// Most assets whose symbols are made ready for events.
const SYMBOLS_MAX: usize = 1024;

fn parse(name: &str, field: &str) -> Result<Topic, ApiError> {
    name.parse().map_err(|_| {
        let error = ApiError::invalid(field, "unknown_topic", "no such topic").with("topic", name);
        error.with("expected", "entity:ID, channel:ID, tx:HASH, payment:ID or block")
    })
}

fn check_count(count: usize, field: &str) -> Result<(), ApiError> {
    if count <= TOPICS_MAX {
        return Ok(());
    }
    let error = ApiError::new(Code::TooLarge, "too_large", "too many topics").with("field", field);
    Err(error.with("expected", TOPICS_MAX))
}

/// A user subscribes only to topics of its own objects; others' are unknown to it.
async fn check_visible(call: &Call, topic: Topic, field: &str) -> Result<(), ApiError> {
    let seen = match topic {
        Topic::Block => Ok(()),
        Topic::Entity(id) => call.visible_entity(id).await.map(|_| ()),
        Topic::Channel(id) => call.visible_channel(id).await.map(|_| ()),
        Topic::Tx(hash) | Topic::Payment(hash) => match call.api.0.backend.receipt(hash) {
            Some(stored) if call.may_see(&stored.receipt).await? => Ok(()),
            _ => Err(ApiError::unknown("transaction")),
        },
    };
    seen.map_err(|error| error.with("field", field).with("topic", topic.to_string()))
}

/// Makes symbols known, so that events can be written without asking the state.
async fn know_symbols(call: &Call) -> Result<(), ApiError> {
    let known = call.read(|server| {
        let pairs = server.assets().take(SYMBOLS_MAX).map(|info| (info.id, info.symbol.clone()));
        pairs.collect::<Vec<_>>()
    });
    for (id, symbol) in known.await? {
        if call.api.0.directory.symbol(id).is_none() {
            call.api.0.directory.put_asset(id, &symbol);
        }
    }
    Ok(())
}

async fn join(
    call: &Call,
    mailbox: &Mailbox<ApiEvent>,
    wishes: Vec<(Topic, Option<u64>)>,
    field: &str,
) -> Result<Subscribed, ApiError> {
    for (topic, _) in &wishes {
        check_visible(call, *topic, field).await?;
    }
    know_symbols(call).await?;
    let mut topics = BTreeMap::new();
    for (topic, from) in wishes {
        let next = call.api.0.topics.subscribe(mailbox, topic, from).map_err(|error| {
            let answer = match error {
                SubscribeError::Gap { oldest } => {
                    ApiError::new(Code::Conflict, "gap", "what was missed is no longer kept").with("oldest", oldest)
                }
                SubscribeError::TooMany { limit } => {
                    ApiError::new(Code::TooLarge, "too_large", "too many subscriptions").with("expected", limit)
                }
            };
            answer.with("field", field).with("topic", topic.to_string())
        })?;
        topics.insert(topic.to_string(), next);
    }
    Ok(Subscribed { topics })
}

/// `subscribe`.
pub(super) async fn subscribe(
    call: &Call,
    mailbox: &Mailbox<ApiEvent>,
    wish: &Subscribe,
) -> Result<Subscribed, ApiError> {
    check_count(wish.channels.len(), "channels")?;
    let from = match wish.from {
        From::Now => None,
        From::Seq(seq) => Some(seq),
    };
    let topics = wish.channels.iter().map(|name| parse(name, "channels").map(|topic| (topic, from)));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    join(call, mailbox, topics, "channels").await
}

/// `resume`: from behind the last event seen.
pub(super) async fn resume(call: &Call, mailbox: &Mailbox<ApiEvent>, wish: &Resume) -> Result<Subscribed, ApiError> {
    check_count(wish.topics.len(), "topics")?;
    let next = |last: u64| Some(last.saturating_add(1));
    let topics = wish.topics.iter().map(|(name, last)| parse(name, "topics").map(|topic| (topic, next(*last))));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    join(call, mailbox, topics, "topics").await
}

/// `unsubscribe`.
pub(super) fn unsubscribe(call: &Call, mailbox: &Mailbox<ApiEvent>, wish: &Topics) -> Result<Unsubscribed, ApiError> {
    check_count(wish.channels.len(), "channels")?;
    let topics = wish.channels.iter().map(|name| parse(name, "channels")).collect::<Result<Vec<_>, _>>()?;
    let ended = topics.into_iter().filter(|topic| call.api.0.topics.unsubscribe(mailbox, *topic));
    Ok(Unsubscribed { channels: ended.map(|topic| topic.to_string()).collect() })
}

/// `ack`.
pub(super) fn acknowledge(call: &Call, mailbox: &Mailbox<ApiEvent>, ack: Ack) -> Result<Acked, ApiError> {
    call.api.0.topics.acknowledge(mailbox, parse(&ack.topic, "topic")?, ack.seq);
    Ok(Acked { topic: ack.topic, seq: ack.seq })
}
