//! From a TCP stream to a peer whose identity is proved: TLS 1.3, the upgrade to WebSocket, one hello each way (`docs/spec/peers.md`).
//!
//! The dialer's hello comes first; a listener spends no signature on who hasn't proved anything. Each claim is bound to the TLS session's
//! exporter, to the role and to the rest of its hello: relayed, replayed or reflected it proves nothing.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use xln_types::EntityId;
use xln_types::codec::Blob;
use xln_types::peer::{self, BUNDLE_BYTES_MAX, PeerHello};

use crate::peer::limits::ms;
use crate::peer::meter::{Counters, Metered};
use crate::peer::refusal::Farewell;
use crate::peer::tls::{Tls, binding};
use crate::peer::{PeerIdentity, PeerLimits, PeerRefusal, Role};

/// The versions of the protocol that this code speaks, rising.
pub const VERSIONS: &[u64] = &[1];
/// The path that is asked for; whoever asks for another is no peer.
pub const PATH: &str = "/xln/peer";
const URL: &str = "ws://xln.invalid/xln/peer";

pub(crate) type Socket = WebSocketStream<TlsStream<Metered>>;

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The address doesn't resolve or nobody listens there.
    #[error("connect: {0}")]
    Connect(String),
    /// No TLS 1.3.
    #[error("tls: {0}")]
    Tls(String),
    /// No WebSocket, or it broke before the session began.
    #[error("websocket: {0}")]
    WebSocket(String),
    /// Not done within the handshake timeout.
    #[error("timeout")]
    Timeout,
    /// The peer is not acceptable.
    #[error("refused: {0}")]
    Refused(PeerRefusal),
    /// The peer doesn't accept us.
    #[error("refused by the peer: {0}")]
    RefusedByPeer(PeerRefusal),
}

impl From<rustls::Error> for DialError {
    fn from(error: rustls::Error) -> Self {
        DialError::Tls(error.to_string())
    }
}

impl From<WsError> for DialError {
    fn from(error: WsError) -> Self {
        DialError::WebSocket(error.to_string())
    }
}

/// A peer that has proved who it is.
pub(crate) struct Met {
    pub(crate) socket: Socket,
    pub(crate) peer: EntityId,
    pub(crate) role: Role,
    pub(crate) version: u64,
    pub(crate) serial: u64,
}

impl Met {
    /// Its allowance is a peer's from here on.
    pub(crate) fn authenticated(&mut self, limits: &PeerLimits) -> Arc<Counters> {
        match self.socket.get_mut() {
            TlsStream::Client(stream) => stream.get_mut().0.authenticated(limits),
            TlsStream::Server(stream) => stream.get_mut().0.authenticated(limits),
        }
    }
}

/// What a hello said, checked.
struct Heard {
    peer: EntityId,
    version: u64,
    serial: u64,
}

/// What a node brings to each handshake.
pub(crate) struct Greeter {
    pub(crate) identity: Arc<dyn PeerIdentity>,
    pub(crate) tls: Tls,
    pub(crate) limits: PeerLimits,
}

impl Greeter {
    /// The dialer's side. The caller bounds the time.
    pub(crate) async fn dial(&self, tcp: TcpStream, serial: u64, expected: Option<EntityId>) -> Result<Met, DialError> {
        // Bundles leave when they are flushed.
        let _ = tcp.set_nodelay(true);
        let stream = self.tls.connector.connect(Tls::name(), Metered::new(tcp)).await;
        let stream = TlsStream::from(stream.map_err(|error| DialError::Tls(error.to_string()))?);
        let (mut socket, _) = tokio_tungstenite::client_async_with_config(URL, stream, Some(self.config())).await?;
        self.say_hello(&mut socket, Role::Dialer, serial).await?;
        let heard = self.hear_hello(&mut socket, Role::Listener, Some(serial)).await;
        let heard = heard.and_then(|heard| match expected {
            Some(expected) if expected != heard.peer => Err(DialError::Refused(PeerRefusal::NotExpected)),
            _ => Ok(heard),
        });
        self.meet(socket, Role::Dialer, heard).await
    }

    /// The listener's side, up to the dialer's hello: ours is due when the peer has a place. The caller bounds the time.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> Result<Met, DialError> {
        let _ = tcp.set_nodelay(true);
        let stream = self.tls.acceptor.accept(Metered::new(tcp)).await;
        let stream = TlsStream::from(stream.map_err(|error| DialError::Tls(error.to_string()))?);
        let mut socket =
            tokio_tungstenite::accept_hdr_async_with_config(stream, right_path, Some(self.config())).await?;
        let heard = self.hear_hello(&mut socket, Role::Dialer, None).await;
        self.meet(socket, Role::Listener, heard).await
    }

    fn config(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(self.limits.buffer_bytes)
            .write_buffer_size(self.limits.buffer_bytes)
            .max_message_size(Some(BUNDLE_BYTES_MAX))
            .max_frame_size(Some(BUNDLE_BYTES_MAX))
    }

    pub(crate) async fn say_hello(&self, socket: &mut Socket, role: Role, serial: u64) -> Result<(), DialError> {
        let binding = binding(socket.get_ref(), role, VERSIONS, serial)?;
        let claim = Blob(self.identity.claim(role, &binding));
        let hello = PeerHello { versions: VERSIONS.to_vec(), serial, claim };
        Ok(socket.send(Message::Binary(Bytes::from(peer::write(&hello)))).await?)
    }

    /// Reads and checks the hello of the other side, which is `role`.
    async fn hear_hello(&self, socket: &mut Socket, role: Role, serial: Option<u64>) -> Result<Heard, DialError> {
        let refused = |refusal| Err(DialError::Refused(refusal));
        let bytes = loop {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => break bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_))) => return refused(PeerRefusal::TextFrame),
                Some(Ok(Message::Close(frame))) => return Err(refused_by_peer(frame.as_ref())),
                Some(Ok(Message::Frame(_))) | None => return Err(WsError::ConnectionClosed.into()),
                Some(Err(WsError::Capacity(_))) => return refused(PeerRefusal::Hello),
                Some(Err(error)) => return Err(error.into()),
            }
        };
        let Ok(hello) = PeerHello::read(&bytes) else { return refused(PeerRefusal::Hello) };
        if serial.is_some_and(|serial| serial != hello.serial) {
            return refused(PeerRefusal::Hello);
        }
        let Some(version) = common_version(VERSIONS, &hello.versions) else {
            return refused(PeerRefusal::Version { speaks: VERSIONS.to_vec() });
        };
        let binding = binding(socket.get_ref(), role, &hello.versions, hello.serial)?;
        match self.identity.check(role, &binding, hello.claim.as_ref()) {
            Ok(peer) if peer == self.identity.id() => refused(PeerRefusal::Ourselves),
            Ok(peer) => Ok(Heard { peer, version, serial: hello.serial }),
            Err(refusal) => refused(refusal),
        }
    }

    /// Hands the socket on with what was heard, or says why not.
    async fn meet(&self, mut socket: Socket, role: Role, heard: Result<Heard, DialError>) -> Result<Met, DialError> {
        match heard {
            Ok(Heard { peer, version, serial }) => Ok(Met { socket, peer, role, version, serial }),
            Err(error) => {
                if let DialError::Refused(refusal) = &error {
                    farewell(&mut socket, Some(refusal), self.limits.close_timeout_ms).await;
                }
                Err(error)
            }
        }
    }
}

/// The highest version in both lists.
fn common_version(ours: &[u64], theirs: &[u64]) -> Option<u64> {
    ours.iter().filter(|version| theirs.contains(version)).max().copied()
}

#[expect(clippy::result_large_err, reason = "the library's signature")]
fn right_path(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() == PATH {
        return Ok(response);
    }
    let mut not_found = ErrorResponse::new(None);
    *not_found.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::NOT_FOUND;
    Err(not_found)
}

/// What a close frame means before or in a session.
fn refused_by_peer(frame: Option<&CloseFrame>) -> DialError {
    match frame.and_then(refusal_in) {
        Some(refusal) => DialError::RefusedByPeer(refusal),
        None => WsError::ConnectionClosed.into(),
    }
}

/// The refusal that a close frame carries.
pub(crate) fn refusal_in(frame: &CloseFrame) -> Option<PeerRefusal> {
    PeerRefusal::from_farewell(frame.code.into(), frame.reason.as_str())
}

/// Ends a connection so that what was said arrives: the close frame with the reason, or the answer to the peer's; then the end of our side;
/// then whatever still comes is read away, since unread bytes would turn our close into a reset that overtakes it.
pub(crate) async fn farewell(socket: &mut Socket, refusal: Option<&PeerRefusal>, timeout_ms: u64) {
    let frame = refusal.map(|refusal| {
        let Farewell { code, reason } = refusal.farewell();
        CloseFrame { code: code.into(), reason: reason.into() }
    });
    let goodbye = async {
        // Its errors say that the peer is gone, which is what is wanted.
        let _ = socket.close(frame).await;
        let _ = socket.get_mut().shutdown().await;
        let _ = copy(socket.get_mut(), &mut sink()).await;
    };
    let _ = timeout(ms(timeout_ms), goodbye).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_wins() {
        for (ours, theirs, common) in [
            (&[1][..], &[1][..], Some(1)),
            (&[1, 2, 5], &[2, 5, 7], Some(5)),
            (&[1, 2], &[1, 3], Some(1)),
            (&[1], &[2], None),
            (&[1], &[], None),
        ] {
            assert_eq!(common_version(ours, theirs), common, "{ours:?} {theirs:?}");
        }
        assert!(VERSIONS.is_sorted());
    }
}
