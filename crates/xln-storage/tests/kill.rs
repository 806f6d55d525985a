//! `kill -9` fifty times (ST-4, ST-6): a child process writes through a [`LogWriter`] and says aloud what became durable;
//! its parent kills it at some moment, and checks that everything it said is there, whole and in order.
//!
//! Own `main`: run with arguments it is the child.

use std::io::{BufRead, BufReader, Write, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use xln_storage::{Log, LogError, LogOptions, LogReader, LogWriter, RealDisk};

const KILLS: u64 = 50;
const NAME: &str = "killed";

fn main() {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("child"), Some(folder)) => child(Path::new(&folder)),
        // A runner's own flags, as `--list`, are not ours.
        (Some("--list"), _) => println!("kill: test"),
        _ => parent(),
    }
}

fn options() -> LogOptions {
    LogOptions { segment_bytes_max: 64 << 10, commit_bytes_max: 4 << 10, ..LogOptions::new([3; 16]) }
}

fn payload(sequence: u64) -> Vec<u8> {
    let size = usize::try_from(sequence * 7 % 300).unwrap_or(0);
    let mut bytes = sequence.to_le_bytes().to_vec();
    bytes.resize(8 + size, sequence.to_le_bytes()[0]);
    bytes
}

/// Writes until it is killed.
fn child(folder: &Path) {
    let disk = RealDisk::open(folder).expect("the lock of a killed writer is free");
    let (log, _) = Log::open(disk, NAME, options(), |_, _| ControlFlow::Continue(())).expect("recovery");
    let mut next = log.next_sequence();
    let said = |durable: Result<u64, LogError>| {
        let mut out = stdout();
        writeln!(out, "{}", durable.expect("sync")).and_then(|()| out.flush()).expect("a parent that listens");
    };
    let writer = LogWriter::threaded(log, said).expect("thread");
    loop {
        match writer.submit(payload(next)) {
            Ok(sequence) => {
                assert_eq!(sequence, next);
                next += 1;
                if next.is_multiple_of(50) {
                    writer.request_mark();
                }
            }
            Err(LogError::QueueFull { .. }) => std::thread::yield_now(),
            Err(e) => panic!("{e}"),
        }
    }
}

fn parent() {
    let root = tempfile::tempdir().expect("temporary folder");
    let program = std::env::current_exe().expect("own path");
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let mut child = Command::new(&program)
            .arg("child")
            .arg(root.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child of this program");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        for _ in 0..1 + round * 7 % 40 {
            acknowledged = said.next().expect("a child that speaks").expect("text").parse().expect("a sequence");
        }
        child.kill().expect("kill");
        // What it had said before it died counts as well; its last line may be cut off, and then not.
        let rest: Vec<String> = said.map_while(Result::ok).collect();
        if let Some(last) = rest.iter().rev().nth(1) {
            acknowledged = last.parse().expect("a sequence");
        }
        child.wait().expect("reaped");
        acknowledged = check(root.path(), acknowledged, round);
    }
    println!("kill: {KILLS} kills, {acknowledged} records, none lost");
}

/// Reads the log as the child left it and answers its last durable sequence.
fn check(folder: &Path, acknowledged: u64, round: u64) -> u64 {
    let disk = RealDisk::open_read_only(folder);
    let mut reader = LogReader::open(&disk, NAME).expect("a log");
    let mut last = 0;
    while let Some((sequence, bytes)) = reader.next_record().expect("no damage") {
        assert_eq!((sequence, bytes), (last + 1, &payload(last + 1)[..]), "round={round}");
        last = sequence;
    }
    assert!(acknowledged <= last, "round={round} acknowledged={acknowledged} found={last}");
    acknowledged
}
