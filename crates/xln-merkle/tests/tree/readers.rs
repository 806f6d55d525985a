//! A reader is one commit: whole, and unmoved by what the tree does next, also from other threads and during a commit.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::model::{self, Map, Random, config};
use xln_merkle::{HashFunction, Reader, verify};

const HASH: HashFunction = HashFunction::Blake3;

/// Reads all there is and holds it against the root that the reader claims.
fn read_whole(reader: &Reader) -> Map {
    let map: Map = reader.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(model::root(HASH, &map), reader.root());
    assert_eq!((reader.len(), reader.is_empty()), (map.len(), map.is_empty()));
    for (key, value) in map.iter().take(3) {
        assert_eq!(reader.get(key), Some(&value[..]));
        assert_eq!(verify(HASH, &reader.root(), key, Some(value), &reader.prove(key)), Ok(()));
    }
    map
}

/// ST-1: a reader keeps its commit through later sets, deletes, commits and rollbacks, and past the tree's end.
#[test]
fn a_reader_keeps_its_commit() {
    for bit_width in [1, 4, 16] {
        let mut random = Random(1);
        let mut tree = model::tree(config(HASH, bit_width, 4), &Map::new());
        let mut map = Map::new();
        let mut kept: Vec<(Reader, Map)> = Vec::new();
        for round in 0..12 {
            kept.push((tree.reader(), map.clone()));
            for (key, value) in model::map(&mut random, 30, 3) {
                tree.set(&key, &value).unwrap();
                map.insert(key, value);
            }
            let gone: Vec<_> = map.keys().step_by(2).cloned().collect();
            for key in gone {
                assert!(tree.delete(&key));
                map.remove(&key);
            }
            if round % 3 == 2 {
                tree.rollback();
                map = read_whole(&tree.reader());
            }
            tree.commit();
        }
        drop(tree);
        for (reader, map) in kept {
            assert_eq!(read_whole(&reader.clone()), map);
        }
    }
}

/// ST-1: two threads read whole commits while the tree goes on committing; each sees many, none sees a mixture.
#[test]
fn readers_during_commits() {
    let mut random = Random(2);
    let mut tree = model::tree(config(HASH, 4, 16), &model::map(&mut random, 200, 32));
    let latest = Mutex::new(tree.reader());
    let done = AtomicBool::new(false);
    let overlapped = AtomicUsize::new(0);
    let (seen, seen_by) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (latest, done, overlapped, seen) = (&latest, &done, &overlapped, seen.clone());
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let reader = latest.lock().unwrap().clone();
                    let first = read_whole(&reader);
                    if latest.lock().unwrap().root() != reader.root() {
                        overlapped.fetch_add(1, Ordering::AcqRel);
                    }
                    assert_eq!(read_whole(&reader), first);
                    seen.send(()).unwrap();
                }
            });
        }
        // Go on until reads have overlapped commits often; each round waits for no more than one reader.
        while overlapped.load(Ordering::Acquire) < 10 {
            for (key, value) in model::map(&mut random, 50, 32) {
                tree.set(&key, &value).unwrap();
            }
            let gone: Vec<_> = tree.reader().iter().step_by(4).map(|(key, _)| key.to_vec()).collect();
            for key in gone {
                tree.delete(&key);
            }
            tree.commit();
            *latest.lock().unwrap() = tree.reader();
        }
        done.store(true, Ordering::Release);
    });
    assert!(10 <= seen_by.try_iter().count());
}

/// What a server needs of a reader, checked by the compiler.
#[test]
fn a_reader_can_be_shared() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let tree = model::tree(config(HASH, 4, 16), &Map::new());
    shared(&tree.reader());
    shared(&tree);
}
