//! Acts of operator and API: signers and assets become known (**N-4**, **N-5**), chain transactions are noted (**DP-4**).

use super::{Doubt, Shadow, doubt, require};
use crate::records::{Held, OPERATION_SENT, Operation, SignerRecord};
use xln_crypto::{derive, secp};
use xln_types::codec::Blob;
use xln_types::{Address, Command, Path};

impl Shadow<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Result<(), Doubt> {
        match command {
            Command::RegisterSigner { signer, public_key, owner, hosted, metadata } => {
                let path = Path::signer(*signer);
                require(path != Path::SERVER, "N-5", "a signer with an address", || signer.to_string())?;
                let named = secp::signer_of_public_key(&public_key.0).ok().map(|(signer, _)| signer);
                require(named == Some(*signer), "N-5", "the address of its key", || signer.to_string())?;
                if let Some(Held::Signer(known)) = self.get(&path).cloned() {
                    return self.take_over(path, known, *owner, u8::from(*hosted != 0), metadata);
                }
                let record = SignerRecord {
                    id: *signer,
                    public_key: public_key.clone(),
                    owner: *owner,
                    hosted: u8::from(*hosted != 0),
                    nonce: 0,
                    next_salt: 0,
                    entities: 0,
                    created_s: self.now_s(),
                    metadata: metadata.clone(),
                };
                self.put(path, Held::Signer(record));
                Ok(())
            }
            Command::RegisterAsset { info } => {
                let id = derive::asset_id(self.held.genesis.chain_id, &info.asset);
                require(id == info.id, "N-4", &format!("id {id}"), || info.id.to_string())?;
                let path = Path::asset(info.id);
                let taken = self.get(&path).is_some() || self.held.symbols.values().any(|known| *known == info.symbol);
                require(!taken, "N-4", "an asset and symbol not known yet", || info.symbol.clone())?;
                self.put(path, Held::Asset(info.clone()));
                Ok(())
            }
            Command::Broadcast { operation, raw } => {
                let known = self.operation_by_id(*operation);
                let known = known.ok_or_else(|| doubt("DP-4", "an operation under way", operation.to_string()))?;
                self.put_operation(Operation { status: OPERATION_SENT, raw: raw.clone(), ..known })
            }
            Command::Introduce { node, board, public_key } => self.introduce(*node, board, public_key),
            Command::Invoice { .. } => self.create_invoice(command),
        }
    }

    /// N-5: a known signer changes hands only to whoever has its key: it was handed over, or the account is the key's own.
    fn take_over(
        &mut self,
        path: Path,
        known: SignerRecord,
        owner: Address,
        hosted: u8,
        metadata: &Blob,
    ) -> Result<(), Doubt> {
        let proven = hosted == 1 || owner == known.id.address();
        let is_change = owner != known.owner || known.hosted < hosted;
        let taken = proven && is_change && known.id != self.held.genesis.hub_signer;
        require(taken, "N-5", "a signer that isn't known yet, or whose key was proven", || known.id.to_string())?;
        let hosted = known.hosted.max(hosted);
        self.put(path, Held::Signer(SignerRecord { owner, hosted, metadata: metadata.clone(), ..known }));
        Ok(())
    }
}
