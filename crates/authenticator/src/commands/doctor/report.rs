//! What was looked at, and what was found.

use serde::Serialize;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, and somebody should know.
    Warn,
    /// Somebody cannot log in because of it, or nobody can.
    Fail,
}

/// What is looked at. A closed set: scripts may go by the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Flags and configuration file.
    Configuration,
    /// The cluster's id.
    ClusterId,
    /// Whether STS answers.
    Sts,
    /// This machine's clock against STS's.
    Clock,
    /// `cert.pem` and `key.pem`.
    Certificate,
    /// The API server's way to this webhook.
    WebhookKubeconfig,
    /// Whether the webhook answers there.
    Webhook,
    /// Whether it is ready.
    Ready,
    /// Whether its backends have told their mappings.
    Backends,
    /// The health port.
    Health,
    /// The mappings of files.
    Mappings,
    /// The way to the API server.
    ApiServer,
    /// What the API server lets this server do.
    Rights,
    /// The CustomResourceDefinition.
    Crd,
    /// ConfigMap `kube-system/alibabacloud-auth`.
    ConfigMap,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::ClusterId => "cluster-id",
            Self::Sts => "sts",
            Self::Clock => "clock",
            Self::Certificate => "certificate",
            Self::WebhookKubeconfig => "webhook-kubeconfig",
            Self::Webhook => "webhook",
            Self::Ready => "ready",
            Self::Backends => "backends",
            Self::Health => "health",
            Self::Mappings => "mappings",
            Self::ApiServer => "api-server",
            Self::Rights => "rights",
            Self::Crd => "crd",
            Self::ConfigMap => "config-map",
        }
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Subject,
    /// How it went.
    pub state: State,
    /// What was found; one line.
    pub found: String,
    /// What to mend; one line, empty where all is well.
    pub mend: String,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: Subject, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found, "")
    }

    /// It works, and somebody should know.
    pub(super) fn warn(check: Subject, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, State::Warn, found, mend)
    }

    /// It does not work.
    pub(super) fn fail(check: Subject, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, State::Fail, found, mend)
    }

    fn new(check: Subject, state: State, found: impl Into<String>, mend: impl Into<String>) -> Self {
        // Texts of other programs come in here: each finding stays one line.
        let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { check, state, found: line(found.into()), mend: line(mend.into()) }
    }
}

/// All findings, in the order of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// The worst of all.
    pub fn state(&self) -> State {
        self.0.iter().map(|finding| finding.state).max().unwrap_or(State::Ok)
    }

    /// A line for each finding, and its remedy behind an arrow on the next.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Finding { check, state, found, mend } in &self.0 {
            let word = match state {
                State::Ok => "ok",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            text.push_str(&format!("{word:<5} {:<19} {found}\n", check.as_str()));
            if !mend.is_empty() {
                text.push_str(&format!("{:<25} -> {mend}\n", ""));
            }
        }
        let count = |state| self.0.iter().filter(|finding| finding.state == state).count();
        let (failed, warned) = (count(State::Fail), count(State::Warn));
        text.push_str(&format!("{} checks, {failed} failed, {warned} to look at\n", self.0.len()));
        text
    }

    /// `{"state": …, "checks": [{"check", "state", "found", "mend"}]}`.
    pub fn json(&self) -> String {
        let document = serde_json::json!({"state": self.state(), "checks": self.0});
        format!("{document:#}\n")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_in_text_and_json_are_the_same() {
        for subject in [
            Subject::Configuration,
            Subject::ClusterId,
            Subject::Sts,
            Subject::Clock,
            Subject::Certificate,
            Subject::WebhookKubeconfig,
            Subject::Webhook,
            Subject::Ready,
            Subject::Backends,
            Subject::Health,
            Subject::Mappings,
            Subject::ApiServer,
            Subject::Rights,
            Subject::Crd,
            Subject::ConfigMap,
        ] {
            assert_eq!(serde_json::to_value(subject).unwrap(), subject.as_str());
        }
    }

    #[test]
    fn the_worst_finding_is_the_state_and_each_finding_is_one_line() {
        let mut report = Report::default();
        assert_eq!(report.state(), State::Ok);
        report.0.push(Finding::ok(Subject::Sts, "answers"));
        report.0.push(Finding::warn(Subject::Clock, "late", "wind it"));
        assert_eq!(report.state(), State::Warn);
        report.0.push(Finding::fail(Subject::Webhook, "two\nlines", "start\tit"));
        assert_eq!(report.state(), State::Fail);
        let text = report.text();
        assert!(text.contains("FAIL  webhook             two lines\n"), "{text}");
        assert!(text.ends_with("3 checks, 1 failed, 1 to look at\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((&json["state"], &json["checks"][1]["mend"]), (&"fail".into(), &"wind it".into()));
    }
}
