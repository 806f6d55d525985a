//! Ledger and server say the same, record by record.

use super::super::hub::{Hub, channel, entity};
use super::acts::asset;
use super::ledger::{ASSETS, Account, Ledger, Progress};
use crate::channel::ChannelStatus;
use crate::depositary::OperationStatus;
use xln_types::{AssetId, ChannelId, EntityId};

/// What the server calls people, accounts and assets: hashed once.
pub(super) struct Ids {
    entities: Vec<EntityId>,
    /// By the smaller and the larger number.
    channels: Vec<Vec<ChannelId>>,
    assets: [AssetId; ASSETS],
}

impl Ids {
    pub(super) fn new(hub: &Hub, names: &[&str]) -> Ids {
        let channels = names.iter().map(|one| names.iter().map(|other| channel(one, other)).collect()).collect();
        let entities = names.iter().map(|name| entity(name)).collect();
        Ids { entities, channels, assets: [0, 1, 2].map(|number| asset(hub, number)) }
    }
}

/// Compares all that both know.
pub(super) fn agree(hub: &Hub, ids: &Ids, ledger: &Ledger, context: &dyn Fn() -> String) {
    let (server, sums) = (&hub.server, ledger.sums());
    for (who, person) in ledger.people.iter().enumerate() {
        let record = &server.entity(ids.entities[who]).expect("founded").record;
        assert_eq!(record.nonce, person.nonce, "TX-2: {} {}", person.name, context());
        let depositary = server.depositary_of(record.id).expect("founded");
        for (number, id) in ids.assets.iter().enumerate() {
            let (seen, pot) = (depositary.reserve(*id), person.pots[number]);
            let moving = [seen.allocating.0, seen.allocated.0, seen.withdrawing.0].map(u128::cast_signed);
            assert_eq!(seen.free.0, pot.free, "free: {} {}", person.name, context());
            assert_eq!(moving, [pot.allocating, pot.allocated, pot.withdrawing], "{} {}", person.name, context());
            let kept = [seen.owed.0.cast_signed(), seen.granted.0.cast_signed(), seen.net.0];
            assert_eq!(kept, sums[who][number], "CH-13: owed, granted, net of {} {}", person.name, context());
        }
    }
    assert_eq!(server.channels().len(), ledger.accounts.len(), "{}", context());
    for ((one, other), account) in &ledger.accounts {
        accounts_agree(hub, ids, [*one, *other], account, context);
    }
    assert_eq!(server.operations().count(), ledger.operations.len(), "{}", context());
    for (id, operation) in &ledger.operations {
        let seen = server.operation(*id).expect("under way");
        let progress = match seen.status {
            OperationStatus::Waiting => Progress::Waiting,
            OperationStatus::Pending => Progress::Pending,
            _ => Progress::Sent,
        };
        let expected = (operation.progress, operation.amount, operation.until_s, operation.counter);
        assert_eq!(
            (progress, seen.amount.0.cast_signed(), seen.valid_until_s, seen.counter),
            expected,
            "{}",
            context()
        );
    }
    assert_eq!(server.record().halted == 1, ledger.halted, "DP-3: {}", context());
}

fn accounts_agree(hub: &Hub, ids: &Ids, pair: [usize; 2], account: &Account, context: &dyn Fn() -> String) {
    let channel = hub.server.channel(ids.channels[pair[0]][pair[1]]).expect("proposed");
    let status = if account.is_open() { ChannelStatus::Open } else { ChannelStatus::Pending };
    let head = &channel.head;
    let seen = (head.status, head.accepted == 1, head.awaited, head.settle_counter);
    assert_eq!(seen, (status, account.accepted, account.awaited, account.counter), "{pair:?} {}", context());
    let sides = pair.map(|who| channel.side_of(ids.entities[who]).expect("its own"));
    for (number, expected) in account.lines.iter().enumerate() {
        let line = channel.line(ids.assets[number]).copied().unwrap_or_default();
        let whole = (line.listed == 1, line.collateral.0.cast_signed());
        assert_eq!(whole, (expected.listed, expected.collateral), "{pair:?} {}", context());
        for (index, own) in sides.into_iter().enumerate() {
            let seen = [line.share(own).0, line.granted(own).0.cast_signed(), line.held(own).0.cast_signed()];
            let expected = [expected.share[index], expected.granted[index], expected.held[index]];
            assert_eq!(seen, expected, "share, grant, hold of {} in {pair:?} {}", pair[index], context());
        }
    }
}
