//! `rbac cleanup-user-permissions`: shows, asks, backs up, and has Container Service take away.

use std::path::Path;

use serde::Serialize;

use super::CleanupFlags;
use super::backup;
use super::bindings::Binding;
use super::report::{self, Filter, Row, Skipped};
use super::session::{People, Session};
use crate::error::Error;
use crate::error::RbacError;
use crate::log::{Log, write_error};
use crate::output::Format;
use crate::settings::Settings;
use crate::terminal::{Answer, Terminal};
use crate::visible::visible;
use crate::world::World;

const MAX_SHOWN_CHARS: usize = 64;

#[derive(Serialize)]
struct Report {
    uid: String,
    clusters: Vec<Cleaned>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cleaned {
    cluster_id: String,
    /// Empty where only the id was given.
    name: String,
    bindings: Vec<Row>,
    /// When Container Service last saw the user or role in the cluster, in words; empty where it was not asked.
    last_activity: String,
    outcome: Outcome,
    /// The files.
    backups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Cleaned,
    Declined,
    Failed,
}

pub(super) fn run(
    flags: &CleanupFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    let cluster = settings.cluster_id()?.as_str();
    let uid = match flags.user_id {
        None => return Err(RbacError::NoUser.into()),
        Some(0) => return Err(RbacError::Everybody.into()),
        Some(uid) => uid.to_string(),
    };
    let session = Session::start(settings, world, log, flags.way.private_address)?;
    let people = session.people()?;
    check_is_another(&uid, &people)?;
    let targets = session.targets(cluster)?;
    let cleanup = Cleanup {
        session: &session,
        people: &people,
        terminal: Terminal::new(settings, world),
        log,
        uid: &uid,
        format: flags.output.output,
        all: targets.all,
    };
    let mut report = Report { uid: uid.clone(), clusters: Vec::new(), skipped: targets.skipped };
    let mut failed = 0_usize;
    for (cluster_id, name) in targets.clusters {
        let mut cleaned = Cleaned {
            cluster_id,
            name,
            bindings: Vec::new(),
            last_activity: String::new(),
            outcome: Outcome::Failed,
            backups: Vec::new(),
            error: None,
        };
        match cleanup.cluster(&mut cleaned) {
            Ok(outcome) => cleaned.outcome = outcome,
            // Nobody will answer the next question either.
            Err(Error::Rbac(error)) if matches!(*error, RbacError::NoTerminal) => {
                return Err(Error::Rbac(error));
            }
            Err(error) if targets.all => {
                write_error(&format!("cluster {} ({}): {error}", cleaned.cluster_id, cleaned.name), world);
                failed = failed.saturating_add(1);
                cleaned.error = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        report.clusters.push(cleaned);
    }
    if flags.output.output != Format::Text {
        crate::write_stdout(&flags.output.output.render(&report, |_| String::new())?)?;
    }
    match failed {
        0 => Ok(String::new()),
        failed => Err(RbacError::SomeFailed { failed, all: report.clusters.len() }.into()),
    }
}

/// Permissions of the account and of the caller cannot be taken away ("CleanClusterUserPermissions", notes).
fn check_is_another(uid: &str, people: &People) -> Result<(), RbacError> {
    let refuse = |who, advice| Err(RbacError::Untouchable { uid: uid.to_owned(), who, advice });
    if people.directory.is_account(uid) {
        return refuse("the account itself (root)", "delete its bindings with kubectl, if nobody needs them");
    }
    if uid == people.caller {
        return refuse("you, the caller", "let another administrator run this");
    }
    Ok(())
}

/// What a service says, on a terminal: it neither steers the terminal nor pushes the question off it.
fn shown(text: &str) -> String {
    visible(text).chars().take(MAX_SHOWN_CHARS).collect()
}

struct Cleanup<'a> {
    session: &'a Session<'a>,
    people: &'a People,
    terminal: Terminal<'a>,
    log: &'a Log<'a>,
    uid: &'a str,
    format: Format,
    all: bool,
}

impl Cleanup<'_> {
    fn cluster(&self, cleaned: &mut Cleaned) -> Result<Outcome, Error> {
        let cluster = cleaned.cluster_id.clone();
        let bindings = self.session.bindings(&cluster)?;
        let filter = Filter::One(self.uid.to_owned());
        cleaned.bindings = report::rows(&bindings, &self.people.directory, &filter);
        if cleaned.bindings.is_empty() {
            // A certificate from before still logs in, with what its group may do.
            self.log.info(&format!(
                "cluster {cluster}: no binding names {}; its certificate may be good",
                self.uid
            ));
        }
        cleaned.last_activity = shown(&self.session.last_activity(&cluster, self.uid)?);
        self.show(cleaned)?;
        match self.terminal.confirm(&self.question(cleaned)) {
            Answer::Yes => {}
            Answer::No => {
                self.log.info(&format!("cluster {cluster}: declined, nothing was changed"));
                return Ok(Outcome::Declined);
            }
            Answer::NoTerminal => return Err(RbacError::NoTerminal.into()),
        }
        let own: Vec<&Binding> =
            bindings.iter().filter(|binding| binding.uids.iter().any(|uid| uid == self.uid)).collect();
        if !own.is_empty() {
            let files = backup::write(Path::new("."), &cluster, &own)?;
            cleaned.backups = files.iter().map(|path| path.display().to_string()).collect();
            self.log.info(&format!("cluster {cluster}: {} bindings backed up to ./{cluster}", files.len()));
        }
        self.session.clean(&cluster, self.uid)?;
        self.log.info(&format!("cluster {cluster}: the permissions of {} are taken away", self.uid));
        Ok(Outcome::Cleaned)
    }

    /// The listing comes before the question; where stdout is to hold one document, on stderr.
    fn show(&self, cleaned: &Cleaned) -> Result<(), Error> {
        let Cleaned { cluster_id, bindings, last_activity, .. } = cleaned;
        let head = if self.all { format!("ClusterId: {cluster_id}\n") } else { String::new() };
        let table = report::text(bindings);
        let text = format!("{head}{table}UID: {}\nLastActivity: {last_activity}\n", self.uid);
        match self.format {
            Format::Text => crate::write_stdout(&text),
            Format::Json | Format::Yaml => {
                text.lines().for_each(|line| self.log.info(line));
                Ok(())
            }
        }
    }

    fn question(&self, cleaned: &Cleaned) -> String {
        let Cleaned { cluster_id, name, bindings, last_activity, .. } = cleaned;
        let owner = self.people.directory.owner(self.uid);
        let named = if name.is_empty() { String::new() } else { format!(" ({})", shown(name)) };
        let what = match bindings.len() {
            0 => "revoke what ACK has issued for it".to_owned(),
            number => format!("take it out of {number} bindings, and revoke what ACK has issued for it"),
        };
        format!(
            "{} {} {}: {what} in cluster {cluster_id}{named}, last activity {last_activity}?",
            owner.user_type.as_str(),
            self.uid,
            owner.label(),
        )
    }
}
