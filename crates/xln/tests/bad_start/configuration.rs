//! Configuration and password: each mistake is told with its place and with what would work.

use crate::hub::chain::{PASSWORD, TestChain, configuration, hub, written};
use crate::hub::process::{Hub, folder, program, refused};

/// A configuration that can't be used: status 2, the line or the field, and nothing made.
#[tokio::test]
async fn a_bad_configuration_names_its_line() {
    let (folder, data) = folder();
    let good = configuration(&data, "http://127.0.0.1:1");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to)
    };
    for (text, words) in [
        (changed("confirmations = 1", "confirmations = "), vec!["line 5"]),
        (changed("confirmations = 1", "confirmations = \"one\""), vec!["line 5", "invalid type"]),
        (changed("confirmations = 1", "confirmations = -1"), vec!["line 5"]),
        (changed("poll_ms = 20", "colour = 1"), vec!["line 6", "unknown field `colour`"]),
        (changed("decimals = 18", "decimals = 18\ncolour = 1"), vec!["line 12", "unknown field `colour`"]),
        (changed("[[assets]]", "[[assets"), vec!["line 9"]),
        (changed("decimals = 18", ""), vec!["missing field `decimals`"]),
        (changed("confirmations = 1", "confirmations = 1001"), vec!["configuration: confirmations", "1000"]),
        (changed("poll_ms = 20", "poll_ms = 1"), vec!["configuration: poll_ms", "10"]),
        (changed("listen = \"127.0.0.1:0\"", "listen = \"here\""), vec!["configuration: listen", "127.0.0.1:8080"]),
        (changed("depositary = \"0x", "depositary = \"0xzz"), vec!["configuration: depositary"]),
        (changed("operators = [\"0x", "operators = [\"me"), vec!["configuration: operators"]),
        (changed("rpc =", "# rpc ="), vec!["configuration: rpc", "missing"]),
        (changed("data =", "# data ="), vec!["configuration: data", "missing"]),
        (format!("{good}\u{0}"), vec!["line 12"]),
    ] {
        let config = written(folder.path(), &text);
        let said = refused(hub(&config, Some(PASSWORD)), 2).await;
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} not in: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let missing = folder.path().join("none.toml");
    let said = refused(hub(&missing, Some(PASSWORD)), 2).await;
    assert!(said.contains("unreadable") && said.contains("none.toml"), "{said}");
    let _ = refused(program(&["hub", "--colour", "red"]), 2).await;
    assert!(!data.exists());
}

/// The keystore's password: missing, too short, wrong. The folder opens with the right one afterwards.
#[tokio::test]
async fn without_the_password_nothing_opens() {
    let (folder, data) = folder();
    let chain = TestChain::start(folder.path()).await;
    let config = written(folder.path(), &configuration(&data, &chain.url()));
    let said = refused(hub(&config, None), 2).await;
    assert!(said.contains("XLN_KEYSTORE_PASSWORD"), "{said}");
    assert!(!data.exists());
    let said = refused(hub(&config, Some("short")), 2).await;
    assert!(said.contains("too short"), "{said}");
    let first = Hub::start(hub(&config, Some(PASSWORD))).await;
    let signer = first.field("hub_address").to_owned();
    first.stop().await;
    let said = refused(hub(&config, Some("wrong horse battery")), 2).await;
    assert!(said.contains("wrong keystore password"), "{said}");
    let again = Hub::start(hub(&config, Some(PASSWORD))).await;
    assert_eq!(again.field("hub_address"), signer);
    again.stop().await;
}

/// At the first start the chain's id must be learnt: without an RPC that is the world's fault, and the next start finds the folder good.
#[tokio::test]
async fn a_first_start_without_a_chain_can_be_done_again() {
    let (folder, data) = folder();
    let mut chain = TestChain::start(folder.path()).await;
    let config = written(folder.path(), &configuration(&data, &chain.url()));
    chain.down().await;
    let _ = refused(hub(&config, Some(PASSWORD)), 3).await;
    chain.up().await;
    Hub::start(hub(&config, Some(PASSWORD))).await.stop().await;
}
