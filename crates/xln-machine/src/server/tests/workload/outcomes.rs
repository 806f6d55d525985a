//! What the ledger makes of the chain's facts: operations land or fail (**DP-1**, **DP-4**, **DP-5**), deposits arrive, owners act past the
//! hub.

use super::acts::{Step, Sum};
use super::ledger::{Kind, Ledger, Line, Operation, Progress, side};
use super::rules::Answer;
use xln_types::{OperationId, Rejection};

impl Ledger {
    pub(super) fn fact(&mut self, step: &Step) -> Answer {
        match step {
            Step::Deposited { who, sum: (asset, number), sent } => {
                self.people[*who].pots[*asset].free += number;
                self.on_chain[*asset] += number;
                if let Some(operation) = sent {
                    let _ = self.operations.remove(operation);
                }
            }
            Step::Taken { who, into, sum } => {
                self.people[*who].pots[sum.0].free -= sum.1;
                self.left(*who, *into, *sum);
            }
            Step::Time { timestamp_s } => {
                let past = self.operations.iter().filter(|(_, it)| it.until_s < *timestamp_s);
                let past: Vec<OperationId> = past.map(|(id, _)| *id).collect();
                past.into_iter().try_for_each(|id| self.fail(id))?;
            }
            Step::Landed { operation } => self.land(*operation),
            Step::Reverted { operation } => self.fail(*operation)?,
            Step::Reorg => self.halted = true,
            Step::Sent { operation } => {
                let known = self.operations.get_mut(operation).ok_or(Rejection::UnknownOperation {})?;
                known.progress = Progress::Sent;
            }
            Step::Stale | Step::Ask { .. } => return Err(Rejection::StaleFact {}),
        }
        Ok(())
    }

    /// Reserve that left for the world or for a channel.
    fn left(&mut self, who: usize, into: Option<usize>, (asset, number): Sum) {
        let Some(peer) = into else {
            self.on_chain[asset] -= number;
            return;
        };
        self.people[who].pots[asset].allocated += number;
        let line = &mut self.account_mut(who, peer).expect("an account").lines[asset];
        line.collateral += number;
        line.share[side(who, peer)] += number;
    }

    fn land(&mut self, id: OperationId) {
        let it = self.operations.remove(&id).expect("under way");
        let pot = &mut self.people[it.owner].pots[it.asset];
        match it.kind {
            Kind::Withdraw => {
                pot.withdrawing -= it.amount;
                self.left(it.owner, None, (it.asset, it.amount));
            }
            Kind::Allocate => {
                pot.allocating -= it.amount;
                self.left(it.owner, Some(it.peer), (it.asset, it.amount));
                self.arrived(&it);
            }
            Kind::Deposit | Kind::Settle => {
                pot.free += it.amount;
                pot.allocated = (pot.allocated - it.amount).max(0);
                let own = side(it.owner, it.peer);
                let line: &mut Line = &mut self.account_mut(it.owner, it.peer).expect("an account").lines[it.asset];
                line.held[own] -= it.amount;
                line.share[own] -= it.amount;
                line.collateral -= it.amount;
            }
        }
    }

    fn arrived(&mut self, it: &Operation) {
        if it.opening {
            self.account_mut(it.owner, it.peer).expect("an account").awaited -= 1;
        }
    }

    /// DP-4: it has certainly failed, and gives back what it took.
    fn fail(&mut self, id: OperationId) -> Answer {
        let it = self.operations.remove(&id).ok_or(Rejection::UnknownOperation {})?;
        let pot = &mut self.people[it.owner].pots[it.asset];
        match it.kind {
            Kind::Withdraw => (pot.withdrawing, pot.free) = (pot.withdrawing - it.amount, pot.free + it.amount),
            Kind::Allocate => {
                (pot.allocating, pot.free) = (pot.allocating - it.amount, pot.free + it.amount);
                self.arrived(&it);
            }
            Kind::Settle => {
                let own = side(it.owner, it.peer);
                self.account_mut(it.owner, it.peer)?.lines[it.asset].held[own] -= it.amount;
            }
            Kind::Deposit => {}
        }
        Ok(())
    }
}
