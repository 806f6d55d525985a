//! TLS 1.3 between nodes. Certificates mean nothing here: each node makes one at start, and each takes any. What a TLS session is good for
//! is its *exporter*: bytes that its two ends share and nobody between them has, to which the claims in the hellos are bound.

use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, PeerIncompatible, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use xln_types::peer::hello_context;

use crate::peer::Role;

/// What separates our use of the exporter from others'.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-XLN-peer-v1";
/// The name in certificates and in the client's greeting; it says nothing.
const NAME: &str = "xln.invalid";

/// No TLS can be made: no randomness, as a rule.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The configuration.
    #[error("configuration: {0}")]
    Configuration(#[from] rustls::Error),
}

/// Both roles of this node's TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
}

impl Tls {
    /// Makes a key and its certificate.
    pub(crate) fn new() -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        // Each session is authenticated anew; none is resumed.
        server.send_tls13_tickets = 0;
        let any = Arc::new(AnyCertificate { algorithms: provider.signature_verification_algorithms });
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(any)
            .with_no_client_auth();
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(server)), connector: TlsConnector::from(Arc::new(client)) })
    }

    /// What a client calls the server.
    pub(crate) fn name() -> ServerName<'static> {
        ServerName::try_from(NAME).expect("a name of ours is one")
    }
}

/// What a claim made by `role` in this session, in a hello with these fields, has to be bound to.
pub(crate) fn binding<S>(
    stream: &TlsStream<S>,
    role: Role,
    versions: &[u64],
    serial: u64,
) -> Result<[u8; 32], rustls::Error> {
    let context = hello_context(role as u8, versions, serial);
    match stream {
        TlsStream::Client(stream) => stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, Some(&context)),
        TlsStream::Server(stream) => stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, Some(&context)),
    }
}

/// Takes any certificate, but only from who has its key.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
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
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
