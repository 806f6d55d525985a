//! The named faults: what can be asked for, and how often each really fired. A fault counts when it had an effect: a message was dropped
//! that was on its way, a sync failed that somebody waited for; what was only armed counts nothing.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// Something that goes wrong in the world.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $variant),+ }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant),+];

            /// Its name on the command line and in reports.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name),+ }
            }
        }
    };
}

faults! {
    /// A message between nodes is lost.
    LinkDrop "link_drop",
    /// A message is late.
    LinkDelay "link_delay",
    /// A message overtakes the one before it.
    LinkReorder "link_reorder",
    /// A message arrives twice.
    LinkDuplicate "link_duplicate",
    /// Two nodes can't reach each other.
    LinkPartition "link_partition",
    /// One can reach the other, but not the other way.
    LinkOneWay "link_one_way",
    /// A node restarts, and what was on its way to it is lost.
    PeerRestart "peer_restart",
    /// A node takes nothing from its links for a while.
    PeerSilent "peer_silent",
    /// A bit of a message flips on its way.
    FrameBitflip "frame_bitflip",
    /// A power cut tears the last write.
    DiskTornWrite "disk_torn_write",
    /// A power cut loses what wasn't synced.
    DiskLostUnsynced "disk_lost_unsynced",
    /// A durable bit flips.
    DiskBitRot "disk_bit_rot",
    /// No space is left.
    DiskFull "disk_full",
    /// A read fails.
    DiskReadError "disk_read_error",
    /// A sync fails.
    FsyncError "fsync_error",
    /// The process dies with executed inputs that aren't synced.
    CrashBeforeSync "crash_before_sync",
    /// The process dies with synced inputs of which nobody has heard.
    CrashAfterSync "crash_after_sync",
    /// The power goes while a log is being recovered.
    CrashInRecovery "crash_in_recovery",
    /// Blocks are replaced by others.
    ChainReorg "chain_reorg",
    /// No block comes for a while.
    ChainStall "chain_stall",
    /// A node's RPC answers what isn't so.
    RpcLies "rpc_lies",
    /// A node's clock goes wrong.
    ClockSkew "clock_skew",
}

impl Fault {
    /// The faults named in a list with commas; `all` and `none` are lists too.
    ///
    /// # Errors
    /// The name that stands for none.
    pub fn parse(list: &str) -> Result<Vec<Fault>, String> {
        match list {
            "all" => return Ok(Fault::ALL.to_vec()),
            "none" | "" => return Ok(Vec::new()),
            _ => {}
        }
        let named = |name: &str| {
            let known = Fault::ALL.iter().find(|fault| fault.name() == name.trim()).copied();
            known.ok_or_else(|| name.to_owned())
        };
        let mut faults = list.split(',').map(named).collect::<Result<Vec<Fault>, String>>()?;
        faults.sort_unstable();
        faults.dedup();
        Ok(faults)
    }

    /// True for what happens between nodes.
    pub fn is_of_links(self) -> bool {
        self <= Fault::FrameBitflip
    }
}

/// How often each fault fired.
pub type Counts = BTreeMap<Fault, u64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for fault in Fault::ALL {
            assert_eq!(Fault::parse(fault.name()), Ok(vec![*fault]));
        }
        assert_eq!(Fault::parse("all").map(|all| all.len()), Ok(22));
        assert_eq!(Fault::parse("none"), Ok(vec![]));
        assert_eq!(Fault::parse("link_drop,tornado"), Err("tornado".to_owned()));
    }
}
