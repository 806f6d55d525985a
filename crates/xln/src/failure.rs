//! How a command ends when it didn't go well: the reason on stderr, the status that API.md gives it.

use serde_json::json;
use std::process::ExitCode;
use xln_chain::ChainError;
use xln_client::ClientError;
use xln_node::NodeError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A check didn't hold, or the hub refused: status 1.
    Check(String),
    /// Usage or configuration: status 2.
    Usage(String),
    /// Port, disk or RPC: status 3.
    World(String),
    /// The command has said all itself: only the status is left.
    Said(u8),
}

impl Failure {
    /// The world's failing, told by whatever it says of itself.
    pub(crate) fn world(error: impl std::fmt::Display) -> Failure {
        Failure::World(error.to_string())
    }

    /// Prints the reason, and gives the status.
    pub(crate) fn report(self) -> ExitCode {
        let (reason, status) = match self {
            Failure::Said(status) => return ExitCode::from(status),
            Failure::Check(reason) => (reason, 1),
            Failure::Usage(reason) => (reason, 2),
            Failure::World(reason) => (reason, 3),
        };
        eprintln!("xln: {reason}");
        ExitCode::from(status)
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Failure {
        use xln_node::keystore::KeystoreError;
        match error {
            NodeError::Config(_)
            | NodeError::Foreign { .. }
            | NodeError::OtherHub { .. }
            | NodeError::Chain(ChainError::Foreign { .. } | ChainError::Endpoint { .. })
            | NodeError::Keystore(KeystoreError::Password | KeystoreError::Weak) => Failure::Usage(error.to_string()),
            _ => Failure::World(error.to_string()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match &error {
            ClientError::Refused(_) => Failure::Check(error.to_string()),
            ClientError::Endpoint { .. } | ClientError::Key => Failure::Usage(error.to_string()),
            ClientError::Unreachable { .. } | ClientError::Malformed { .. } => Failure::World(error.to_string()),
        }
    }
}

/// With `--json` a refusal is an object on stdout; stderr says the rest.
pub(crate) fn refused_as_json(error: ClientError) -> Failure {
    match error.refusal() {
        Some(refusal) => {
            println!("{}", json!({ "error": refusal.to_json() }));
            Failure::Said(1)
        }
        None => Failure::from(error),
    }
}
