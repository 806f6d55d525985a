//! Scripts: one line a step. Every script is played twice, the second time with left and right exchanged (CH-5).
//!
//! ```text
//! pay SIDE N …      grant SIDE N …    hold SIDE N …     release SIDE N …
//! add SIDE N …      settle L R …      accept SIDE …     arrived            … is `ok` (or nothing) or the rejection
//! out|in|share|owed|held|granted|removable SIDE N       status NAME        collateral N
//! ```
//!
//! After every step the shares sum to C, and a refused step has left the channel as it was.

use crate::channel::state::Head;
use crate::channel::{Action, Channel, ChannelStatus, Line, Message};
use crate::machine::{At, Machine};
use xln_types::{Amount, AssetId, Balance, ChannelId, EntityId, Side, SignerId};

pub(super) const AT: At = At { now_ms: 0, sequence: 1 };
pub(super) const ASSET: AssetId = AssetId([7; 32]);

/// A proposed channel without any asset.
pub(super) fn pending(opener: Side, awaited: u64) -> Channel {
    let head = Head {
        id: ChannelId([9; 32]),
        left: EntityId([1; 32]),
        right: EntityId([2; 32]),
        epoch: 0,
        status: ChannelStatus::Pending,
        opener,
        accepted: 0,
        awaited,
        dispute_window_s: 60,
        settle_counter: 0,
        created_s: 0,
    };
    Channel::new(SignerId([3; 20]), head)
}

/// An open channel that lists [`ASSET`].
pub(super) fn open() -> Channel {
    let mut channel = pending(Side::Left, 0);
    channel.head.status = ChannelStatus::Open;
    channel.head.accepted = 1;
    channel.set_line(ASSET, Line::listed());
    channel
}

/// Plays a script on an open channel that lists one asset, both ways round.
pub(super) fn check(script: &str) {
    check_from(script, open);
}

/// Plays a script on a channel proposed by left that lists one asset, both ways round.
pub(super) fn check_pending(script: &str, awaited: u64) {
    for mirrored in [false, true] {
        let mut channel = pending(if mirrored { Side::Right } else { Side::Left }, awaited);
        channel.set_line(ASSET, Line::listed());
        play(script, channel, mirrored);
    }
}

fn check_from(script: &str, start: impl Fn() -> Channel) {
    for mirrored in [false, true] {
        play(script, start(), mirrored);
    }
}

fn play(script: &str, mut channel: Channel, mirrored: bool) {
    for line in script.lines() {
        let text = line.split("//").next().unwrap_or_default().trim();
        if !text.is_empty() {
            step(&mut channel, text, mirrored);
            let line = channel.line(ASSET).copied().unwrap_or_default();
            let shares = line.share(Side::Left).0 + line.share(Side::Right).0;
            assert_eq!(shares, line.collateral.0.cast_signed(), "CH-13 after {text:?}, mirrored={mirrored}");
        }
    }
}

fn step(channel: &mut Channel, text: &str, mirrored: bool) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let context = format!("{text:?}, mirrored={mirrored}");
    let seen = channel.line(ASSET).copied().unwrap_or_default();
    match words.as_slice() {
        ["status", name] => assert_eq!(channel.head.status.name(), *name, "{context}"),
        ["collateral", number] => assert_eq!(seen.collateral.to_string(), *number, "{context}"),
        [what, side, number] if answer(&seen, what, Side::Left).is_some() => {
            assert_eq!(answer(&seen, what, side_of(side, mirrored)).as_deref(), Some(*number), "{context}");
        }
        [verb, rest @ ..] => {
            let (message, expected) = message(verb, rest, mirrored);
            let before = channel.clone();
            let result = channel.process(AT, &message);
            let answer = match &result {
                Ok(_) => "ok".to_string(),
                Err(rejection) => format!("{rejection:?}").replace("Amount(", "").replace(')', ""),
            };
            assert_eq!(answer, if expected.is_empty() { "ok".to_string() } else { expected }, "{context}");
            assert_eq!(*channel, before, "processing alone changes nothing");
            if let Ok(transition) = result {
                channel.commit(transition);
            }
        }
        [] => unreachable!("empty lines are skipped"),
    }
}

/// What a line answers about a side, as text; `None` for a word that is no question.
fn answer(line: &Line, what: &str, side: Side) -> Option<String> {
    Some(match what {
        "out" => line.out(side).to_string(),
        "in" => line.incoming(side).to_string(),
        "share" => line.share(side).to_string(),
        "owed" => line.owed(side).to_string(),
        "held" => line.held(side).to_string(),
        "granted" => line.granted(side).to_string(),
        "removable" => line.removable(side).to_string(),
        _ => return None,
    })
}

fn message(verb: &str, words: &[&str], mirrored: bool) -> (Message, String) {
    let asset = ASSET;
    if verb == "settle" {
        let gains: Vec<Balance> = words.iter().take(2).map(|word| Balance(word.parse().expect("a gain"))).collect();
        let (left, right) = if mirrored { (gains[1], gains[0]) } else { (gains[0], gains[1]) };
        return (Message { by: Side::Left, action: Action::Settled { asset, left, right } }, words[2..].join(" "));
    }
    if verb == "arrived" {
        return (Message { by: Side::Left, action: Action::Arrived }, words.join(" "));
    }
    let by = side_of(words[0], mirrored);
    if verb == "accept" {
        return (Message { by, action: Action::Accept }, words[1..].join(" "));
    }
    let amount = Amount(words[1].parse().unwrap_or_else(|_| panic!("amount: {words:?}")));
    let action = match verb {
        "pay" => Action::Pay { asset, amount },
        "grant" => Action::Grant { asset, granted: amount },
        "hold" => Action::Hold { asset, amount },
        "release" => Action::Release { asset, amount },
        "add" => Action::CollateralAdded { asset, amount },
        _ => panic!("no such verb: {verb}"),
    };
    (Message { by, action }, words[2..].join(" "))
}

fn side_of(word: &str, mirrored: bool) -> Side {
    let side = if word == "left" { Side::Left } else { Side::Right };
    assert!(word == side.to_string(), "no such side: {word}");
    if mirrored { side.other() } else { side }
}
