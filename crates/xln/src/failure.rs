//! How a command ends when it didn't go well: the reason on stderr, the status that API.md gives it.

use std::process::ExitCode;
use xln_node::NodeError;

/// Why a command failed.
pub(crate) enum Failure {
    /// Usage or configuration: status 2.
    Usage(String),
    /// Port, disk or RPC: status 3.
    World(String),
}

impl Failure {
    /// Prints the reason, and gives the status.
    pub(crate) fn report(self) -> ExitCode {
        let (reason, status) = match self {
            Failure::Usage(reason) => (reason, 2),
            Failure::World(reason) => (reason, 3),
        };
        eprintln!("xln: {reason}");
        ExitCode::from(status)
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Failure {
        match error {
            NodeError::Config(_) | NodeError::Foreign { .. } | NodeError::OtherHub { .. } => {
                Failure::Usage(error.to_string())
            }
            _ => Failure::World(error.to_string()),
        }
    }
}
