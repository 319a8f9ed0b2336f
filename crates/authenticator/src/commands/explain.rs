//! `explain`: which mapping wins for a RAM identity, why, which others match, and who that is in Kubernetes.
//!
//! It asks the index that the server asks, over rules that the server's code made. Only STS is left out: nobody logs
//! in, so RAM's own id of the caller is not known unless `--principal-id` says it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use cluster::one_line;
use identity::mapping::Why;
use identity::{
    Arn, CallerIdentity, Found, IdentityCheck, Index, KubernetesUser, Principal, Resource, Rule, Source, Step,
};
use serde_json::{Value, json};

use crate::commands::lint::entry::{Entry, Layer};
use crate::commands::lint::finding::Code;
use crate::commands::lint::gather::Gathered;
use crate::commands::lint::{self, Outcome, Output, Sources, in_force};
use crate::mappings::BackendMode;

/// Stands for RAM's own id, where none is given.
const UNKNOWN_ID: &str = "unknown";

/// Flags of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// Who logs in: acs:ram::ACCOUNT:user/NAME, :role/NAME (with --session-name), :assumed-role/NAME/SESSION or :root; with
    /// --account, what stands behind the last colon is enough
    #[arg(long, value_name = "ARN")]
    pub arn: String,
    /// Session name, for the ARN of a role
    #[arg(long, value_name = "NAME")]
    pub session_name: Option<String>,
    /// Account id, for an ARN without one
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// RAM's own id of the user or role, as UserId and RoleId in RAM; compared with spec.principalID and status.userID
    #[arg(long, value_name = "ID")]
    pub principal_id: Option<String>,
    /// Where the mappings are.
    #[command(flatten)]
    pub sources: Sources,
    /// As the server's flag: reserve this prefix of user and group names beside system:. May be repeated
    #[arg(long, value_name = "PREFIX", action = clap::ArgAction::Append)]
    pub reserved_prefix: Vec<String>,
    /// As the server's flag: refuse a caller whose id is not the recorded one
    #[arg(long)]
    pub refuse_changed_principals: bool,
    /// text or json
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: Output,
}

/// Why nobody can be asked about. One line each.
#[derive(Debug, thiserror::Error)]
enum CallerError {
    #[error("--arn: {0}")]
    Arn(#[from] identity::ArnError),
    #[error("--account is {0:?}, and --arn names another account: give one of them")]
    Account(String),
    #[error("--arn is a role, and nobody logs in as that but a session of it: give --session-name")]
    NoSession,
    #[error("--session-name goes with the ARN of a role only")]
    SurplusSession,
    #[error("no caller can be like that: {0}")]
    Principal(#[from] identity::PrincipalError),
}

/// Runs the command.
pub(crate) async fn run(arguments: &ExplainArguments, config: Option<&Path>) -> Outcome {
    let unusable = |line: String| Outcome { stdout: String::new(), stderr: Some(line), status: 2 };
    let principal = match principal(arguments) {
        Ok(principal) => principal,
        Err(error) => return unusable(error.to_string()),
    };
    let (gathered, modes) = match lint::gather(&arguments.sources, config).await {
        Ok(gathered) => gathered,
        Err(error) => return unusable(error.to_string()),
    };
    // What a file that cannot be read says might be what matters.
    let unread = [Code::Syntax, Code::ConfigValue];
    if let Some(finding) = gathered.findings.iter().find(|finding| unread.contains(&finding.code)) {
        return unusable(finding.line());
    }
    let explained = explain(arguments, &principal, &gathered, modes);
    let status = u8::from(!matches!(explained.result, Answer::Mapped(_)));
    let stdout = match arguments.output {
        Output::Text => explained.text(),
        Output::Json => format!("{:#}\n", explained.json()),
    };
    Outcome { stdout, stderr: None, status }
}

/// The caller, as STS would describe him.
fn principal(arguments: &ExplainArguments) -> Result<Principal, CallerError> {
    let text = match &arguments.account {
        Some(account) if !arguments.arn.contains(':') => format!("acs:ram::{account}:{}", arguments.arn),
        _ => arguments.arn.clone(),
    };
    let mut arn: Arn = text.parse()?;
    if arguments.account.as_ref().is_some_and(|account| account != arn.account_id()) {
        return Err(CallerError::Account(arguments.account.clone().unwrap_or_default()));
    }
    arn = match (arn.resource(), &arguments.session_name) {
        (Resource::Role { name }, Some(session)) => {
            format!("acs:ram::{}:assumed-role/{name}/{session}", arn.account_id()).parse()?
        }
        (Resource::Role { .. }, None) => return Err(CallerError::NoSession),
        (_, Some(_)) => return Err(CallerError::SurplusSession),
        (_, None) => arn,
    };
    let id = arguments.principal_id.as_deref().unwrap_or(UNKNOWN_ID);
    let (identity_type, principal_id) = match arn.resource() {
        Resource::AssumedRole { session, .. } => ("AssumedRoleUser", format!("{id}:{session}")),
        Resource::Root => ("Account", arn.account_id().to_owned()),
        Resource::User { .. } | Resource::Role { .. } => ("RAMUser", id.to_owned()),
    };
    Ok(Principal::from_caller_identity(&CallerIdentity {
        identity_type,
        account_id: arn.account_id(),
        principal_id: &principal_id,
        arn: arn.as_str(),
    })?)
}

/// What would come of a login.
enum Answer {
    Mapped(KubernetesUser),
    Refused(String),
    NotMapped,
}

/// A mapping that matches.
struct Matching {
    source: Source,
    label: String,
    place: String,
    arn: String,
    why: Why,
}

struct Explained {
    arn: String,
    /// Backends in the order in which they are asked, and how many mappings of each count.
    asked: Vec<(&'static str, usize)>,
    result: Answer,
    matching: Vec<Matching>,
    notes: Vec<String>,
}

fn explain(
    arguments: &ExplainArguments,
    principal: &Principal,
    gathered: &Gathered,
    modes: Option<Vec<BackendMode>>,
) -> Explained {
    let settled = in_force::in_force(&gathered.entries);
    let mut notes = Vec::new();
    let modes = modes.unwrap_or_else(|| {
        let there = |mode: &BackendMode| settled.entries.iter().any(|e| e.layer == Layer::Backend(*mode));
        let modes: Vec<_> = in_force::ALL.into_iter().filter(there).collect();
        if modes.len() > 1 {
            notes.push("the order of the backends is a guess: give --backend-mode".to_owned());
        }
        modes
    });
    let layers = in_force::layers(&modes);
    let index = in_force::index(&settled.entries, &layers, &arguments.reserved_prefix);
    let count = |layer: Layer| settled.entries.iter().filter(|entry| entry.layer == layer).count();
    let asked = layers.iter().map(|layer| (layer.name(), count(*layer)));
    let asked = asked.filter(|(name, count)| *count > 0 || *name != Layer::BreakGlass.name()).collect();

    let unasked = settled.entries.iter().filter(|entry| !layers.contains(&entry.layer)).count();
    if unasked > 0 {
        notes.push(format!("{unasked} mappings are of backends that are not asked"));
    }
    let by_source: HashMap<Source, &Entry> = settled
        .entries
        .iter()
        .filter_map(|entry| Some((entry.rule.as_ref()?.source().clone(), *entry)))
        .collect();
    let matching: Vec<Matching> =
        index.explain(principal).iter().map(|step| matching(step, &by_source)).collect();
    if index.explain(principal).windows(2).any(|pair| age_decides(pair)) {
        notes.push("files do not say which object is older: in a cluster the older wins".to_owned());
    }
    let ignored: Vec<&Entry> = gathered.entries.iter().filter(|entry| entry.rule.is_none()).collect();
    if !ignored.is_empty() {
        notes.push(format!(
            "{} mappings are malformed and match nobody (in the configuration file they stop the server's start): lint \
             names them",
            ignored.len()
        ));
    }
    for (loser, winner) in &settled.replaced {
        let would_match = loser.rule.as_ref().is_some_and(|rule| matches(rule, principal));
        if would_match {
            notes.push(format!(
                "{} ({}) is replaced by {} ({})",
                loser.label, loser.place, winner.label, winner.place
            ));
        }
    }
    let result = answer(&index, principal, arguments, &mut notes);
    Explained { arn: principal.arn().to_owned(), asked, result, matching, notes }
}

fn matching(step: &Step<'_>, by_source: &HashMap<Source, &Entry>) -> Matching {
    let source = step.rule.source().clone();
    let entry = by_source.get(&source);
    let account = || format!("everybody in account {}", step.rule.account().unwrap_or_default());
    Matching {
        label: entry.map_or_else(|| source.object.to_string(), |entry| entry.label.clone()),
        place: entry.map_or_else(String::new, |entry| entry.place.to_string()),
        arn: step.rule.arn().map_or_else(account, ToString::to_string),
        why: step.why,
        source,
    }
}

/// Whether the second of two objects comes second for its name alone, because nobody knows their ages.
fn age_decides(pair: &[Step<'_>]) -> bool {
    let [before, after] = pair else { return false };
    after.why == Why::Name
        && &*after.rule.source().backend == BackendMode::Crd.as_str()
        && before.rule.created().is_none()
}

/// Whether a rule alone would match.
fn matches(rule: &Rule, principal: &Principal) -> bool {
    let index = Index::build([identity::Layer::Ready(vec![rule.clone().into()])]);
    !index.explain(principal).is_empty()
}

fn answer(
    index: &Index,
    principal: &Principal,
    arguments: &ExplainArguments,
    notes: &mut Vec<String>,
) -> Answer {
    let found = match index.lookup(principal) {
        Found::Match(found) => found,
        Found::Nothing | Found::Pending(_) => return Answer::NotMapped,
    };
    let is_known = arguments.principal_id.is_some() || principal.user_id() == principal.account_id();
    match found.identity_check() {
        IdentityCheck::PinMismatch { expected } | IdentityCheck::Changed { expected } if !is_known => {
            notes.push(format!("goes only with RAM's own id {expected}: --principal-id compares another"));
        }
        IdentityCheck::PinMismatch { expected } => {
            return Answer::Refused(format!(
                "the mapping is pinned to RAM's own id {expected}, and this caller has {}",
                principal.user_id()
            ));
        }
        IdentityCheck::Changed { expected } if arguments.refuse_changed_principals => {
            return Answer::Refused(format!(
                "logins so far had RAM's own id {expected}, and this caller has {}",
                principal.user_id()
            ));
        }
        IdentityCheck::Changed { expected } => {
            notes.push(format!("logins so far had RAM's own id {expected}: somebody new under the old name"));
        }
        IdentityCheck::NotApplicable | IdentityCheck::First | IdentityCheck::Same => {}
    }
    match found.user() {
        Ok(user) => Answer::Mapped(user),
        Err(error) => Answer::Refused(error.to_string()),
    }
}

impl Explained {
    fn text(&self) -> String {
        let mut out = format!("{}\n", self.arn);
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(out, "  {name:<9} {}", one_line(value));
        };
        let asked: Vec<String> = self.asked.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        row("asked", &if asked.is_empty() { "no backend".to_owned() } else { asked.join(", then ") });
        match &self.result {
            Answer::Mapped(user) => {
                row("username", &user.username);
                row(
                    "groups",
                    &if user.groups.is_empty() { "none".to_owned() } else { user.groups.join(", ") },
                );
            }
            Answer::Refused(reason) => row("refused", reason),
            Answer::NotMapped => row("refused", "no mapping matches: not mapped"),
        }
        for (index, matching) in self.matching.iter().enumerate() {
            let why = if index == 0 { String::new() } else { format!(": {}", matching.why) };
            let Matching { label, place, arn, source, .. } = matching;
            let name = if index == 0 { "wins" } else { "loses" };
            row(name, &format!("{label} ({place}), backend {}, {arn}{why}", source.backend));
        }
        for note in &self.notes {
            row("note", note);
        }
        out
    }

    fn json(&self) -> Value {
        let matching: Vec<Value> = self
            .matching
            .iter()
            .map(|matching| {
                json!({
                    "backend": &*matching.source.backend,
                    "object": matching.label,
                    "place": matching.place,
                    "arn": matching.arn,
                    "wins": matching.why == Why::First,
                    "why": matching.why.to_string(),
                })
            })
            .collect();
        let (result, username, groups, error) = match &self.result {
            Answer::Mapped(user) => ("mapped", json!(user.username), json!(user.groups), Value::Null),
            Answer::Refused(reason) => ("refused", Value::Null, json!([]), json!(reason)),
            Answer::NotMapped => ("notMapped", Value::Null, json!([]), Value::Null),
        };
        let backends: Vec<Value> =
            self.asked.iter().map(|(name, count)| json!({"name": name, "mappings": count})).collect();
        json!({
            "arn": self.arn,
            "result": result,
            "username": username,
            "groups": groups,
            "error": error,
            "backends": backends,
            "mappings": matching,
            "notes": self.notes,
        })
    }
}

#[cfg(test)]
mod tests;
