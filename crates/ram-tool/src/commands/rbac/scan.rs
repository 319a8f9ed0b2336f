//! `rbac scan-user-permissions`: changes nothing.

use serde::Serialize;

use super::ScanFlags;
use super::report::{self, Filter, Row, Skipped};
use super::session::Session;
use crate::error::Error;
use crate::error::RbacError;
use crate::log::{Log, write_error};
use crate::output::Format;
use crate::settings::Settings;
use crate::world::World;

#[derive(Serialize)]
struct Report {
    clusters: Vec<Scanned>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scanned {
    cluster_id: String,
    /// Empty where only the id was given.
    name: String,
    bindings: Vec<Row>,
    /// Why the cluster could not be scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(
    flags: &ScanFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    let cluster = settings.cluster_id()?.as_str();
    let filter = match (flags.user_id, flags.all_users) {
        (Some(uid), _) if uid != 0 => Filter::One(uid.to_string()),
        (_, true) => Filter::All,
        _ => Filter::Gone,
    };
    let session = Session::start(settings, world, log, flags.way.private_address)?;
    let targets = session.targets(cluster)?;
    let people = session.people()?;
    let mut report = Report { clusters: Vec::new(), skipped: targets.skipped };
    let mut failed = 0_usize;
    for (cluster_id, name) in targets.clusters {
        let (bindings, error) = match session.bindings(&cluster_id) {
            Ok(bindings) => (report::rows(&bindings, &people.directory, &filter), None),
            Err(error) if targets.all => {
                write_error(&format!("cluster {cluster_id} ({name}): {error}"), world);
                failed = failed.saturating_add(1);
                (Vec::new(), Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let scanned = Scanned { cluster_id, name, bindings, error };
        if flags.output.output == Format::Text {
            crate::write_stdout(&text(&scanned, targets.all))?;
        }
        report.clusters.push(scanned);
    }
    if flags.output.output != Format::Text {
        crate::write_stdout(&flags.output.output.render(&report, |_| String::new())?)?;
    }
    match failed {
        0 => Ok(String::new()),
        failed => Err(RbacError::SomeFailed { failed, all: report.clusters.len() }.into()),
    }
}

fn text(scanned: &Scanned, all: bool) -> String {
    let head = if all { format!("ClusterId: {}\n", scanned.cluster_id) } else { String::new() };
    match scanned.error {
        None => format!("{head}{}", report::text(&scanned.bindings)),
        Some(_) => head,
    }
}
