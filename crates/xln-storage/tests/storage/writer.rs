//! The queue in front of a log, on its thread and step by step.

use crate::shop::{NAME, SALT, content, open, read};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, channel};
use xln_storage::{Disk, Log, LogError, LogOptions, LogWriter, MemDisk};

type Heard = Receiver<Result<u64, LogError>>;

fn stepped(disk: &MemDisk) -> (LogWriter<MemDisk>, Heard) {
    let (tell, heard) = channel();
    let (log, ..) = open(disk.clone()).unwrap();
    (LogWriter::stepped(log, move |result| tell.send(result).unwrap_or_default()), heard)
}

fn threaded(disk: &MemDisk) -> (LogWriter<MemDisk>, Heard) {
    let (tell, heard) = channel();
    let options = LogOptions { queue_bytes_max: 1 << 20, ..LogOptions::new(SALT) };
    let (log, _) = Log::open(disk.clone(), NAME, options, |_, _| ControlFlow::Continue(())).unwrap();
    (LogWriter::threaded(log, move |result| tell.send(result).unwrap_or_default()).unwrap(), heard)
}

#[test]
fn a_stepped_writer_commits_all_that_queued_in_as_few_commits_as_fit() {
    let disk = MemDisk::new();
    let (mut writer, heard) = stepped(&disk);
    for sequence in 1..=9 {
        assert_eq!(writer.submit(vec![1; 80]).unwrap(), sequence);
    }
    assert_eq!((writer.queued_bytes(), heard.try_recv().is_err()), (720, true), "nothing is spoken before a step");
    writer.step();
    // Records of 128 bytes, commits of 400.
    let durable: Vec<u64> = heard.try_iter().map(Result::unwrap).collect();
    assert_eq!((durable, writer.queued_bytes()), (vec![3, 6, 9], 0));
    writer.step();
    assert!(heard.try_recv().is_err());
    assert_eq!(read(&disk).unwrap().0.len(), 9);
}

#[test]
fn the_queue_is_bounded_and_sheds_with_a_typed_error() {
    let disk = MemDisk::new();
    let (mut writer, _heard) = stepped(&disk);
    assert_eq!(writer.submit(vec![1; 5_000]).unwrap(), 1, "a lone payload is always taken");
    let full = writer.submit(vec![1]);
    assert!(matches!(full, Err(LogError::QueueFull { queued_bytes: 5_000, bytes_max: 1_000 })));
    writer.step();
    assert_eq!(writer.submit(vec![1]).unwrap(), 2, "what was refused got no sequence");
    assert!(matches!(writer.submit(vec![0; (16 << 20) + 1]), Err(LogError::Oversized { .. })));
}

/// ST-4: the mark asked for is on the disk after the commit, through any power loss.
#[test]
fn a_requested_mark_is_durable_after_the_commit() {
    for seed in 0..30 {
        let disk = MemDisk::new();
        let (mut writer, _heard) = stepped(&disk);
        writer.submit(b"block".to_vec()).unwrap();
        writer.request_mark();
        writer.step();
        writer.submit(b"later".to_vec()).unwrap();
        writer.step();
        drop(writer);
        disk.crash(seed);
        let file = "main-00000001.log";
        let mut cut = disk.copy();
        cut.truncate(file, 56).unwrap();
        assert!(matches!(read(&cut), Err(LogError::Damage { sequence: 1, .. })), "seed={seed}");
    }
}

#[test]
fn a_failure_is_heard_once_and_then_all_is_refused() {
    let disk = MemDisk::new();
    let (mut writer, heard) = stepped(&disk);
    for _ in 0..6 {
        writer.submit(vec![1; 80]).unwrap();
    }
    disk.fail_next_sync();
    writer.step();
    assert!(matches!(heard.try_recv(), Ok(Err(LogError::Disk(_)))));
    assert!(heard.try_recv().is_err());
    assert!(matches!(writer.submit(vec![1]), Err(LogError::Poisoned)));
    assert_eq!(writer.queued_bytes(), 0);
    writer.step();
    assert!(matches!(writer.close(), Err(LogError::Poisoned)));
}

#[test]
fn a_thread_speaks_in_order_and_drains_on_close() {
    let disk = MemDisk::new();
    let (mut writer, heard) = threaded(&disk);
    for sequence in 1..=2_000_u64 {
        assert_eq!(writer.submit(sequence.to_le_bytes().to_vec()).unwrap(), sequence);
        if sequence % 100 == 0 {
            writer.request_mark();
            writer.step();
        }
    }
    writer.close().unwrap();
    let durable: Vec<u64> = heard.iter().map(Result::unwrap).collect();
    assert!(durable.is_sorted_by(|a, b| a < b));
    assert_eq!(durable.last(), Some(&2_000));
    let (records, found) = read(&disk).unwrap();
    assert!(records.iter().all(|(sequence, bytes)| sequence.to_le_bytes() == bytes[..]));
    assert_eq!((records.len(), found.mark_slots_damaged), (2_000, 0));
}

#[test]
fn a_thread_hears_of_its_failure_and_ends() {
    let disk = MemDisk::new();
    let (writer, heard) = threaded(&disk);
    disk.fail_next_sync();
    writer.submit(vec![1]).unwrap();
    assert!(matches!(heard.recv(), Ok(Err(LogError::Disk(_)))));
    assert!(heard.recv().is_err(), "the thread has ended");
    assert!(matches!(writer.submit(vec![1]), Err(LogError::Poisoned)));
    assert!(matches!(writer.close(), Err(LogError::Poisoned)));
}

#[test]
fn a_callback_that_panics_ends_the_writer() {
    let disk = MemDisk::new();
    let (log, ..) = open(disk).unwrap();
    let (alive, dead) = channel::<()>();
    let writer = LogWriter::threaded(log, move |_| {
        let _held = &alive;
        panic!("a callback's own fault");
    });
    let writer = writer.unwrap();
    writer.submit(vec![1]).unwrap();
    assert!(dead.recv().is_err(), "the thread has ended");
    assert!(matches!(writer.close(), Err(LogError::Poisoned)));
}

#[test]
fn dropping_a_writer_writes_nothing_more() {
    let disk = MemDisk::new();
    let (writer, _heard) = stepped(&disk);
    let before = content(&disk);
    writer.submit(vec![1]).unwrap();
    drop(writer);
    assert_eq!(content(&disk), before);

    let (writer, heard) = threaded(&disk);
    writer.submit(vec![1]).unwrap();
    assert!(matches!(heard.recv(), Ok(Ok(1))));
    drop(writer);
    assert!(heard.recv().is_err(), "the thread has ended and let go of the disk");
    assert_eq!(read(&disk).unwrap().0.len(), 1);
}
