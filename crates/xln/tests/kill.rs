//! `kill -9`, fifty times under load, on one data folder: what was answered is there, once; what wasn't is there whole or not at all.
//!
//! A killed process loses no byte that it wrote: what the power takes is tested on a disk that forgets (`xln-node/tests`). What is tested
//! here is all around it: the process, its folder, locks, keystore, chain, API, and that a restart finds its way from wherever it died.
//!
//! In every third round or so the restart is killed too, while it recovers, and started once more.
//!
//! Laws: **TX-6** what was answered survives; **TX-2** and **CH-13** once, and both sides agree; **DP-1**, **DP-4** operations on the chain
//! happen once; **ST-6**, **TX-7** the store is whole after each death. The moment of death: after so many answers, a number from the seed.
//!
//! Read [`fifty_deaths_under_load_lose_and_double_nothing`]; the traffic is [`load`], the bookkeeping [`books`].

#[path = "kill/books.rs"]
mod books;
mod hub;
#[path = "kill/load.rs"]
mod load;

use books::Books;
use hub::dice::Dice;
use hub::people::{OPERATOR, OWNER, examples, free, login, sealed};
use hub::process::{Hub, audit, dev, folder};
use hub::{until, within};
use load::Load;

const SEED: u64 = 20_260_801;
const ROUNDS: u64 = 50;
/// The store is audited, as the death left it, after each fifth.
const AUDIT_ROUNDS: u64 = 5;
/// How many payments are answered before the process is killed: from, and how many more at most.
const ANSWERS: (u64, u64) = (10, 120);

/// TX-6, TX-2, CH-13, DP-1, DP-4, ST-6, TX-7: through fifty deaths.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_deaths_under_load_lose_and_double_nothing() {
    let (_folder, data) = folder();
    let mut dice = Dice(SEED);
    let mut books = Books::default();
    for round in 0..ROUNDS {
        let mut hub = Hub::start(dev(&data)).await;
        // Tokens end with the process.
        let owner = login(hub.api(), OWNER).await;
        let parties = examples(&owner).await;
        books.check(&hub, &owner, &parties).await;
        // What `xln dev` deposits for alice arrives in the first round.
        until("the deposit", async || (0 < free(&owner, &parties[0].entity, "ETH").await).then_some(())).await;
        let load = Load::begin(&owner, &parties, round, &mut dice).await;
        load.answered(ANSWERS.0 + dice.below(ANSWERS.1)).await;
        hub.strike();
        let (status, said) = hub.ended().await;
        assert_eq!(status.code(), None, "it was killed, and didn't end before: {said}");
        books.note(within("the sessions end", load.ended()).await);
        if dice.below(3) == 0 {
            Hub::stillborn(dev(&data), &data).await;
        }
        if round % AUDIT_ROUNDS == AUDIT_ROUNDS - 1 {
            audit(&data, None).await;
        }
    }
    let hub = Hub::start(dev(&data)).await;
    let (owner, operator) = (login(hub.api(), OWNER).await, login(hub.api(), OPERATOR).await);
    let parties = examples(&owner).await;
    books.check(&hub, &owner, &parties).await;
    books.check_all_payments(&owner).await;
    books.settle(&hub, &owner, &operator, &parties).await;
    sealed(&owner).await;
    audit(&data, Some(hub.field("rpc"))).await;
    hub.stop().await;
    audit(&data, None).await;
}
