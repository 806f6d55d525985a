//! Roots checked in: an encoding changes on purpose, or this fails (ST-1, ST-2, TX-7).

use std::fmt::Write;

use crate::model::{self, HASHES, Map, config};
use xln_merkle::{Tree, list};

const GOLDEN: &str = include_str!("golden.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Key `i` is the big-endian square of `i`, spread over `key_bytes`; value `i` is `i` bytes of `i`.
fn map(count: u16, key_bytes: usize) -> Map {
    let entry = |index: u16| {
        let square = (u32::from(index) * u32::from(index)).to_be_bytes();
        let key = (0..key_bytes).map(|byte| square[byte * 4 / key_bytes]).collect();
        (key, vec![index.to_be_bytes()[1]; usize::from(index % 100)])
    };
    (0..count).map(entry).collect()
}

fn table() -> String {
    let mut table = String::new();
    for hash in HASHES {
        for (count, key_bytes) in [(0, 32), (1, 32), (2, 32), (17, 4), (300, 32), (300, 97), (300, 128)] {
            let map = map(count, key_bytes);
            let roots = (1..=16).map(|bit_width| model::tree(config(hash, bit_width, 4), &map).root());
            let roots: Vec<_> = roots.collect();
            assert!(roots.iter().all(|root| *root == roots[0]), "the same at every width");
            writeln!(table, "tree {hash:?} entries={count} key_bytes={key_bytes} {}", hex(&roots[0])).unwrap();
        }
        let tree: Tree = model::tree(config(hash, 4, 16), &map(5, 4));
        for key in [[0, 0, 0, 4], [0, 0, 0, 5]] {
            writeln!(table, "proof {hash:?} key={} {}", hex(&key), hex(&tree.prove(&key).to_bytes())).unwrap();
        }
        let empty = Tree::new(config(hash, 4, 16)).unwrap().prove(&[0; 4]);
        writeln!(table, "proof {hash:?} of the empty tree {}", hex(&empty.to_bytes())).unwrap();
        for count in [0, 1, 2, 3, 7] {
            let leaves: Vec<Vec<u8>> = map(count, 4).into_iter().map(|(key, value)| [key, value].concat()).collect();
            writeln!(table, "list {hash:?} leaves={count} {}", hex(&list::root(hash, &leaves))).unwrap();
        }
    }
    table
}

/// ST-1, TX-7. A new table, if it is meant: the left side of the failure, into `golden.txt`.
#[test]
fn the_encodings_are_what_they_were() {
    assert_eq!(table(), GOLDEN, "\n{}", table());
}
