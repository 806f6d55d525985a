//! Acts of operator and API that the rules depend on: signers and assets become known, chain transactions are noted before they
//! are sent (**DP-4**).

use super::state::Server;
use crate::arena::Handle;
use crate::depositary::{self, OperationStatus};
use crate::machine::At;
use crate::signer::{self, Signer};
use xln_crypto::derive;
use xln_types::asset::{DECIMALS_MAX, SYMBOL_BYTES_MAX};
use xln_types::entry::Command;
use xln_types::tx::METADATA_BYTES_MAX;
use xln_types::{AssetInfo, Event, Rejection, SignerId};

/// Most assets that a hub may know.
pub const ASSETS_MAX: usize = 100_000;

impl Server {
    pub(super) fn apply_command(&mut self, at: At, command: &Command) -> Result<(), Rejection> {
        match command {
            Command::RegisterSigner { signer, public_key, owner, hosted, metadata } => {
                if METADATA_BYTES_MAX < metadata.0.len() {
                    return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
                }
                // CH-7: nobody has the key of address 0, and its record would stand at the server's own path (ST-3).
                if *signer == SignerId::ZERO {
                    return Err(Rejection::UnknownSigner {});
                }
                let hosted = u8::from(*hosted != 0);
                let registered = Signer {
                    id: *signer,
                    public_key: public_key.clone(),
                    owner: *owner,
                    hosted,
                    nonce: 0,
                    next_salt: 0,
                    entities: 0,
                    created_s: at.now_s(),
                    metadata: metadata.clone(),
                };
                match self.signer_index.get(signer) {
                    None => {
                        self.add_signer(registered);
                    }
                    Some(handle) => self.take_over(at, handle, registered)?,
                }
                self.journal.events.push(Event::SignerRegistered { signer: *signer });
                Ok(())
            }
            Command::RegisterAsset { info } => self.register_asset(info),
            Command::Introduce { node, board, public_key } => self.introduce(at, *node, board, public_key),
            Command::Invoice { payee, account, asset, amount, preimage, expires_at_s, memo } => {
                self.create_invoice(at, *account, *payee, *asset, *amount, *preimage, *expires_at_s, memo)
            }
            Command::Broadcast { operation, raw } => {
                let owner = self.operation_owner.get(operation).copied().ok_or(Rejection::UnknownOperation {})?;
                let message = depositary::Message::Advance {
                    operation: *operation,
                    status: OperationStatus::Sent,
                    raw: raw.clone(),
                };
                self.step_depositary(at, owner, &message)
            }
        }
    }

    /// N-5: a key is public, so anyone can register it first; whoever proves to have it takes the signer over with all that it founded: by
    /// handing the key over, or as the account that logs in with it.
    fn take_over(&mut self, at: At, handle: Handle<Signer>, registered: Signer) -> Result<(), Rejection> {
        let known = self.signers.at(handle);
        let proven = registered.hosted == 1 || registered.owner == registered.id.address();
        let is_change = known.owner != registered.owner || known.hosted < registered.hosted;
        if !proven || !is_change || self.genesis.hub_signer == known.id {
            return Err(Rejection::AlreadyExists {});
        }
        let Signer { owner, metadata, .. } = registered;
        let hosted = known.hosted.max(registered.hosted);
        self.step_signer(at, handle, &signer::Message::Own { owner, hosted, metadata })
    }

    /// N-4: an asset's id is the hash of what it names; its symbol is unique, plain and for people only.
    fn register_asset(&mut self, info: &AssetInfo) -> Result<(), Rejection> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let symbol = info.symbol.as_bytes();
        if symbol.is_empty() || SYMBOL_BYTES_MAX < symbol.len() || !symbol.iter().copied().all(plain) {
            return Err(Rejection::TooLarge { limit: SYMBOL_BYTES_MAX as u64 });
        }
        if DECIMALS_MAX < info.decimals {
            return Err(Rejection::OutOfRange {});
        }
        if ASSETS_MAX <= self.assets.len() {
            return Err(Rejection::TooManyAssets { limit: ASSETS_MAX as u64 });
        }
        if derive::asset_id(self.genesis.chain_id, &info.asset) != info.id {
            return Err(Rejection::UnknownAsset {});
        }
        if self.assets.contains_key(&info.id) || self.assets.values().any(|known| known.symbol == info.symbol) {
            return Err(Rejection::AlreadyExists {});
        }
        self.assets.insert(info.id, info.clone());
        self.journal.note_asset(info.id);
        self.journal.events.push(Event::AssetRegistered { asset: info.id });
        Ok(())
    }
}
