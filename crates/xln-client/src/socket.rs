//! WebSocket: requests and their answers, one at a time or many under way, and pushed events.
//!
//! [`Socket::call`] is for one question after the other; [`Socket::split`] for many at once, where the asker matches answers to
//! requests by their id, which counts up from 1.

use crate::client::{Endpoint, REQUEST_TIMEOUT_MS};
use crate::error::{ClientError, Refusal};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Most events that wait while an answer is awaited.
pub const EVENTS_WAITING_MAX: usize = 65_536;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a hub sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The answer to the request of that id; 0 where the hub couldn't read one.
    Answer {
        /// The request's.
        id: u64,
        /// What it gave.
        result: Result<Value, Refusal>,
    },
    /// An event of a topic.
    Event {
        /// Its topic.
        topic: String,
        /// Its number in the topic, dense from 1.
        seq: u64,
        /// What happened.
        data: Value,
    },
}

/// The half that asks.
pub struct Sender {
    sink: SplitSink<Stream, Message>,
    last_id: u64,
}

/// The half that hears.
pub struct Receiver {
    stream: SplitStream<Stream>,
}

/// A session.
pub struct Socket {
    sender: Sender,
    receiver: Receiver,
    events: VecDeque<Incoming>,
}

impl Sender {
    /// Puts a request into the buffer; answers its id. Nothing leaves before [`Sender::flush`], unless the buffer is full.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn feed(&mut self, method: &str, params: &Value) -> Result<u64, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        let frame = format!("{{\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}");
        self.sink.feed(Message::Text(frame.into())).await.map_err(ClientError::unreachable)?;
        Ok(id)
    }

    /// Sends what is in the buffer.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        self.sink.flush().await.map_err(ClientError::unreachable)
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn send_binary(&mut self, frame: Vec<u8>) -> Result<(), ClientError> {
        self.sink.send(Message::Binary(frame.into())).await.map_err(ClientError::unreachable)
    }
}

impl Receiver {
    /// The next text frame, read.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the session is over, [`ClientError::Malformed`].
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            if let Message::Text(text) = self.frame().await? {
                return read(&text);
            }
        }
    }

    /// The next binary frame.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the session is over.
    pub async fn next_binary(&mut self) -> Result<Vec<u8>, ClientError> {
        loop {
            if let Message::Binary(bytes) = self.frame().await? {
                return Ok(bytes.to_vec());
            }
        }
    }

    async fn frame(&mut self) -> Result<Message, ClientError> {
        match self.stream.next().await {
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map_or_else(String::new, |frame| format!(": {} {}", frame.code, frame.reason));
                Err(ClientError::unreachable(format!("the hub closed the session{reason}")))
            }
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(ClientError::unreachable(error)),
            None => Err(ClientError::unreachable("the session is over")),
        }
    }
}

/// Reads a text frame.
fn read(text: &str) -> Result<Incoming, ClientError> {
    let mut frame: Value = serde_json::from_str(text).map_err(|_| ClientError::malformed("a frame without JSON"))?;
    if let Some(topic) = frame["event"].as_str().map(str::to_owned) {
        let seq = frame["seq"].as_u64().ok_or_else(|| ClientError::malformed("an event without seq"))?;
        return Ok(Incoming::Event { topic, seq, data: frame["data"].take() });
    }
    let id = frame["id"].as_u64().unwrap_or(0);
    let result = match Refusal::read(&frame["error"]) {
        Some(refusal) => Err(refusal),
        None => Ok(frame["result"].take()),
    };
    Ok(Incoming::Answer { id, result })
}

impl Socket {
    /// Opens a session; nobody is logged in yet.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Socket, ClientError> {
        let url = endpoint.socket_url();
        // Requests leave when they are flushed, not when the kernel thinks that enough have gathered.
        let connecting = tokio_tungstenite::connect_async_with_config(url, None, true);
        let (stream, _) = bounded(connecting).await?.map_err(ClientError::unreachable)?;
        let (sink, stream) = stream.split();
        let (sender, receiver) = (Sender { sink, last_id: 0 }, Receiver { stream });
        Ok(Socket { sender, receiver, events: VecDeque::new() })
    }

    /// Asks, and waits for the answer. Events that come meanwhile are kept for [`Socket::event`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        let asked = self.sender.feed(method, &params).await?;
        self.sender.flush().await?;
        let answering = async {
            loop {
                match self.receiver.next().await? {
                    Incoming::Answer { id, result } if id == asked || id == 0 => {
                        return result.map_err(ClientError::Refused);
                    }
                    Incoming::Answer { .. } => {}
                    event => {
                        if EVENTS_WAITING_MAX <= self.events.len() {
                            return Err(ClientError::malformed("more events than can wait"));
                        }
                        self.events.push_back(event);
                    }
                }
            }
        };
        bounded(answering).await?
    }

    /// The next event: its topic, its number, what happened.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the session is over.
    pub async fn event(&mut self) -> Result<(String, u64, Value), ClientError> {
        loop {
            let incoming = match self.events.pop_front() {
                Some(event) => event,
                None => self.receiver.next().await?,
            };
            if let Incoming::Event { topic, seq, data } = incoming {
                return Ok((topic, seq, data));
            }
        }
    }

    /// The two halves, for many requests under way.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

async fn bounded<T>(future: impl Future<Output = T>) -> Result<T, ClientError> {
    let limit = Duration::from_millis(REQUEST_TIMEOUT_MS);
    let late = |_| ClientError::unreachable(format!("no answer in {REQUEST_TIMEOUT_MS} ms"));
    tokio::time::timeout(limit, future).await.map_err(late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_and_events_are_told_apart() {
        let answer = read(r#"{"id":7,"result":{"a":1}}"#).expect("read");
        assert_eq!(answer, Incoming::Answer { id: 7, result: Ok(json!({ "a": 1 })) });
        let event = read(r#"{"event":"block","seq":3,"data":{}}"#).expect("read");
        assert_eq!(event, Incoming::Event { topic: "block".to_owned(), seq: 3, data: json!({}) });
        let refused = read(r#"{"error":{"code":4000,"message":"m","details":{"reason":"r"}}}"#).expect("read");
        let Incoming::Answer { id: 0, result: Err(refusal) } = refused else { panic!("{refused:?}") };
        assert_eq!((refusal.code, refusal.reason()), (4000, "r"));
        assert!(read("no JSON").is_err());
        assert!(read(r#"{"event":"block"}"#).is_err());
    }
}
