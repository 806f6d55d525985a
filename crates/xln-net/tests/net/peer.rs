//! The other end of a session: a library's handshake, then frames by hand, so that they may be wrong.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::hub::Hub;
use crate::soon;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The bit of a frame's first byte that ends a message.
pub(crate) const FIN: u8 = 0x80;

/// A frame that the hub wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Its code.
    Close(u16),
}

pub(crate) struct Peer {
    pub(crate) reads: Reads,
    pub(crate) writes: Writes,
}

pub(crate) struct Reads(OwnedReadHalf);
pub(crate) struct Writes(OwnedWriteHalf);

/// A masked frame, its first byte as given.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x5a, 0x01, 0xff, 0x80];
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The first bytes of a masked frame, up to its key.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => bytes.push(MASKED | short),
        (_, Ok(medium)) => {
            bytes.push(MASKED | 126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

impl Peer {
    /// A peer whose session has begun.
    pub(crate) async fn join(hub: &Hub) -> Peer {
        let before = hub.world.look(|seen| seen.sessions);
        let stream = TcpStream::connect(hub.address).await.expect("the hub listens");
        stream.set_nodelay(true).expect("a socket");
        let handshake = tokio_tungstenite::client_async("ws://hub/", stream);
        let (socket, _) = soon("a handshake", handshake).await.expect("an upgrade");
        hub.world.until("a session", |seen| before < seen.sessions).await;
        let (reads, writes) = socket.into_inner().into_split();
        Peer { reads: Reads(reads), writes: Writes(writes) }
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.writes.text(text).await;
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.writes.raw(bytes).await;
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        self.reads.frame().await
    }

    /// Reads a text that must be next.
    pub(crate) async fn heard(&mut self, text: &str) {
        assert_eq!(self.frame().await, Frame::Text(text.to_owned()));
    }

    /// Sends a text and reads it back.
    pub(crate) async fn echo(&mut self, text: &str) {
        self.text(text).await;
        self.heard(text).await;
    }

    /// Reads a close frame that must be next, says goodbye too, and sees the connection end.
    pub(crate) async fn closed(mut self, code: u16) {
        assert_eq!(self.frame().await, Frame::Close(code));
        // After a fault the hub doesn't wait for it.
        let _ = self.writes.0.write_all(&frame(FIN | CLOSE, &code.to_be_bytes())).await;
        let mut rest = Vec::new();
        let _ = soon("the connection's end", self.reads.0.read_to_end(&mut rest)).await;
        assert_eq!(rest, [0; 0], "nothing follows a close frame");
    }
}

impl Writes {
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        soon("room to write", self.0.write_all(bytes)).await.expect("the hub reads");
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.raw(&frame(FIN | TEXT, text.as_bytes())).await;
    }
}

impl Reads {
    pub(crate) async fn frame(&mut self) -> Frame {
        soon("a frame", self.try_frame()).await.expect("a whole frame")
    }

    async fn try_frame(&mut self) -> std::io::Result<Frame> {
        let (first, short) = (self.0.read_u8().await?, self.0.read_u8().await?);
        let length = match short {
            0..=125 => u64::from(short),
            126 => u64::from(self.0.read_u16().await?),
            127 => self.0.read_u64().await?,
            masked => panic!("a hub's frame is unmasked: {masked:#x}"),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a frame of ours")];
        self.0.read_exact(&mut payload).await?;
        Ok(match first ^ FIN {
            TEXT => Frame::Text(String::from_utf8(payload).expect("UTF-8")),
            BINARY => Frame::Binary(payload),
            PING => Frame::Ping(payload),
            PONG => Frame::Pong(payload),
            CLOSE => Frame::Close(u16::from_be_bytes(payload[..2].try_into().expect("a code"))),
            other => panic!("no frame of the hub's: {other:#x}"),
        })
    }
}
