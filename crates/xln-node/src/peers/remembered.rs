//! The nodes that an operator connected to: dialled again after a restart. A small file in the data folder; losing it loses no money.

use std::path::{Path, PathBuf};
use xln_types::EntityId;

/// A line a node: its address, and its hub where only that one is wanted.
const FILE: &str = "peers.txt";

/// A node to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedPeer {
    /// `host:port`.
    pub address: String,
    /// Who is expected there, if that was said.
    pub node: Option<EntityId>,
}

/// The file.
pub struct Remembered {
    path: PathBuf,
}

impl Remembered {
    /// In this data folder.
    pub fn at(data: &Path) -> Remembered {
        Remembered { path: data.join(FILE) }
    }

    /// What it names; nothing where it can't be read, which is logged.
    pub fn read(&self) -> Vec<RememberedPeer> {
        let Ok(text) = std::fs::read_to_string(&self.path) else { return Vec::new() };
        let peer = |line: &str| {
            let mut words = line.split_whitespace();
            let address = words.next()?.to_owned();
            match words.next().map(str::parse) {
                None => Some(RememberedPeer { address, node: None }),
                Some(Ok(node)) => Some(RememberedPeer { address, node: Some(node) }),
                Some(Err(_)) => {
                    tracing::warn!(line, path = %self.path.display(), "a remembered peer is unreadable");
                    None
                }
            }
        };
        text.lines().filter_map(peer).collect()
    }

    /// Adds a node, or what is expected at its address.
    pub fn add(&self, peer: &RememberedPeer) {
        let mut all = self.read();
        all.retain(|known| known.address != peer.address);
        all.push(peer.clone());
        let line = |peer: &RememberedPeer| match peer.node {
            Some(node) => format!("{} {node}\n", peer.address),
            None => format!("{}\n", peer.address),
        };
        let text: String = all.iter().map(line).collect();
        let new = self.path.with_extension("tmp");
        let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "a peer can't be remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that was connected to is known after a restart; a spoilt file keeps nobody from starting.
    #[test]
    fn peers_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let remembered = Remembered::at(folder.path());
        assert_eq!(remembered.read(), []);
        let one = RememberedPeer { address: "127.0.0.1:9797".to_owned(), node: None };
        remembered.add(&one);
        let named = RememberedPeer { node: Some(EntityId([7; 32])), ..one };
        remembered.add(&named);
        assert_eq!(Remembered::at(folder.path()).read(), [named]);
        std::fs::write(folder.path().join(FILE), "127.0.0.1:1 0x1\n").expect("written");
        assert_eq!(remembered.read(), []);
    }
}
