//! Rot: a bit that flipped in what was durable (ST-4).

use crate::hub::people::{OWNER, examples, login, payment};
use crate::hub::process::{Hub, dev, folder, program, refused};
use crate::hub::{people, process};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All bytes of the logs and marks under a folder.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("there") {
        let path = entry.expect("one").path();
        if path.is_dir() {
            found.extend(content(&path));
        } else if path.extension().is_some_and(|name| name == "log" || name == "mark") {
            let bytes = std::fs::read(&path).expect("read");
            found.insert(path, bytes);
        }
    }
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

/// ST-4: a flipped bit before the durable mark stops the start, whichever log it is in: file and offset are named, no byte of it is changed;
/// flipped back, all is there.
#[tokio::test]
async fn a_flipped_bit_stops_the_start_and_is_named() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let [alice, bob] = examples(&owner).await;
    let wishes: Vec<_> = (0..200).map(|n| payment(&alice, &bob, "USDC", 1, &n.to_string())).collect();
    for paid in people::ask_all(&owner, "payment.send", &wishes).await {
        let _ = paid.expect("paid");
    }
    hub.stop().await;
    for (log, name) in [("log", "hub-00000001.log"), ("keys", "keys-00000001.log"), ("chain", "chain-00000001.log")] {
        let path = data.join(log).join(name);
        let length = std::fs::read(&path).expect("a log").len();
        for place in [60, length / 2, length - 1] {
            flip(&path, place);
            let before = content(&data.join(log));
            let said = refused(dev(&data), 3).await;
            assert!(said.contains("damaged") && said.contains(name) && said.contains("offset="), "{log}: {said}");
            assert!(before == content(&data.join(log)), "{log}: bytes were changed");
            flip(&path, place);
        }
    }
    // The audit tells of it too, as a law that is broken.
    let path = data.join("log").join("hub-00000001.log");
    flip(&path, 2000);
    let mut command = program(&["audit", "--json"]);
    command.arg(&data);
    let output = process::finish(command).await;
    assert_ne!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    flip(&path, 2000);
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let view = owner.get(&format!("/channels/{}", bob.channel)).await.expect("a channel");
    assert_eq!(view["activity"]["payments"], 200);
    hub.stop().await;
}
