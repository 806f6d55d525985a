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

/// Two signatures and two verifications, again and again on every core: how many such fours a second. What a payment costs in signatures if
/// each side signs it alone.
pub(crate) fn sign_and_verify_twice(times: usize) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let start = Instant::now();
    let threads: Vec<_> = (0..cores)
        .map(|core| {
            std::thread::spawn(move || {
                let key = secp256k1::SecretKey::from_secret_bytes([7; 32]).ok();
                let public = key.map(|key| secp256k1::PublicKey::from_secret_key(&key));
                let (Some(key), Some(public)) = (key, public) else { return };
                for number in 0..times {
                    for half in 0..2_u8 {
                        let mut digest = [half; 32];
                        digest[..8].copy_from_slice(&((core * times + number) as u64).to_be_bytes());
                        let message = secp256k1::Message::from_digest(digest);
                        let signature = secp256k1::ecdsa::sign(message, &key);
                        let verified = secp256k1::ecdsa::verify(&signature, message, &public);
                        assert!(verified.is_ok(), "one's own signature is good");
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        let _ = thread.join();
    }
    (cores * times) as f64 / start.elapsed().as_secs_f64()
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
