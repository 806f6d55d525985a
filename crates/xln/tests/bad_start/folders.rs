//! Ports and folders that can't be had.

use crate::hub::chain::{PASSWORD, TestChain, configuration, hub, written};
use crate::hub::people::{OWNER, login};
use crate::hub::process::{Hub, dev, folder, program, refused};
use std::net::TcpListener;

/// A taken port is the world's fault, for whichever of the sockets, and is told with the flag that changes it; no folder is made.
#[tokio::test]
async fn a_port_in_use_is_named_and_nothing_is_made() {
    let (folder, data) = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).expect("bound");
    let path = data.display().to_string();
    for (flag, other) in [("--listen", "--rpc-listen"), ("--rpc-listen", "--listen")] {
        let said = refused(program(&["dev", "--data", &path, flag, &taken.1, other, "127.0.0.1:0"]), 3).await;
        assert!(said.contains(&taken.1) && said.contains(flag), "{said}");
        assert!(!data.exists());
    }
    let config = written(folder.path(), &configuration(&data, "http://127.0.0.1:1"));
    let mut command = hub(&config, Some(PASSWORD));
    command.args(["--listen", &taken.1]);
    let said = refused(command, 3).await;
    assert!(said.contains(&taken.1), "{said}");
    assert!(!data.exists());
}

/// Everybody can reach another address than loopback, and there is no TLS: refused as usage.
#[tokio::test]
async fn only_loopback_is_served() {
    let (folder, data) = folder();
    let path = data.display().to_string();
    for address in ["0.0.0.0:0", "[::]:0"] {
        for flag in ["--listen", "--rpc-listen"] {
            let said = refused(program(&["dev", "--data", &path, flag, address]), 2).await;
            assert!(said.contains("loopback"), "{said}");
        }
        let text = configuration(&data, "http://127.0.0.1:1");
        let config = written(folder.path(), &text.replace("127.0.0.1:0", address));
        let said = refused(hub(&config, Some(PASSWORD)), 2).await;
        assert!(said.contains("configuration: listen") && said.contains("loopback"), "{said}");
    }
    assert!(!data.exists());
}

/// A folder that can't be made is the world's fault.
#[tokio::test]
async fn a_folder_that_cant_be_made_is_named() {
    let (folder, _) = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("written");
    for path in [file.join("xln"), file.clone()] {
        let said = refused(dev(&path), 3).await;
        assert!(said.contains("data folder unusable") && said.contains(&path.display().to_string()), "{said}");
        let config = written(folder.path(), &configuration(&path, "http://127.0.0.1:1"));
        let _ = refused(hub(&config, Some(PASSWORD)), 3).await;
    }
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "not a folder");
}

/// A folder with other things in it isn't taken over, and stays as it is.
#[tokio::test]
async fn a_folder_of_someone_else_is_left_alone() {
    let (folder, data) = folder();
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("thesis.txt"), "ten years of work").expect("written");
    let config = written(folder.path(), &configuration(&data, "http://127.0.0.1:1"));
    for command in [dev(&data), hub(&config, Some(PASSWORD))] {
        let said = refused(command, 2).await;
        assert!(said.contains("not a data folder of xln") && said.contains(&data.display().to_string()), "{said}");
    }
    let names: Vec<_> = std::fs::read_dir(&data).expect("there").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names, ["thesis.txt"]);
    assert_eq!(std::fs::read_to_string(data.join("thesis.txt")).expect("there"), "ten years of work");
}

/// One folder, one process: a second is refused, and the first goes on undisturbed.
#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let (_folder, data) = folder();
    let first = Hub::start(dev(&data)).await;
    let said = refused(dev(&data), 3).await;
    assert!(said.contains("in use"), "{said}");
    let owner = login(first.api(), OWNER).await;
    assert_eq!(owner.raw("/readyz").await.expect("an answer").0, 200);
    first.stop().await;
    Hub::start(dev(&data)).await.stop().await;
}

/// A folder that belongs to another chain, depositary or signer is refused by name of what differs.
#[tokio::test]
async fn a_folder_of_another_hub_is_refused() {
    let (folder, data) = folder();
    let chain = TestChain::start(folder.path()).await;
    let good = configuration(&data, &chain.url());
    let config = written(folder.path(), &good);
    Hub::start(hub(&config, Some(PASSWORD))).await.stop().await;
    let other = "0x00000000000000000000000000000000000000aa";
    let mut command = hub(&config, Some(PASSWORD));
    command.args(["--depositary", other]);
    let said = refused(command, 2).await;
    assert!(said.contains("another hub: depositary") && said.contains(other), "{said}");
    Hub::start(hub(&config, Some(PASSWORD))).await.stop().await;
}
