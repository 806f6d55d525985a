//! What nothing could beat on this machine, in this moment: the same work with nothing of ours in it. Imports only std and the
//! signature library.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// One bare append and fdatasync of `bytes` bytes after the other; each one's time.
pub(crate) fn append_and_sync(folder: &Path, bytes: usize, times: usize) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(folder.join("floor"))?;
    let block = vec![7_u8; bytes];
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    Ok(took)
}

/// Messages a second through a bare TCP echo on loopback: `asked` bytes there, `answered` bytes back, `window` under way, two threads.
pub(crate) fn echo(asked: usize, answered: usize, window: usize, messages: usize) -> std::io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let (mut question, answer) = (vec![0; asked], vec![1; answered]);
        for _ in 0..messages {
            stream.read_exact(&mut question)?;
            stream.write_all(&answer)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (question, mut answer) = (vec![2; asked], vec![0; answered]);
    let start = Instant::now();
    let mut sent = 0;
    for received in 0..messages {
        while sent < messages && sent - received < window {
            stream.write_all(&question)?;
            sent += 1;
        }
        stream.read_exact(&mut answer)?;
    }
    let rate = messages as f64 / start.elapsed().as_secs_f64();
    server.join().map_err(|_| std::io::Error::other("the echo ended badly"))??;
    Ok(rate)
}

/// A bare ticker: the intervals of a thread that sleeps to the next point of a grid.
pub(crate) fn ticks(interval: Duration, total: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let (mut last, mut next) = (start, start + interval);
    let mut intervals = Vec::new();
    while next <= start + total {
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        if now < next {
            continue;
        }
        intervals.push(now - last);
        last = now;
        next += interval;
    }
    intervals
}
