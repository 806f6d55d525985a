//! One run: what happens when, on one thread. Everything that happens stands on the agenda; each event is short and plans what follows from it.
//!
//! [`crate::phases`] has the beginning, the faults and the end; here is what goes on all the time.

mod asking;

use crate::abroad::Abroad;
use crate::abroad::sessions::Sessions;
use crate::abroad::travel::Talk;
use crate::chain::SimChain;
use crate::clock::{Agenda, Clock, START_MS};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::network::Network;
use crate::node::{Book, Node};
use crate::people::People;
use crate::workload::Workload;
use crate::{Options, Report, Violation};
use xln_node::chain::facts::Next;

/// How often a node seals, by its own clock.
const SEAL_MS: u64 = xln_node::config::BLOCK_INTERVAL_MS;
/// An idle node's blocks are thinned: one in so many beats.
const IDLE_BEATS: u64 = 20;
/// How often a node says again what wasn't acknowledged, in seals; as the driver does it.
const REMIND_BEATS: u64 = 10;
/// How often a node looks for transactions that waited too long, in seals.
const STALE_SEALS: u64 = 50;
/// How often a whole state is compared, in syncs.
const COMPARE_SYNCS: u64 = 24;
/// Once in so many requests nobody asks for a while.
const PAUSE_OPS: u64 = 3_000;

/// What is to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Somebody asks something.
    Ask,
    /// A node takes its mail and executes.
    Turn(usize),
    /// A node's log commits.
    Sync(usize),
    /// A node seals a block.
    Seal(usize),
    /// A node reads the chain.
    Follow(usize),
    /// A node carries out operations.
    Operate(usize),
    /// A block is mined.
    Mine,
    /// Messages arrive.
    Talk,
    /// A node that was down begins its next life.
    Restart(usize),
    /// A node's RPC tells the truth again, its clock is right again.
    Truth(usize),
}

/// What is planned for a node already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planned {
    turn: bool,
    sync: bool,
    syncs: u64,
    beats: u64,
}

pub(crate) struct Sim<'a> {
    pub(crate) options: &'a Options,
    pub(crate) clock: Clock,
    pub(crate) agenda: Agenda<Event>,
    pub(crate) dice: Dice,
    pub(crate) chain: SimChain,
    pub(crate) nodes: Vec<Node>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) network: Network,
    pub(crate) sessions: Sessions,
    pub(crate) talk: Talk,
    pub(crate) everyone: Vec<People>,
    /// Nodes hold channels with one another.
    pub(crate) has_peers: bool,
    /// What hubs ask for a hop, by hub and asset, as far as people know.
    pub(crate) fees: Vec<(xln_types::EntityId, xln_types::tx::AssetPolicy)>,
    pub(crate) book: Book,
    /// What may still go wrong.
    pub(crate) faults: Vec<Fault>,
    pub(crate) deck: Vec<Fault>,
    pub(crate) planned: Vec<Planned>,
    pub(crate) asked: u64,
    /// With which request the next fault comes.
    pub(crate) disturb_at: u64,
    pub(crate) stalled_until_ms: u64,
    /// How far the chain's time is ahead, in seconds.
    pub(crate) ahead_s: u64,
    /// All faults have ended; beats are slow.
    pub(crate) is_quiet: bool,
    /// A reorganisation went deeper than the confirmations: nodes are to halt.
    pub(crate) is_halting: bool,
    pub(crate) at_node: Option<usize>,
}

impl<'a> Sim<'a> {
    pub(crate) fn new(options: &'a Options) -> Sim<'a> {
        let mut dice = Dice::new(options.seed);
        let clock = Clock::new();
        let chain = SimChain::new(dice.split(2), START_MS / 1000);
        // One seed in four has none, so that hubs may set limits of their own too.
        let has_peers = options.peers && 1 < options.nodes && !options.seed.is_multiple_of(4);
        let everyone: Vec<People> = (0..options.nodes).map(People::new).collect();
        let mut book = Book::default();
        let mut nodes = Vec::new();
        for (number, people) in everyone.iter().enumerate() {
            let abroad = if has_peers { Abroad::of(number, options.nodes) } else { Abroad::default() };
            book.abroad.settle_in(number, people);
            let node = Node::new(number, abroad, &clock, &chain, dice.split(100 + number as u64));
            if options.forget_syncs {
                node.disk.forget_syncs();
            }
            nodes.push(node);
        }
        let workloads = nodes.iter().map(|node| Workload::new(dice.split(200 + node.number as u64))).collect();
        let network = Network::new(dice.split(3), &options.faults);
        let planned = vec![Planned::default(); options.nodes];
        Sim {
            options,
            clock,
            agenda: Agenda::new(),
            dice,
            chain,
            nodes,
            workloads,
            network,
            sessions: Sessions::new(options.nodes),
            talk: Talk::default(),
            everyone,
            has_peers,
            fees: Vec::new(),
            book,
            faults: options.faults.clone(),
            deck: Vec::new(),
            planned,
            asked: 0,
            disturb_at: 50,
            stalled_until_ms: 0,
            ahead_s: 0,
            is_quiet: false,
            is_halting: false,
            at_node: None,
        }
    }

    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        match self.phases() {
            Ok(()) => Ok(self.report()),
            Err(what) => {
                let at_ms = self.clock.now_ms() - START_MS;
                let (seed, step) = (self.options.seed, self.book.trace.steps);
                Err(Violation { seed, step, at_ms, node: self.at_node, what })
            }
        }
    }

    fn report(mut self) -> Report {
        let Book { mut trace, accepted, refused, mut faults, compared, unspoken, abroad } = self.book;
        for (fault, times) in std::mem::take(&mut self.network.counts) {
            *faults.entry(fault).or_default() += times;
        }
        let lives = self.nodes.iter().map(|node| node.lives).sum();
        let steps = trace.steps;
        Report {
            ops: self.asked,
            accepted,
            refused,
            faults,
            digest: trace.digest(),
            steps,
            lives,
            compared,
            unspoken,
            across: [abroad.arrived, abroad.succeeded, abroad.failed],
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn plan(&mut self, in_ms: u64, event: Event) {
        self.agenda.plan(self.now_ms() + in_ms, event);
    }

    pub(crate) fn plan_turn(&mut self, node: usize) {
        if !std::mem::replace(&mut self.planned[node].turn, true) {
            let in_ms = self.dice.below(3);
            self.plan(in_ms, Event::Turn(node));
        }
    }

    pub(crate) fn plan_sync(&mut self, node: usize) {
        if !std::mem::replace(&mut self.planned[node].sync, true) {
            let in_ms = 1 + self.dice.below(6);
            self.plan(in_ms, Event::Sync(node));
        }
    }

    /// Goes on until `done`, at most so long.
    pub(crate) fn until(&mut self, limit_ms: u64, done: impl Fn(&Sim<'a>) -> bool) -> Result<bool, String> {
        let end_ms = self.now_ms() + limit_ms;
        while !done(self) {
            let Some((at_ms, event)) = self.agenda.next() else { return Ok(false) };
            if end_ms < at_ms {
                return Ok(false);
            }
            self.clock.set(at_ms);
            self.happen(event)?;
        }
        Ok(true)
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        self.at_node = match event {
            Event::Turn(node) | Event::Sync(node) | Event::Seal(node) | Event::Follow(node) => Some(node),
            Event::Operate(node) | Event::Restart(node) | Event::Truth(node) => Some(node),
            Event::Ask | Event::Mine | Event::Talk => None,
        };
        match event {
            Event::Ask => self.ask(),
            Event::Turn(node) => self.turn(node),
            Event::Sync(node) => self.sync(node),
            Event::Seal(node) => self.seal(node),
            Event::Follow(node) => self.follow(node),
            Event::Operate(node) => self.operate(node),
            Event::Mine => self.mine(),
            Event::Talk => self.talk(),
            Event::Restart(node) => self.restart(node),
            Event::Truth(node) => {
                self.truth(node);
                Ok(())
            }
        }
    }

    fn ask(&mut self) -> Result<(), String> {
        if self.options.ops <= self.asked {
            return Ok(());
        }
        self.asked += 1;
        if self.disturb_at <= self.asked {
            self.disturb()?;
        }
        self.deepen();
        // Mostly one that is up.
        let mut number = self.dice.index(self.nodes.len());
        for _ in 0..3 {
            if self.nodes[number].life.is_none() {
                number = self.dice.index(self.nodes.len());
            }
        }
        self.at_node = Some(number);
        let asked = self.choose(number);
        self.nodes[number].ask(asked, &mut self.book)?;
        if self.dice.once_in(40) {
            self.give(number);
        }
        if self.dice.once_in(300) {
            self.nodes[number].tell_again(self.dice.below(3));
        }
        self.plan_turn(number);
        // Now and then nobody asks for a while.
        let pause_ms = if self.dice.once_in(PAUSE_OPS) { 1_000 + self.dice.below(8_000) } else { self.dice.below(2) };
        self.plan(pause_ms, Event::Ask);
        Ok(())
    }

    fn turn(&mut self, number: usize) -> Result<(), String> {
        self.planned[number].turn = false;
        let pieces_max = 1 + self.dice.index(64);
        let node = &mut self.nodes[number];
        let Some(life) = &mut node.life else { return Ok(()) };
        let at_ms = node.clock.now_ms();
        life.turn(at_ms, pieces_max);
        if std::mem::take(&mut node.skewed) {
            self.book.fired(Fault::ClockSkew);
        }
        let (more, queued) = (life.door.has_mail() || life.engine.has_work(), 0 < life.engine.log_queued_bytes());
        if more {
            self.plan_turn(number);
        }
        if queued {
            self.plan_sync(number);
        }
        // Those who were refused before the log need no sync.
        self.nodes[number].collect(self.clock.now_ms(), &mut self.book)?;
        self.speak(number)
    }

    fn sync(&mut self, number: usize) -> Result<(), String> {
        self.planned[number].sync = false;
        let node = &mut self.nodes[number];
        let Some(life) = &mut node.life else { return Ok(()) };
        if node.armed.is_some() && 0 < life.engine.log_queued_bytes() {
            return self.sync_with_fault(number);
        }
        if self.dice.once_in(3) {
            let _ = life.engine.step_log_commit();
        } else {
            life.engine.step_log();
        }
        life.hear();
        if life.shared.has_failed() {
            return Err("ST-4: the log failed, and no fault was there".to_owned());
        }
        let queued = 0 < life.engine.log_queued_bytes();
        node.collect(self.clock.now_ms(), &mut self.book)?;
        self.planned[number].syncs += 1;
        if self.planned[number].syncs.is_multiple_of(COMPARE_SYNCS) {
            node.compare(&mut self.book)?;
            self.both_ends()?;
        }
        self.speak(number)?;
        self.go_on(number);
        if queued {
            self.plan_sync(number);
        }
        Ok(())
    }

    /// Lets the workers go on with what they waited for.
    fn go_on(&mut self, number: usize) {
        let Some(life) = &mut self.nodes[number].life else { return };
        life.go_on();
        if life.door.has_mail() || life.engine.has_work() {
            self.plan_turn(number);
        }
    }

    fn seal(&mut self, number: usize) -> Result<(), String> {
        self.plan(SEAL_MS, Event::Seal(number));
        self.planned[number].beats += 1;
        let beats = self.planned[number].beats;
        let node = &mut self.nodes[number];
        let Some(life) = &mut node.life else { return Ok(()) };
        let now_ms = node.clock.now_ms();
        if beats.is_multiple_of(REMIND_BEATS) {
            life.engine.remind();
        }
        if !life.engine.has_open_entries() && !beats.is_multiple_of(IDLE_BEATS) {
            return self.nodes_said(number);
        }
        life.engine.seal(now_ms);
        if beats.is_multiple_of(STALE_SEALS) {
            life.engine.forget_stale(now_ms);
        }
        self.plan_sync(number);
        self.nodes_said(number)
    }

    /// What a node said without any change; frames that it may close by now.
    fn nodes_said(&mut self, number: usize) -> Result<(), String> {
        self.nodes[number].collect(self.clock.now_ms(), &mut self.book)?;
        self.plan_turn(number);
        self.speak(number)
    }

    fn follow(&mut self, number: usize) -> Result<(), String> {
        let poll_ms = if self.is_quiet { 800 } else { 60 };
        let node = &mut self.nodes[number];
        let next = node.life.as_mut().and_then(|life| life.follow());
        for _ in 0..node.view.lies_told() {
            self.book.fired(Fault::RpcLies);
        }
        let in_ms = if next == Some(Next::AtOnce) { 10 } else { poll_ms };
        self.plan(in_ms, Event::Follow(number));
        self.go_on(number);
        Ok(())
    }

    fn operate(&mut self, number: usize) -> Result<(), String> {
        let round_ms = if self.is_quiet { 1_500 } else { 100 };
        if let Some(life) = &mut self.nodes[number].life {
            life.operate();
        }
        self.plan(round_ms, Event::Operate(number));
        self.go_on(number);
        Ok(())
    }
}
