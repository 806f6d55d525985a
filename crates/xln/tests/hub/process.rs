//! The program as a process: started, ended, killed; what it said on stdout and stderr, and its status.

use super::{until, within};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

/// The program with these arguments, cut off from the environment's settings for it.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xln"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for name in ["DATA", "LISTEN", "RPC", "DEPOSITARY", "CONFIRMATIONS", "KEYSTORE_PASSWORD", "LOG"] {
        command.env_remove(format!("XLN_{name}"));
    }
    command
}

/// `xln dev` on free ports over this folder.
pub(crate) fn dev(data: &Path) -> Command {
    let mut command = program(&["dev", "--json", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data"]);
    command.arg(data);
    command
}

/// A serving hub. Dropping it kills it.
pub(crate) struct Hub {
    child: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    /// Its first line.
    pub(crate) ready: Value,
}

impl Hub {
    /// Starts it and waits for its first line.
    ///
    /// # Panics
    /// When it ends instead; says what it said.
    pub(crate) async fn start(mut command: Command) -> Hub {
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut pipe = child.stderr.take().expect("piped");
        let stderr = tokio::spawn(async move {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes).await;
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let Some(line) = within("ready", stdout.next_line()).await.expect("a pipe") else {
            let status = child.wait().await.expect("ended");
            panic!("it didn't get ready: {status}: {}", stderr.await.expect("read"));
        };
        let ready: Value = serde_json::from_str(&line).expect("stdout carries JSON alone");
        assert_eq!(ready["event"], "ready", "{line}");
        Hub { child, _stdout: stdout, stderr, ready }
    }

    /// Starts it and kills it while it recovers: as soon as it has put the keystore's mark anew, with its log still before it.
    pub(crate) async fn stillborn(mut command: Command, data: &Path) {
        let mark = data.join("keys").join("keys-a.mark");
        let written = || std::fs::metadata(&mark).expect("a mark").ino();
        let before = written();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        until("it recovers", async || (written() != before).then_some(())).await;
        child.start_kill().expect("it was alive");
        let status = within("the process ends", child.wait()).await.expect("ended");
        assert_eq!(status.code(), None, "it was killed");
    }

    /// A field of its first line.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.ready[name].as_str().expect("a text")
    }

    /// Where its API listens.
    pub(crate) fn api(&self) -> &str {
        self.field("api")
    }

    /// Its process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it is alive")
    }

    /// `kill -9`.
    pub(crate) fn strike(&mut self) {
        self.child.start_kill().expect("it was alive");
    }

    /// Waits until it has ended; its status and what it said on stderr.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the process ends", self.child.wait()).await.expect("ended");
        (status, within("its stderr ends", self.stderr).await.expect("read"))
    }

    /// Ctrl-C, and waits until it has ended.
    pub(crate) async fn interrupt(self) -> (ExitStatus, String) {
        let id = self.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status().await.expect("kill");
        assert!(told.success());
        self.ended().await
    }

    /// Ends it as Ctrl-C does; it must end well.
    pub(crate) async fn stop(self) {
        let (status, said) = self.interrupt().await;
        assert_eq!(status.code(), Some(0), "{said}");
    }
}

/// Runs a command to its end.
pub(crate) async fn finish(mut command: Command) -> Output {
    within("the command ends", command.output()).await.expect("it ran")
}

/// Runs a command that must end with this status, and gives what it said on stderr.
pub(crate) async fn refused(command: Command, status: i32) -> String {
    let Output { status: ended, stdout, stderr } = finish(command).await;
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(ended.code(), Some(status), "{said}");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    said
}

/// `xln audit`: every law must hold. Gives the report.
pub(crate) async fn audit(data: &Path, rpc: Option<&str>) -> Value {
    let mut command = program(&["audit", "--json"]);
    command.arg(data);
    if let Some(rpc) = rpc {
        command.args(["--rpc", rpc]);
    }
    let output = finish(command).await;
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{why}");
    let report: Value = serde_json::from_str(&said).expect("JSON alone");
    assert_eq!((report["ok"].as_bool(), report["violations_total"].as_u64()), (Some(true), Some(0)), "{said}");
    report
}

/// A folder of the test's own, and the data folder in it, which isn't there yet.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("xln");
    (folder, data)
}
