//! What one run of `ack-ram-tool credential-plugin get-token` costs, the whole process, beside `/bin/true`: as `bench-tool`
//! measures it.

use std::process::Command;

use serde::Deserialize;

use super::{Bench, mib};
use crate::error::{Error, Result};
use crate::rounds::{Compared, Series};
use crate::row::{Aim, Row};

/// What `bench-tool --json` says of a program.
#[derive(Debug, Deserialize)]
struct Measured {
    /// Of each run.
    micros: Vec<f64>,
    /// Bytes, the most of all runs.
    memory: u64,
}

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let output = Command::new(bench.programs.find("bench-tool")?)
        .arg("--json")
        .arg(format!("--runs={}", bench.processes))
        .arg(bench.programs.find("ack-ram-tool")?)
        .output()
        .map_err(Error::failed("running bench-tool"))?;
    if !output.status.success() {
        return Err(Error::because("running bench-tool", String::from_utf8_lossy(&output.stderr)));
    }
    rows_of(&output.stdout)
}

fn rows_of(json: &[u8]) -> Result<Vec<Row>> {
    let measured: [Measured; 2] =
        serde_json::from_slice(json).map_err(Error::failed("reading bench-tool"))?;
    let [nothing, tool] = measured;
    let pairs = tool.micros.iter().zip(&nothing.micros);
    let pairs: Vec<(f64, f64)> = pairs.map(|(tool, nothing)| (tool / 1000.0, nothing / 1000.0)).collect();
    let note = "the whole process; reference: /bin/true";
    let memory = Series::new([mib(tool.memory)]);
    let floor = format!("the most of all runs; less than {:.1} MiB cannot be seen so", mib(nothing.memory));
    Ok(vec![
        Row::compared("get-token: time", "ms", &Compared::new(&pairs), Aim::AtMostMore(1.0), note),
        Row::alone("get-token: most RSS", "MiB", &memory, Aim::AtMost(6.0), &floor),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_the_runs_in_turn_and_of_the_most_memory() {
        let json = br#"[{"name":"/bin/true","micros":[500.0,700.0,600.0],"memory":2097152},
                        {"name":"tool","micros":[1200.0,1800.0,1300.0],"memory":5242880}]"#;
        let rows = rows_of(json).unwrap();
        assert_eq!((rows[0].value, rows[0].reference, rows[0].met), (Some(1.3), Some(0.6), Some(true)));
        assert_eq!((rows[1].value, rows[1].met), (Some(5.0), Some(true)));
        assert!(rows[1].note.contains("2.0 MiB"), "{}", rows[1].note);
        assert!(rows_of(b"[]").is_err());
    }
}
