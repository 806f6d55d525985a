//! The exploration itself: breadth first over every interleaving of what two sides may do and what two links may carry.
//!
//! A side's step depends on that side and its input alone, so each is computed once and looked up from then on; a world is then no
//! more than two numbers and what is in flight. What must hold of one side is looked at as soon as that side is new
//! ([`Seat::act`]); what must hold of both, at every world; and where nothing is in flight and nobody may propose, nothing may be stuck.

use super::chronicle::{Chronicle, Mail};
use super::plan::Plan;
use super::seat::{Input, Seat, judge};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use xln_types::{FrameTx, Hash, Side};

const SIDES: [Side; 2] = [Side::Left, Side::Right];

/// Both sides, by number of their [`Seat`]; what is on its way to left and to right; what chance has left.
#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    seats: [usize; 2],
    links: [VecDeque<Mail>; 2],
    late: bool,
    copied: u8,
    lost: u8,
    timed_out: u8,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub worlds: usize,
    /// How many different states one side came into.
    pub seats: usize,
    /// Worlds at rest: nothing in flight, nobody may propose.
    pub rests: usize,
    /// What doesn't hold, and the way there.
    pub violation: Option<String>,
}

/// A side after a step, by number, and what it sent.
type Taken = (usize, Rc<[Mail]>);

struct Explorer<'a> {
    plan: &'a Plan,
    chronicle: Chronicle,
    seats: Vec<Rc<Seat>>,
    numbers: HashMap<Hash, usize>,
    steps: HashMap<(usize, bool, Input), Option<Taken>>,
}

impl Explorer<'_> {
    fn number(&mut self, seat: Seat) -> usize {
        // All of a side, its private fields too; two sides that print alike are alike.
        let name = xln_crypto::keccak256(format!("{seat:?}").as_bytes());
        let next = self.seats.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.seats.push(Rc::new(seat));
        }
        number
    }

    /// A side's step: the side after it, and what it sends.
    fn step(&mut self, seat: usize, late: bool, input: &Input) -> Option<Taken> {
        let key = (seat, late, input.clone());
        if let Some(known) = self.steps.get(&key) {
            return known.clone();
        }
        let mut after = (*self.seats[seat]).clone();
        let mails = after.act(&mut self.chronicle, self.plan, late, input);
        let result = mails.map(|mails| (self.number(after), mails.into()));
        self.steps.insert(key, result.clone());
        result
    }

    fn take(&mut self, world: &World, side: Side, input: &Input) -> Option<World> {
        let index = side.pick(0, 1);
        let (seat, mails) = self.step(world.seats[index], world.late, input)?;
        let mut world = world.clone();
        world.seats[index] = seat;
        world.links[1 - index].extend(mails.iter().copied());
        Some(world)
    }

    /// Every world that one step leads to.
    fn next(&mut self, world: &World) -> Vec<(String, World)> {
        let mut next = Vec::new();
        for (index, side) in SIDES.into_iter().enumerate() {
            let seat = self.seats[world.seats[index]].clone();
            for (number, tx) in seat.operations(self.plan, world.late).into_iter().enumerate() {
                let after = self.take(world, side, &Input::Draft(number));
                next.extend(after.map(|after| (format!("{side} drafts {}", brief(&tx)), after)));
            }
            let after = self.take(world, side, &Input::Propose(false));
            next.extend(after.map(|after| (format!("{side} proposes"), after)));
            if let Some(mail) = world.links[index].front() {
                let mut delivered = world.clone();
                delivered.links[index].pop_front();
                let after = self.take(&delivered, side, &Input::Receive(*mail));
                next.extend(after.map(|after| (format!("{side} receives {mail:?}"), after)));
            }
            if world.copied < self.plan.copies {
                let copied = World { copied: world.copied + 1, ..world.clone() };
                let sent = self.seats[world.seats[1 - index]].sent.clone();
                for mail in sent {
                    let after = self.take(&copied, side, &Input::Receive(mail));
                    next.extend(after.map(|after| (format!("{side} receives again {mail:?}"), after)));
                }
            }
        }
        next.extend(self.chance(world));
        next
    }

    /// What neither side decides.
    fn chance(&mut self, world: &World) -> Vec<(String, World)> {
        let mut next = Vec::new();
        if world.lost < self.plan.losses {
            let mut after = World { lost: world.lost + 1, links: Default::default(), ..world.clone() };
            for side in SIDES {
                after = self.take(&after, side, &Input::Reconnect).expect("a greeting is always possible");
            }
            next.push(("all in flight is lost, both send again".to_string(), after));
        }
        if self.plan.expires && !world.late {
            next.push(("the HTLCs expire".to_string(), World { late: true, ..world.clone() }));
        }
        if world.timed_out < self.plan.timeouts {
            let late = World { timed_out: world.timed_out + 1, ..world.clone() };
            let after = self.take(&late, Side::Left, &Input::Propose(true));
            next.extend(after.map(|after| ("left proposes after its turn".to_string(), after)));
        }
        next
    }

    /// What must hold of both sides together; `None` for the second: not at rest.
    fn look(&self, world: &World) -> (Option<String>, bool) {
        let [left, right] = world.seats.map(|seat| self.seats[seat].clone());
        if let Some(fault) = left.fault.as_ref().or(right.fault.as_ref()) {
            return (Some(fault.clone()), false);
        }
        if left.replica.height == right.replica.height
            && (left.replica.frame != right.replica.frame || left.book != right.book)
        {
            return (Some("CH-6: two books at one height".to_string()), false);
        }
        let now_ms = judge(world.late).now_ms;
        let moves = |seat: &Seat| seat.replica.may_propose(now_ms);
        let rests = world.links.iter().all(VecDeque::is_empty) && !moves(&left) && !moves(&right);
        if !rests || left.blocked || right.blocked {
            return (None, false);
        }
        (self.look_at_rest(&left, &right), true)
    }

    /// Nothing is in flight and nobody may propose: then all is done.
    fn look_at_rest(&self, left: &Seat, right: &Seat) -> Option<String> {
        if left.replica.frame != right.replica.frame || left.replica.nonce != right.replica.nonce {
            return Some("CH-9: at rest, the heads differ".to_string());
        }
        if left.replica.yielding_since_ms.is_some() {
            return Some("CH-9: at rest, left yields for ever".to_string());
        }
        for seat in [left, right] {
            let me = seat.replica.me;
            if !seat.replica.is_settled() {
                return Some(format!("CH-8: at rest, {me} waits for ever"));
            }
            // Each operation stands in the head as often as it was drafted, or was dropped and said to be.
            let history = self.chronicle.history(seat.replica.frame);
            let stands = |tx: &FrameTx| history.iter().filter(|(by, other)| *by == me && other == tx).count();
            let count = |list: &[FrameTx], tx: &FrameTx| list.iter().filter(|other| *other == tx).count();
            for tx in &seat.drafted {
                if stands(tx) + count(&seat.told.dropped, tx) != count(&seat.drafted, tx) {
                    return Some(format!("CH-9: {me}'s {} was lost, or stands twice", brief(tx)));
                }
            }
        }
        None
    }
}

fn brief(tx: &FrameTx) -> String {
    match tx {
        FrameTx::Pay { amount, .. } => format!("pay {amount}"),
        FrameTx::HtlcAdd { id, htlc } => format!("add {id} of {}", htlc.amount),
        FrameTx::HtlcFulfill { id, .. } => format!("fulfil {id}"),
        FrameTx::HtlcCancel { key, .. } => format!("cancel {}'s {}", key.side, key.id),
        FrameTx::Credit { granted, .. } => format!("grant {granted}"),
        FrameTx::Update { .. } => "update".to_string(),
        _ => "open".to_string(),
    }
}

/// Plays a plan from two sides onward.
pub(super) fn explore(plan: &Plan, start: [Seat; 2], chronicle: Chronicle) -> Report {
    let (seats, numbers, steps) = (Vec::new(), HashMap::new(), HashMap::new());
    let mut explorer = Explorer { plan, chronicle, seats, numbers, steps };
    let seats = start.map(|seat| explorer.number(seat));
    let first = World { seats, links: Default::default(), late: false, copied: 0, lost: 0, timed_out: 0 };
    // Worlds in the order in which they were seen, each with how it came about.
    let mut worlds: HashMap<World, usize> = HashMap::from([(first.clone(), 0)]);
    let mut ways: Vec<(usize, String)> = vec![(0, String::new())];
    let mut waiting = VecDeque::from([(first, 0)]);
    let mut report = Report::default();
    while let Some((world, place)) = waiting.pop_front() {
        report.worlds += 1;
        let (violation, rests) = explorer.look(&world);
        report.rests += usize::from(rests);
        let cut = (plan.worlds_max < report.worlds).then(|| "more worlds than the plan bears".to_string());
        if let Some(what) = violation.or(cut) {
            report.violation = Some(format!("{what}\n{}", way(&ways, place)));
            break;
        }
        for (step, after) in explorer.next(&world) {
            let new = ways.len();
            if *worlds.entry(after.clone()).or_insert(new) == new {
                ways.push((place, step));
                waiting.push_back((after, new));
            }
        }
    }
    report.seats = explorer.seats.len();
    report
}

/// The steps that led to a world.
fn way(ways: &[(usize, String)], mut place: usize) -> String {
    let mut steps = Vec::new();
    while place != 0 {
        let (before, step) = &ways[place];
        steps.push(format!("    {step}"));
        place = *before;
    }
    steps.reverse();
    steps.join("\n")
}
