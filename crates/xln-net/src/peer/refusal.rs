//! Why a node won't talk, or no longer, to a peer: typed, and said to the peer as the close frame's code and reason, so that it knows too.

/// What a [`PeerRefusal`] is sent as: a code of WebSocket's private range and a text of at most 123 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// 4000 to 4999.
    pub code: u16,
    /// The refusal in words; `what: key=value`.
    pub reason: String,
}

/// Longest reason in a close frame (RFC 6455).
pub(crate) const REASON_BYTES_MAX: usize = 123;

/// Why a session, or an attempt at one, ends by one side's will. Codes are part of the protocol: never renumbered, never reused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerRefusal {
    /// No version that both speak.
    #[error("no common version: speaks={}", list(.speaks))]
    Version {
        /// What the refusing side speaks, rising.
        speaks: Vec<u64>,
    },
    /// The claim doesn't prove what it claims, on this connection and in this role.
    #[error("claim not proved")]
    Claim,
    /// The peer is ourselves.
    #[error("a node has no session with itself")]
    Ourselves,
    /// The peer isn't the one that was dialed.
    #[error("not the peer that was dialed")]
    NotExpected,
    /// The node's policy doesn't take this peer.
    #[error("not welcome")]
    NotWelcome,
    /// No place is free.
    #[error("no place free")]
    Full,
    /// The first frame is no hello.
    #[error("malformed hello")]
    Hello,
    /// Not a bundle in canonical RLP with one to the most messages, or a frame that breaks WebSocket.
    #[error("malformed bundle")]
    Malformed,
    /// A text frame.
    #[error("text frames are not spoken here")]
    TextFrame,
    /// A bundle or message past its bound.
    #[error("bundle or message too large")]
    TooLarge,
    /// A message's id isn't the one that follows.
    #[error("message out of order")]
    Order,
    /// A message in another sender's name.
    #[error("message in another's name")]
    Sender,
    /// Above the allowed rate for too long.
    #[error("flood")]
    Flood,
    /// The peer doesn't read what is sent to it.
    #[error("reads too slowly")]
    Slow,
    /// Nothing was heard for the idle timeout.
    #[error("silent for too long")]
    Idle,
    /// Another session with the same peer stays instead.
    #[error("another session stays")]
    Replaced,
    /// The node stops; it may be back.
    #[error("node stops")]
    Stopping,
}

fn list(versions: &[u64]) -> String {
    versions.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

impl PeerRefusal {
    const SPEAKS: &'static str = "speaks=";

    /// Its number on the wire, less 4000.
    fn number(&self) -> u16 {
        match self {
            PeerRefusal::Version { .. } => 1,
            PeerRefusal::Claim => 2,
            PeerRefusal::Ourselves => 3,
            PeerRefusal::NotExpected => 4,
            PeerRefusal::NotWelcome => 5,
            PeerRefusal::Full => 6,
            PeerRefusal::Hello => 7,
            PeerRefusal::Malformed => 10,
            PeerRefusal::TextFrame => 11,
            PeerRefusal::TooLarge => 12,
            PeerRefusal::Order => 13,
            PeerRefusal::Sender => 14,
            PeerRefusal::Flood => 20,
            PeerRefusal::Slow => 21,
            PeerRefusal::Idle => 22,
            PeerRefusal::Replaced => 30,
            PeerRefusal::Stopping => 31,
        }
    }

    /// What the close frame says.
    #[must_use]
    pub fn farewell(&self) -> Farewell {
        let mut reason = self.to_string();
        if REASON_BYTES_MAX < reason.len() {
            // Only a list of versions gets so long: it loses its end, but no number is cut in two.
            reason.truncate(reason[..REASON_BYTES_MAX].rfind(',').unwrap_or(0));
        }
        Farewell { code: 4000 + self.number(), reason }
    }

    /// What a close frame said; `None` if it is no refusal that this version knows.
    #[must_use]
    pub fn from_farewell(code: u16, reason: &str) -> Option<PeerRefusal> {
        Some(match code.checked_sub(4000)? {
            1 => {
                let speaks = reason.split_once(Self::SPEAKS).map_or("", |(_, speaks)| speaks);
                PeerRefusal::Version { speaks: speaks.split(',').map_while(|version| version.parse().ok()).collect() }
            }
            2 => PeerRefusal::Claim,
            3 => PeerRefusal::Ourselves,
            4 => PeerRefusal::NotExpected,
            5 => PeerRefusal::NotWelcome,
            6 => PeerRefusal::Full,
            7 => PeerRefusal::Hello,
            10 => PeerRefusal::Malformed,
            11 => PeerRefusal::TextFrame,
            12 => PeerRefusal::TooLarge,
            13 => PeerRefusal::Order,
            14 => PeerRefusal::Sender,
            20 => PeerRefusal::Flood,
            21 => PeerRefusal::Slow,
            22 => PeerRefusal::Idle,
            30 => PeerRefusal::Replaced,
            31 => PeerRefusal::Stopping,
            _ => return None,
        })
    }

    /// Whether dialing again soon would meet the same answer: somebody has to change something first.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            PeerRefusal::Version { .. }
                | PeerRefusal::Claim
                | PeerRefusal::Ourselves
                | PeerRefusal::NotExpected
                | PeerRefusal::NotWelcome
                | PeerRefusal::Hello
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_close_frame() {
        for refusal in [
            PeerRefusal::Version { speaks: vec![1, 2, 40] },
            PeerRefusal::Claim,
            PeerRefusal::Ourselves,
            PeerRefusal::NotExpected,
            PeerRefusal::NotWelcome,
            PeerRefusal::Full,
            PeerRefusal::Hello,
            PeerRefusal::Malformed,
            PeerRefusal::TextFrame,
            PeerRefusal::TooLarge,
            PeerRefusal::Order,
            PeerRefusal::Sender,
            PeerRefusal::Flood,
            PeerRefusal::Slow,
            PeerRefusal::Idle,
            PeerRefusal::Replaced,
            PeerRefusal::Stopping,
        ] {
            let Farewell { code, reason } = refusal.farewell();
            assert_eq!(PeerRefusal::from_farewell(code, &reason), Some(refusal), "{code} {reason}");
        }
    }

    #[test]
    fn a_close_frame_can_say_anything() {
        let versions = |speaks: &[u64]| Some(PeerRefusal::Version { speaks: speaks.to_vec() });
        for (code, reason, refusal) in [
            (1000, "", None),
            (3999, "", None),
            (4000, "", None),
            (4999, "", None),
            (u16::MAX, "", None),
            (4001, "", versions(&[])),
            (4001, "speaks=", versions(&[])),
            (4001, "speaks=3,99999999999999999999999,4", versions(&[3])),
            (4002, "speaks=3", Some(PeerRefusal::Claim)),
        ] {
            assert_eq!(PeerRefusal::from_farewell(code, reason), refusal, "{code} {reason}");
        }
        let Farewell { code, reason } = PeerRefusal::Version { speaks: vec![u64::MAX; 16] }.farewell();
        assert!(reason.len() <= REASON_BYTES_MAX);
        assert_eq!(PeerRefusal::from_farewell(code, &reason), versions(&[u64::MAX; 4]));
    }
}
