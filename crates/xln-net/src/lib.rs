//! Topics with resumable event streams, WebSocket sessions with bounded queues, and the transport between nodes.
//!
//! Nothing here knows the API's JSON: a [`Session`] turns frames into futures and events into text; this crate keeps the order,
//! the bounds and the deadlines.
//!
//! - [`Topics`] numbers the events of every topic densely from 1, keeps the newest, and fills the mailboxes that subscribed.
//! - [`mailbox`] is a session's bounded queue of events; a reader too slow for it is told so and dropped, never waited for.
//! - [`http::serve`] bounds connections and the time for a request's head.
//! - [`run`] drives one WebSocket connection: submissions in order, answers as they finish, many to a flush.
//! - [`peer`] is the other door: sessions with other nodes, over TLS, authenticated both ways. It shares nothing with the above.
//!
//! Read [`topics`] first, then [`session`] for what a session promises, then `pump` for how.

pub mod http;
pub mod mailbox;
pub mod peer;
mod pump;
pub mod session;
pub mod topic;
pub mod topics;

pub use mailbox::{Delivery, Mail, Mailbox, MailboxReceiver, mailbox};
pub use session::{Ended, Session, SessionLimits, configure, run};
pub use topic::{NotATopic, Topic};
pub use topics::{SubscribeError, TopicLimits, Topics};
