//! Subscriptions of a session: only to what its account may see, and with as much of each event as it may see.

use crate::call::Call;
use crate::error::{ApiError, Code, clip};
use crate::events::ApiEvent;
use crate::lock;
use crate::methods::session::{Ack, Acked, From, Resume, Subscribe, Subscribed, TOPICS_MAX, Topics, Unsubscribed};
use crate::sight::Sight;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use xln_net::{Mailbox, SubscribeError, Topic};

/// Most assets whose symbols are made ready for events.
const SYMBOLS_MAX: usize = 1024;

/// The topics that a session is subscribed to, each with what its account may see of the transaction that it is about; bounded by the
/// subscriptions of a mailbox. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Listening(Arc<Mutex<BTreeMap<Topic, Arc<Sight>>>>);

impl Listening {
    /// What may be seen of the topic's events; nothing where nobody listens.
    pub(super) fn sight(&self, topic: Topic) -> Arc<Sight> {
        lock(&self.0).get(&topic).cloned().unwrap_or_default()
    }
}

/// Where a session hears.
#[derive(Clone, Copy)]
pub(super) struct Ears<'a> {
    pub(super) mailbox: &'a Mailbox<ApiEvent>,
    pub(super) listening: &'a Listening,
}

fn parse(name: &str, field: &str) -> Result<Topic, ApiError> {
    name.parse().map_err(|_| {
        let error = ApiError::invalid(field, "unknown_topic", "no such topic").with("topic", clip(name));
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

/// A user subscribes only to topics of its own objects; others' are unknown to it. What it may see of a transaction is settled here.
async fn look(call: &Call, topic: Topic, field: &str) -> Result<Sight, ApiError> {
    let seen = match topic {
        Topic::Block => Ok(Sight::default()),
        Topic::Entity(id) => call.visible_entity(id).await.map(|_| Sight::default()),
        Topic::Channel(id) => call.visible_channel(id).await.map(|_| Sight::default()),
        Topic::Tx(hash) | Topic::Payment(hash) => {
            let sight = match call.api.0.backend.receipt(hash) {
                Some(stored) => call.sight(&stored.receipt).await?,
                None => Sight::default(),
            };
            if sight.sees_any() { Ok(sight) } else { Err(ApiError::unknown("transaction")) }
        }
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

fn refused(call: &Call, topic: Topic, from: Option<u64>, error: SubscribeError) -> ApiError {
    let next = call.api.0.topics.last(topic).saturating_add(1);
    // A short-lived topic that was forgotten counts from 1 again: whoever resumes it has missed the end.
    let forgotten = topic.short_lived() && next == 1;
    match error {
        SubscribeError::Gap { .. } if from.is_some_and(|from| next < from) && !forgotten => {
            let message = "no event has this number yet, nor the one before";
            ApiError::new(Code::InvalidParams, "ahead", message).with("expected", next)
        }
        SubscribeError::Gap { oldest } => {
            ApiError::new(Code::Conflict, "gap", "what was missed is no longer kept").with("oldest", oldest)
        }
        SubscribeError::TooMany { limit } => {
            ApiError::new(Code::TooLarge, "too_large", "too many subscriptions").with("expected", limit)
        }
    }
}

async fn join(
    call: &Call,
    ears: Ears<'_>,
    wishes: Vec<(Topic, Option<u64>)>,
    field: &str,
) -> Result<Subscribed, ApiError> {
    let mut seen = Vec::with_capacity(wishes.len());
    for (topic, from) in wishes {
        seen.push((topic, from, Arc::new(look(call, topic, field).await?)));
    }
    know_symbols(call).await?;
    let mut topics = BTreeMap::new();
    for (topic, from, sight) in seen {
        // Both under the lock: no event is written before it is known what may be seen of it.
        let mut listening = lock(&ears.listening.0);
        let next =
            call.api.0.topics.subscribe(ears.mailbox, topic, from).map_err(|error| {
                refused(call, topic, from, error).with("field", field).with("topic", topic.to_string())
            })?;
        listening.insert(topic, sight);
        topics.insert(topic.to_string(), next);
    }
    Ok(Subscribed { topics })
}

/// `subscribe`.
pub(super) async fn subscribe(call: &Call, ears: Ears<'_>, wish: &Subscribe) -> Result<Subscribed, ApiError> {
    check_count(wish.channels.len(), "channels")?;
    let from = match wish.from {
        From::Now => None,
        From::Seq(seq) => Some(seq),
    };
    let topics = wish.channels.iter().map(|name| parse(name, "channels").map(|topic| (topic, from)));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    join(call, ears, topics, "channels").await
}

/// `resume`: from behind the last event seen.
pub(super) async fn resume(call: &Call, ears: Ears<'_>, wish: &Resume) -> Result<Subscribed, ApiError> {
    check_count(wish.topics.len(), "topics")?;
    let next = |last: u64| Some(last.saturating_add(1));
    let topics = wish.topics.iter().map(|(name, last)| parse(name, "topics").map(|topic| (topic, next(*last))));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    join(call, ears, topics, "topics").await
}

/// `unsubscribe`.
pub(super) fn unsubscribe(call: &Call, ears: Ears<'_>, wish: &Topics) -> Result<Unsubscribed, ApiError> {
    check_count(wish.channels.len(), "channels")?;
    let topics = wish.channels.iter().map(|name| parse(name, "channels")).collect::<Result<Vec<_>, _>>()?;
    let mut listening = lock(&ears.listening.0);
    let ended = topics.into_iter().filter(|topic| {
        listening.remove(topic);
        call.api.0.topics.unsubscribe(ears.mailbox, *topic)
    });
    Ok(Unsubscribed { channels: ended.map(|topic| topic.to_string()).collect() })
}

/// `ack`.
pub(super) fn acknowledge(call: &Call, ears: Ears<'_>, ack: Ack) -> Result<Acked, ApiError> {
    let topic = parse(&ack.topic, "topic")?;
    if !lock(&ears.listening.0).contains_key(&topic) {
        let error = ApiError::invalid("topic", "not_subscribed", "this session isn't subscribed to the topic");
        return Err(error.with("topic", topic.to_string()).with("expected", "a topic that was subscribed to"));
    }
    call.api.0.topics.acknowledge(ears.mailbox, topic, ack.seq);
    Ok(Acked { topic: ack.topic, seq: ack.seq })
}
