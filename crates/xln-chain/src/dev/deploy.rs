//! What stands on every development chain from its first blocks: the contracts and two tokens, at addresses that follow from
//! account 0 and its nonces, and a share of the tokens for every account.

use crate::bindings::{DepositaryArguments, DevTokenArguments};
use crate::calldata;
use crate::client::Fees;
use crate::dev::accounts;
use crate::dev::error::DevError;
use crate::signing::{Envelope, sign_for};
use crate::submitter::Order;
use alloy_primitives::{Address as EthAddress, U256, hex};
use alloy_sol_types::SolValue;
use xln_types::{Address, Amount};

/// The compiled contracts, as committed.
pub(crate) const DEPOSITARY_JSON: &str = include_str!("../../../../contracts/artifacts/Depositary.json");
pub(crate) const ENTITY_PROVIDER_JSON: &str = include_str!("../../../../contracts/artifacts/EntityProvider.json");
pub(crate) const DEV_TOKEN_JSON: &str = include_str!("../../../../contracts/artifacts/DevToken.json");

/// Whole tokens that each of the ten accounts gets.
pub const TOKENS_EACH: u128 = 1_000_000;
/// Gas for the creation of any of the contracts.
const CREATE_GAS: u64 = 8_000_000;
/// Gas for a token's transfer.
const TRANSFER_GAS: u64 = 200_000;

/// How many transactions make the deployment: four creations, and each token to nine accounts.
pub(crate) const TRANSACTIONS: usize = 4 + 2 * (accounts::ACCOUNTS - 1);

/// A token of the development chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevToken {
    /// What people call it.
    pub symbol: &'static str,
    /// Digits after the point.
    pub decimals: u8,
    /// Its contract.
    pub contract: Address,
}

/// Where everything stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The contract that knows boards.
    pub entity_provider: Address,
    /// The contract that holds reserves and collateral.
    pub depositary: Address,
    /// USDC with 6 decimals, DAI with 18.
    pub tokens: [DevToken; 2],
}

impl Deployment {
    /// The addresses: what the first transactions of account 0 create.
    pub fn standard() -> Deployment {
        let creator = EthAddress::from(accounts::all()[0].address.0);
        let created = |nonce: u64| Address(creator.create(nonce).0.0);
        Deployment {
            entity_provider: created(0),
            depositary: created(1),
            tokens: [
                DevToken { symbol: "USDC", decimals: 6, contract: created(2) },
                DevToken { symbol: "DAI", decimals: 18, contract: created(3) },
            ],
        }
    }
}

/// Everything that account 0 sends on a fresh chain, in order, each with its gas limit.
///
/// # Errors
/// [`DevError::Deployment`] if an artifact isn't one.
pub fn orders() -> Result<Vec<(Order, u64)>, DevError> {
    let deployment = Deployment::standard();
    let provider = DepositaryArguments { entities: deployment.entity_provider.0.into() };
    let mut orders = vec![
        create(ENTITY_PROVIDER_JSON, "EntityProvider", &[])?,
        create(DEPOSITARY_JSON, "Depositary", &provider.abi_encode_params())?,
    ];
    for token in deployment.tokens {
        let arguments = DevTokenArguments {
            name: format!("Development {}", token.symbol),
            symbol: token.symbol.to_owned(),
            decimals: token.decimals,
            supply: U256::from(share(token).0) * U256::from(accounts::ACCOUNTS),
            holder: accounts::all()[0].address.0.into(),
        };
        orders.push(create(DEV_TOKEN_JSON, "DevToken", &arguments.abi_encode_params())?);
    }
    for token in deployment.tokens {
        for account in &accounts::all()[1..] {
            let data = calldata::transfer(account.address, share(token));
            orders.push((Order { to: Some(token.contract), value: Amount::ZERO, data }, TRANSFER_GAS));
        }
    }
    Ok(orders)
}

/// The same, signed.
pub(crate) fn signed(chain_id: u64) -> Result<Vec<Vec<u8>>, DevError> {
    let fees = Fees { max_fee_per_gas: 10_000_000_000, max_priority_fee_per_gas: 0 };
    let sign = |(nonce, (order, gas_limit)): (u64, (Order, u64))| {
        let Order { to, value, data } = order;
        let envelope = Envelope { chain_id, nonce, to, value, data, gas_limit, fees };
        let signed = sign_for(&accounts::all()[0].secret, &envelope);
        signed.map(|prepared| prepared.raw).map_err(|error| DevError::Deployment { what: error.to_string() })
    };
    (0..).zip(orders()?).map(sign).collect()
}

/// Base units of a token that each account gets.
fn share(token: DevToken) -> Amount {
    Amount(TOKENS_EACH * 10_u128.pow(u32::from(token.decimals)))
}

fn create(artifact: &str, name: &str, arguments: &[u8]) -> Result<(Order, u64), DevError> {
    let broken = || DevError::Deployment { what: format!("artifact of {name}") };
    let json: serde_json::Value = serde_json::from_str(artifact).map_err(|_| broken())?;
    let code = json.get("bytecode").and_then(serde_json::Value::as_str).ok_or_else(broken)?;
    let mut data = hex::decode(code).ok().filter(|code| !code.is_empty()).ok_or_else(broken)?;
    data.extend_from_slice(arguments);
    Ok((Order { to: None, value: Amount::ZERO, data }, CREATE_GAS))
}
