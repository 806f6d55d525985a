//! Requests about who there is: entities come and go, signers and assets become known (**N-4**, **N-5**, **EN-5**).

use super::choose::{Chooser, UNKNOWN};
use super::{Asked, Draft};
use crate::people::founding;
use xln_crypto::derive;
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::tx::{CreateEntity, DeleteEntity};
use xln_types::{Address, Amount, AssetInfo, Command, EntityId, SignerId};

impl Chooser<'_> {
    /// Somebody founds another entity, or tries to.
    pub(super) fn found(&mut self) -> Asked {
        let who = self.person();
        let signer = self.people.list[who].signer;
        let known = self.ledger.signers.get(&signer);
        let (nonce, salt) = known.map_or((0, 0), |known| (known.nonce, known.next_salt));
        let body = match self.below(6) {
            0 => founding(signer, salt + 1),
            1 => founding(self.people.list[(who + 1) % self.people.list.len()].signer, salt),
            2 => {
                let members = vec![Member { signer, weight: 1 }, Member { signer: SignerId([5; 20]), weight: 1 }];
                CreateEntity { threshold: 2, members, salt, metadata: Blob::default() }.into()
            }
            _ => founding(signer, salt),
        };
        let draft = Draft { by: who, from: signer.address(), to: Address::ZERO, body, fee: Amount::ZERO };
        self.workload.request(self.people, draft, nonce, self.now_s)
    }

    /// A guest goes; or somebody who can't.
    pub(super) fn delete(&mut self) -> Option<Asked> {
        let guests = self.ledger.people.iter().enumerate().skip(self.people.list.len());
        let guests: Vec<usize> = guests.filter(|(_, guest)| guest.exists).map(|(who, _)| who).collect();
        let who = if guests.is_empty() || self.once_in(3) { self.person() } else { self.workload.dice.pick(&guests) };
        let going = &self.ledger.people[who];
        let by = self.people.list.iter().position(|person| person.signer == going.signer)?;
        // Of one that goes only hosted ones are asked twice: a nonce behind its end would wait for ever.
        if self.people.list.len() <= who && !self.people.list[by].is_hosted {
            return None;
        }
        let entity = if self.once_in(10) { EntityId([0x43; 32]) } else { going.id };
        let (from, nonce) = (going.id.address(), going.nonce);
        let draft = Draft { by, from, to: Address::ZERO, body: DeleteEntity { entity }.into(), fee: Amount::ZERO };
        let asked = self.workload.request(self.people, draft, nonce, self.now_s);
        // It may be gone when this one's turn comes.
        Some(Asked { again: self.people.list.len() <= who, ..asked })
    }

    pub(super) fn command(&mut self) -> Command {
        let person = &self.people.list[self.workload.dice.index(self.people.list.len())];
        match self.below(4) {
            0 => {
                let (signer, owner) = (person.signer, person.account);
                Command::RegisterSigner {
                    signer,
                    public_key: Blob(person.public_key.to_vec()),
                    owner,
                    hosted: u8::from(person.is_hosted),
                    metadata: Blob::default(),
                }
            }
            1 => {
                let secret = xln_crypto::keccak256(self.workload.dice.below(40).to_be_bytes()).0;
                let (signer, public_key) =
                    xln_crypto::secp::signer_of_secret(&secret).unwrap_or((SignerId::ZERO, [0; 33]));
                let signer = if self.once_in(6) { SignerId::ZERO } else { signer };
                let public_key = Blob(public_key.to_vec());
                let metadata = Blob(vec![0; if self.once_in(4) { 4_097 } else { 3 }]);
                Command::RegisterSigner { signer, public_key, owner: Address([4; 20]), hosted: 0, metadata }
            }
            2 => Command::Broadcast { operation: xln_types::OperationId([8; 32]), raw: vec![] },
            _ => {
                self.workload.symbols += 1;
                let number = self.workload.symbols;
                let asset = xln_types::Asset::erc20(Address(derive_address(number)));
                let id = derive::asset_id(crate::chain::CHAIN_ID, &asset);
                let id = if self.once_in(5) { self.asset(UNKNOWN) } else { id };
                let symbol = if self.once_in(5) { "ETH".to_owned() } else { format!("T{number}") };
                let symbol = if self.once_in(9) { "no blank".to_owned() } else { symbol };
                let decimals = if self.once_in(9) { 99 } else { 6 };
                Command::RegisterAsset { info: AssetInfo { id, asset, symbol, decimals } }
            }
        }
    }
}

fn derive_address(number: u64) -> [u8; 20] {
    let mut address = [0xab; 20];
    address[..8].copy_from_slice(&number.to_be_bytes());
    address
}
