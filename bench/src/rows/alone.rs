//! What needs no load: memory of a server that does nothing, and the size of programs.

use std::time::Duration;

use super::{Bench, mib};
use crate::error::{Error, Result};
use crate::process::Process;
use crate::rig::{Authenticator, Cloud, ConstantServer, Mapped, PodIdentity};
use crate::rounds::Series;
use crate::row::{Aim, Row};

/// How long a server does nothing before its memory is looked at.
const QUIET: Duration = Duration::from_secs(2);
const PROGRAMS: [&str; 4] =
    ["ack-ram-authenticator", "ack-ram-tool", "ack-pod-identity-webhook", "ram-emulator"];

pub(super) fn idle(bench: &Bench) -> Result<Vec<Row>> {
    let cloud = Cloud::start(&bench.programs, &bench.folder)?;
    let authenticator =
        Authenticator::start(&bench.programs, &bench.folder, &cloud.sts(), Mapped::Account, &[])?;
    let webhook = PodIdentity::start(&bench.programs, &bench.folder)?;
    let constant = ConstantServer::start(&bench.programs, &[])?;
    std::thread::sleep(QUIET);
    let row = |name: &str, pid, aim, note: &str| -> Result<Row> {
        let resident = Process::of(pid).usage()?.resident;
        Ok(Row::alone(&format!("idle RSS: {name}"), "MiB", &Series::new([mib(resident)]), aim, note))
    };
    let aim = Aim::AtMost(15.0);
    Ok(vec![
        row(
            "ack-ram-authenticator",
            authenticator.pid(),
            aim,
            "mappings from its file, none from a cluster",
        )?,
        row("ack-pod-identity-webhook", webhook.pid(), aim, "one namespace, one service account")?,
        row("ram-emulator", cloud.pid(), aim, "1,000 users")?,
        row("the constant server", constant.pid(), Aim::None, "for comparison")?,
    ])
}

pub(super) fn sizes(bench: &Bench) -> Result<Vec<Row>> {
    let aim = Aim::AtMost(10.0);
    let row = |name: &&str| -> Result<Row> {
        let title = format!("size: {name}, static");
        let path = bench.static_programs.join(name);
        if !path.is_file() {
            let dynamic = megabytes(&bench.programs.find(name)?)?;
            let why = format!("not built for musl; linked dynamically it has {dynamic:.1} MB");
            return Ok(Row::not_measured(&title, "MB", aim, &why));
        }
        Ok(Row::alone(&title, "MB", &Series::new([megabytes(&path)?]), aim, "").missed_because(
            "the library of cryptography has 2.6 MB, the API server's client with its YAML some 2, HTTP both ways 1.5",
        ))
    };
    PROGRAMS.iter().map(row).collect()
}

fn megabytes(path: &std::path::Path) -> Result<f64> {
    let bytes = std::fs::metadata(path).map_err(Error::file("read", path))?.len();
    Ok(bytes as f64 / 1e6)
}
