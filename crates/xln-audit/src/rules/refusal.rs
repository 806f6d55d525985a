//! Refusals (**TX-5**): an input that was refused for want of something can't be one that finds it all there. What foresight knows
//! nothing of (sizes, validities, which of two reasons comes first) the caller's replay compares.

use super::{Doubt, Shadow, require};
use xln_types::{Command, Rejection, Transaction};

/// The law by which this refusal would be wrong if the input could be executed; `None` where foresight can't tell.
fn transaction_law(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection {
        Rejection::InsufficientFunds { .. } => "CH-1",
        Rejection::LimitExceeded { .. } => "DP-2",
        Rejection::InsufficientReserve { .. } => "DP-1",
        Rejection::InsufficientShare { .. } => "DP-5",
        Rejection::ChannelNotOpen { .. } | Rejection::NotYoursToAccept {} => "CH-11",
        Rejection::TooManyAssets { .. } => "CH-12",
        Rejection::NoRoute {} => "CH-14",
        Rejection::FeeTooLow { .. } => "HT-4",
        Rejection::NotAvailable {} | Rejection::FeeNotPayable {} => "TX-1",
        Rejection::WrongSalt { .. } | Rejection::SameEntity {} => "N-5",
        Rejection::Halted {} => "DP-3",
        Rejection::NotEmpty {} => "EN-5",
        Rejection::UnknownHtlc {}
        | Rejection::HtlcUsed { .. }
        | Rejection::WrongPreimage {}
        | Rejection::HtlcExpired { .. }
        | Rejection::HtlcNotExpired { .. } => "HT-2",
        Rejection::TooManyHtlcs { .. } | Rejection::ExpiryOutside { .. } => "HT-6",
        Rejection::SettlementPending {} => "DP-5",
        // Its turn had come, its sender may act, and all that it names is there.
        Rejection::WrongNonce { .. }
        | Rejection::UnknownSender {}
        | Rejection::NotAuthorized {}
        | Rejection::UnknownSigner {}
        | Rejection::UnknownEntity {}
        | Rejection::UnknownChannel {}
        | Rejection::UnknownAsset {}
        | Rejection::UnknownOperation {}
        | Rejection::AmountNotPositive {}
        | Rejection::StaleFact {}
        | Rejection::HubOnly {} => "TX-5",
        _ => return None,
    })
}

fn command_law(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection {
        Rejection::AlreadyExists {} => "N-5",
        Rejection::UnknownAsset {} => "N-4",
        Rejection::UnknownOperation {} => "DP-4",
        Rejection::InvalidBoard {} | Rejection::UnknownEntity {} | Rejection::NotHere {} => "N-5",
        Rejection::NotAuthorized {} | Rejection::NotHosted {} | Rejection::UnknownSigner {} => "TX-3",
        Rejection::ExpiryOutside { .. } => "HT-6",
        _ => return None,
    })
}

impl Shadow<'_> {
    /// A transaction whose turn had come, and which was refused.
    pub(super) fn refused(
        &self,
        tx: &Transaction,
        sender: super::transaction::Sender,
        rejection: &Rejection,
    ) -> Result<(), Doubt> {
        let Some(law) = transaction_law(rejection) else { return Ok(()) };
        let possible = self.trial().executed(tx, sender).is_ok();
        require(!possible, law, "what can be executed is executed", || rejection.reason().to_owned())
    }

    pub(super) fn refused_command(&self, command: &Command, rejection: &Rejection) -> Result<(), Doubt> {
        let Some(law) = command_law(rejection) else { return Ok(()) };
        let possible = self.trial().command(command).is_ok();
        require(!possible, law, "what can be executed is executed", || rejection.reason().to_owned())
    }

    /// The same records, to try what would come of an input.
    pub(super) fn trial(&self) -> Self {
        let (next, step, todo) = (self.next.clone(), self.step.clone(), self.todo.clone());
        Shadow { held: self.held, now_ms: self.now_ms, next, flows: Vec::new(), step, todo, hints: self.hints.clone() }
    }
}
