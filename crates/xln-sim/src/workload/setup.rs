//! What is asked before anything else, in order: signers, entities, a channel of each with the hub, credit both ways.

use super::{Asked, Draft, Flaw, Workload};
use crate::clock::START_MS;
use crate::people::{HUB, PEOPLE, People, channel, founding};
use xln_api::backend::Request;
use xln_types::codec::Blob;
use xln_types::tx::{AssetAmount, DISPUTE_WINDOW_S_DEFAULT, OpenChannel, SetCredit, Withdraw};
use xln_types::{Address, Amount, Body, Command};

/// The steps; each is to be executed before the next is asked.
pub(crate) fn steps(people: &People, workload: &mut Workload) -> Vec<Asked> {
    let mut steps = Vec::new();
    let now_s = START_MS / 1000;
    for who in 1..PEOPLE {
        let person = &people.list[who];
        let command = Command::RegisterSigner {
            signer: person.signer,
            public_key: Blob(person.public_key.to_vec()),
            owner: person.account,
            hosted: u8::from(person.is_hosted),
            metadata: Blob::default(),
        };
        steps.push(Asked { request: Request::Command(command), flaw: Flaw::None, again: false });
        let mut ask = |by: usize, from: Address, body: Body| {
            let draft = Draft { by, from, to: Address::ZERO, body, fee: Amount::ZERO };
            steps.push(workload.request(people, draft, 0, now_s));
        };
        ask(who, person.signer.address(), founding(person.signer, 0));
        let grants = [0, 1].map(|asset| AssetAmount { asset: people.assets[asset], amount: Amount(2_000) });
        let open = OpenChannel {
            peer: people.hub().entity,
            collateral: vec![],
            grants: grants.to_vec(),
            requested: vec![],
            dispute_window_s: DISPUTE_WINDOW_S_DEFAULT,
            valid_until_s: now_s + 3600,
            chain_signatures: vec![],
        };
        ask(who, person.entity.address(), Body::from(open));
        let channel = channel(person.entity, people.hub().entity);
        let credit = SetCredit { channel, asset: people.assets[who % 2], granted: Amount(1_500) };
        ask(HUB, people.hub().entity.address(), Body::from(credit));
    }
    steps
}

/// The least withdrawal of somebody hosted.
pub(crate) fn withdrawal(people: &People, who: usize, asset: usize, valid_until_s: u64) -> Draft {
    let (asset, amount, recipient) = (people.assets[asset], Amount(1), Address([0x98; 20]));
    let body = Withdraw { asset, amount, recipient, valid_until_s, chain_signature: Blob::default() };
    let from = people.list[who].entity.address();
    Draft { by: who, from, to: Address::ZERO, body: Body::from(body), fee: Amount::ZERO }
}
