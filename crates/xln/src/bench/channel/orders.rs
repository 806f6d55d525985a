//! What the two processes of the suite are told, and what they answer: a line of JSON each.

use crate::failure::Failure;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What a process is told.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Dial the other one.
    Connect { address: String, node: String },
    /// Found so many entities, and open a channel from each to the other's hub; done once all are open.
    Open { count: usize, node: String },
    /// The hub grants credit in each of its channels with the other node; done once all have it.
    Grant { channels: usize },
    /// Wait until that has arrived here.
    Await { channels: usize },
    /// Pay over so many channels for so long, so many calls under way, each of one payment or of a batch.
    Pay { channels: usize, millis: u64, window: usize, batch: usize },
    /// One payment after the other, each awaited until the other side's signature is there.
    Lone { times: usize },
    /// Break the session, pay over so many channels, connect again; done once all is acknowledged.
    Reconnect { outstanding: usize },
    /// End.
    Stop,
}

/// What it answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// Payments that both sides have signed.
    pub(super) payments: u64,
    /// Frames, of both sides.
    pub(super) frames: u64,
    /// How long it took.
    pub(super) seconds: f64,
    /// Each one's time.
    pub(super) samples_ms: Vec<f64>,
}

impl Done {
    pub(super) fn per_s(&self) -> f64 {
        self.payments as f64 / self.seconds
    }

    pub(super) fn payments_a_frame(&self) -> f64 {
        self.payments as f64 / self.frames.max(1) as f64
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "payments": self.payments, "frames": self.frames, "seconds": self.seconds, "samples_ms": self.samples_ms,
        })
    }

    fn from_json(value: &Value) -> Done {
        let samples = value["samples_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        Done {
            payments: value["payments"].as_u64().unwrap_or_default(),
            frames: value["frames"].as_u64().unwrap_or_default(),
            seconds: value["seconds"].as_f64().unwrap_or_default(),
            samples_ms: samples.collect(),
        }
    }
}

impl Order {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Order::Connect { address, node } => json!({ "do": "connect", "address": address, "node": node }),
            Order::Open { count, node } => json!({ "do": "open", "count": count, "node": node }),
            Order::Grant { channels } => json!({ "do": "grant", "channels": channels }),
            Order::Await { channels } => json!({ "do": "await", "channels": channels }),
            Order::Pay { channels, millis, window, batch } => {
                json!({ "do": "pay", "channels": channels, "millis": millis, "window": window, "batch": batch })
            }
            Order::Lone { times } => json!({ "do": "lone", "times": times }),
            Order::Reconnect { outstanding } => json!({ "do": "reconnect", "outstanding": outstanding }),
            Order::Stop => json!({ "do": "stop" }),
        }
    }

    pub(super) fn from_json(line: &str) -> Option<Order> {
        let value: Value = serde_json::from_str(line).ok()?;
        let number = |name: &str| value[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Some(match value["do"].as_str()? {
            "connect" => Order::Connect { address: text("address"), node: text("node") },
            "open" => Order::Open { count: number("count"), node: text("node") },
            "grant" => Order::Grant { channels: number("channels") },
            "await" => Order::Await { channels: number("channels") },
            "pay" => Order::Pay {
                channels: number("channels"),
                millis: value["millis"].as_u64().unwrap_or_default(),
                window: number("window"),
                batch: number("batch"),
            },
            "lone" => Order::Lone { times: number("times") },
            "reconnect" => Order::Reconnect { outstanding: number("outstanding") },
            _ => Order::Stop,
        })
    }
}

/// One of the two processes. Dropping it ends it.
pub(super) struct Side {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    ready: Value,
}

impl Side {
    pub(super) async fn start(rpc: &str, data: PathBuf, account: usize) -> Result<Side, Failure> {
        let program = std::env::current_exe().map_err(Failure::world)?;
        let mut command = Command::new(program);
        command.args(["bench-side", "--rpc", rpc, "--account", &account.to_string(), "--data"]).arg(data);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(Failure::world)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(Failure::World("no pipes".to_owned()));
        };
        let mut side = Side { child, stdin, stdout: BufReader::new(stdout), ready: Value::Null };
        side.ready = side.answer().await?;
        Ok(side)
    }

    async fn answer(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).await.map_err(Failure::world)?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|_| Failure::World("a process of the benchmark ended; it says why above".to_owned()))?;
        match answer["error"].as_str() {
            Some(error) => Err(Failure::World(format!("a process of the benchmark: {error}"))),
            None => Ok(answer),
        }
    }

    /// Tells it something, and waits until it is done.
    pub(super) async fn order(&mut self, order: &Order) -> Result<Done, Failure> {
        let line = format!("{}\n", order.to_json());
        self.stdin.write_all(line.as_bytes()).await.map_err(Failure::world)?;
        Ok(Done::from_json(&self.answer().await?))
    }

    /// Where it meets others.
    pub(super) fn peer(&self) -> &str {
        self.ready["peer"].as_str().unwrap_or_default()
    }

    /// Its hub.
    pub(super) fn hub(&self) -> String {
        self.ready["hub_id"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let _ = self.order(&Order::Stop).await?;
        self.child.wait().await.map_err(Failure::world)?;
        Ok(())
    }
}
