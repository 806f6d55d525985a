//! Names of event streams. Text form: `entity:0x…`, `channel:0x…`, `tx:0x…`, `payment:0x…`, `block`; ids in lower-case hex.

use std::fmt;
use std::str::FromStr;

use xln_types::{ChannelId, EntityId, TxHash};

/// What an event is about; a subscription names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One entity's reserves, channels and board.
    Entity(EntityId),
    /// One channel.
    Channel(ChannelId),
    /// One transaction, from acceptance to its seal.
    Tx(TxHash),
    /// One payment; its id is its transaction's hash.
    Payment(TxHash),
    /// Sealed blocks.
    Block,
}

impl Topic {
    /// Whether the topic's story ends soon (`tx:`, `payment:`): such topics are forgotten, oldest first.
    #[must_use]
    pub const fn short_lived(self) -> bool {
        matches!(self, Topic::Tx(_) | Topic::Payment(_))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Entity(id) => write!(f, "entity:{id}"),
            Topic::Channel(id) => write!(f, "channel:{id}"),
            Topic::Tx(hash) => write!(f, "tx:{hash}"),
            Topic::Payment(hash) => write!(f, "payment:{hash}"),
            Topic::Block => f.write_str("block"),
        }
    }
}

/// Why a text names no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not entity:, channel:, tx: or payment: with a 32-byte 0x id, nor block")]
pub struct NotATopic;

impl FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        if text == "block" {
            return Ok(Topic::Block);
        }
        let (kind, id) = text.split_once(':').ok_or(NotATopic)?;
        match kind {
            "entity" => id.parse().map(Topic::Entity),
            "channel" => id.parse().map(Topic::Channel),
            "tx" => id.parse().map(Topic::Tx),
            "payment" => id.parse().map(Topic::Payment),
            _ => return Err(NotATopic),
        }
        .map_err(|_| NotATopic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_topic_are_the_same_thing() {
        let hex = format!("0x{}", "ab".repeat(32));
        for text in [
            "block",
            &*format!("entity:{hex}"),
            &*format!("channel:{hex}"),
            &*format!("tx:{hex}"),
            &*format!("payment:{hex}"),
        ] {
            assert_eq!(text.parse::<Topic>().map(|topic| topic.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn other_text_names_no_topic() {
        let hex = format!("0x{}", "ab".repeat(32));
        for text in [
            "",
            "block:",
            "Block",
            "entity",
            "entity:",
            "tx:0x00",
            &*format!("market:{hex}"),
            &*hex,
            &*format!("tx:{hex}0"),
        ] {
            assert_eq!(text.parse::<Topic>(), Err(NotATopic), "{text}");
        }
    }
}
