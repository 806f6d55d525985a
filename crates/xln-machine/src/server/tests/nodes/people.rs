//! Who is who: `A` is the hub of node A, `A.p` a person who is hosted there, `A.K` one who keeps its own key there. Each has a real
//! secp256k1 key, made of its name.

use crate::server::tests::hub::{CHAIN_ID, DEPOSITARY};
use std::collections::BTreeMap;
use xln_crypto::{derive, keccak256, secp};
use xln_types::codec::Blob;
use xln_types::{Address, Authority, Board, ChannelId, EntityId, Side, SignerId};

/// One who acts.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) secret: [u8; 32],
    pub(super) signer: SignerId,
    pub(super) public_key: Blob,
    pub(super) entity: EntityId,
}

/// Those who were named so far.
#[derive(Default)]
pub(super) struct People {
    known: BTreeMap<String, Person>,
    secrets: BTreeMap<SignerId, [u8; 32]>,
}

/// The founding board of a signer's first entity.
pub(super) fn board(signer: SignerId) -> Board {
    Board::single(signer, 0)
}

/// True for who keeps its own key.
pub(super) fn is_custody(name: &str) -> bool {
    name.split_once('.').is_some_and(|(_, own)| own.starts_with(|letter: char| letter.is_ascii_uppercase()))
}

/// The node that a name belongs to.
pub(super) fn node_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(node, _)| node)
}

impl Person {
    fn named(name: &str) -> Person {
        let secret = keccak256(format!("the key of {name}").as_bytes()).0;
        let (signer, public_key) = secp::signer_of_secret(&secret).expect("a key");
        let entity = derive::entity_id(&board(signer));
        Person { secret, signer, public_key: Blob(public_key.to_vec()), entity }
    }
}

impl People {
    /// Someone becomes known.
    pub(super) fn add(&mut self, name: &str) -> Person {
        let person = Person::named(name);
        self.secrets.insert(person.signer, person.secret);
        self.known.insert(name.to_owned(), person.clone());
        person
    }

    /// Someone, known or not.
    pub(super) fn get(&self, name: &str) -> Person {
        self.known.get(name).cloned().unwrap_or_else(|| Person::named(name))
    }

    pub(super) fn entity(&self, name: &str) -> EntityId {
        self.known.get(name).map_or_else(|| Person::named(name).entity, |person| person.entity)
    }

    /// The name of the node that an entity acts on.
    pub(super) fn node(&self, entity: EntityId) -> &str {
        let found = self.known.iter().find(|(_, person)| person.entity == entity);
        found.map_or("", |(name, _)| node_of(name))
    }

    pub(super) fn address(&self, name: &str) -> Address {
        self.entity(name).address()
    }

    /// The key of a signer who was named.
    pub(super) fn secret(&self, signer: SignerId) -> [u8; 32] {
        self.secrets[&signer]
    }

    /// Who acts for a name.
    pub(super) fn authority(&self, name: &str) -> Authority {
        let signer = self.get(name).signer;
        if is_custody(name) { Authority::Signer { signer } } else { Authority::Account { account: signer.address() } }
    }

    /// The channel between two names, and on which side the first stands.
    pub(super) fn channel(&self, one: &str, other: &str) -> (ChannelId, Side) {
        let (one, other) = (self.entity(one), self.entity(other));
        let side = if one < other { Side::Left } else { Side::Right };
        (derive::channel_id(CHAIN_ID, DEPOSITARY, one.min(other), one.max(other), 0), side)
    }
}
