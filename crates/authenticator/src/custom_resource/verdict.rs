//! What the authenticator thinks of a mapping, as a pure function; and the patch that says so in the status.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use identity::mapping::NameError;
use identity::{
    Arn, CallerIdentity, Found, Index, Layer, Principal, Resource, Rule, RuleArn, Source, Template,
};
use jiff::Timestamp;
use resource::MappingError;
use serde_json::{Map, Value, json};

/// Why a mapping is ready or not: the reasons of condition `Ready`. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// In force.
    Accepted,
    /// `spec.arn` is missing or malformed: nobody is matched.
    InvalidArn,
    /// A name is missing, or its template is malformed: nobody is matched.
    InvalidTemplate,
    /// Well formed, but RAM has no identity that could match.
    NeverMatches,
    /// Another mapping always wins.
    Shadowed,
    /// Somebody of this name but with another id has logged in.
    PrincipalChanged,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] = [
        Reason::Accepted,
        Reason::InvalidArn,
        Reason::InvalidTemplate,
        Reason::NeverMatches,
        Reason::Shadowed,
        Reason::PrincipalChanged,
    ];

    /// As it stands in conditions, Events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Accepted => "Accepted",
            Reason::InvalidArn => "InvalidARN",
            Reason::InvalidTemplate => "InvalidTemplate",
            Reason::NeverMatches => "NeverMatches",
            Reason::Shadowed => "Shadowed",
            Reason::PrincipalChanged => "PrincipalChanged",
        }
    }
}

/// A mapping that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl From<&MappingError> for Problem {
    fn from(error: &MappingError) -> Problem {
        let reason = match error {
            _ if error.never_matches() => Reason::NeverMatches,
            _ if error.is_about_arn() => Reason::InvalidArn,
            _ => Reason::InvalidTemplate,
        };
        Problem { reason, message: error.to_string() }
    }
}

/// The rule of an object, or what is wrong with it.
pub(crate) type Checked = Result<Arc<Rule>, Arc<Problem>>;

/// What is to be said of a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Verdict {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl Verdict {
    /// Weighs everything that is known about a mapping. `changed_id` is `status.changedUserID`; `shadow` is the
    /// mapping that wins wherever this one matches; `refuse_changed` is `--refuse-changed-principals`.
    pub(crate) fn of(
        checked: &Checked,
        changed_id: Option<&str>,
        shadow: Option<&Source>,
        refuse_changed: bool,
    ) -> Verdict {
        let rule = match checked {
            Err(problem) => return Verdict { reason: problem.reason, message: problem.message.clone() },
            Ok(rule) => rule,
        };
        if let Some(error) = refuses_everybody(rule) {
            let message = format!("whoever this mapping matches is refused: {error}");
            return Verdict { reason: Reason::InvalidTemplate, message };
        }
        if let Some(shadow) = shadow {
            let message = format!(
                "without effect: {shadow} matches everybody whom this mapping matches, and comes first; remove one of them"
            );
            return Verdict { reason: Reason::Shadowed, message };
        }
        if let (Some(changed), Some(expected)) = (changed_id, expected_id(rule))
            && changed != expected.id
        {
            return Verdict {
                reason: Reason::PrincipalChanged,
                message: if names_one_principal(rule) {
                    principal_changed(changed, &expected, refuse_changed)
                } else {
                    not_the_pinned_one(changed, &expected)
                },
            };
        }
        Verdict { reason: Reason::Accepted, message: "in force".to_owned() }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.reason == Reason::Accepted
    }

    fn status(&self) -> &'static str {
        if self.is_ready() { "True" } else { "False" }
    }

    /// The same for the same condition.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(self.status(), self.reason.as_str(), &self.message)
    }
}

fn fingerprint(status: &str, reason: &str, message: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (status, reason, message).hash(&mut hasher);
    hasher.finish()
}

/// What is wrong with the names that a mapping makes, where it is wrong for everybody whom it matches: a user has
/// no session, say. Found by trying it on somebody whom it matches.
fn refuses_everybody(rule: &Arc<Rule>) -> Option<NameError> {
    let has_variables = rule.username().into_iter().chain(rule.groups()).any(Template::has_variables);
    if !has_variables {
        // Checked when the rule was made.
        return None;
    }
    let principal = somebody(rule.arn()?)?;
    let index = Index::build([Layer::Ready(vec![Arc::clone(rule)])]);
    let Found::Match(found) = index.lookup(&principal) else { return None };
    // Other faults come with one caller's name and not with another's.
    found.user().err().filter(|error| matches!(error, NameError::Empty { .. } | NameError::NoValue { .. }))
}

/// Somebody whom the ARN matches.
fn somebody(arn: &RuleArn) -> Option<Principal> {
    let text = arn.to_string().replace(['*', '?'], "1");
    let arn: Arn = text.parse().ok()?;
    let account_id = arn.account_id();
    let (identity_type, principal_id, arn) = match arn.resource() {
        Resource::Root => ("Account", account_id.to_owned(), text.clone()),
        Resource::User { .. } => ("RAMUser", "1".to_owned(), text.clone()),
        Resource::Role { name } => {
            let arn = format!("acs:ram::{account_id}:assumed-role/{name}/session");
            ("AssumedRoleUser", "1:session".to_owned(), arn)
        }
        Resource::AssumedRole { session, .. } => ("AssumedRoleUser", format!("1:{session}"), text.clone()),
    };
    let identity = CallerIdentity { identity_type, account_id, principal_id: &principal_id, arn: &arn };
    Principal::from_caller_identity(&identity).ok()
}

struct Expected<'a> {
    id: &'a str,
    is_pin: bool,
}

fn expected_id(rule: &Rule) -> Option<Expected<'_>> {
    let pin = rule.principal_id().map(|id| Expected { id, is_pin: true });
    pin.or_else(|| rule.recorded_id().map(|id| Expected { id, is_pin: false }))
}

fn principal_changed(changed: &str, expected: &Expected<'_>, refuse_changed: bool) -> String {
    let (id, changed) = (expected.id.escape_debug(), changed.escape_debug());
    let (known_by, what_happens) = match (expected.is_pin, refuse_changed) {
        (true, _) => ("as spec.principalID says", "was refused"),
        (false, true) => ("as at the first login", "was refused"),
        (false, false) => ("as at the first login", "was let in"),
    };
    format!(
        "a RAM user or role of this ARN with id {changed}, not {id} {known_by}, {what_happens}: it was made anew under \
         an old name; if that is right, write {changed} into spec.principalID, or delete the mapping and make it anew"
    )
}

/// A pattern with a pin matches many names and lets in one id; nobody need have been made anew.
fn not_the_pinned_one(changed: &str, expected: &Expected<'_>) -> String {
    let (id, changed) = (expected.id.escape_debug(), changed.escape_debug());
    format!(
        "somebody whom this pattern matches, with id {changed}, not {id} as spec.principalID says, was refused: with a pin \
         the pattern lets in that id alone; take the pin away to let in all whom the pattern matches, or write the ARN out"
    )
}

/// What an object's status says now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stated {
    pub(crate) observed_generation: Option<i64>,
    pub(crate) canonical_arn: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) changed_id: Option<String>,
    conditions: Vec<Value>,
}

impl Stated {
    /// Reads an object's status, whatever is in it.
    pub(crate) fn of(object: &Value) -> Stated {
        let Some(status) = object.get("status") else { return Stated::default() };
        let text = |key: &str| {
            status.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Stated {
            observed_generation: status.get("observedGeneration").and_then(Value::as_i64),
            canonical_arn: text("canonicalARN"),
            user_id: text("userID"),
            changed_id: text("changedUserID"),
            conditions: status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default(),
        }
    }

    fn ready(&self) -> Option<&Value> {
        self.conditions.iter().find(|condition| is_ready_condition(condition))
    }

    /// Whether there is a condition `Ready` at all.
    pub(crate) fn has_ready(&self) -> bool {
        self.ready().is_some()
    }

    /// [`Verdict::fingerprint`] of the condition that is there.
    pub(crate) fn fingerprint(&self) -> Option<u64> {
        let ready = self.ready()?;
        let text = |key: &str| ready.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(fingerprint(text("status"), text("reason"), text("message")))
    }

    /// Whether the ids in the status belong to the ARN that the mapping has now.
    pub(crate) fn is_of(&self, arn: Option<&str>) -> bool {
        self.canonical_arn.as_deref() == arn
    }
}

fn is_ready_condition(condition: &Value) -> bool {
    condition.get("type").and_then(Value::as_str) == Some("Ready")
}

/// The canonical ARN that the status shows; none for a mapping that cannot be used.
pub(crate) fn canonical_arn(checked: &Checked) -> Option<String> {
    checked.as_ref().ok().and_then(|rule| rule.arn()).map(ToString::to_string)
}

/// Whether an id can be recorded for the mapping: not where a pattern names many.
pub(crate) fn names_one_principal(rule: &Rule) -> bool {
    rule.arn().is_some_and(|arn| !matches!(arn, RuleArn::Pattern(_)))
}

/// The JSON merge patch that makes the status say `verdict`; `None` where it does already.
///
/// Conditions of other writers stay. Ids of another ARN than `arn` are removed with it; where `spec.principalID`
/// has become the id of the newcomer, that id is taken over.
pub(crate) fn patch(
    stated: &Stated,
    verdict: &Verdict,
    checked: &Checked,
    generation: i64,
    resource_version: &str,
    now: Timestamp,
) -> Option<Value> {
    let arn = canonical_arn(checked);
    let mut status = Map::new();
    if stated.observed_generation != Some(generation) {
        status.insert("observedGeneration".to_owned(), json!(generation));
    }
    if !stated.is_of(arn.as_deref()) {
        status.insert("canonicalARN".to_owned(), json!(arn));
        status.insert("userID".to_owned(), Value::Null);
        status.insert("changedUserID".to_owned(), Value::Null);
    } else if let Ok(rule) = checked
        && let (Some(pin), Some(changed)) = (rule.principal_id(), stated.changed_id.as_deref())
        && pin == changed
    {
        if names_one_principal(rule) {
            status.insert("userID".to_owned(), json!(pin));
        }
        status.insert("changedUserID".to_owned(), Value::Null);
    }
    // Every condition tells which generation it is about, so it is written with whatever else is.
    if !status.is_empty() || stated.fingerprint() != Some(verdict.fingerprint()) {
        status.insert("conditions".to_owned(), conditions(stated, verdict, generation, now));
    }
    (!status.is_empty()).then(|| json!({"metadata": {"resourceVersion": resource_version}, "status": status}))
}

fn conditions(stated: &Stated, verdict: &Verdict, generation: i64, now: Timestamp) -> Value {
    let status = verdict.status();
    let unchanged =
        stated.ready().filter(|ready| ready.get("status").and_then(Value::as_str) == Some(status));
    let since = unchanged
        .and_then(|ready| ready.get("lastTransitionTime"))
        .and_then(Value::as_str)
        .map_or_else(|| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), str::to_owned);
    let ready = json!({
        "type": "Ready",
        "status": status,
        "reason": verdict.reason.as_str(),
        "message": verdict.message,
        "lastTransitionTime": since,
        "observedGeneration": generation,
    });
    let others = stated.conditions.iter().filter(|condition| !is_ready_condition(condition)).cloned();
    std::iter::once(ready).chain(others).collect()
}
