//! ST-2: every key has a proof, it holds for what it says, and a change of any byte makes it fail.

use crate::model::{self, HASHES, Map, Random, config};
use xln_merkle::{
    Hash, HashFunction, KEY_BYTES_MAX, PROOF_BYTES_MAX, PROOF_STEPS_MAX, Proof, ProofError, Tree, verify,
};

/// One claim with its proof, as it would arrive from outside.
#[derive(Clone)]
struct Claim {
    hash: HashFunction,
    root: Hash,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    proof: Vec<u8>,
}

impl Claim {
    fn new(tree: &Tree, key: &[u8]) -> Claim {
        let (key, value) = (key.to_vec(), tree.get(key).map(<[u8]>::to_vec));
        Claim { hash: tree.config().hash, root: tree.root(), value, proof: tree.prove(&key).to_bytes(), key }
    }

    fn check(&self) -> Result<(), ProofError> {
        let proof = Proof::from_bytes(&self.proof)?;
        assert_eq!(proof.to_bytes(), self.proof, "one encoding each");
        verify(self.hash, &self.root, &self.key, self.value.as_deref(), &proof)
    }
}

/// Every byte string near `bytes`: each byte changed in several ways, one missing at either end, one more at either end.
fn near(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut near = Vec::new();
    for index in 0..bytes.len() {
        for change in [0x01, 0x80] {
            let mut changed = bytes.to_vec();
            changed[index] ^= change;
            near.push(changed);
        }
    }
    near.extend([[bytes, &[0]].concat(), [&[0], bytes].concat(), [bytes, bytes, &[1]].concat()]);
    if !bytes.is_empty() {
        near.extend([bytes[1..].to_vec(), bytes[..bytes.len() - 1].to_vec()]);
    }
    near
}

/// ST-2: no neighbour of the claim holds with the same proof, no neighbour of the proof shows the claim.
fn nothing_near_holds(claim: &Claim, context: &str) {
    assert_eq!(claim.check(), Ok(()), "{context}");
    for proof in near(&claim.proof) {
        assert_ne!(Claim { proof, ..claim.clone() }.check(), Ok(()), "{context}");
    }
    for key in near(&claim.key) {
        assert_ne!(Claim { key, ..claim.clone() }.check(), Ok(()), "{context}");
    }
    for root in near(&claim.root).into_iter().filter_map(|root| root.try_into().ok()) {
        assert_eq!(Claim { root, ..claim.clone() }.check().err(), Some(ProofError::Root), "{context}");
    }
    let values = match &claim.value {
        Some(value) => near(value).into_iter().map(Some).chain([None]).collect(),
        None => vec![Some(vec![]), Some(vec![0]), Some(claim.key.clone())],
    };
    for value in values {
        assert_ne!(Claim { value, ..claim.clone() }.check(), Ok(()), "{context}");
    }
    let other = HASHES.into_iter().find(|hash| *hash != claim.hash).unwrap();
    assert_ne!(Claim { hash: other, ..claim.clone() }.check(), Ok(()), "{context}");
    for end in 0..claim.proof.len() {
        assert_eq!(Proof::from_bytes(&claim.proof[..end]), Err(ProofError::Truncated), "{context}");
    }
}

/// ST-2: proofs of presence and absence, in trees of 0, 1, 2 and more entries, mutated everywhere.
#[test]
fn a_change_of_any_byte_fails() {
    for (seed, count) in [0, 1, 2, 40].into_iter().enumerate() {
        for hash in HASHES {
            let mut random = Random(seed as u64);
            let map = model::map(&mut random, count, 6);
            let tree = model::tree(config(hash, 4, 2), &map);
            let keys = map.keys().take(3).cloned().chain((0..3).map(|_| random.key(6)));
            for key in keys.chain([vec![], vec![0; 5], vec![0xff; KEY_BYTES_MAX + 1]]) {
                nothing_near_holds(&Claim::new(&tree, &key), &format!("count={count} {hash:?} key={key:?}"));
            }
        }
    }
}

/// ST-2: every key has a proof, and no proof serves another key, even for what is true of both.
#[test]
fn a_proof_serves_its_own_key_only() {
    let mut random = Random(11);
    let map = model::map(&mut random, 40, 3);
    let tree = model::tree(config(HashFunction::Blake3, 5, 4), &map);
    let keys: Vec<_> = map.keys().cloned().chain((0..40).map(|_| random.key(3))).collect();
    let claims: Vec<_> = keys.iter().map(|key| Claim::new(&tree, key)).collect();
    for claim in &claims {
        assert_eq!(claim.check(), Ok(()));
        for other in claims.iter().filter(|other| other.key != claim.key) {
            let mixed = Claim { proof: other.proof.clone(), ..claim.clone() };
            assert_eq!(mixed.check(), Err(ProofError::Query));
        }
    }
}

/// ST-2: a proof is against the commit it was made under, and no other.
#[test]
fn a_proof_is_for_one_commit() {
    let mut tree = model::tree(config(HashFunction::Keccak256, 4, 16), &model::map(&mut Random(3), 30, 32));
    let key = [7; 32];
    let before = Claim::new(&tree, &key);
    tree.set(&key, b"now").unwrap();
    assert_eq!(tree.prove(&key).to_bytes(), before.proof, "nothing is proven before its commit");
    tree.commit();
    let after = Claim::new(&tree, &key);
    assert_eq!((before.check(), after.check()), (Ok(()), Ok(())));
    assert_eq!(Claim { root: after.root, ..before.clone() }.check(), Err(ProofError::Root));
    assert_eq!(Claim { root: before.root, ..after }.check(), Err(ProofError::Root));
}

/// ST-2: proofs stay about a kilobyte, whatever the width.
#[test]
fn a_proof_does_not_grow_with_the_width() {
    let mut random = Random(21);
    let map: Map = (0..5000).map(|_| (random.bytes(32), vec![1])).collect();
    let sizes = |bit_width| {
        let tree = model::tree(config(HashFunction::Blake3, bit_width, 16), &map);
        map.keys().take(500).map(|key| tree.prove(key).to_bytes().len()).max().unwrap()
    };
    let narrow = sizes(1);
    assert!(narrow < 1024, "bytes={narrow}");
    assert_eq!((sizes(4), sizes(16)), (narrow, narrow));
}

/// The bytes of a proof, spelled out.
fn spell(kind: u8, steps: &[u16], count: u16, tail: &[u8]) -> Vec<u8> {
    let steps = steps.iter().flat_map(|position| [&position.to_be_bytes()[..], &[0xee; 32]].concat());
    [&[kind][..], &[0xdd; 32], &count.to_be_bytes(), &steps.collect::<Vec<_>>(), tail].concat()
}

/// ST-2: what cannot be a proof is refused by its form, before anything is allocated for it.
#[test]
fn malformed_proofs_are_refused() {
    let neighbour = |length: u8| [&[length][..], &vec![1; usize::from(length)], &[2; 32]].concat();
    let every: Vec<u16> = (0..1024).collect();
    let table = [
        (vec![], Err(ProofError::Truncated)),
        (spell(1, &[], 0, &[]), Ok(())),
        (spell(1, &[0, 1, 1023], 3, &[]), Ok(())),
        (spell(2, &every, 1024, &neighbour(128)), Ok(())),
        (spell(2, &every, 1024, &[neighbour(128), vec![0]].concat()), Err(ProofError::TooLong { bytes: 35_013 })),
        (spell(3, &[], 0, &[]), Ok(())),
        (spell(3, &[5], 1, &[]), Err(ProofError::Steps { count: 1 })),
        (spell(0, &[], 0, &[]), Err(ProofError::Kind { kind: 0 })),
        (spell(4, &[], 0, &[]), Err(ProofError::Kind { kind: 4 })),
        (spell(1, &[], 1025, &[]), Err(ProofError::Steps { count: 1025 })),
        (spell(1, &[], 0xffff, &[]), Err(ProofError::Steps { count: 0xffff })),
        (spell(1, &[], 1024, &[]), Err(ProofError::Truncated)),
        (spell(1, &[1, 0], 2, &[]), Err(ProofError::Position { position: 0 })),
        (spell(1, &[1, 1], 2, &[]), Err(ProofError::Position { position: 1 })),
        (spell(1, &[1024], 1, &[]), Err(ProofError::Position { position: 1024 })),
        (spell(2, &[], 0, &neighbour(0)), Err(ProofError::KeyLength { bytes: 0 })),
        (spell(2, &[], 0, &neighbour(129)), Err(ProofError::KeyLength { bytes: 129 })),
        (spell(2, &[], 0, &neighbour(3)[..35]), Err(ProofError::Truncated)),
        (spell(2, &[], 0, &neighbour(3)[..2]), Err(ProofError::Truncated)),
        (spell(1, &[], 0, &[0; 2]), Err(ProofError::Trailing { bytes: 2 })),
        (vec![1; PROOF_BYTES_MAX + 1], Err(ProofError::TooLong { bytes: PROOF_BYTES_MAX + 1 })),
    ];
    assert_eq!((PROOF_STEPS_MAX, PROOF_BYTES_MAX), (1024, 35_012));
    for (bytes, expected) in table {
        let proof = Proof::from_bytes(&bytes);
        assert_eq!(proof.as_ref().map(|_| ()).map_err(|error| *error), expected);
        assert!(proof.is_ok_and(|proof| proof.to_bytes() == bytes) || expected.is_err());
    }
}

/// ST-2: whatever bytes are accepted, they are the one encoding; none panics.
#[test]
fn random_bytes_are_refused_or_canonical() {
    let mut random = Random(77);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let kind = u8::try_from(random.below(5)).unwrap();
        let count = u16::try_from(random.below(3)).unwrap();
        let positions: Vec<u16> = (0..count).map(|_| u16::try_from(random.below(1100)).unwrap()).collect();
        let length = u8::try_from(random.below(4)).unwrap();
        let tail = [vec![length], random.bytes(usize::from(length) + 32)].concat();
        let bytes = spell(kind, &positions, count, if kind == 2 { &tail } else { &[] });
        if let Ok(proof) = Proof::from_bytes(&bytes) {
            assert_eq!(proof.to_bytes(), bytes);
            accepted += 1;
        }
        let length = random.below(200);
        if let Ok(proof) = Proof::from_bytes(&random.bytes(length)) {
            assert_eq!(verify(HashFunction::Blake3, &[0; 32], b"key", None, &proof), Err(ProofError::Query));
        }
    }
    assert!(1000 < accepted);
}
