//! Mappings in a real cluster. A program of the end-to-end tests measures it, for it has a control plane; here its figures
//! get their aims.

use std::process::{Command, Stdio};

use serde::Deserialize;

use super::Bench;
use crate::error::{Error, Result};
use crate::rounds::Series;
use crate::row::{Aim, Row};

/// A round takes some ten seconds, nearly all of them kubectl's.
const MOST_ROUNDS: usize = 3;

/// A figure as `bench-control-plane` prints it.
#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    /// None where there is none: JSON has no NaN.
    value: Option<f64>,
    unit: String,
    note: String,
}

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let program = &bench.control_plane;
    if !program.is_file() {
        let hint = "build it first: `make programs` does";
        return Err(Error::Missing { path: program.clone(), hint });
    }
    let mappings: Vec<String> = bench.mappings.iter().map(usize::to_string).collect();
    let mut command = Command::new(program);
    command
        .arg(bench.programs.find("ack-ram-authenticator")?)
        .arg("--mappings")
        .arg(mappings.join(","))
        .args(["--rounds", &bench.rounds.min(MOST_ROUNDS).to_string()])
        .stderr(Stdio::inherit());
    let output = command.output().map_err(Error::failed("running bench-control-plane"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Row> = said.lines().map(row).collect::<Result<_>>()?;
    if !output.status.success() {
        return Err(Error::because("running bench-control-plane", "it failed; what it said is above"));
    }
    Ok(rows)
}

fn row(line: &str) -> Result<Row> {
    let figure: Figure = serde_json::from_str(line).map_err(Error::failed("reading a figure"))?;
    let unit = match figure.unit.as_str() {
        "s" => "s",
        "ms" => "ms",
        "MiB" => "MiB",
        other => return Err(Error::because("reading a figure", format!("the unit {other:?} is not known"))),
    };
    let aim = aim(&figure.name);
    Ok(Row::alone(&figure.name, unit, &Series::new(figure.value), aim, &figure.note))
}

/// By what the figure is called.
fn aim(name: &str) -> Aim {
    let aims = [
        ("all effective", Aim::AtMost(2.0)),
        ("start to ready", Aim::AtMost(5.0)),
        ("one change to effective", Aim::AtMost(100.0)),
        ("most RSS", Aim::AtMost(150.0)),
    ];
    let found = aims.into_iter().find(|(ending, _)| name.ends_with(ending));
    found.map_or(Aim::None, |(_, aim)| aim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_becomes_a_row_with_its_aim() {
        let read = |name: &str, value: &str, unit: &str| {
            row(&format!(r#"{{"name": "{name}", "value": {value}, "unit": "{unit}", "note": "n"}}"#))
        };
        let met = |name: &str, value: &str, unit: &str| read(name, value, unit).unwrap().met;
        assert_eq!(met("100000 mappings in a cluster: start to ready", "5.0", "s"), Some(true));
        assert_eq!(met("100000 mappings in a cluster: start to ready", "5.1", "s"), Some(false));
        assert_eq!(met("one change to effective", "101", "ms"), Some(false));
        assert_eq!(met("most RSS", "151", "MiB"), Some(false));
        assert_eq!(met("1,000 mappings applied: all effective", "2.1", "s"), Some(false));
        assert_eq!(met("RSS when ready", "1", "MiB"), None);
        assert_eq!(met("most RSS", "null", "MiB"), None);
        assert!(read("x", "1", "parsec").is_err() && row("junk").is_err());
    }
}
