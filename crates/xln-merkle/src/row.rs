//! A row: the sorted items of one node, and the hashes of the binary tree over them.
//!
//! Between two neighbours of a sorted row lies exactly one inner node of the crit-bit tree: the one that parts them. So a
//! row of n items keeps its n - 1 inner hashes beside the items (`joint`, at the item right of the parting), and the
//! tree needs no pointers. An item that changes forgets the joints on its path from the top, no others (ST-1: what is
//! kept is what would be computed afresh).
//!
//! Recursion runs once a level of the binary tree, whose depth is at most the bits of a key (1,024).

use core::cmp::Ordering;
use core::ops::Range;

use crate::bits;
use crate::hash::{Hash, HashFunction};
use crate::proof::Step;

/// What a row holds: an entry of a leaf, or a child of a branch.
pub(crate) trait Item {
    /// The first bit position in which the keys of two items of one row differ.
    fn differ(&self, other: &Self) -> u32;
    /// The bit at a position in which the items of the row may differ.
    fn bit(&self, position: u32) -> bool;
    /// The item's hash, if it is known.
    fn hash(&self) -> Option<Hash>;
    /// Computes what is missing of the item's hash and keeps it.
    fn seal(&mut self, hash: HashFunction) -> Hash;
}

#[derive(Clone, Debug)]
struct Slot<T> {
    item: T,
    /// The inner node that parts this item from the one before it. Unused in the first slot.
    joint: Option<Hash>,
}

/// Sorted items with the hashes between them.
#[derive(Clone, Debug)]
pub(crate) struct Row<T> {
    slots: Vec<Slot<T>>,
    top: Option<Hash>,
}

/// Items of a row, in order.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a, T>(core::slice::Iter<'a, Slot<T>>);

impl<'a, T> Iterator for Items<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.0.next().map(|slot| &slot.item)
    }
}

/// An inner node: the bit that parts a range of items, and the first item right of the parting.
struct Fork {
    position: u32,
    middle: usize,
}

impl<T: Item> Row<T> {
    /// A row of items that are already sorted.
    pub(crate) fn new(items: Vec<T>) -> Row<T> {
        Row { slots: items.into_iter().map(|item| Slot { item, joint: None }).collect(), top: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The items from `index` on.
    pub(crate) fn from(&self, index: usize) -> Items<'_, T> {
        Items(self.slots.get(index..).unwrap_or_default().iter())
    }

    /// The item that `order` calls equal (`Ok`), or where it belongs (`Err`).
    pub(crate) fn search(&self, order: impl Fn(&T) -> Ordering) -> Result<usize, usize> {
        self.slots.binary_search_by(|slot| order(&slot.item))
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index).map(|slot| &slot.item)
    }

    /// The item at `index`, to be changed: its path is forgotten.
    pub(crate) fn touch(&mut self, index: usize) -> &mut T {
        self.forget(index);
        let Some(slot) = self.slots.get_mut(index) else { unreachable!("row: no item at index={index}") };
        &mut slot.item
    }

    pub(crate) fn insert(&mut self, index: usize, item: T) {
        self.slots.insert(index, Slot { item, joint: None });
        self.forget(index);
    }

    /// Both joints beside the item lie on its path, so either may leave with it.
    pub(crate) fn remove(&mut self, index: usize) {
        self.forget(index);
        self.slots.remove(index);
    }

    /// The items alone.
    pub(crate) fn into_items(self) -> Vec<T> {
        self.slots.into_iter().map(|slot| slot.item).collect()
    }

    /// The hash of the whole row, if it is known.
    pub(crate) fn top(&self) -> Option<Hash> {
        self.top
    }

    /// Computes every hash that is missing.
    pub(crate) fn seal(&mut self, hash: HashFunction) -> Hash {
        let top = self.fold(0..self.len(), hash);
        self.top = Some(top);
        top
    }

    /// Follows the bits of `key` down a sealed row to one item; appends what is passed by.
    pub(crate) fn walk(&self, key: &[u8], steps: &mut Vec<Step>) -> &T {
        let mut range = 0..self.len();
        while let Some(fork) = self.fork(&range) {
            let (left, right) = (range.start..fork.middle, fork.middle..range.end);
            let (own, other) = if bits::bit(key, fork.position) { (right, left) } else { (left, right) };
            steps.push(Step { position: fork.position, sibling: self.sealed(&other) });
            range = own;
        }
        let Some(item) = self.get(range.start) else { unreachable!("row: empty") };
        item
    }

    /// Joints that are not known.
    #[cfg(test)]
    pub(crate) fn forgotten(&self) -> usize {
        self.slots.iter().skip(1).filter(|slot| slot.joint.is_none()).count()
    }

    fn fork(&self, range: &Range<usize>) -> Option<Fork> {
        let slots = self.slots.get(range.clone())?;
        let [first, .., last] = slots else {
            return None;
        };
        let position = first.item.differ(&last.item);
        let left = slots.partition_point(|slot| !slot.item.bit(position));
        Some(Fork { position, middle: range.start.saturating_add(left) })
    }

    fn joint(&self, index: usize) -> Option<Hash> {
        self.slots.get(index).and_then(|slot| slot.joint)
    }

    fn keep(&mut self, index: usize, joint: Option<Hash>) {
        let Some(slot) = self.slots.get_mut(index) else { unreachable!("row: no joint at index={index}") };
        slot.joint = joint;
    }

    fn forget(&mut self, index: usize) {
        self.top = None;
        let mut range = 0..self.len();
        while let Some(fork) = self.fork(&range) {
            self.keep(fork.middle, None);
            range = if index < fork.middle { range.start..fork.middle } else { fork.middle..range.end };
        }
    }

    fn fold(&mut self, range: Range<usize>, hash: HashFunction) -> Hash {
        let Some(fork) = self.fork(&range) else {
            let Some(slot) = self.slots.get_mut(range.start) else { unreachable!("row: empty") };
            return slot.item.seal(hash);
        };
        if let Some(joint) = self.joint(fork.middle) {
            return joint;
        }
        let left = self.fold(range.start..fork.middle, hash);
        let right = self.fold(fork.middle..range.end, hash);
        let joint = hash.node(fork.position, &left, &right);
        self.keep(fork.middle, Some(joint));
        joint
    }

    fn sealed(&self, range: &Range<usize>) -> Hash {
        let known = match self.fork(range) {
            Some(fork) => self.joint(fork.middle),
            None => self.get(range.start).and_then(T::hash),
        };
        let Some(hash) = known else { unreachable!("row: proof of a range that was never sealed") };
        hash
    }
}
