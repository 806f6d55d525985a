//! Random lives and deaths: inputs of every kind, turns, seals, syncs that come late, power cuts at any operation of the disk, torn and
//! forgotten bytes, failing writes and syncs, a full disk, recoveries that are cut off themselves. After each death the disk is replayed
//! and compared with the model.
//!
//! That these tests would notice a log without its fsync is tested below, on a disk that forgets syncs. It was tried on the code too: with
//! the line `self.disk.sync(&self.segment_name)?;` of `Log::write_commit` (`xln-storage/src/log/mod.rs`) taken out,
//! [`no_answer_is_ever_lost_and_no_input_counts_twice`] fails at its first seed: records that were called durable are missing.

use crate::model::{Model, image};
use crate::people::{CAROLS_FIRST, START_S, Who, deposit, hosted, payment, register, signed_by};
use crate::rig::{Answer, Rig, replay};
use xln_api::backend::{Confirmed, SubmitError, Unavailable};
use xln_crypto::VerifiedTx;
use xln_node::engine::Mail;
use xln_node::recovery::RecoveryError;
use xln_storage::{LogError, MemDisk};
use xln_types::codec::Blob;
use xln_types::tx::{Allocate, Withdraw};
use xln_types::{Address, Amount, Body, SignerId};

/// How many seeds, and how many steps each.
const SEEDS: u64 = 120;
const STEPS: u64 = 100;
/// Most attempts at a recovery that is cut off again and again.
const ATTEMPTS_MAX: u64 = 8;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// One seed's life.
struct Life {
    disk: MemDisk,
    dice: Dice,
    rig: Rig,
    model: Model,
    /// Inputs without an answer yet.
    waiting: Vec<(What, Answer)>,
    /// Carol's transactions in the order of their nonces: she sends them again, as they are, until they are answered.
    carols: Vec<VerifiedTx>,
    asked: u64,
    deposits: u64,
    deaths: u64,
}

/// What waits for an answer.
#[derive(Clone, Debug)]
enum What {
    /// Must be executed once its turn comes.
    Sure,
    /// May be refused, by receipt.
    Unsure,
    /// Carol's, which may have been executed before.
    Signed,
}

fn run(disk: &MemDisk, seed: u64) -> Result<u64, String> {
    let rig = Rig::fresh(disk);
    let mut model = Model::default();
    rig.noted(|heard| model.hears(heard));
    model.lives(&rig.shared.server());
    let disk = disk.clone();
    let (waiting, carols) = (Vec::new(), Vec::new());
    let mut life = Life { disk, dice: Dice(seed), rig, model, waiting, carols, asked: 0, deposits: 0, deaths: 0 };
    for _ in 0..STEPS {
        life.step()?;
    }
    life.die()?;
    life.end()
}

impl Life {
    fn step(&mut self) -> Result<(), String> {
        self.rig.now_ms += self.dice.below(40);
        match self.dice.below(32) {
            0..12 => self.ask(),
            12..18 => {
                self.rig.execute();
                self.lives();
            }
            18..21 => {
                self.rig.engine.seal(self.rig.now_ms);
                self.lives();
            }
            21..26 => self.rig.engine.step_log(),
            26..29 => self.listen()?,
            29 => self.break_something(),
            30 => self.die()?,
            _ => {
                self.rig.flush();
                self.lives();
                self.listen()?;
            }
        }
        Ok(())
    }

    fn lives(&mut self) {
        self.model.lives(&self.rig.shared.server());
    }

    fn ask(&mut self) {
        self.asked += 1;
        let number = self.asked;
        let (alice, bob, carol) = (Who::Alice, Who::Bob, Who::Carol);
        let (what, answer) = match self.dice.below(12) {
            kind @ 0..5 => {
                let (from, to) = if kind < 3 { (alice, bob) } else { (bob, alice) };
                let body = self.payment(number);
                (What::Sure, self.rig.ask(|reply| Mail::Hosted(hosted(from, to, body), reply)))
            }
            5..7 => {
                let body = self.payment(number);
                let nonce = CAROLS_FIRST + self.carols.len() as u64;
                // Her clock stands: a transaction is taken within five minutes of its time.
                let tx = signed_by(carol, carol.address(), bob, nonce, START_S, &body);
                self.carols.push(tx.clone());
                (What::Signed, self.rig.ask(|reply| Mail::Signed(tx, reply)))
            }
            7 if !self.carols.is_empty() => {
                let again = self.dice.below(self.carols.len() as u64);
                let tx = self.carols[usize::try_from(again).expect("small")].clone();
                (What::Signed, self.rig.ask(|reply| Mail::Signed(tx, reply)))
            }
            7 | 8 => {
                let mut id = [0xee; 20];
                id[..8].copy_from_slice(&number.to_be_bytes());
                let bytes = usize::try_from(self.dice.below(2000)).expect("small");
                let command = register(SignerId(id), true, bytes);
                (What::Sure, self.rig.ask(|reply| Mail::Command(command, reply)))
            }
            9 => {
                self.deposits += 1;
                let fact = deposit(self.deposits);
                (What::Sure, self.rig.ask(|reply| Mail::Fact(fact, reply)))
            }
            10 if 0 < self.deposits => {
                // The chain's first deposit, told once more: stale, unless a death took the first telling.
                (What::Unsure, self.rig.ask(|reply| Mail::Fact(deposit(1), reply)))
            }
            _ => {
                let body = self.operation();
                (What::Unsure, self.rig.ask(|reply| Mail::Hosted(hosted(alice, Who::Hub, body), reply)))
            }
        };
        self.waiting.push((what, answer));
    }

    fn payment(&mut self, memo: u64) -> Body {
        let amount = 1 + self.dice.below(1000);
        self.model.payments.insert(memo, amount);
        payment(amount, memo)
    }

    fn operation(&mut self) -> Body {
        let (asset, amount) = (crate::people::eth(), Amount(1));
        let (valid_until_s, chain_signature) = (START_S + 3600, Blob::default());
        if self.dice.below(2) == 0 {
            let recipient = Address([5; 20]);
            Body::from(Withdraw { asset, amount, recipient, valid_until_s, chain_signature })
        } else {
            let channel = Who::Alice.channel();
            Body::from(Allocate { channel, asset, amount, valid_until_s, chain_signature })
        }
    }

    /// A fault of the disk that will show itself sooner or later.
    fn break_something(&mut self) {
        match self.dice.below(4) {
            0 => self.disk.fail_next_sync(),
            1 => self.disk.fail_after(self.dice.below(12)),
            2 => self.disk.cut_power_after(self.dice.below(12)),
            _ => self.disk.set_capacity(Some(self.dice.below(60_000))),
        }
    }

    /// Lets the engine hear of its log, and takes the answers that are there.
    fn listen(&mut self) -> Result<(), String> {
        self.rig.hear();
        let failed = self.rig.shared.has_failed();
        let mut waiting = Vec::new();
        for (what, mut answer) in std::mem::take(&mut self.waiting) {
            match answer.try_recv() {
                Ok(answer) => self.answered(&what, answer, failed)?,
                // TX-6: a failed log answers everybody, and nobody waits for ever.
                Err(_) if failed => return Err(format!("not answered although the log failed: {what:?}")),
                Err(_) => waiting.push((what, answer)),
            }
        }
        self.waiting = waiting;
        let model = &mut self.model;
        self.rig.noted(|heard| model.hears(heard));
        Ok(())
    }

    fn answered(&mut self, what: &What, answer: Result<Confirmed, SubmitError>, failed: bool) -> Result<(), String> {
        match (what, answer) {
            (What::Sure, Ok(Confirmed { receipt, .. })) if !receipt.is_executed() => {
                Err(format!("refused: {receipt:?}"))
            }
            (_, Ok(Confirmed { receipt, .. })) => {
                self.model.answered(receipt);
                Ok(())
            }
            // TX-2: the same bytes, the first receipt.
            (What::Signed, Err(SubmitError::Known(receipt))) => {
                self.model.answered(*receipt);
                Ok(())
            }
            (_, Err(SubmitError::Unavailable(Unavailable::Storage))) if failed => Ok(()),
            (what, Err(error)) => Err(format!("{what:?}: {error:?}")),
        }
    }

    /// The process dies, or the power goes; then the disk is recovered, however often that is cut off.
    fn die(&mut self) -> Result<(), String> {
        self.deaths += 1;
        // What was spoken up to the death counts; who still waits will never hear.
        self.listen()?;
        self.waiting.clear();
        let empty = MemDisk::new();
        let now_ms = self.rig.now_ms;
        // The engine goes before its disk is touched.
        self.rig = Rig::over(replay(&empty).map_err(|error| error.to_string())?.0, now_ms);
        if self.dice.below(2) == 0 {
            self.disk.crash(self.dice.below(u64::MAX));
        } else {
            // The disk lives on, and what was about to fail may fail yet: a sync.
            self.disk.fail_after(u64::MAX / 2);
            self.disk.cut_power_after(u64::MAX / 2);
        }
        self.disk.set_capacity(None);
        let (recovered, passed) = self.recovered()?;
        self.model.check(&recovered.server, &recovered.history, &passed)?;
        self.deposits = recovered.server.record().cursor.block;
        self.rig = Rig::over(recovered, now_ms);
        self.lives();
        // Carol has heard of nothing since: she sends what she signed once more, in order.
        for tx in self.carols.clone() {
            let answer = self.rig.ask(|reply| Mail::Signed(tx, reply));
            self.waiting.push((What::Signed, answer));
        }
        Ok(())
    }

    /// ST-6: recovery that is cut off is done again, and comes to the same.
    fn recovered(&mut self) -> Result<(xln_node::recovery::Recovered<MemDisk>, crate::rig::Passed), String> {
        for _ in 0..ATTEMPTS_MAX {
            if self.dice.below(2) == 0 {
                break;
            }
            self.disk.cut_power_after(self.dice.below(60));
            match replay(&self.disk) {
                Ok(_) | Err(RecoveryError::Log(LogError::Disk(_))) => {}
                Err(error) => return Err(format!("recovery, cut off: {error}")),
            }
            self.disk.crash(self.dice.below(u64::MAX));
        }
        let once = match replay(&self.disk) {
            // A sync that was still to fail: once more.
            Err(RecoveryError::Log(LogError::Disk(_))) => replay(&self.disk),
            other => other,
        };
        let once = once.map_err(|error| format!("recovery: {error}"))?;
        let first = image(&once.0.server);
        drop(once);
        let twice = replay(&self.disk).map_err(|error| format!("recovery, again: {error}"))?;
        if first == image(&twice.0.server) { Ok(twice) } else { Err("recovered twice, and differently".to_owned()) }
    }

    /// After the last death: all that carol ever signed is executed, once.
    fn end(mut self) -> Result<u64, String> {
        self.rig.flush();
        self.listen()?;
        if !self.waiting.is_empty() {
            return Err(format!("not answered although all is quiet: {}", self.waiting.len()));
        }
        for tx in &self.carols {
            let stored = self.rig.shared.history().receipt(tx.hash());
            if stored.is_none_or(|stored| !stored.receipt.is_executed()) {
                return Err(format!("carol's transaction was not executed: nonce={}", tx.tx().nonce));
            }
        }
        Ok(self.deaths)
    }
}

/// TX-6, TX-2, TX-7, ST-6: through thousands of deaths.
#[test]
fn no_answer_is_ever_lost_and_no_input_counts_twice() {
    let mut deaths = 0;
    for seed in 0..SEEDS {
        match run(&MemDisk::new(), seed) {
            Ok(died) => deaths += died,
            Err(broken) => panic!("seed={seed}: {broken}"),
        }
    }
    assert!(2 * SEEDS < deaths, "too few deaths to say anything: {deaths}");
}

/// TX-6: the lives above would notice a log that forgets its fsync: on a disk that does, answers are lost.
#[test]
fn without_the_fsync_answers_are_lost() {
    let lost = (0..40).filter(|seed| {
        let disk = MemDisk::new();
        disk.forget_syncs();
        run(&disk, *seed).is_err()
    });
    assert!(20 < lost.count());
}
