//! One life of a node, from a recovery to a death: the production engine over its log, and the two workers of production between it and the
//! chain, driven by hand.

use super::world::{Ear, Here, KeyRing, Pen, SimDoor, TOKEN_SECRET};
use crate::chain::contract::DOMAIN;
use crate::chain::view::View;
use crate::chain::{CHAIN_ID, DEPOSITARY};
use crate::clock::NodeClock;
use crate::people::People;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Waker};
use xln_chain::follower::FollowerOptions;
use xln_crypto::TokenKey;
use xln_node::chain::ChainHealth;
use xln_node::chain::facts::{Facts, Next};
use xln_node::chain::operations::Operations;
use xln_node::engine::{Engine, Mail};
use xln_node::recovery::Recovered;
use xln_node::shared::Shared;
use xln_node::start::sign_missing;
use xln_storage::{LogWriter, MemDisk};

/// How many blocks must stand on one before it counts.
pub(crate) const CONFIRMATIONS: u64 = 3;

type Round<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A worker: resting, or within a round.
enum Worker<W, T> {
    Rests(W),
    Works(Round<(W, T)>),
    Ended,
}

impl<W, T> Worker<W, T> {
    /// Begins a round, if it rests.
    fn begin(&mut self, round: impl FnOnce(W) -> Round<(W, T)>) {
        *self = match std::mem::replace(self, Worker::Ended) {
            Worker::Rests(worker) => Worker::Works(round(worker)),
            other => other,
        };
    }

    /// Goes on as far as it can; what the round came to when it ends.
    fn go_on(&mut self) -> Option<T> {
        let Worker::Works(round) = self else { return None };
        match round.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready((worker, came_to)) => {
                *self = Worker::Rests(worker);
                Some(came_to)
            }
        }
    }

    fn is_working(&self) -> bool {
        matches!(self, Worker::Works(_))
    }
}

/// A running node.
pub(crate) struct Life {
    pub(crate) engine: Engine<Here>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ear: Ear,
    pub(crate) door: SimDoor,
    durable: Receiver<Mail>,
    facts: Worker<Facts<SimDoor>, Next>,
    operations: Worker<Operations<SimDoor, KeyRing>, ()>,
}

impl Life {
    /// Begins over what was recovered.
    pub(crate) fn over(
        recovered: Recovered<MemDisk>,
        people: &People,
        keys: &Arc<KeyRing>,
        view: &View,
        clock: &NodeClock,
    ) -> Result<Life, String> {
        let Recovered { server, history, log, summary } = recovered;
        let (sender, durable) = channel();
        let log = LogWriter::stepped(log, move |result| {
            // Nobody listens after a death.
            let _ = sender.send(Mail::Durable(result));
        });
        let shared = Arc::new(Shared::new(server, history, summary.last_sequence.max(1)));
        let (pen, ear) = (Pen::new(people.hub().secret), Ear::default());
        sign_missing(&shared, &pen, &log, CHAIN_ID, DEPOSITARY).map_err(|error| error.to_string())?;
        let engine = Engine::new(Arc::clone(&shared), log, pen, ear.clone(), TokenKey::new(TOKEN_SECRET));
        let door = SimDoor::new(Arc::clone(&shared), clock.clone());
        let health = Arc::new(ChainHealth::default());
        let options = FollowerOptions { depositary: DEPOSITARY, confirmations: CONFIRMATIONS, first_block: 0 };
        let chain: Arc<dyn xln_chain::Chain> = Arc::new(view.clone());
        let facts = Facts::new(door.clone(), Arc::clone(&chain), CHAIN_ID, options, Arc::clone(&health));
        let hub = people.hub().signer;
        let operations = Operations::new(door.clone(), chain, Arc::clone(keys), DOMAIN, hub, health);
        let operations = operations.map_err(|error| error.to_string())?;
        let (facts, operations) = (Worker::Rests(facts), Worker::Rests(operations));
        Ok(Life { engine, shared, ear, door, durable, facts, operations })
    }

    /// Takes what is in the box, at most so many pieces, and executes.
    pub(crate) fn turn(&mut self, now_ms: u64, pieces_max: usize) {
        for _ in 0..pieces_max {
            let Some(mail) = self.door.next_mail() else { break };
            self.engine.take(mail);
        }
        self.engine.execute(now_ms);
    }

    /// Tells the engine what its log has done.
    pub(crate) fn hear(&mut self) {
        while let Ok(mail) = self.durable.try_recv() {
            self.engine.take(mail);
        }
    }

    /// Asks the chain for facts, unless that is going on; goes on with it.
    pub(crate) fn follow(&mut self) -> Option<Next> {
        self.facts.begin(|mut facts| {
            Box::pin(async move {
                let next = facts.round().await;
                (facts, next)
            })
        });
        self.facts.go_on()
    }

    /// Carries out what is due, unless that is going on; goes on with it.
    pub(crate) fn operate(&mut self) {
        self.operations.begin(|mut operations| {
            Box::pin(async move {
                operations.round().await;
                (operations, ())
            })
        });
        let _ = self.operations.go_on();
    }

    /// Goes on with rounds that wait for something.
    pub(crate) fn go_on(&mut self) {
        let _ = self.facts.go_on();
        let _ = self.operations.go_on();
    }

    /// True when neither worker is within a round.
    pub(crate) fn is_resting(&self) -> bool {
        !self.facts.is_working() && !self.operations.is_working()
    }
}
