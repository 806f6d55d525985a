//! The ten accounts of the development mnemonic `test test test test test test test test test test test junk`.
//!
//! Everyone knows these keys: they guard nothing, and on any public chain what they hold is gone at once.

use crate::signing::address_of;
use alloy_primitives::hex;
use std::fmt;
use std::sync::OnceLock;
use xln_types::Address;

/// The mnemonic behind the keys, as anvil and hardhat use it.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// How many accounts there are.
pub const ACCOUNTS: usize = 10;
/// What each holds at genesis, in wei: 10,000 ETH.
pub const GENESIS_BALANCE_WEI: u128 = 10_000 * 1_000_000_000_000_000_000;

/// An account of the mnemonic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DevAccount {
    /// Its number.
    pub index: usize,
    /// Its address.
    pub address: Address,
    /// Its key: public knowledge.
    pub secret: [u8; 32],
}

impl DevAccount {
    /// The BIP-32 path of its key.
    pub fn path(&self) -> String {
        format!("m/44'/60'/0'/0/{}", self.index)
    }
}

impl fmt::Debug for DevAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DevAccount({}, {})", self.index, self.address)
    }
}

/// All of them, in order.
pub fn all() -> &'static [DevAccount; ACCOUNTS] {
    static ALL: OnceLock<[DevAccount; ACCOUNTS]> = OnceLock::new();
    ALL.get_or_init(|| {
        std::array::from_fn(|index| {
            let secret = *SECRETS[index];
            // A constant that is no key would give address 0; the test below compares each with BIP-32's.
            DevAccount { index, address: address_of(&secret).unwrap_or_default(), secret }
        })
    })
}

/// The account of that address, if it is one of the ten.
pub fn by_address(address: Address) -> Option<&'static DevAccount> {
    all().iter().find(|account| account.address == address)
}

const SECRETS: [&[u8; 32]; ACCOUNTS] = [
    &hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    &hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    &hex!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    &hex!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    &hex!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    &hex!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    &hex!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    &hex!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    &hex!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    &hex!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_those_that_every_tool_shows() {
        let known = [
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
            "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
            "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
            "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
            "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
            "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
            "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
            "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
        ];
        for (account, address) in all().iter().zip(known) {
            assert_eq!(account.address.to_string(), address.to_lowercase());
            assert_eq!(by_address(account.address), Some(account));
        }
        assert_eq!(all()[3].path(), "m/44'/60'/0'/0/3");
        assert!(!format!("{:?}", all()[0]).contains("ac0974"), "a key is never shown, known or not");
    }
}
