//! Beginning, faults, end: everybody is put in place; then people ask and faults happen (*safety*); then faults end, and everything must come to
//! rest (*liveness*): each request answered, each operation ended, each node up, and each node's books what the chain says.

use crate::fault::Fault;
use crate::node::life::CONFIRMATIONS;
use crate::sim::{Event, Sim};
use crate::workload::setup;
use xln_storage::{Disk, Kept};

/// How long things may take to come to rest, in virtual milliseconds.
const REST_MS_MAX: u64 = 3_600_000;
/// Requests between two faults, unless there are very many.
const FAULT_OPS: u64 = 100;
/// One run in so many has a reorganisation that is deeper than the confirmations.
const DEEP_ONE_IN: u64 = 16;

impl<'a> Sim<'a> {
    pub(crate) fn phases(&mut self) -> Result<(), String> {
        self.begin()?;
        let ops = self.options.ops;
        self.until(u64::MAX / 2, |sim| ops <= sim.asked)?;
        self.calm();
        let rested = self.until(REST_MS_MAX, Sim::is_at_rest)?;
        if !rested {
            return Err(format!("liveness: not at rest: {}", self.unrest()));
        }
        self.probe()?;
        self.end()
    }

    /// Starts all nodes and puts everybody in place, without faults.
    fn begin(&mut self) -> Result<(), String> {
        self.endow();
        for number in 0..self.nodes.len() {
            self.at_node = Some(number);
            self.nodes[number].start(&[], &mut self.book)?;
            for asked in setup::steps(&self.nodes[number].people.clone(), &mut self.workloads[number]) {
                self.nodes[number].ask(asked, &mut self.book)?;
                self.flush(number)?;
            }
            self.nodes[number].compare(&mut self.book)?;
            for event in [Event::Seal(number), Event::Follow(number), Event::Operate(number)] {
                let in_ms = self.dice.below(100);
                self.plan(in_ms, event);
            }
        }
        self.plan(1, Event::Mine);
        self.plan(1, Event::Talk);
        self.plan(1, Event::Ask);
        Ok(())
    }

    /// A node does at once all that it has to do.
    fn flush(&mut self, number: usize) -> Result<(), String> {
        let now_ms = self.now_ms();
        let node = &mut self.nodes[number];
        if let Some(life) = &mut node.life {
            life.turn(now_ms, usize::MAX);
            life.engine.step_log();
            life.hear();
        }
        node.collect(now_ms, &mut self.book)
    }

    /// A fault happens, or is armed for the next sync.
    pub(crate) fn disturb(&mut self) -> Result<(), String> {
        // As many for each request, however fast they come: a death costs a replay of all that was.
        let every = FAULT_OPS.max(self.options.ops / 20);
        self.disturb_at = self.asked + 1 + self.dice.below(2 * every);
        if self.faults.is_empty() {
            return Ok(());
        }
        if self.deck.is_empty() {
            self.deck = self.faults.clone();
        }
        let fault = self.deck.swap_remove(self.dice.index(self.deck.len()));
        let (number, now_ms) = (self.dice.index(self.nodes.len()), self.now_ms());
        self.at_node = Some(number);
        self.book.trace.note(now_ms, b'F', number, fault.name().as_bytes());
        match fault {
            Fault::LinkPartition | Fault::LinkOneWay | Fault::PeerSilent => {
                self.network.disturb(fault, self.nodes.len(), now_ms);
            }
            // Each message may meet these.
            Fault::LinkDrop | Fault::LinkDelay | Fault::LinkReorder | Fault::LinkDuplicate | Fault::FrameBitflip => {}
            Fault::PeerRestart => self.death(number, None)?,
            Fault::CrashInRecovery | Fault::DiskReadError => {
                self.nodes[number].at_recovery = Some(fault);
                self.death(number, None)?;
            }
            Fault::ChainReorg => {
                let depth = 1 + self.dice.index(usize::try_from(CONFIRMATIONS).unwrap_or(1));
                if 0 < self.chain.lock().reorganise(depth, now_ms / 1000 + self.ahead_s) {
                    self.book.fired(fault);
                }
            }
            Fault::ChainStall => self.stalled_until_ms = now_ms + 1_000 + self.dice.below(8_000),
            Fault::RpcLies => {
                self.nodes[number].view.lie(true);
                let in_ms = 500 + self.dice.below(4_000);
                self.plan(in_ms, Event::Truth(number));
            }
            Fault::ClockSkew => {
                let most = if self.dice.once_in(4) { 30_000 } else { 2_000 };
                let skew_ms = i64::try_from(self.dice.below(2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0);
                self.nodes[number].clock.skew(skew_ms);
                self.nodes[number].skewed = true;
                let in_ms = 2_000 + self.dice.below(10_000);
                self.plan(in_ms, Event::Truth(number));
            }
            _ => self.nodes[number].armed = Some(fault),
        }
        Ok(())
    }

    pub(crate) fn truth(&mut self, number: usize) {
        self.nodes[number].view.lie(false);
        self.nodes[number].clock.skew(0);
    }

    /// A node dies; it will be back.
    fn death(&mut self, number: usize, power: Option<Kept>) -> Result<(), String> {
        if self.nodes[number].life.is_none() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        // What was spoken up to now counts.
        self.nodes[number].collect(now_ms, &mut self.book)?;
        self.book.trace.note(now_ms, b'D', number, &[]);
        self.nodes[number].die(power);
        self.network.restarted(number);
        let in_ms = 20 + self.dice.below(400);
        self.plan(in_ms, Event::Restart(number));
        Ok(())
    }

    pub(crate) fn restart(&mut self, number: usize) -> Result<(), String> {
        if self.nodes[number].life.is_some() {
            return Ok(());
        }
        let faults = self.faults.clone();
        self.nodes[number].start(&faults, &mut self.book)?;
        // Whoever keeps its own keys has heard of nothing since, and sends once more, in order.
        for asked in std::mem::take(&mut self.nodes[number].unanswered) {
            self.nodes[number].ask(crate::workload::Asked { again: true, ..asked }, &mut self.book)?;
        }
        self.plan_sync(number);
        Ok(())
    }

    /// A sync that meets the fault that was armed.
    pub(crate) fn sync_with_fault(&mut self, number: usize) -> Result<(), String> {
        let dice = self.dice.throw();
        let node = &mut self.nodes[number];
        let (Some(fault), Some(life)) = (node.armed.take(), &mut node.life) else { return Ok(()) };
        let mut power = None;
        match fault {
            Fault::CrashBeforeSync => self.book.fired(fault),
            Fault::CrashAfterSync => {
                life.engine.step_log();
                power = Some(Kept::Pieces);
                self.book.fired(fault);
            }
            Fault::DiskTornWrite | Fault::DiskLostUnsynced => {
                // The write comes through, the sync doesn't.
                node.disk.cut_power_after(1);
                life.engine.step_log();
                power = Some(if fault == Fault::DiskTornWrite { Kept::Pieces } else { Kept::Nothing });
                node.cut_by = Some(fault);
            }
            Fault::DiskFull => {
                let used = used_bytes(&node.disk)?;
                node.disk.set_capacity(Some(used + dice % 64));
                life.engine.step_log();
            }
            Fault::FsyncError => {
                node.disk.fail_next_sync();
                life.engine.step_log();
                power = (dice.is_multiple_of(2)).then_some(Kept::All);
            }
            _ => life.engine.step_log(),
        }
        if fault != Fault::CrashAfterSync && fault != Fault::CrashBeforeSync {
            life.hear();
        }
        let failed = life.shared.has_failed();
        if failed {
            // TX-6: whoever asks now hears at once that nothing is confirmed any more.
            life.turn(node.clock.now_ms(), usize::MAX);
        }
        if failed && matches!(fault, Fault::DiskFull | Fault::FsyncError) {
            self.book.fired(fault);
        }
        self.death(number, power)?;
        if fault == Fault::DiskBitRot {
            self.nodes[number].rot(&mut self.book)?;
        }
        Ok(())
    }

    /// One run in so many has a reorganisation deeper than the confirmations, once every node has taken blocks that it replaces: then all must halt.
    pub(crate) fn deepen(&mut self) {
        let is_due = self.options.seed % DEEP_ONE_IN == DEEP_ONE_IN - 1 && self.options.ops * 3 / 4 < self.asked;
        if !is_due || self.is_halting || !self.faults.contains(&Fault::ChainReorg) {
            return;
        }
        let mut chain = self.chain.lock();
        let oldest = (chain.head().number + 1).saturating_sub(CONFIRMATIONS + 6);
        let has_taken = |node: &crate::node::Node| node.life.is_some() && oldest <= node.ledger.cursor.block;
        if 1 < oldest && self.nodes.iter().all(has_taken) {
            let depth = usize::try_from(CONFIRMATIONS + 6).unwrap_or(0);
            chain.reorganise(depth, self.clock.now_ms() / 1000 + self.ahead_s);
            self.is_halting = true;
            self.book.fired(Fault::ChainReorg);
        }
    }

    /// Faults end.
    fn calm(&mut self) {
        self.faults.clear();
        self.network.heal();
        (self.stalled_until_ms, self.is_quiet) = (0, true);
        let now_ms = self.now_ms();
        // The last greeting of each must arrive.
        for (from, to) in (0..self.nodes.len()).flat_map(|from| (0..self.nodes.len()).map(move |to| (from, to))) {
            if from != to {
                self.chatter.say(&mut self.network, now_ms, from, to);
            }
        }
        for number in 0..self.nodes.len() {
            self.nodes[number].armed = None;
            self.truth(number);
        }
    }

    /// After all that, each node still gets money out: somebody's withdrawal reaches the chain, and isn't given back.
    fn probe(&mut self) -> Result<(), String> {
        let mut asked = Vec::new();
        let count = if self.is_halting { 0 } else { self.nodes.len() };
        for number in 0..count {
            let node = &mut self.nodes[number];
            let now_s = node.clock.now_ms() / 1000;
            let Some((who, asset)) = node.richest_hosted() else { continue };
            let id = node.next_operation(who);
            let draft = setup::withdrawal(&node.people, who, asset, now_s + 170);
            let request = self.workloads[number].request(&node.people, draft, 0, now_s);
            node.ask(request, &mut self.book)?;
            self.flush(number)?;
            asked.push((number, id));
        }
        let rested = self.until(REST_MS_MAX, Sim::is_at_rest)?;
        for (number, id) in asked {
            if !rested || self.nodes[number].auditor.has_ended(id) != Some(true) {
                self.at_node = Some(number);
                let waiting = self.chain.lock().waiting(self.nodes[number].people.hub().signer.address());
                return Err(format!("liveness: a withdrawal never reached the chain: {id}, hub's nonces {waiting:?}"));
            }
        }
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        let all_quiet = self.nodes.iter().all(crate::node::Node::is_quiet) && self.chatter.is_heard();
        if self.is_halting {
            return all_quiet && self.nodes.iter().all(|node| node.ledger.halted);
        }
        let ended = |node: &crate::node::Node| node.auditor.is_quiet() && node.ledger.operations().is_empty();
        all_quiet && self.nodes.iter().all(ended) && self.is_chain_taken()
    }

    /// Every node has taken all that the chain has to tell, and nothing waits for a block.
    fn is_chain_taken(&self) -> bool {
        let chain = self.chain.lock();
        let last = chain.last_told();
        chain.is_idle() && self.nodes.iter().all(|node| last <= node.ledger.cursor.block)
    }

    fn unrest(&self) -> String {
        let of = |node: &crate::node::Node| {
            let operations: Vec<_> = node.ledger.operations().iter().take(3).collect();
            let (number, waiting, count) = (node.number, node.waiting(), node.ledger.operations().len());
            format!("node {number}: {waiting} wait, {count} operations: {operations:?}")
        };
        self.nodes.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    fn end(&mut self) -> Result<(), String> {
        self.custody(&self.chain.lock())?;
        for number in 0..self.nodes.len() {
            self.at_node = Some(number);
            self.nodes[number].compare(&mut self.book)?;
            if !self.is_halting
                && let Some(life) = &self.nodes[number].life
            {
                self.nodes[number].auditor.check_chain(&life.shared.server(), &self.chain.lock())?;
            }
            self.nodes[number].end()?;
        }
        Ok(())
    }
}

fn used_bytes(disk: &impl Disk) -> Result<u64, String> {
    let names = disk.list().map_err(|error| error.to_string())?;
    let lengths = names.iter().map(|name| disk.len(name));
    lengths.sum::<Result<u64, _>>().map_err(|error| error.to_string())
}
