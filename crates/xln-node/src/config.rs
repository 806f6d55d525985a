//! One typed configuration: file, environment, flags, in this order, the later the stronger. Shown by `hub.info` without secrets.
//! What rules depend on (chain, depositary, assets, policies) enters the log with the genesis and is compared at every start.

use crate::peers::RememberedPeer;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use xln_types::{Address, Amount};

/// Blocks are sealed this often, in milliseconds (PRD 4.1.1).
pub const BLOCK_INTERVAL_MS: u64 = 100;
/// Where the API listens unless configured otherwise.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// Where other nodes are met unless configured otherwise.
pub const PEER_LISTEN_DEFAULT: &str = "127.0.0.1:9797";
/// The environment variable with the keystore's password: never a flag, so that no process list shows it.
pub const PASSWORD_VARIABLE: &str = "XLN_KEYSTORE_PASSWORD";
/// The deepest that a fact may be asked to lie.
pub const CONFIRMATIONS_MAX: u64 = 1000;

/// What is wrong with a configuration; the program ends with status 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file unreadable: path={path} reason={reason}")]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file isn't the TOML expected.
    #[error("configuration file malformed: path={path}\n{reason}")]
    Malformed {
        /// Its path.
        path: PathBuf,
        /// Where and why.
        reason: Box<toml::de::Error>,
    },
    /// A value can't be used.
    #[error("configuration: {field}: {reason}")]
    Value {
        /// Which field, as in the file.
        field: &'static str,
        /// What is wrong, and what would work.
        reason: String,
    },
}

/// An asset known from the start.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct AssetConfig {
    /// For people.
    pub symbol: String,
    /// The ERC-20 contract; none: the chain's own coin.
    pub contract: Option<String>,
    /// Digits after the point.
    pub decimals: u8,
}

/// The hub entity's policy in one asset.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Which asset, by symbol.
    pub asset: String,
    /// Most credit granted to one counterparty, base units.
    pub grant_max: Option<String>,
    /// Most credit granted in all.
    pub grant_total_max: Option<String>,
    /// Most owed beyond collateral.
    pub owed_max: Option<String>,
    /// Millionths of what is owed that free reserve must cover.
    #[serde(default)]
    pub reserve_ppm: u64,
    /// Fixed fee of a hop, base units.
    pub fee_base: Option<String>,
    /// Millionths of the amount as fee of a hop.
    #[serde(default)]
    pub fee_ppm: u64,
}

/// A node to dial.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// `host:port`.
    pub address: String,
    /// The node's hub, if only that one is wanted there.
    pub node: Option<String>,
}

/// The file's shape. Every field may be missing; `xln hub` needs `rpc` and `depositary` from somewhere.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The data folder.
    pub data: Option<PathBuf>,
    /// Where the API listens.
    pub listen: Option<String>,
    /// The chain's JSON-RPC.
    pub rpc: Option<String>,
    /// The depositary on it.
    pub depositary: Option<String>,
    /// How many blocks deep a fact must lie.
    pub confirmations: Option<u64>,
    /// The block from which the depositary's logs are read at the first start.
    pub first_block: Option<u64>,
    /// How often the chain is asked, in milliseconds.
    pub poll_ms: Option<u64>,
    /// Accounts with role admin.
    #[serde(default)]
    pub admins: Vec<String>,
    /// Accounts with role operator.
    #[serde(default)]
    pub operators: Vec<String>,
    /// Accounts with role auditor.
    #[serde(default)]
    pub auditors: Vec<String>,
    /// Assets known from the start.
    #[serde(default)]
    pub assets: Vec<AssetConfig>,
    /// The hub entity's policies.
    #[serde(default)]
    pub policies: Vec<PolicyConfig>,
    /// Where other nodes are met; none: nowhere, this one only dials.
    pub peer_listen: Option<String>,
    /// Nodes to dial.
    #[serde(default)]
    pub peers: Vec<PeerConfig>,
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], [`ConfigError::Malformed`].
    pub fn read(path: &Path) -> Result<File, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
        toml::from_str(&text)
            .map_err(|reason| ConfigError::Malformed { path: path.to_owned(), reason: Box::new(reason) })
    }

    /// The environment over the file: `XLN_DATA`, `XLN_LISTEN`, `XLN_RPC`, `XLN_DEPOSITARY`, `XLN_CONFIRMATIONS`.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<File, ConfigError> {
        self.data = variable("XLN_DATA").map(PathBuf::from).or(self.data);
        self.listen = variable("XLN_LISTEN").or(self.listen);
        self.rpc = variable("XLN_RPC").or(self.rpc);
        self.depositary = variable("XLN_DEPOSITARY").or(self.depositary);
        if let Some(text) = variable("XLN_CONFIRMATIONS") {
            let number = xln_types::amount::parse_u64(&text);
            self.confirmations = Some(number.map_err(|error| value("confirmations", &error.to_string()))?);
        }
        Ok(self)
    }
}

fn value(field: &'static str, reason: &str) -> ConfigError {
    ConfigError::Value { field, reason: reason.to_owned() }
}

/// The configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The chain's JSON-RPC.
    pub rpc: String,
    /// The depositary on it.
    pub depositary: Address,
    /// How many blocks deep a fact must lie.
    pub confirmations: u64,
    /// The block from which the depositary's logs are read at the first start.
    pub first_block: u64,
    /// How often the chain is asked, in milliseconds.
    pub poll_ms: u64,
    /// Accounts with role admin.
    pub admins: Vec<Address>,
    /// Accounts with role operator.
    pub operators: Vec<Address>,
    /// Accounts with role auditor.
    pub auditors: Vec<Address>,
    /// Assets known from the start.
    pub assets: Vec<AssetConfig>,
    /// The hub entity's policies.
    pub policies: Vec<PolicyConfig>,
    /// Where other nodes are met; none: nowhere, this one only dials.
    pub peer_listen: Option<SocketAddr>,
    /// Nodes to dial.
    pub peers: Vec<RememberedPeer>,
}

fn addresses(field: &'static str, texts: &[String]) -> Result<Vec<Address>, ConfigError> {
    texts.iter().map(|text| text.parse().map_err(|error| value(field, &format!("{text:?} is {error}")))).collect()
}

fn peer_address(text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| value("peer_listen", "expected an address and port like 127.0.0.1:9797"))
}

fn remembered(peer: &PeerConfig) -> Result<RememberedPeer, ConfigError> {
    let node = peer.node.as_deref().map(str::parse).transpose();
    let node = node.map_err(|error| value("peers", &format!("{:?} is {error}", peer.node)))?;
    Ok(RememberedPeer { address: peer.address.clone(), node })
}

/// Reads an amount of a policy; none is no limit.
///
/// # Errors
/// [`ConfigError::Value`].
pub fn policy_amount(text: Option<&String>, none: Amount) -> Result<Amount, ConfigError> {
    text.map_or(Ok(none), |text| {
        xln_types::amount::parse_amount(text).map_err(|error| value("policies", &format!("{text:?}: {error}")))
    })
}

impl TryFrom<File> for Config {
    type Error = ConfigError;

    /// Checks every value; names the first that can't be used and what would work.
    fn try_from(file: File) -> Result<Config, ConfigError> {
        let listen = file.listen.as_deref().unwrap_or(LISTEN_DEFAULT);
        let listen: SocketAddr =
            listen.parse().map_err(|_| value("listen", "expected an address and port like 127.0.0.1:8080"))?;
        if !listen.ip().is_loopback() {
            return Err(value(
                "listen",
                "only loopback (127.0.0.1 or [::1]) is served without TLS; put a TLS proxy in front",
            ));
        }
        let depositary =
            file.depositary.ok_or_else(|| value("depositary", "missing: the address of the Depositary contract"))?;
        let confirmations = file.confirmations.unwrap_or(12);
        if CONFIRMATIONS_MAX < confirmations {
            return Err(value("confirmations", "at most 1000"));
        }
        let poll_ms = file.poll_ms.unwrap_or(1000);
        if !(10..=600_000).contains(&poll_ms) {
            return Err(value("poll_ms", "expected 10 to 600000"));
        }
        Ok(Config {
            data: file.data.ok_or_else(|| value("data", "missing: the data folder"))?,
            listen,
            rpc: file.rpc.ok_or_else(|| value("rpc", "missing: the URL of an Ethereum JSON-RPC"))?,
            depositary: depositary
                .parse()
                .map_err(|error| value("depositary", &format!("{depositary:?} is {error}")))?,
            confirmations,
            first_block: file.first_block.unwrap_or(0),
            poll_ms,
            admins: addresses("admins", &file.admins)?,
            operators: addresses("operators", &file.operators)?,
            auditors: addresses("auditors", &file.auditors)?,
            assets: file.assets,
            policies: file.policies,
            peer_listen: file.peer_listen.as_deref().map(peer_address).transpose()?,
            peers: file.peers.iter().map(remembered).collect::<Result<_, _>>()?,
        })
    }
}

impl Config {
    /// As `hub.info` shows it: names as in the file; a URL's credentials and query left out.
    pub fn shown(&self) -> Vec<(String, String)> {
        [
            ("listen", self.listen.to_string()),
            ("rpc", self.shown_rpc()),
            ("depositary", self.depositary.to_string()),
            ("confirmations", self.confirmations.to_string()),
            ("first_block", self.first_block.to_string()),
            ("poll_ms", self.poll_ms.to_string()),
            ("block_interval_ms", BLOCK_INTERVAL_MS.to_string()),
        ]
        .map(|(name, shown)| (name.to_owned(), shown))
        .to_vec()
    }

    /// The RPC's URL without user, password, path and query: providers put their keys there.
    pub fn shown_rpc(&self) -> String {
        let (scheme, rest) = self.rpc.split_once("://").unwrap_or(("", &self.rpc));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        let host = authority.rsplit('@').next().unwrap_or("");
        format!("{scheme}://{host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> File {
        File {
            data: Some("d".into()),
            rpc: Some("https://user:pass@node.example/v3/key?x=y".into()),
            depositary: Some("0x00000000000000000000000000000000000000aa".into()),
            ..File::default()
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_work() {
        let config = Config::try_from(good()).expect("whole");
        assert_eq!(config.shown_rpc(), "https://node.example");
        assert!(config.shown().iter().all(|(_, shown)| !shown.contains("pass") && !shown.contains("key")));
        for (file, field) in [
            (File { listen: Some("0.0.0.0:8080".into()), ..good() }, "listen"),
            (File { listen: Some("here".into()), ..good() }, "listen"),
            (File { rpc: None, ..good() }, "rpc"),
            (File { data: None, ..good() }, "data"),
            (File { depositary: None, ..good() }, "depositary"),
            (File { depositary: Some("0x1".into()), ..good() }, "depositary"),
            (File { confirmations: Some(1001), ..good() }, "confirmations"),
            (File { poll_ms: Some(1), ..good() }, "poll_ms"),
            (File { admins: vec!["me".into()], ..good() }, "admins"),
        ] {
            let error = Config::try_from(file).expect_err(field).to_string();
            assert!(error.starts_with(&format!("configuration: {field}")), "{error}");
        }
    }

    #[test]
    fn the_environment_is_stronger_than_the_file() {
        let read = |name: &str| (name == "XLN_RPC").then(|| "http://127.0.0.1:1".to_owned());
        assert_eq!(good().with_environment(read).expect("read").rpc.as_deref(), Some("http://127.0.0.1:1"));
        let bad = |name: &str| (name == "XLN_CONFIRMATIONS").then(|| "-1".to_owned());
        assert!(good().with_environment(bad).is_err());
        assert!(toml::from_str::<File>("colour = 1").is_err(), "an unknown field is refused");
    }
}
