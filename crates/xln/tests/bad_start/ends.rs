//! Told to end, a hub ends well: status 0, all that was answered is there, nothing is half written.

use crate::hub::people::{OWNER, answer, examples, login, payment, place, session};
use crate::hub::process::{Hub, audit, dev, folder};
use crate::hub::within;
use std::collections::BTreeSet;
use tokio::process::Command;

/// TX-6, ST-4: Ctrl-C under load: each payment is answered, refused, or left without a word; those that were answered are there after
/// the restart, and the log has no torn tail and nothing unsealed.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_under_load_ends_well() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let [alice, bob] = examples(&owner).await;
    let (mut sender, mut receiver) = session(&owner).await;
    for number in 0..300 {
        let _ =
            sender.feed("payment.send", &payment(&alice, &bob, "USDC", 1, &number.to_string())).await.expect("sent");
    }
    sender.flush().await.expect("sent");
    let (first, result) = answer(&mut receiver).await.expect("an answer");
    let _ = result.expect("paid");
    let mut paid = BTreeSet::from([place(first)]);
    let ending = tokio::spawn(hub.interrupt());
    while let Ok((id, result)) = answer(&mut receiver).await {
        match result {
            Ok(answer) => {
                assert_eq!(answer["status"], "completed");
                assert!(paid.insert(place(id)), "answered twice");
            }
            Err(refusal) => assert_eq!(refusal.code, 5002, "{refusal}"),
        }
    }
    let (status, said) = within("the end", ending).await.expect("ended");
    assert_eq!(status.code(), Some(0), "{said}");
    let report = audit(&data, None).await;
    assert_eq!((&report["torn_tail_bytes"], &report["unsealed"]), (&0.into(), &0.into()), "{report}");
    let hub = Hub::start(dev(&data)).await;
    let owner = login(hub.api(), OWNER).await;
    let listed = owner.get("/payments?limit=1000").await.expect("a list");
    let listed: BTreeSet<usize> = listed["payments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|payment| payment["memo"].as_str().and_then(|memo| memo.parse().ok()).expect("a number"))
        .collect();
    assert!(paid.is_subset(&listed), "answered and lost");
    hub.stop().await;
}

/// A supervisor's SIGTERM is as good as Ctrl-C.
#[tokio::test]
async fn sigterm_ends_well_too() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let told = Command::new("kill").args(["-TERM", &hub.id().to_string()]).status().await.expect("kill");
    assert!(told.success());
    let (status, said) = hub.ended().await;
    assert_eq!(status.code(), Some(0), "{said}");
    audit(&data, None).await;
}
