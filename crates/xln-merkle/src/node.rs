//! The layout: leaves that hold up to a threshold of entries, branches that consume a digit of the key.
//!
//! The digit of a branch is the first in which its keys differ, so what they share before it is skipped; digits sit on a
//! grid of `bit_width` from the key's first bit, the last one padded with zeros. A leaf over the threshold splits, a
//! branch that falls to the threshold merges: the shape is a function of the keys (ST-1), as `check` in the tests asserts.
//!
//! Nodes are shared (`Arc`) with readers and with the last commit; a change copies the nodes on its path that are
//! shared and leaves the rest alone. A branch has at least two children and each level consumes at least one bit, so
//! no recursion here is deeper than the bits of a key (1,024).

use std::sync::Arc;

use crate::bits;
use crate::config::Config;
use crate::hash::{Hash, HashFunction};
use crate::proof::Step;
use crate::reader::Entries;
use crate::row::{Item, Row};

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Arc<[u8]>,
    pub(crate) value: Arc<[u8]>,
    pub(crate) hash: Option<Hash>,
}

impl Entry {
    pub(crate) fn new(key: &[u8], value: &[u8]) -> Entry {
        Entry { key: key.into(), value: value.into(), hash: None }
    }
}

impl Item for Entry {
    fn differ(&self, other: &Entry) -> u32 {
        let Some(position) = bits::differ(&self.key, &other.key) else { unreachable!("leaf: a key twice") };
        position
    }

    fn bit(&self, position: u32) -> bool {
        bits::bit(&self.key, position)
    }

    fn hash(&self) -> Option<Hash> {
        self.hash
    }

    fn seal(&mut self, hash: HashFunction) -> Hash {
        *self.hash.get_or_insert_with(|| hash.leaf(&self.key, &hash.value(&self.value)))
    }
}

/// A child of a branch: the keys beneath have `digit` in the bits that end before `end`.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    end: u32,
    pub(crate) digit: u32,
    pub(crate) node: Arc<Node>,
}

impl Item for Child {
    fn differ(&self, other: &Child) -> u32 {
        let changed = self.digit ^ other.digit;
        self.end.saturating_sub(u32::BITS.saturating_sub(changed.leading_zeros()))
    }

    fn bit(&self, position: u32) -> bool {
        let below = self.end.saturating_sub(position).saturating_sub(1);
        self.digit.wrapping_shr(below) & 1 == 1
    }

    fn hash(&self) -> Option<Hash> {
        self.node.top()
    }

    fn seal(&mut self, hash: HashFunction) -> Hash {
        Node::seal(&mut self.node, hash)
    }
}

/// A branch: at least two children, more entries than the leaf threshold.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// The bit at which the digit of this branch begins.
    pub(crate) start: u32,
    /// A key that is or was beneath; its first `start` bits are what all keys beneath share.
    pub(crate) prefix: Arc<[u8]>,
    /// Entries beneath.
    pub(crate) count: usize,
    pub(crate) row: Row<Child>,
}

/// A node of the layout.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Leaf(Row<Entry>),
    Branch(Branch),
}

/// The grid that digits sit on and the size of leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    width: u32,
    threshold: usize,
}

impl Shape {
    pub(crate) fn new(config: &Config) -> Shape {
        Shape { width: u32::from(config.bit_width), threshold: config.leaf_threshold }
    }

    /// Where the digit begins that a bit position lies in.
    fn start(self, position: u32) -> u32 {
        position.saturating_sub(position.checked_rem(self.width).unwrap_or(0))
    }

    fn child(self, start: u32, key: &[u8], node: Arc<Node>) -> Child {
        let end = start.saturating_add(self.width);
        Child { end, digit: bits::digit(key, start, self.width), node }
    }
}

impl Branch {
    /// Where `key` leaves the shared prefix, if it does.
    pub(crate) fn apart(&self, key: &[u8]) -> Option<u32> {
        bits::differ(&self.prefix, key).filter(|position| *position < self.start)
    }

    /// The child that holds `key` if any does (`Ok`), or where one would be inserted (`Err`).
    pub(crate) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let end = self.row.get(0).map_or(0, |child| child.end);
        let digit = bits::digit(key, self.start, end.saturating_sub(self.start));
        self.row.search(|child| child.digit.cmp(&digit))
    }

    fn insert(&mut self, shape: Shape, entry: Entry) -> bool {
        let added = match self.search(&entry.key) {
            Ok(index) => Node::insert(&mut self.row.touch(index).node, shape, entry),
            Err(index) => {
                let key = entry.key.clone();
                self.row.insert(index, shape.child(self.start, &key, Node::single(entry)));
                true
            }
        };
        self.count = self.count.saturating_add(usize::from(added));
        added
    }
}

/// The entry with `key` in a leaf (`Ok`), or where it belongs (`Err`).
pub(crate) fn search(row: &Row<Entry>, key: &[u8]) -> Result<usize, usize> {
    row.search(|entry| entry.key.as_ref().cmp(key))
}

impl Node {
    /// A leaf of one entry.
    pub(crate) fn single(entry: Entry) -> Arc<Node> {
        Arc::new(Node::Leaf(Row::new(vec![entry])))
    }

    /// The hash of all entries beneath, if it is known.
    pub(crate) fn top(&self) -> Option<Hash> {
        match self {
            Node::Leaf(row) => row.top(),
            Node::Branch(branch) => branch.row.top(),
        }
    }

    /// Computes every hash that is missing beneath.
    pub(crate) fn seal(node: &mut Arc<Node>, hash: HashFunction) -> Hash {
        if let Some(top) = node.top() {
            return top;
        }
        match Arc::make_mut(node) {
            Node::Leaf(row) => row.seal(hash),
            Node::Branch(branch) => branch.row.seal(hash),
        }
    }

    /// The bytes of every key beneath.
    pub(crate) fn key_bytes(&self) -> usize {
        match self {
            Node::Leaf(row) => row.get(0).map_or(0, |entry| entry.key.len()),
            Node::Branch(branch) => branch.prefix.len(),
        }
    }

    /// The entries beneath.
    pub(crate) fn count(&self) -> usize {
        match self {
            Node::Leaf(row) => row.len(),
            Node::Branch(branch) => branch.count,
        }
    }

    /// The entry of `key`, which has the length of the others.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(row) => return row.get(search(row, key).ok()?),
                Node::Branch(branch) => node = &branch.row.get(branch.search(key).ok()?)?.node,
            }
        }
    }

    /// Follows the bits of `key` down sealed nodes to one entry: the key's own, if it is there.
    pub(crate) fn walk(&self, key: &[u8], steps: &mut Vec<Step>) -> &Entry {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(row) => return row.walk(key, steps),
                Node::Branch(branch) => node = &branch.row.walk(key, steps).node,
            }
        }
    }

    /// Puts an entry, whose key has the length of the others; `true` if the key is new.
    pub(crate) fn insert(node: &mut Arc<Node>, shape: Shape, entry: Entry) -> bool {
        if let Node::Branch(branch) = &**node
            && let Some(position) = branch.apart(&entry.key)
        {
            *node = Arc::new(Node::Branch(shape.pair(position, branch.prefix.clone(), node.clone(), entry)));
            return true;
        }
        match Arc::make_mut(node) {
            Node::Branch(branch) => branch.insert(shape, entry),
            Node::Leaf(row) => match search(row, &entry.key) {
                Ok(index) => {
                    *row.touch(index) = entry;
                    false
                }
                Err(index) => {
                    row.insert(index, entry);
                    if shape.threshold < row.len() {
                        let entries = std::mem::replace(row, Row::new(Vec::new())).into_items();
                        *node = Arc::new(Node::Branch(shape.split(entries)));
                    }
                    true
                }
            },
        }
    }

    /// Removes a key that is there; `true` if nothing is left.
    pub(crate) fn remove(node: &mut Arc<Node>, shape: Shape, key: &[u8]) -> bool {
        if let Node::Branch(branch) = &**node
            && branch.count.saturating_sub(1) <= shape.threshold
        {
            let entries = Entries::all(node).cloned().collect();
            *node = Arc::new(Node::Leaf(Row::new(entries)));
        }
        let branch = match Arc::make_mut(node) {
            Node::Branch(branch) => branch,
            Node::Leaf(row) => {
                let Ok(index) = search(row, key) else { unreachable!("leaf: key to remove is not there") };
                row.remove(index);
                return row.len() == 0;
            }
        };
        let Ok(index) = branch.search(key) else { unreachable!("branch: key to remove is not there") };
        branch.count = branch.count.saturating_sub(1);
        if Node::remove(&mut branch.row.touch(index).node, shape, key) {
            branch.row.remove(index);
        }
        // One child alone shares a longer prefix: it takes the place of its parent.
        if branch.row.len() == 1
            && let Some(only) = branch.row.get(0)
        {
            *node = only.node.clone();
        }
        false
    }
}

impl Shape {
    /// A branch over what was beneath `node` and one entry that leaves its prefix at `position`.
    fn pair(self, position: u32, prefix: Arc<[u8]>, node: Arc<Node>, entry: Entry) -> Branch {
        let start = self.start(position);
        let count = node.count().saturating_add(1);
        let key = entry.key.clone();
        let old = self.child(start, &prefix, node);
        let new = self.child(start, &key, Node::single(entry));
        let children = if old.digit < new.digit { vec![old, new] } else { vec![new, old] };
        Branch { start, prefix, count, row: Row::new(children) }
    }

    /// A branch over the sorted entries of a leaf that grew one over the threshold: no child can be over it.
    fn split(self, entries: Vec<Entry>) -> Branch {
        let [first, .., last] = entries.as_slice() else { unreachable!("leaf: split under two entries") };
        let start = self.start(first.differ(last));
        let (prefix, count) = (first.key.clone(), entries.len());
        let mut groups: Vec<(u32, Vec<Entry>)> = Vec::new();
        for entry in entries {
            let digit = bits::digit(&entry.key, start, self.width);
            match groups.last_mut() {
                Some((last, group)) if *last == digit => group.push(entry),
                _ => groups.push((digit, vec![entry])),
            }
        }
        let end = start.saturating_add(self.width);
        let child = |(digit, group)| Child { end, digit, node: Arc::new(Node::Leaf(Row::new(group))) };
        Branch { start, prefix, count, row: Row::new(groups.into_iter().map(child).collect()) }
    }
}
