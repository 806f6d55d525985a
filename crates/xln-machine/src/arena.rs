//! Dense storage: records live in a vector, named by a small [`Handle`]; long ids are looked up once, at the door (DESIGN 5).
//!
//! [`Index`] is a hash map that can't be iterated, so its order can't reach a result; its hasher is seeded by the shell, so that
//! nobody outside can aim for collisions.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;

/// The place of a record in an [`Arena`] of `T`.
pub struct Handle<T>(u32, PhantomData<fn() -> T>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Handle<T> {}
impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Handle<T> {}
impl<T> PartialOrd for Handle<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Handle<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> std::fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl<T> Handle<T> {
    /// Its number, in the order of creation.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Records in the order of their creation.
#[derive(Debug)]
pub struct Arena<T> {
    items: Vec<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { items: Vec::new() }
    }
}

impl<T> Arena<T> {
    /// The handle that the next record will get.
    ///
    /// # Panics
    /// At 2³² records, which no machine here can hold.
    pub fn next_handle(&self) -> Handle<T> {
        let number = u32::try_from(self.items.len());
        assert!(number.is_ok(), "arena is full");
        Handle(number.unwrap_or(u32::MAX), PhantomData)
    }

    /// Adds a record.
    pub fn push(&mut self, item: T) -> Handle<T> {
        let handle = self.next_handle();
        self.items.push(item);
        handle
    }

    /// Takes the newest record back out: undoes a [`Arena::push`].
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    /// The record with this handle.
    ///
    /// # Panics
    /// If the handle isn't of this arena: our own bug.
    pub fn at(&self, handle: Handle<T>) -> &T {
        let item = self.items.get(handle.0 as usize);
        assert!(item.is_some(), "handle of another arena");
        item.unwrap_or_else(|| unreachable!())
    }

    /// The record with this handle, to change.
    ///
    /// # Panics
    /// If the handle isn't of this arena: our own bug.
    pub fn at_mut(&mut self, handle: Handle<T>) -> &mut T {
        let item = self.items.get_mut(handle.0 as usize);
        assert!(item.is_some(), "handle of another arena");
        item.unwrap_or_else(|| unreachable!())
    }

    /// All records, in the order of their creation.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.items.iter()
    }

    /// All handles, in the order of their creation.
    pub fn handles(&self) -> impl Iterator<Item = Handle<T>> + use<T> {
        let count = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        (0..count).map(|number| Handle(number, PhantomData))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Hashes ids, which are hashes already: one multiply-and-fold a word, mixed with a secret seed.
#[derive(Clone, Copy, Debug)]
pub struct Seeded(u64);

impl BuildHasher for Seeded {
    type Hasher = IdHasher;
    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// The hasher of [`Seeded`].
#[derive(Debug)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let [low, high] = [product & u128::from(u64::MAX), product >> 64];
        self.0 = u64::try_from(low ^ high).unwrap_or(0).rotate_left(23);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// From ids to handles.
#[derive(Debug)]
pub struct Index<K, V>(HashMap<K, V, Seeded>);

impl<K: Eq + Hash, V: Copy> Index<K, V> {
    /// An empty index whose order nobody can foresee.
    pub fn new(seed: u64) -> Self {
        Index(HashMap::with_hasher(Seeded(seed | 1)))
    }

    /// What stands under this key.
    pub fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).copied()
    }

    /// Puts a value under a key.
    pub fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &K) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TX-7: handles count creation, and nothing else orders or names a record.
    #[test]
    fn handles_are_numbers_in_the_order_of_creation() {
        let mut arena = Arena::default();
        assert!(arena.is_empty() && arena.pop().is_none());
        let handles: Vec<Handle<&str>> = ["a", "b", "c"].map(|item| arena.push(item)).to_vec();
        assert_eq!(handles, arena.handles().collect::<Vec<_>>());
        assert!(handles.is_sorted() && handles.iter().map(|handle| handle.number()).eq(0..3));
        assert_eq!(format!("{:?}", handles[2]), "#2");
        *arena.at_mut(handles[1]) = "x";
        assert_eq!(arena.iter().copied().collect::<Vec<_>>(), ["a", "x", "c"]);
        assert_eq!((arena.pop(), arena.len(), arena.next_handle()), (Some("c"), 2, handles[2]));
    }

    /// TX-7: an index finds what was put in, whatever seeds it and however long the key is.
    #[test]
    fn an_index_finds_by_key_whatever_its_seed() {
        let mut arena = Arena::default();
        let handles: Vec<Handle<u64>> = (0..500).map(|number| arena.push(number)).collect();
        for seed in [0, 1, u64::MAX] {
            let (mut by_bytes, mut by_handle) = (Index::new(seed), Index::new(seed));
            for handle in &handles {
                by_bytes.insert(handle.number().to_be_bytes(), *handle);
                by_handle.insert(*handle, handle.number());
            }
            by_bytes.remove(&7_u32.to_be_bytes());
            for handle in &handles {
                let found = by_bytes.get(&handle.number().to_be_bytes());
                assert_eq!(found, Some(*handle).filter(|handle| handle.number() != 7), "seed={seed}");
                assert_eq!(by_handle.get(handle), Some(handle.number()), "seed={seed}");
            }
        }
    }
}
