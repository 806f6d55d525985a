//! A fresh `xln dev` as a process of its own, for the commands that look at a hub from outside.

use crate::failure::Failure;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a hub may take to say that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often `/readyz` is asked.
const READY_POLL: Duration = Duration::from_millis(5);
/// How long it may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A hub's process. Dropping it ends it.
pub(crate) struct DevHub {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    folder: TempDir,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

impl DevHub {
    /// Starts one on free ports over an empty folder.
    pub(crate) async fn start() -> Result<DevHub, Failure> {
        DevHub::start_over(tempfile::tempdir().map_err(Failure::world)?).await
    }

    /// Ends it without a warning, as a crash does, and starts another over what it left.
    pub(crate) async fn crash_and_restart(mut self) -> Result<DevHub, Failure> {
        self.child.kill().await.map_err(Failure::world)?;
        DevHub::start_over(self.folder).await
    }

    /// Waits until `/readyz` says that every dependency works.
    pub(crate) async fn until_ready(&self) -> Result<(), Failure> {
        let client = xln_client::Client::new(self.field("api"))?;
        let asking = async {
            while client.raw("/readyz").await?.0 != 200 {
                tokio::time::sleep(READY_POLL).await;
            }
            Ok::<(), Failure>(())
        };
        let late = |_| Failure::Check("`xln dev` isn't ready: see its /readyz".to_owned());
        tokio::time::timeout(READY_TIMEOUT, asking).await.map_err(late)?
    }

    /// Starts a second hub on the chain of another, which it doesn't dial yet.
    pub(crate) async fn joined(first: &DevHub) -> Result<DevHub, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::world)?;
        // Dialling itself leads nowhere: whom to meet is said later.
        DevHub::launch(folder, &["--join", first.field("rpc"), "--peer", "127.0.0.1:1"]).await
    }

    async fn start_over(folder: TempDir) -> Result<DevHub, Failure> {
        DevHub::launch(folder, &["--rpc-listen", "127.0.0.1:0"]).await
    }

    async fn launch(folder: TempDir, more: &[&str]) -> Result<DevHub, Failure> {
        let program = std::env::current_exe().map_err(Failure::world)?;
        let mut command = Command::new(program);
        command.args(["dev", "--json", "--empty", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"]);
        command.args(more).arg("--data");
        command.arg(folder.path().join("xln")).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(Failure::world)?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::World("no stdout".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let reading = tokio::time::timeout(READY_TIMEOUT, stdout.read_line(&mut line)).await;
        let ready = match reading {
            Ok(Ok(_)) => serde_json::from_str(&line).ok(),
            _ => None,
        };
        let ready = ready.ok_or_else(|| Failure::World("`xln dev` didn't get ready; it says why above".to_owned()))?;
        Ok(DevHub { child, _stdout: stdout, folder, ready })
    }

    /// A field of what it said when it was ready.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("xln")
    }

    /// A place for files beside its data.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Asks it to end as Ctrl-C does, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let Some(id) = self.child.id() else { return Ok(()) };
        let told = Command::new("kill").args(["-INT", &id.to_string()]).status().await;
        if !told.is_ok_and(|status| status.success()) {
            return Err(Failure::World("`xln dev` can't be told to end".to_owned()));
        }
        match tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(ended) => Err(Failure::Check(format!("`xln dev` didn't end well: {ended:?}"))),
            Err(_) => Err(Failure::Check("`xln dev` didn't end in time".to_owned())),
        }
    }
}

/// Runs a command of this program without a network's help, and gives its status and what it printed.
pub(crate) async fn own(arguments: &[&str]) -> Result<(i32, String), Failure> {
    let program = std::env::current_exe().map_err(Failure::world)?;
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().await;
    let output = output.map_err(Failure::world)?;
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned()))
}
