//! Requests that must not get past the door, each for a reason of its own (**TX-2**, **TX-3**).

use super::choose::Chooser;
use super::{Asked, Draft, Flaw, signed};
use crate::people::People;
use xln_api::backend::{HostedCall, Request};
use xln_types::codec::Blob;
use xln_types::{Address, Amount};

impl Chooser<'_> {
    /// A request with a flaw; `None` where there is none to be had now.
    pub(super) fn flawed(&mut self) -> Option<Asked> {
        let people = self.people;
        let custody: Vec<usize> = (0..people.list.len()).filter(|who| !people.list[*who].is_hosted).collect();
        let who = self.workload.dice.pick(&custody);
        let (draft, person) = (self.payment_of(who), &people.list[who]);
        let known = self.ledger.people[who].nonce;
        let kinds = [
            Flaw::Repeat,
            Flaw::TooFar,
            Flaw::Stranger,
            Flaw::NotHosted,
            Flaw::UnknownSender,
            Flaw::Signature,
            Flaw::Malformed,
            Flaw::Old,
        ];
        let flaw = self.workload.dice.pick(&kinds);
        let now_s = self.now_s;
        let sign = |draft: &Draft, nonce: u64, now_s: u64| signed(people, &person.secret, draft, nonce, now_s);
        let request = match flaw {
            Flaw::None => return None,
            Flaw::Repeat => Request::Signed(sign(&draft, known.checked_sub(1)?, now_s)),
            Flaw::TooFar => Request::Signed(sign(&draft, known + 200_000, now_s)),
            Flaw::Stranger if self.workload.dice.once_in(2) => return Some(strange_call(people, &draft)),
            Flaw::Stranger => {
                let other = &people.list[(who + 1) % people.list.len()];
                Request::Signed(signed(people, &other.secret, &draft, known, now_s))
            }
            Flaw::NotHosted => return Some(call(person.account, draft, flaw)),
            Flaw::UnknownSender => {
                let draft = Draft { from: Address([0x55; 20]), ..draft };
                Request::Signed(sign(&draft, 0, now_s))
            }
            Flaw::Signature => {
                let mut tx = sign(&draft, known, now_s);
                let bytes = tx.signature.0.len();
                // Cut short, of no scheme, or with a v that is none.
                match self.workload.dice.below(3) {
                    0 => tx.signature.0.truncate(bytes / 2),
                    1 => tx.signature.0[0] = 9,
                    _ => tx.signature.0[bytes - 1] = 99,
                }
                Request::Signed(tx)
            }
            Flaw::Malformed => {
                let mut tx = sign(&draft, known, now_s);
                tx.data = Blob(vec![0xc1, 0x80, 0x00]);
                Request::Signed(tx)
            }
            Flaw::Old => Request::Signed(sign(&draft, known, now_s - 10_000)),
        };
        Some(Asked { request, flaw, again: false })
    }
}

fn call(account: Address, draft: Draft, flaw: Flaw) -> Asked {
    let Draft { from, to, body, fee, .. } = draft;
    let call = HostedCall { account, token: [7; 16], from, to, body, fee };
    Asked { request: Request::Hosted(call), flaw, again: false }
}

/// An account calls for somebody who isn't its own.
fn strange_call(people: &People, draft: &Draft) -> Asked {
    let draft = Draft { from: people.list[1].entity.address(), fee: Amount::ZERO, ..draft.clone() };
    call(Address([0xee; 20]), draft, Flaw::Stranger)
}
