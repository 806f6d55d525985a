//! Ends of a connection made by hand: TLS of any version, hellos of any content, frames of any kind.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use xln_net::peer::{EXPORTER_LABEL, PATH, PeerIdentity, PeerRefusal, Role};
use xln_types::codec::Blob;
use xln_types::peer::{PeerHello, hello_context, write};
use xln_types::{EntityId, NetworkMessage};

use crate::keys::Keys;
use crate::node::{Node, SOMEBODY};
use crate::soon;

pub(crate) type Tls = TlsStream<TcpStream>;

/// Trusts everybody, whatever they sign.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS client of this version.
pub(crate) async fn tls_client(
    address: SocketAddr,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<Tls> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_no_client_auth();
    let name = ServerName::try_from("node.test").expect("a name");
    Ok(TlsStream::from(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?))
}

/// The server's side of TLS of this version, on a connection.
pub(crate) async fn tls_server(tcp: TcpStream, version: &'static SupportedProtocolVersion) -> std::io::Result<Tls> {
    let made = rcgen::generate_simple_self_signed(["node.test".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a key");
    Ok(TlsStream::from(TlsAcceptor::from(Arc::new(config)).accept(tcp).await?))
}

/// One end, after the upgrade.
pub(crate) struct Rogue {
    pub(crate) socket: WebSocketStream<Tls>,
    next_id: u64,
    sender: EntityId,
}

impl Rogue {
    /// Dials a node, up to the upgrade.
    pub(crate) async fn dial(node: &Node) -> Rogue {
        let tls = tls_client(node.address, &rustls::version::TLS13).await.expect("TLS");
        let url = format!("ws://node.test{PATH}");
        let (socket, _) = soon("an upgrade", tokio_tungstenite::client_async(url, tls)).await.expect("an upgrade");
        Rogue { socket, next_id: 1, sender: EntityId::ZERO }
    }

    /// Takes a node's connection, up to the upgrade.
    pub(crate) async fn accept(tcp: TcpStream) -> Rogue {
        let tls = tls_server(tcp, &rustls::version::TLS13).await.expect("TLS");
        let socket = soon("an upgrade", tokio_tungstenite::accept_async(tls)).await.expect("an upgrade");
        Rogue { socket, next_id: 1, sender: EntityId::ZERO }
    }

    /// Dials a node and behaves until both hellos are said.
    pub(crate) async fn join(node: &Node, keys: &Keys) -> Rogue {
        let mut rogue = Rogue::dial(node).await;
        rogue.hello(rogue.signed(keys, Role::Dialer, &[1], 1)).await;
        let Some(Ok(Message::Binary(hello))) = soon("a hello", rogue.socket.next()).await else { panic!("no hello") };
        let hello = PeerHello::read(&hello).expect("a hello");
        let binding = rogue.binding(Role::Listener, &hello.versions, hello.serial);
        assert_eq!(keys.check(Role::Listener, &binding, hello.claim.as_ref()), Ok(node.id()));
        rogue.sender = keys.id();
        rogue
    }

    /// The bytes that a claim in this session is bound to.
    pub(crate) fn binding(&self, role: Role, versions: &[u64], serial: u64) -> [u8; 32] {
        let context = hello_context(role as u8, versions, serial);
        match self.socket.get_ref() {
            TlsStream::Client(stream) => {
                stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, Some(&context))
            }
            TlsStream::Server(stream) => {
                stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, Some(&context))
            }
        }
        .expect("a session's secret")
    }

    /// A hello as it should be.
    pub(crate) fn signed(&self, keys: &Keys, role: Role, versions: &[u64], serial: u64) -> PeerHello {
        let claim = Blob(keys.claim(role, &self.binding(role, versions, serial)));
        PeerHello { versions: versions.to_vec(), serial, claim }
    }

    pub(crate) async fn hello(&mut self, hello: PeerHello) {
        self.send(Message::Binary(Bytes::from(write(&hello)))).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        soon("room to write", self.socket.send(message)).await.expect("the node reads");
    }

    /// Reads the hello that must come next.
    pub(crate) async fn hear_hello(&mut self) -> PeerHello {
        let Some(Ok(Message::Binary(bytes))) = soon("a hello", self.socket.next()).await else { panic!("no hello") };
        PeerHello::read(&bytes).expect("a hello")
    }

    /// The next message, as it should be.
    pub(crate) fn message(&mut self, payload: Vec<u8>) -> NetworkMessage {
        let (id, sender) = (self.next_id, self.sender.address());
        self.next_id += 1;
        NetworkMessage { id, kind: 1, sender, recipient: SOMEBODY, payload: Blob(payload), timestamp_ms: 0 }
    }

    pub(crate) async fn bundle(&mut self, bundle: &Vec<NetworkMessage>) {
        self.send(Message::Binary(Bytes::from(write(bundle)))).await;
    }

    /// Reads on until the node closes, and says why; `None` if it closed without a word.
    pub(crate) async fn closed(&mut self) -> Option<PeerRefusal> {
        loop {
            match soon("a close frame", self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return PeerRefusal::from_farewell(frame.code.into(), frame.reason.as_str());
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
