//! **DP-3**: a hub follows and pays into its own depositary on its own chain, and nothing else.

use xln_chain::dev::{DevChain, DevOptions};
use xln_chain::{Chain, ChainClient, ChainError};
use xln_types::Address;

/// DP-3: another chain, an address without code and a foreign contract are each told apart from the hub's depositary.
#[tokio::test]
async fn only_the_hubs_own_depositary_on_its_own_chain_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = DevOptions { block_interval: None, ..DevOptions::default() };
    let path = folder.path().to_owned();
    let opened = tokio::task::spawn_blocking(move || DevChain::open(&path, &options)).await;
    let chain = opened.expect("joins").expect("opens");
    let (chain_id, deployment) = (chain.chain_id(), chain.deployment());
    let client = ChainClient::over(std::sync::Arc::new(chain));
    assert_eq!(client.check_identity(chain_id, deployment.depositary).await, Ok(()));
    let token = deployment.tokens[0].contract;
    for (chain_id, depositary, what, found) in [
        (1, deployment.depositary, "chain id", "31337"),
        (chain_id, Address([0x11; 20]), "depositary", "no contract"),
        (chain_id, token, "depositary", "another contract"),
        (chain_id, deployment.entity_provider, "depositary", "another contract"),
    ] {
        match client.check_identity(chain_id, depositary).await {
            Err(ChainError::Foreign { what: seen, found: is, .. }) => assert_eq!((seen, is.as_str()), (what, found)),
            other => panic!("{depositary}: {other:?}"),
        }
    }
}
