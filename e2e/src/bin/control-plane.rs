//! `control-plane build`: makes the programs of the control plane ready, so that a test run finds
//! them. `control-plane run`: starts etcd and kube-apiserver and keeps them until Ctrl-C.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use e2e::control_plane::{ControlPlane, Parts, Version};
use e2e::run_dir::RunDir;

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["build"] => build(),
        ["run"] => run(),
        _ => {
            eprintln!("usage: control-plane build|run (KUBE=1.33 for another version)");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("control-plane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> e2e::Result<()> {
    Parts::get(&Version::from_environment()?)?.controller_manager().map(|_program| ())
}

/// Ends with the process: by Ctrl-C or a signal; the guards then stop what it started.
fn run() -> e2e::Result<()> {
    let parts = Parts::get(&Version::from_environment()?)?;
    let run = RunDir::create(&format!("control-plane-{}", std::process::id()))?;
    let plane = ControlPlane::start(parts, &run)?;
    let server = plane.api_server(&run, "kube-apiserver", None)?;
    let kubeconfig = server.admin().display();
    // To whom nobody listens any more, there is nothing to say.
    let _ = writeln!(std::io::stdout(), "export KUBECONFIG={kubeconfig}");
    eprintln!("control plane: running until Ctrl-C, logs in {}", run.logs().display());
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
