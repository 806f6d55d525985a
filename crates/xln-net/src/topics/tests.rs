//! Topics against a model that remembers everything, and the bounds one by one.

use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use xln_types::{ChannelId, EntityId, TxHash};

use super::*;
use crate::mailbox::{Mail, MailboxReceiver, mailbox};

const ENDLESS: usize = 1_000;

fn topic(index: usize) -> Topic {
    [Topic::Block, Topic::Entity(EntityId([1; 32])), Topic::Channel(ChannelId([2; 32])), tx(3)][index]
}

fn tx(byte: u8) -> Topic {
    Topic::Tx(TxHash([byte; 32]))
}

fn entity(byte: u8) -> Topic {
    Topic::Entity(EntityId([byte; 32]))
}

/// The next mail if it is there already.
fn take<E: Clone>(receiver: &mut MailboxReceiver<E>) -> Option<Option<Mail<E>>> {
    match receiver.poll_recv(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(mail) => Some(mail),
        Poll::Pending => None,
    }
}

/// Numbers of the events that are there already.
fn seqs<E: Clone>(receiver: &mut MailboxReceiver<E>) -> Vec<u64> {
    std::iter::from_fn(|| match take(receiver) {
        Some(Some(Mail::Event(delivery))) => Some(delivery.seq),
        _ => None,
    })
    .collect()
}

#[derive(Clone, Debug)]
enum Op {
    Publish { topic: usize },
    Subscribe { reader: usize, topic: usize, from: Option<u64> },
    Unsubscribe { reader: usize, topic: usize },
    Read { reader: usize, events_max: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..4usize).prop_map(|topic| Op::Publish { topic }),
        2 => (0..3usize, 0..4usize, proptest::option::of(0..20u64))
            .prop_map(|(reader, topic, from)| Op::Subscribe { reader, topic, from }),
        1 => (0..3usize, 0..4usize).prop_map(|(reader, topic)| Op::Unsubscribe { reader, topic }),
        3 => (0..3usize, 1..9usize).prop_map(|(reader, events_max)| Op::Read { reader, events_max }),
    ]
}

/// One reader: what it must get next in each topic it subscribed to.
struct Reader {
    mailbox: Mailbox<u64>,
    receiver: MailboxReceiver<u64>,
    next: [Option<u64>; 4],
    lagged: bool,
}

impl Reader {
    fn read(&mut self, events_max: usize, may_lag: bool) {
        for _ in 0..events_max {
            match take(&mut self.receiver) {
                Some(Some(Mail::Event(Delivery { topic: from, seq, event }))) => {
                    assert!(!self.lagged, "nothing follows Lagged");
                    let index = (0..4).find(|index| topic(*index) == from).expect("a topic of the model");
                    assert_eq!(Some(seq), self.next[index], "no gap, no repeat");
                    assert_eq!(event, 100 * seq + index as u64, "the event that was published under this number");
                    self.next[index] = Some(seq + 1);
                }
                Some(Some(Mail::Lagged)) => {
                    assert!(may_lag, "nothing was forgotten and the mailbox had room");
                    assert!(!self.lagged, "told once");
                    self.lagged = true;
                }
                Some(None) => assert!(self.lagged, "the end comes after Lagged only"),
                None => {
                    assert!(!self.lagged, "Lagged is followed by the end");
                    return;
                }
            }
        }
    }
}

fn check(ops: &[Op], kept: usize, capacity: usize) {
    let limits = TopicLimits { kept_per_topic: kept, ..TopicLimits::default() };
    let topics = Topics::new(limits);
    let may_lag = kept < ENDLESS || capacity < ENDLESS;
    let mut last = [0u64; 4];
    let mut readers: Vec<Reader> = std::iter::repeat_with(|| mailbox(capacity))
        .map(|(mailbox, receiver)| Reader { mailbox, receiver, next: [None; 4], lagged: false })
        .take(3)
        .collect();
    for op in ops {
        match *op {
            Op::Publish { topic: index } => {
                last[index] += 1;
                assert_eq!(topics.publish(topic(index), 100 * last[index] + index as u64), last[index]);
                assert_eq!(topics.last(topic(index)), last[index]);
            }
            Op::Subscribe { reader, topic: index, from } => {
                let reader = &mut readers[reader];
                let oldest = last[index] + 1 - last[index].min(kept as u64);
                let expected = match from.map(|from| from.max(1)) {
                    None => Ok(reader.next[index].unwrap_or(last[index] + 1)),
                    Some(from) if (oldest..=last[index] + 1).contains(&from) => Ok(from),
                    Some(_) => Err(SubscribeError::Gap { oldest }),
                };
                let got = topics.subscribe(&reader.mailbox, topic(index), from);
                // A mailbox that overflowed, though it wasn't told yet, has lost its place.
                if !may_lag {
                    assert_eq!(got, expected);
                }
                if from.is_some() {
                    assert_eq!(got, expected);
                }
                reader.next[index] = got.ok().or(reader.next[index]);
            }
            Op::Unsubscribe { reader, topic: index } => {
                let left = topics.unsubscribe(&readers[reader].mailbox, topic(index));
                assert!(may_lag || left == readers[reader].next[index].is_some());
                readers[reader].next[index] = None;
            }
            Op::Read { reader, events_max } => readers[reader].read(events_max, may_lag),
        }
    }
    for reader in &mut readers {
        reader.read(4 * ENDLESS, may_lag);
        for (next, last) in reader.next.iter().zip(last) {
            let complete = next.is_none_or(|next| next == last + 1);
            assert!(reader.lagged || complete, "everything arrived, or the reader was told");
        }
    }
}

proptest! {
    #[test]
    fn a_reader_misses_nothing_and_sees_nothing_twice(
        ops in proptest::collection::vec(op(), 0..200),
        kept in prop_oneof![Just(0), Just(1), Just(4), Just(ENDLESS)],
        capacity in prop_oneof![Just(1), Just(3), Just(ENDLESS)],
    ) {
        check(&ops, kept, capacity);
    }
}

#[test]
fn resuming_more_than_the_mailbox_holds_loses_nothing() {
    let topics = Topics::new(TopicLimits::default());
    for event in 0..1_000 {
        topics.count(Topic::Block, event);
    }
    let (mailbox, mut receiver) = mailbox(2);
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, Some(1)), Ok(1));
    assert_eq!(seqs(&mut receiver), Vec::from_iter(1..=1_000));
    assert_eq!(topics.publish(Topic::Block, 0), 1_001);
    assert_eq!(seqs(&mut receiver), [1_001]);
}

#[test]
fn a_gap_names_the_oldest_kept_and_the_subscription_stays() {
    let topics = Topics::new(TopicLimits { kept_per_topic: 3, ..TopicLimits::default() });
    let (mailbox, mut receiver) = mailbox(8);
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, None), Ok(1));
    for _ in 0..5 {
        topics.publish(Topic::Block, ());
    }
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, Some(2)), Err(SubscribeError::Gap { oldest: 3 }));
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, Some(7)), Err(SubscribeError::Gap { oldest: 3 }));
    assert_eq!(seqs(&mut receiver), [1, 2, 3, 4, 5]);
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, Some(3)), Ok(3));
    assert_eq!(seqs(&mut receiver), [3, 4, 5]);
}

#[test]
fn a_full_mailbox_is_told_once_and_holds_up_nobody() {
    let topics = Topics::new(TopicLimits::default());
    let (slow, mut slow_receiver) = mailbox(2);
    let (quick, mut quick_receiver) = mailbox(8);
    for mailbox in [&slow, &quick] {
        assert_eq!(topics.subscribe(mailbox, Topic::Block, None), Ok(1));
    }
    for seq in 1..=5 {
        assert_eq!(topics.publish(Topic::Block, ()), seq);
    }
    assert_eq!(seqs(&mut quick_receiver), [1, 2, 3, 4, 5]);
    assert_eq!(take(&mut slow_receiver), Some(Some(Mail::Lagged)));
    assert_eq!(take(&mut slow_receiver), Some(None));
    assert!(!topics.unsubscribe(&slow, Topic::Block), "it was dropped from the topic");
}

#[test]
fn subscriptions_of_a_mailbox_are_bounded() {
    let topics = Topics::<()>::new(TopicLimits { subscriptions_per_mailbox_max: 2, ..TopicLimits::default() });
    let (mailbox, _receiver) = mailbox(8);
    assert_eq!(topics.subscribe(&mailbox, entity(1), None), Ok(1));
    assert_eq!(topics.subscribe(&mailbox, entity(2), None), Ok(1));
    assert_eq!(topics.subscribe(&mailbox, entity(2), Some(1)), Ok(1), "an existing one may move");
    assert_eq!(topics.subscribe(&mailbox, entity(3), None), Err(SubscribeError::TooMany { limit: 2 }));
    assert!(topics.unsubscribe(&mailbox, entity(1)));
    assert_eq!(topics.subscribe(&mailbox, entity(3), None), Ok(1));
}

#[test]
fn the_oldest_short_lived_topic_is_forgotten_first() {
    let topics = Topics::new(TopicLimits { short_lived_max: 2, ..TopicLimits::default() });
    topics.publish(tx(1), ());
    topics.publish(tx(2), ());
    topics.publish(tx(1), ());
    topics.publish(Topic::Payment(TxHash([3; 32])), ());
    assert_eq!([topics.last(tx(1)), topics.last(tx(2))], [0, 1]);
    assert_eq!(topics.0.lock().streams.len(), 2);
}

#[test]
fn a_forgotten_topic_with_a_listener_goes_on_counting() {
    let topics = Topics::new(TopicLimits { short_lived_max: 1, ..TopicLimits::default() });
    let (mailbox, mut receiver) = mailbox(8);
    assert_eq!(topics.subscribe(&mailbox, tx(1), None), Ok(1));
    for topic in [tx(1), tx(2), tx(1), tx(2)] {
        topics.publish(topic, ());
    }
    assert_eq!(seqs(&mut receiver), [1, 2]);
    assert!(topics.unsubscribe(&mailbox, tx(1)));
    assert_eq!(topics.last(tx(1)), 0, "with the listener goes the count");
}

#[test]
fn a_quiet_lasting_topic_gives_its_events_before_a_busy_one_but_never_its_count() {
    let topics = Topics::new(TopicLimits { topics_max: 2, ..TopicLimits::default() });
    let (mailbox, _receiver) = mailbox(8);
    for topic in [entity(1), entity(1), entity(2), entity(3)] {
        topics.publish(topic, ());
    }
    assert_eq!(topics.subscribe(&mailbox, entity(1), Some(1)), Ok(1), "busy: kept");
    assert_eq!(topics.subscribe(&mailbox, entity(2), Some(1)), Err(SubscribeError::Gap { oldest: 2 }), "quiet");
    assert_eq!(topics.publish(entity(2), ()), 2);
}

#[test]
fn an_acknowledged_topic_gives_way_though_it_is_busy() {
    let topics = Topics::new(TopicLimits { topics_max: 2, ..TopicLimits::default() });
    let (mailbox, _receiver) = mailbox(8);
    assert_eq!(topics.subscribe(&mailbox, entity(1), None), Ok(1));
    for topic in [entity(1), entity(1), entity(2)] {
        topics.publish(topic, ());
    }
    topics.acknowledge(&mailbox, entity(1), u64::MAX);
    topics.publish(entity(3), ());
    assert_eq!(topics.subscribe(&mailbox, entity(1), Some(2)), Err(SubscribeError::Gap { oldest: 3 }));
    assert_eq!(topics.subscribe(&mailbox, entity(2), Some(1)), Ok(1));
}

#[test]
fn a_dropped_receiver_leaves_nothing_behind() {
    let topics = Topics::new(TopicLimits::default());
    let (mailbox, receiver) = mailbox(8);
    for topic in [entity(1), tx(1), Topic::Block] {
        assert_eq!(topics.subscribe(&mailbox, topic, None), Ok(1));
    }
    topics.publish(Topic::Block, ());
    drop(receiver);
    assert_eq!(topics.subscribe(&mailbox, entity(2), None), Ok(1));
    let state = topics.0.lock();
    assert_eq!(Vec::from_iter(state.streams.keys()), [&Topic::Block], "only what was published is known");
    assert!(state.streams.values().all(|stream| stream.subscribers.is_empty()));
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_events_and_by_a_resume() {
    let topics = Topics::new(TopicLimits::default());
    topics.publish(entity(1), "kept");
    let (mailbox, mut receiver) = mailbox(8);
    assert_eq!(topics.subscribe(&mailbox, Topic::Block, None), Ok(1));
    let reader = tokio::spawn(async move { [receiver.recv().await, receiver.recv().await] });
    tokio::task::yield_now().await;
    topics.publish(Topic::Block, "live");
    tokio::task::yield_now().await;
    assert_eq!(topics.subscribe(&mailbox, entity(1), Some(1)), Ok(1));
    let live = Mail::Event(Delivery { topic: Topic::Block, seq: 1, event: "live" });
    let kept = Mail::Event(Delivery { topic: entity(1), seq: 1, event: "kept" });
    assert_eq!(reader.await.expect("the reader doesn't panic"), [Some(live), Some(kept)]);
}
