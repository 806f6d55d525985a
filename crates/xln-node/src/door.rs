//! The node's door: how requests, facts and commands get into the loop's box, and what the chain's workers ask of the node they serve.
//!
//! A trait, so that the same verification (**TX-3**) and the same workers run in a node with threads and sockets and in the simulator,
//! where the box is a queue and time is virtual.

use crate::engine::{Mail, Reply};
use crate::keystore::{Keystore, KeystoreError};
use crate::shared::Shared;
use std::future::Future;
use tokio::sync::oneshot;
use xln_api::backend::{Confirmed, Request, SubmitError, Unavailable};
use xln_crypto::{TokenKey, derive, secp, verify};
use xln_storage::Disk;
use xln_types::tx::TIMESTAMP_SKEW_S_MAX;
use xln_types::{Hash, SignerId};

/// Where an answer will be.
pub type Answer = oneshot::Receiver<Result<Confirmed, SubmitError>>;

/// A way into a node.
pub trait Door: Clone + Send + Sync + 'static {
    /// What the loop and everyone who asks share.
    fn shared(&self) -> &Shared;
    /// Puts a piece of mail into the loop's box; `false` when the loop has ended.
    fn post(&self, mail: Mail) -> bool;
    /// The chain that signatures are for.
    fn chain_id(&self) -> u64;
    /// The secret that marks hosted calls.
    fn token_secret(&self) -> [u8; 32];
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Milliseconds since some moment; never goes back.
    fn elapsed_ms(&self) -> u64;

    /// Puts mail into the loop's box; the answer comes once it is durable.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] when all places are taken, else that the node is stopping.
    fn send(&self, mail: impl FnOnce(Reply) -> Mail) -> Result<Answer, SubmitError> {
        if !self.shared().enter() {
            return Err(SubmitError::Overloaded);
        }
        let (reply, answer) = oneshot::channel();
        if self.post(mail(reply)) {
            Ok(answer)
        } else {
            self.shared().leave();
            Err(SubmitError::Unavailable(Unavailable::Stopping))
        }
    }

    /// TX-3: a signed transaction is decoded and verified here, on the asker's thread, before the loop sees it.
    ///
    /// # Errors
    /// Why it never enters the loop.
    fn mail_of(&self, request: Request) -> Result<Box<dyn FnOnce(Reply) -> Mail + Send>, SubmitError> {
        Ok(match request {
            Request::Hosted(call) => Box::new(move |reply| Mail::Hosted(call, reply)),
            Request::Command(command) => Box::new(move |reply| Mail::Command(command, reply)),
            Request::Signed(tx) => {
                let decoded = derive::decoded(self.chain_id(), self.shared().hub, tx);
                let decoded = decoded.map_err(|_| SubmitError::MalformedBody)?;
                let now_s = self.now_ms() / 1000;
                let is_known = self.shared().history().receipt(decoded.hash).is_some();
                if !is_known && TIMESTAMP_SKEW_S_MAX < decoded.tx.timestamp.abs_diff(now_s) {
                    return Err(SubmitError::TimestampOutside { now_s });
                }
                let token = TokenKey::new(self.token_secret());
                let verified = verify::verify(decoded, &token).map_err(SubmitError::Signature)?;
                if matches!(verified.authority(), xln_types::Authority::Account { .. }) {
                    // A hosted mark is this node's own; from outside it would be a replayed one.
                    let number = xln_types::tx::Scheme::Token.number();
                    return Err(SubmitError::Signature(secp::SignatureError::Scheme { number }));
                }
                Box::new(move |reply| Mail::Signed(verified, reply))
            }
        })
    }

    /// Executes an input; answers once it is durable.
    fn execute(&self, request: Request) -> impl Future<Output = Result<Confirmed, SubmitError>> + Send {
        let answer = self.mail_of(request).and_then(|mail| self.send(mail));
        async { answer?.await.unwrap_or(Err(SubmitError::Unavailable(Unavailable::Stopping))) }
    }
}

/// The hosted keys, as the chain's worker uses them: for one signature each, and wiped.
pub trait Keys: Send + Sync + 'static {
    /// Signs a digest with the key of `signer`: r ‖ s ‖ v.
    ///
    /// # Errors
    /// When it isn't held.
    fn sign(&self, signer: SignerId, digest: &Hash) -> Result<[u8; 65], KeystoreError>;
    /// Lends the key of `signer` for the length of one call.
    ///
    /// # Errors
    /// When it isn't held.
    fn with_secret<T>(&self, signer: SignerId, use_it: impl FnOnce(&[u8; 32]) -> T) -> Result<T, KeystoreError>;
}

impl<D: Disk + 'static> Keys for Keystore<D> {
    fn sign(&self, signer: SignerId, digest: &Hash) -> Result<[u8; 65], KeystoreError> {
        Keystore::sign(self, signer, digest)
    }
    fn with_secret<T>(&self, signer: SignerId, use_it: impl FnOnce(&[u8; 32]) -> T) -> Result<T, KeystoreError> {
        Keystore::with_secret(self, signer, use_it)
    }
}
