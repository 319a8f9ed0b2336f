//! Nothing that the harness starts outlives it, and runs do not disturb each other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A harness that has started etcd and an API server, in a process group of its own, as a shell
/// gives to what is typed at a terminal.
struct Harness {
    process: Child,
    scratch: PathBuf,
    logs: PathBuf,
    kubeconfig: String,
}

impl Harness {
    fn start() -> Self {
        // A shell starts what runs in its background with SIGINT ignored, and that is inherited.
        let mut process = Command::new("env")
            .args(["--default-signal=INT", env!("CARGO_BIN_EXE_control-plane"), "run"])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let path = line.trim().strip_prefix("export KUBECONFIG=").expect("a started control plane");
        let kubeconfig = std::fs::read_to_string(path).unwrap();
        let scratch = Path::new(path).parent().unwrap().to_owned();
        let target = Path::new(env!("CARGO_BIN_EXE_control-plane")).ancestors().nth(2).unwrap();
        let logs = target.join("e2e-logs").join(format!("control-plane-{}", process.id()));
        Self { process, scratch, logs, kubeconfig }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn server(&self) -> serde_json::Value {
        let config: serde_json::Value = serde_json::from_str(&self.kubeconfig).unwrap();
        config["clusters"][0]["cluster"]["server"].clone()
    }

    /// Processes whose command line names the run's folder: etcd, kube-apiserver, their guards and
    /// the janitor.
    fn processes(&self) -> usize {
        let name = self.scratch.to_str().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = processes.filter_map(|p| std::fs::read_to_string(p.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(name)).count()
    }

    fn assert_nothing_is_left(&mut self) {
        self.process.wait().unwrap();
        let start = Instant::now();
        while self.processes() > 0 || self.scratch.exists() {
            let left = (self.processes(), self.scratch.exists());
            assert!(start.elapsed() < Duration::from_secs(20), "processes, folder: {left:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Logs stay after a violent end; these have told all that they can.
        std::fs::remove_dir_all(&self.logs).unwrap();
    }
}

#[test]
fn nothing_is_left_after_sigkill() {
    let mut harness = Harness::start();
    assert_eq!(harness.processes(), 5, "two guards, two programs, one janitor");
    kill_process(harness.pid(), Signal::KILL).unwrap();
    harness.assert_nothing_is_left();
}

#[test]
fn nothing_is_left_after_ctrl_c() {
    let mut harness = Harness::start();
    // A terminal sends it to the whole foreground group.
    kill_process_group(harness.pid(), Signal::INT).unwrap();
    harness.assert_nothing_is_left();
}

#[test]
fn two_runs_at_once_have_control_planes_of_their_own() {
    let mut first = Harness::start();
    let mut second = Harness::start();
    assert_ne!(first.server(), second.server());
    kill_process(first.pid(), Signal::KILL).unwrap();
    first.assert_nothing_is_left();
    assert_eq!(second.processes(), 5);
    kill_process(second.pid(), Signal::KILL).unwrap();
    second.assert_nothing_is_left();
}
