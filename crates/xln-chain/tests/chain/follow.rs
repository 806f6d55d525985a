//! The follower: each deep log once, whatever restarts and reorganisations come between.

use crate::fork::{DEPOSITARY, ForkChain, STRANGER, deposit};
use crate::story::{drain, of_logs};
use std::sync::Arc;
use xln_chain::follower::{FollowerOptions, LOGS_BLOCKS_MAX};
use xln_chain::{ChainError, Follower};
use xln_types::{ChainFact, FactKind, FactPosition, Hash};

fn follower(chain: &Arc<ForkChain>, confirmations: u64, cursor: Option<FactPosition>) -> Follower {
    let options = FollowerOptions { depositary: DEPOSITARY, confirmations, first_block: 0 };
    Follower::new(chain.clone(), options, cursor)
}

fn amounts(facts: &[ChainFact]) -> Vec<u128> {
    let amount = |fact: &ChainFact| match fact.kind {
        FactKind::Deposited { amount, .. } => Some(amount.0),
        _ => None,
    };
    facts.iter().filter_map(amount).collect()
}

fn deposits(blocks: &[&[u128]]) -> Vec<Vec<u128>> {
    blocks.iter().map(|block| block.to_vec()).collect()
}

/// DP-3: only what is deep, and then once; each batch ends with the time of the deepest block.
#[tokio::test]
async fn a_log_becomes_a_fact_once_it_is_deep() {
    let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10, 11], &[12], &[13]])));
    let mut follower = follower(&chain, 2, None);
    let facts = follower.poll().await.expect("poll");
    assert_eq!(amounts(&facts), [10, 11]);
    assert_eq!(facts.last().expect("time").kind, FactKind::Time { timestamp: 1_001 });
    assert_eq!(follower.poll().await.expect("poll"), []);
    chain.extend("first", &deposits(&[&[14]]));
    assert_eq!(amounts(&follower.poll().await.expect("poll")), [12]);
}

/// DP-3: stopped after any fact and started again from there, a follower tells exactly the rest.
#[tokio::test]
async fn a_restart_neither_repeats_nor_misses() {
    let blocks: Vec<Vec<u128>> =
        (0..40_u128).map(|block| (0..block % 4).map(|log| block * 10 + log).collect()).collect();
    let chain = Arc::new(ForkChain::new(&blocks));
    let all = of_logs(drain(&mut follower(&chain, 3, None)).await);
    assert_eq!(all.len(), 54);
    for (index, fact) in all.iter().enumerate() {
        let mut restarted = follower(&chain, 3, Some(fact.at));
        assert_eq!(of_logs(drain(&mut restarted).await), all[index + 1..]);
    }
}

/// A long chain comes in bounded batches, without a gap between them.
#[tokio::test]
async fn a_long_chain_comes_in_batches() {
    let length = LOGS_BLOCKS_MAX * 2 + 10;
    let blocks: Vec<Vec<u128>> = (0..u128::from(length)).map(|block| vec![block]).collect();
    let chain = Arc::new(ForkChain::new(&blocks));
    let mut follower = follower(&chain, 0, None);
    let mut polls = Vec::new();
    loop {
        let facts = follower.poll().await.expect("poll");
        if facts.is_empty() {
            break;
        }
        polls.push(amounts(&facts));
    }
    assert_eq!(polls.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 10]);
    assert_eq!(polls.concat(), (0..u128::from(length)).collect::<Vec<_>>());
}

/// DP-3: a reorganisation that stays within the confirmations undoes what nobody was told.
#[tokio::test]
async fn a_shallow_reorg_goes_unnoticed() {
    let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11], &[12]])));
    let mut follower = follower(&chain, 2, None);
    assert_eq!(amounts(&drain(&mut follower).await), [10]);
    chain.fork("other", 2, &deposits(&[&[21], &[22], &[23], &[24]]));
    assert_eq!(amounts(&drain(&mut follower).await), [21, 22]);
    assert!(!follower.halted());
}

/// DP-3: a reorganisation past the confirmations is told once, and nothing is told after it, restarts included.
#[tokio::test]
async fn a_deep_reorg_is_an_alarm_and_a_halt() {
    let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11], &[12]])));
    let mut before = follower(&chain, 1, None);
    let mut known = Vec::new();
    for _ in 0..3 {
        known.extend(before.poll().await.expect("poll"));
    }
    assert_eq!(amounts(&known), [10, 11]);
    let cursor = before.cursor();
    chain.fork("other", 2, &deposits(&[&[21], &[22], &[23]]));
    for mut follower in [before, follower(&chain, 1, cursor)] {
        let facts = follower.poll().await.expect("poll");
        let [alarm] = facts.as_slice() else { panic!("{facts:?}") };
        assert!(matches!(alarm.kind, FactKind::DeepReorg { depth } if 2 <= depth), "{alarm:?}");
        assert!(cursor < Some(alarm.at));
        assert!(follower.halted());
        chain.extend("other", &deposits(&[&[30]]));
        assert_eq!(follower.poll().await.expect("poll"), []);
        let mut restarted = self::follower(&chain, 1, Some(alarm.at));
        assert_eq!(restarted.poll().await.expect("poll"), []);
    }
}

/// A node that lost blocks proves nothing: the follower waits until it has them again.
#[tokio::test]
async fn a_node_that_lags_is_waited_for() {
    let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11]])));
    let mut follower = follower(&chain, 0, None);
    assert_eq!(amounts(&drain(&mut follower).await), [10, 11]);
    chain.fork("first", 2, &[]);
    assert_eq!(follower.poll().await.expect("poll"), []);
    chain.extend("first", &deposits(&[&[11], &[12]]));
    assert_eq!(amounts(&drain(&mut follower).await), [12]);
}

/// DP-3: a reorganisation between any two questions of a poll never mixes two chains.
#[tokio::test]
async fn a_reorg_amid_a_poll_mixes_nothing() {
    for questions in 0..12 {
        let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11], &[12], &[13]])));
        let mut follower = follower(&chain, 2, None);
        chain.fork_after(questions, 3, &deposits(&[&[22], &[23], &[24], &[25]]));
        let mut all = Vec::new();
        for _ in 0..16 {
            all.extend(follower.poll().await.unwrap_or_default());
        }
        assert_eq!(amounts(&all), [10, 11, 22, 23], "after {questions} questions");

        let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11], &[12]])));
        let mut follower = self::follower(&chain, 0, None);
        chain.fork_after(questions, 2, &deposits(&[&[21], &[22], &[23]]));
        let mut all = Vec::new();
        for _ in 0..16 {
            all.extend(follower.poll().await.unwrap_or_default());
        }
        let told = amounts(&all);
        assert!(told == [10, 21, 22, 23] || (told == [10, 11, 12] && follower.halted()), "{questions}: {told:?}");
    }
}

/// DP-3: what replaced a block already taken is never told, at whichever question of a poll it appears.
#[tokio::test]
async fn nothing_is_told_past_a_block_that_was_replaced() {
    for questions in 0..8 {
        let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11]])));
        let mut follower = follower(&chain, 0, None);
        assert_eq!(amounts(&drain(&mut follower).await), [10, 11]);
        chain.extend("first", &deposits(&[&[12], &[13]]));
        chain.fork_after(questions, 2, &deposits(&[&[21], &[22], &[23], &[24]]));
        let mut all = Vec::new();
        for _ in 0..8 {
            all.extend(follower.poll().await.unwrap_or_default());
        }
        let told = amounts(&all);
        assert!(told.is_empty() || told == [12, 13], "after {questions} questions: {told:?}");
        assert!(follower.halted(), "after {questions} questions");
    }
}

#[tokio::test]
async fn other_contracts_and_other_events_are_passed_over() {
    let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10]])));
    chain.edit(|logs| {
        let (block, hash) = (logs[0].block, logs[0].block_hash);
        logs.push(deposit(STRANGER, block, hash, 1, 99));
        let mut unknown = deposit(DEPOSITARY, block, hash, 2, 98);
        unknown.topics[0] = Hash([9; 32]);
        logs.push(unknown);
        let mut anonymous = deposit(DEPOSITARY, block, hash, 3, 97);
        anonymous.topics.clear();
        logs.push(anonymous);
    });
    assert_eq!(amounts(&drain(&mut follower(&chain, 0, None)).await), [10]);
}

/// N-1 and DP-3: a log that can't be true stops the follower where it stands, and nothing of its batch is told.
#[tokio::test]
async fn a_log_that_makes_no_sense_is_an_error() {
    type Edit = fn(&mut Vec<xln_chain::LogRecord>);
    let edits: [Edit; 6] = [
        |logs| logs[0].data[0] = 1,
        |logs| logs[0].data.truncate(40),
        |logs| logs[0].topics.truncate(2),
        |logs| logs[0].block = 7,
        |logs| logs[0].block_hash = Hash([7; 32]),
        |logs| logs.push(logs[0].clone()),
    ];
    for edit in edits {
        let chain = Arc::new(ForkChain::new(&deposits(&[&[], &[10], &[11]])));
        chain.edit(edit);
        let mut follower = follower(&chain, 0, None);
        for _ in 0..2 {
            let answer = follower.poll().await;
            assert!(matches!(answer, Err(ChainError::Malformed { .. })), "{answer:?}");
        }
        assert_eq!(follower.cursor(), None);
    }
}
