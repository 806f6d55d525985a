//! A reader: the map as of one commit, while the tree goes on. And iteration in key order, whole or under a prefix.

use std::sync::Arc;

use crate::bits;
use crate::hash::{Hash, HashFunction};
use crate::node::{Child, Entry, Node, search};
use crate::proof::Proof;
use crate::row::Items;

/// An immutable view of one commit. Cheap to clone, and can be sent to other threads; it never changes.
///
/// It shares its nodes with the tree, which copies what it changes, so a reader costs the memory of what changed since.
#[derive(Clone, Debug)]
pub struct Reader {
    node: Option<Arc<Node>>,
    root: Hash,
    hash: HashFunction,
}

impl Reader {
    /// Seals the nodes and shares them.
    pub(crate) fn new(node: &mut Option<Arc<Node>>, hash: HashFunction) -> Reader {
        let root = node.as_mut().map_or_else(|| hash.empty(), |node| Node::seal(node, hash));
        Reader { node: node.clone(), root, hash }
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// The root of the commit.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Entries in the map.
    #[must_use]
    pub fn len(&self) -> usize {
        self.node.as_ref().map_or(0, |node| node.count())
    }

    /// Whether the map has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.node.is_none()
    }

    /// The value of `key`; `None` if it is absent.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        get(self.node.as_ref(), key)
    }

    /// Proves the value of `key`, or that it is absent, against [`Reader::root`] (ST-2). Every key has a proof, also one
    /// of a length that the map does not hold: it is absent.
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> Proof {
        let Some(node) = &self.node else {
            return Proof::empty(self.hash, key);
        };
        let mut steps = Vec::new();
        let entry = node.walk(key, &mut steps);
        Proof::new(self.hash, key, steps, &entry.key, &entry.value)
    }

    /// All entries in key order.
    pub fn iter(&self) -> Entries<'_> {
        self.prefix(&[])
    }

    /// The entries whose key begins with `prefix`, in key order. Finds the first without visiting those before it.
    pub fn prefix(&self, prefix: &[u8]) -> Entries<'_> {
        match &self.node {
            Some(node) if prefix.len() <= node.key_bytes() => Entries::seek(node, prefix),
            _ => Entries::default(),
        }
    }
}

impl<'a> IntoIterator for &'a Reader {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// The value of `key` beneath `node`.
pub(crate) fn get<'a>(node: Option<&'a Arc<Node>>, key: &[u8]) -> Option<&'a [u8]> {
    let node = node.filter(|node| node.key_bytes() == key.len())?;
    node.get(key).map(|entry| entry.value.as_ref())
}

/// Entries in key order: `(key, value)`.
#[derive(Clone, Debug, Default)]
pub struct Entries<'a> {
    prefix: Box<[u8]>,
    /// What is left of each node on the path, the deepest last.
    rest: Vec<Rest<'a>>,
}

#[derive(Clone, Debug)]
enum Rest<'a> {
    Entries(Items<'a, Entry>),
    Children(Items<'a, Child>),
}

impl<'a> Entries<'a> {
    /// From the first key that is not before `prefix`, which is at most as long as the keys.
    fn seek(node: &'a Node, prefix: &[u8]) -> Entries<'a> {
        let mut entries = Entries { prefix: prefix.into(), rest: Vec::new() };
        let mut first = vec![0; node.key_bytes()];
        for (byte, wanted) in first.iter_mut().zip(prefix) {
            *byte = *wanted;
        }
        let mut next = Some(node);
        while let Some(node) = next {
            next = entries.enter(node, &first);
        }
        entries
    }

    /// Keeps what is at or after `first` beneath `node`, except within the child that it returns, which may hold it.
    fn enter(&mut self, node: &'a Node, first: &[u8]) -> Option<&'a Node> {
        let branch = match node {
            Node::Branch(branch) => branch,
            Node::Leaf(row) => {
                let (Ok(index) | Err(index)) = search(row, first);
                self.rest.push(Rest::Entries(row.from(index)));
                return None;
            }
        };
        match (branch.apart(first), branch.search(first)) {
            (Some(position), _) if bits::bit(first, position) => None,
            (Some(_), _) => {
                self.rest.push(Rest::Children(branch.row.from(0)));
                None
            }
            (None, Err(index)) => {
                self.rest.push(Rest::Children(branch.row.from(index)));
                None
            }
            (None, Ok(index)) => {
                let mut children = branch.row.from(index);
                let child = children.next();
                self.rest.push(Rest::Children(children));
                child.map(|child| &*child.node)
            }
        }
    }

    /// Every entry beneath `node`.
    pub(crate) fn all(node: &'a Node) -> impl Iterator<Item = &'a Entry> {
        let mut entries = Entries::default();
        entries.push(node);
        core::iter::from_fn(move || entries.step())
    }

    fn push(&mut self, node: &'a Node) {
        self.rest.push(match node {
            Node::Leaf(row) => Rest::Entries(row.from(0)),
            Node::Branch(branch) => Rest::Children(branch.row.from(0)),
        });
    }

    fn step(&mut self) -> Option<&'a Entry> {
        loop {
            let (entry, child) = match self.rest.last_mut()? {
                Rest::Entries(entries) => (entries.next(), None),
                Rest::Children(children) => (None, children.next()),
            };
            match (entry, child) {
                (Some(entry), _) => return Some(entry),
                (None, Some(child)) => self.push(&child.node),
                (None, None) => drop(self.rest.pop()),
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.step()?;
        if !entry.key.starts_with(&self.prefix) {
            self.rest.clear();
            return None;
        }
        Some((&entry.key, &entry.value))
    }
}
