//! What was found out about one thing, and how it is told.

use serde::Serialize;

use crate::error::Error;
use crate::output::{Format, table};
use crate::visible::visible;

/// How long a text of this report is at most, in characters: what others wrote is part of it.
const MAX_TEXT: usize = 600;

/// A part of the way from the API server's key to a role's credentials, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Part {
    ApiServer,
    PublishedIssuer,
    Provider,
    Token,
    TrustPolicy,
    Webhook,
    ServiceAccount,
    Pod,
    Sts,
}

/// How it stands with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// As it is, pods get no credentials.
    Broken,
    /// It could not be looked at, for want of a right.
    NotKnown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) part: Part,
    /// What was looked at: one word that stays.
    pub(super) check: &'static str,
    pub(super) state: State,
    pub(super) text: String,
    /// How to mend it, or how to get it looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// A part that was not looked at, and with which flags it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeftOut {
    pub(super) part: Part,
    pub(super) flags: &'static str,
}

/// All that a status says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) cluster_id: String,
    pub(super) self_managed: bool,
    /// `NAMESPACE/NAME`, the one that was asked about.
    pub(super) service_account: String,
    pub(super) broken: usize,
    pub(super) warnings: usize,
    pub(super) not_known: usize,
    pub(super) findings: Vec<Finding>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::ApiServer => "API server",
            Self::PublishedIssuer => "published issuer",
            Self::Provider => "provider",
            Self::Token => "token",
            Self::TrustPolicy => "trust policy",
            Self::Webhook => "webhook",
            Self::ServiceAccount => "service account",
            Self::Pod => "pod",
            Self::Sts => "STS",
        }
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Broken => "broken",
            Self::NotKnown => "not known",
        }
    }
}

impl Finding {
    fn new(part: Part, check: &'static str, state: State, text: &str, mend: Option<&str>) -> Self {
        Self { part, check, state, text: one_line(text), mend: mend.map(one_line) }
    }

    pub(super) fn ok(part: Part, check: &'static str, text: impl AsRef<str>) -> Self {
        Self::new(part, check, State::Ok, text.as_ref(), None)
    }

    pub(super) fn warning(
        part: Part,
        check: &'static str,
        text: impl AsRef<str>,
        mend: impl AsRef<str>,
    ) -> Self {
        Self::new(part, check, State::Warning, text.as_ref(), Some(mend.as_ref()))
    }

    pub(super) fn broken(
        part: Part,
        check: &'static str,
        text: impl AsRef<str>,
        mend: impl AsRef<str>,
    ) -> Self {
        Self::new(part, check, State::Broken, text.as_ref(), Some(mend.as_ref()))
    }

    pub(super) fn not_known(
        part: Part,
        check: &'static str,
        text: impl AsRef<str>,
        mend: impl AsRef<str>,
    ) -> Self {
        Self::new(part, check, State::NotKnown, text.as_ref(), Some(mend.as_ref()))
    }
}

/// One line that cannot steer a terminal, and is not endless.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown = visible(spaced.trim());
    match shown.char_indices().nth(MAX_TEXT) {
        None => shown,
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
    }
}

impl Report {
    pub(super) fn new(
        (cluster_id, self_managed, service_account): (String, bool, String),
        findings: Vec<Finding>,
        left_out: Vec<LeftOut>,
    ) -> Self {
        let count = |state| findings.iter().filter(|finding| finding.state == state).count();
        Self {
            cluster_id,
            self_managed,
            service_account,
            broken: count(State::Broken),
            warnings: count(State::Warning),
            not_known: count(State::NotKnown),
            findings,
            left_out,
        }
    }

    /// In a format; a line break is at its end.
    pub(super) fn render(&self, format: Format) -> Result<String, Error> {
        format.render(self, Self::text)
    }

    fn text(&self) -> String {
        let mut rows = Vec::new();
        let mut last = None;
        for finding in &self.findings {
            let part = if last == Some(finding.part) { "" } else { finding.part.title() };
            last = Some(finding.part);
            rows.push(vec![part.to_owned(), finding.state.word().to_owned(), finding.text.clone()]);
            if let Some(mend) = &finding.mend {
                rows.push(vec![String::new(), String::new(), format!("-> {mend}")]);
            }
        }
        for LeftOut { part, flags } in &self.left_out {
            let text = format!("give {flags}");
            rows.push(vec![part.title().to_owned(), "left out".to_owned(), text]);
        }
        table(&["Part", "State", "Finding"], &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let findings = vec![
            Finding::ok(Part::ApiServer, "documents", "can be read"),
            Finding::broken(Part::ApiServer, "issuer", "is\nanother\u{1b}[2J", "restart it"),
            Finding::not_known(Part::Provider, "exists", "may not be read", "get ims:GetOIDCProvider"),
        ];
        let left_out = vec![LeftOut { part: Part::Pod, flags: "--pod NAME" }];
        Report::new(("c1".to_owned(), true, "default/default".to_owned()), findings, left_out)
    }

    #[test]
    fn people_read_a_table() {
        let wanted = "\
Part        State      Finding
API server  ok         can be read
            broken     is another [2J
                       -> restart it
provider    not known  may not be read
                       -> get ims:GetOIDCProvider
pod         left out   give --pod NAME
";
        assert_eq!(report().render(Format::Text).unwrap(), wanted);
    }

    #[test]
    fn programs_read_words_that_stay() {
        let json: serde_json::Value = serde_json::from_str(&report().render(Format::Json).unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "clusterId": "c1", "selfManaged": true, "serviceAccount": "default/default",
                "broken": 1, "warnings": 0, "notKnown": 1,
                "findings": [
                    {"part": "apiServer", "check": "documents", "state": "ok", "text": "can be read"},
                    {"part": "apiServer", "check": "issuer", "state": "broken", "text": "is another [2J",
                     "mend": "restart it"},
                    {"part": "provider", "check": "exists", "state": "notKnown", "text": "may not be read",
                     "mend": "get ims:GetOIDCProvider"},
                ],
                "leftOut": [{"part": "pod", "flags": "--pod NAME"}],
            })
        );
    }

    #[test]
    fn texts_of_others_are_cut() {
        let long = Finding::ok(Part::Sts, "exchange", "ä".repeat(5000)).text;
        assert_eq!(long.chars().count(), MAX_TEXT + 1);
        assert_eq!(Finding::ok(Part::Sts, "exchange", " a\u{202e}b\u{200b}c\r\nd ").text, "a?b?c  d");
    }
}
