//! ST-2 against who makes both the tree and the proof: for one root and one key, at most one answer can be proven.
//!
//! Trees and proofs are built here from raw hashes, as a dishonest hub would.

use crate::model::{self, HASHES, Random, config, digest, leaf, node};
use xln_merkle::{Hash, HashFunction, Proof, ProofError, verify};

const HASH: HashFunction = HashFunction::Blake3;

/// A proof made of whatever one likes.
fn forge(kind: u8, key: &[u8], steps: &[(u16, Hash)], neighbour: Option<(&[u8], &[u8])>) -> Proof {
    let mut bytes = vec![kind];
    bytes.extend(digest(HASH, "xln.tree.query", key.len(), key));
    bytes.extend(u16::try_from(steps.len()).unwrap().to_be_bytes());
    for (position, sibling) in steps {
        bytes.extend(position.to_be_bytes());
        bytes.extend(sibling);
    }
    if let Some((other, value)) = neighbour {
        bytes.push(u8::try_from(other.len()).unwrap());
        bytes.extend(other);
        bytes.extend(digest(HASH, "xln.tree.value", value.len(), value));
    }
    Proof::from_bytes(&bytes).unwrap()
}

/// Keys `0x00` and `0x80` under one root, as they should be.
fn pair() -> (Hash, Hash, Hash) {
    let (low, high) = (leaf(HASH, &[0x00], b"low"), leaf(HASH, &[0x80], b"high"));
    (low, high, node(HASH, 0, &low, &high))
}

/// ST-2: the control: what the forger starts from does hold.
#[test]
fn an_honest_proof_spelled_out_holds() {
    let (low, high, root) = pair();
    let check = |key: &[u8], value, proof| verify(HASH, &root, key, value, &proof);
    assert_eq!(check(&[0x00], Some(b"low"), forge(1, &[0x00], &[(0, high)], None)), Ok(()));
    assert_eq!(check(&[0x80], Some(b"high"), forge(1, &[0x80], &[(0, low)], None)), Ok(()));
    assert_eq!(check(&[0x01], None, forge(2, &[0x01], &[(0, high)], Some((&[0x00], b"low")))), Ok(()));
}

/// ST-2: a key that is there is not absent, by no neighbour and no other bit.
#[test]
fn a_present_key_cannot_be_denied() {
    let (low, high, root) = pair();
    let deny = |proof| verify(HASH, &root, &[0x00], None, &proof);
    // The key itself as its neighbour.
    let itself = forge(2, &[0x00], &[(0, high)], Some((&[0x00], b"low")));
    assert_eq!(deny(itself), Err(ProofError::Neighbour));
    // The true neighbour, which lies off the walk.
    let astray = forge(2, &[0x00], &[(0, low)], Some((&[0x80], b"high")));
    assert_eq!(deny(astray), Err(ProofError::Neighbour));
    // The same, by a bit in which they agree: position is bound, and the sides are the wrong way round.
    for position in 1..8 {
        let bent = forge(2, &[0x00], &[(position, low)], Some((&[0x80], b"high")));
        assert_eq!(deny(bent), Err(ProofError::Root));
    }
    // The empty tree, the opposite kind, and an end before the leaf.
    assert_eq!(deny(forge(3, &[0x00], &[], None)), Err(ProofError::Root));
    assert_eq!(deny(forge(1, &[0x00], &[(0, high)], None)), Err(ProofError::Claim));
    assert_eq!(deny(forge(2, &[0x00], &[], Some((&[0x80], b"high")))), Err(ProofError::Root));
    let claimed = forge(2, &[0x00], &[(0, high)], Some((&[0x01], b"low")));
    assert_eq!(deny(claimed), Err(ProofError::Root));
}

/// ST-2: an absent key is not there: a neighbour's leaf does not serve, an inner node is no leaf, a leaf no inner node.
#[test]
fn an_absent_key_cannot_be_invented() {
    let (low, high, root) = pair();
    let claim = |key: &[u8], value: &[u8], proof| verify(HASH, &root, key, Some(value), &proof);
    assert_eq!(claim(&[0x01], b"low", forge(1, &[0x01], &[(0, high)], None)), Err(ProofError::Root));
    assert_eq!(
        claim(&[0x01], b"low", forge(2, &[0x01], &[(0, high)], Some((&[0x00], b"low")))),
        Err(ProofError::Claim)
    );
    assert_eq!(claim(&[0x01], b"", forge(3, &[0x01], &[], None)), Err(ProofError::Claim));
    // A 32-byte key equal to the left child: its leaf would have the message of the inner node.
    for value in [&high[..], b"high", b""] {
        assert_eq!(claim(&low, value, forge(1, &low, &[], None)), Err(ProofError::Root));
    }
    // A tree whose single leaf has a key like an inner node's left side, opened as that inner node.
    let value = digest(HASH, "xln.tree.value", 1, b"v");
    let single = leaf(HASH, &low, b"v");
    let opened = forge(1, &[0x00], &[(0, value)], None);
    assert_eq!(verify(HASH, &single, &[0x00], Some(b"low"), &opened), Err(ProofError::Root));
    // The same bytes, cut elsewhere between key and value.
    let root = leaf(HASH, b"ab", b"c");
    assert_eq!(verify(HASH, &root, b"a", Some(b"bc"), &forge(1, b"a", &[], None)), Err(ProofError::Root));
}

/// ST-2: a leaf on the wrong side of a dishonest tree can be shown neither to be there nor by another's absence.
#[test]
fn a_misplaced_leaf_proves_nothing() {
    let (low, high, _) = pair();
    let root = node(HASH, 0, &high, &low);
    for (key, value, sibling) in [([0x00], b"low".as_slice(), high), ([0x80], b"high", low)] {
        let present = forge(1, &key, &[(0, sibling)], None);
        assert_eq!(verify(HASH, &root, &key, Some(value), &present), Err(ProofError::Root));
    }
    let absent = forge(2, &[0x01], &[(0, low)], Some((&[0x80], b"high")));
    assert_eq!(verify(HASH, &root, &[0x01], None, &absent), Err(ProofError::Neighbour));
}

/// ST-2: a key put in twice at two depths has one answer, the one its walk leads to.
#[test]
fn a_key_put_in_twice_has_one_answer() {
    let (one, two) = (leaf(HASH, &[0x00], b"one"), leaf(HASH, &[0x00], b"two"));
    let root = node(HASH, 3, &one, &two);
    let claim = |value: &[u8], sibling| {
        let proof = forge(1, &[0x00], &[(3, sibling)], None);
        verify(HASH, &root, &[0x00], Some(value), &proof)
    };
    assert_eq!((claim(b"one", two), claim(b"two", one)), (Ok(()), Err(ProofError::Root)));
}

/// ST-2: pieces of true proofs, recombined at random, never prove the reverse of what is so.
#[test]
fn recombined_proofs_never_prove_the_reverse() {
    let mut random = Random(404);
    let map = model::map(&mut random, 30, 2);
    let tree = model::tree(config(HASH, 4, 4), &map);
    assert_eq!(HASHES[1], HASH);
    let keys: Vec<_> = map.keys().cloned().collect();
    let steps = |key: &[u8]| -> Vec<(u16, Hash)> {
        let bytes = tree.prove(key).to_bytes();
        let step = |step: &[u8]| (u16::from_be_bytes([step[0], step[1]]), step[2..].try_into().unwrap());
        bytes[35..].chunks_exact(34).map(step).collect()
    };
    for _ in 0..5000 {
        let [key, other, donor] = [0; 3].map(|_: u8| &keys[random.below(keys.len())]);
        let (mut path, donated) = (steps(key), steps(donor));
        path.truncate(random.below(path.len() + 1));
        let last = path.last().map_or(0, |(position, _)| position + 1);
        path.extend(donated.into_iter().filter(|(position, _)| last <= *position));
        let denial = forge(2, key, &path, Some((other, &map[other])));
        assert_ne!(verify(HASH, &tree.root(), key, None, &denial), Ok(()), "key={key:?} other={other:?}");
    }
}
