//! Ledger and server say the same, record by record.

use super::ledger::{Account, Kind, Ledger, Progress};
use xln_machine::Server;
use xln_machine::channel::ChannelStatus;
use xln_machine::depositary::{OperationKind, OperationStatus};

/// What server and ledger disagree about, if anything.
pub(crate) fn difference(server: &Server, ledger: &Ledger) -> Option<String> {
    check(server, ledger).err()
}

#[allow(clippy::needless_pass_by_value)] // Values made for the comparison.
fn same<T: PartialEq + std::fmt::Debug>(law: &str, what: impl Fn() -> String, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{law}: {}: is {is:?}, should be {should:?}", what())) }
}

fn check(server: &Server, ledger: &Ledger) -> Result<(), String> {
    same("TX-6", || "inputs".to_owned(), server.sequence(), ledger.sequence)?;
    same("DP-3", || "cursor".to_owned(), server.record().cursor, ledger.cursor)?;
    same("DP-3", || "halted".to_owned(), server.record().halted == 1, ledger.halted)?;
    for (who, person) in ledger.people.iter().enumerate() {
        let Some(found) = server.entity(person.id) else {
            same("EN-5", || format!("person {who} exists"), false, person.exists)?;
            continue;
        };
        same("TX-2", || format!("nonce of {who}"), found.record.nonce, person.nonce)?;
        for (asset, id) in ledger.assets.iter().enumerate() {
            let seen = server.reserve(person.id, *id).unwrap_or_default();
            let pot = person.pots[asset];
            let moving = [seen.allocating.0, seen.allocated.0, seen.withdrawing.0].map(u128::cast_signed);
            let what = || format!("asset {asset} of {who}");
            same("DP-1", what, (seen.free.0, moving), (pot.free, [pot.allocating, pot.allocated, pot.withdrawing]))?;
            let kept = (seen.owed.0.cast_signed(), seen.granted.0.cast_signed(), seen.net.0);
            let sums = (ledger.owed(who, asset), ledger.granted(who, asset), ledger.net(who, asset));
            same("CH-13", || format!("owed, granted, net: asset {asset} of {who}"), kept, sums)?;
        }
    }
    same("CH-11", || "channels".to_owned(), server.channels().len(), ledger.accounts().len())?;
    for (pair, account) in ledger.accounts() {
        account_agrees(server, ledger, *pair, account)?;
    }
    same("DP-4", || "operations".to_owned(), server.operations().count(), ledger.operations().len())?;
    for (id, it) in ledger.operations() {
        let seen = server.operation(*id).ok_or_else(|| format!("DP-4: operation {id} is gone"))?;
        let progress = match seen.status {
            OperationStatus::Waiting => Progress::Waiting,
            OperationStatus::Pending => Progress::Pending,
            _ => Progress::Sent,
        };
        let kind = match seen.kind {
            OperationKind::Deposit => Kind::Deposit,
            OperationKind::Withdraw => Kind::Withdraw,
            OperationKind::Allocate => Kind::Allocate,
            OperationKind::Settle => Kind::Settle,
        };
        let is = (kind, progress, seen.amount.0.cast_signed(), seen.valid_until_s, seen.counter);
        same("DP-4", || format!("operation {id}"), is, (it.kind, it.progress, it.amount, it.until_s, it.counter))?;
    }
    Ok(())
}

fn account_agrees(server: &Server, ledger: &Ledger, pair: (usize, usize), account: &Account) -> Result<(), String> {
    let channel = server.channel(account.channel).ok_or_else(|| format!("CH-11: no channel of {pair:?}"))?;
    let status = if account.is_open() { ChannelStatus::Open } else { ChannelStatus::Pending };
    let head = &channel.head;
    let seen = (head.status, head.accepted == 1, head.awaited, head.settle_counter);
    same(
        "CH-11",
        || format!("channel of {pair:?}"),
        seen,
        (status, account.accepted, account.awaited, account.counter),
    )?;
    for (asset, expected) in account.lines.iter().enumerate() {
        let line = channel.line(ledger.assets[asset]).copied().unwrap_or_default();
        let whole = (line.listed == 1, line.collateral.0.cast_signed());
        same("CH-12", || format!("asset {asset} of {pair:?}"), whole, (expected.listed, expected.collateral))?;
        for (index, who) in [pair.0, pair.1].into_iter().enumerate() {
            let Some(own) = channel.side_of(ledger.people[who].id) else {
                return Err(format!("N-6: sides of {pair:?}"));
            };
            let is = [line.share(own).0, line.granted(own).0.cast_signed(), line.held(own).0.cast_signed()];
            let should = [expected.share[index], expected.granted[index], expected.held[index]];
            same("CH-1", || format!("share, grant, hold of {who} in {pair:?}, asset {asset}"), is, should)?;
        }
    }
    Ok(())
}
