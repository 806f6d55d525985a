use super::*;
use crate::machine::{At, Machine};
use xln_types::codec::Blob;
use xln_types::{Address, Path, Rejection, SignerId};

const AT: At = At { now_ms: 0, sequence: 1 };

fn signer() -> Signer {
    Signer {
        id: SignerId([1; 20]),
        public_key: Blob(vec![2; 33]),
        owner: Address([3; 20]),
        hosted: 1,
        nonce: 0,
        next_salt: 0,
        entities: 0,
        created_s: 0,
        metadata: Blob::default(),
    }
}

/// TX-2: nonces are gapless; N-5: salts too. A block keeps what stands and says why the rest fell.
#[test]
fn nonces_and_salts_are_gapless() {
    let mut machine = signer();
    let block = machine.create_block(
        AT,
        vec![
            Message::UseNonce { nonce: 0 },
            Message::UseNonce { nonce: 0 },
            Message::UseNonce { nonce: 2 },
            Message::UseNonce { nonce: 1 },
            Message::Found { salt: 0 },
            Message::Found { salt: 2 },
        ],
    );
    assert_eq!(block.messages.len(), 3);
    let reasons: Vec<_> = block.refused.into_iter().map(|(_, why)| why).collect();
    assert_eq!(
        reasons,
        [
            Rejection::WrongNonce { expected: 1 },
            Rejection::WrongNonce { expected: 1 },
            Rejection::WrongSalt { expected: 1 }
        ]
    );
    assert_eq!((machine.nonce, machine.next_salt, machine.entities), (2, 1, 1));
    let mut replica = signer();
    assert_eq!(replica.apply_block(AT, &block.messages), Ok(()));
    assert_eq!(replica, machine);
    assert_eq!(replica.apply_block(AT, &block.messages), Err(Rejection::WrongNonce { expected: 2 }));
    assert!(Path::signer(machine.id).0.starts_with(&machine.prefix()));
    assert_eq!(machine.id().0[12..], machine.id.0);
    assert_eq!(replica.apply_block(AT, &[Message::Drop]), Ok(()));
    assert_eq!(replica.entities, 0);
}
