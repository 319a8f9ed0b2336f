//! What the linter says: a code that stays, a place, and one line.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The mapping, or the file, does not do what it says.
    Error,
    /// It works; somebody should look at it.
    Warning,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Makes the enum, its ids, titles and the list of all from one table.
macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        /// Which problem. `docs/lint.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the ids.
            pub(crate) const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The id, which never changes its meaning.
            pub(crate) fn id(self) -> &'static str {
                match self {
                    $(Code::$name => $id,)*
                }
            }

            /// A few words.
            pub(crate) fn title(self) -> &'static str {
                match self {
                    $(Code::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    Syntax = "RAM001", "not YAML, JSON or TOML";
    NotRead = "RAM002", "wrong kind, apiVersion, name or namespace";
    UnknownField = "RAM003", "unknown field in a RAMIdentityMapping";
    Field = "RAM004", "field missing or of the wrong type";
    Arn = "RAM005", "malformed ARN";
    AnyAccount = "RAM006", "wildcard in the account id";
    NeverMatches = "RAM007", "can never match";
    Template = "RAM008", "malformed template";
    Name = "RAM009", "unusable user or group name";
    Account = "RAM010", "malformed account id";
    SameObject = "RAM011", "the same object twice";
    Shadowed = "RAM012", "never counts, because another mapping always wins";
    ConfigValue = "RAM013", "unusable value in the configuration file";
    PatternMeaning = "RAM101", "the pattern means something else than under the public server";
    PatternWasBad = "RAM102", "the public server could not read the pattern";
    SessionArn = "RAM103", "the ARN of one session";
    WasChance = "RAM104", "the public server left to chance which mapping won";
    AccountWasFirst = "RAM105", "under the public server a whole account came first";
    NewTemplate = "RAM106", "template that the public server does not know";
    LetterWildcard = "RAM107", "* and ? are letters here";
    EmptyForUsers = "RAM108", "template that is empty for everybody whom the mapping matches";
    UnreadKey = "RAM109", "key that nobody reads";
    ReachesSystem = "RAM110", "a session could reach a name of Kubernetes' own";
    SessionIsUsername = "RAM201", "a user or group name is nothing but the session name";
    NamesFallTogether = "RAM202", "names that fall together when @ becomes -";
    ReachesOther = "RAM203", "a session name can reach another mapping's user name";
    WholeAccount = "RAM204", "everybody in an account";
    NodeRole = "RAM205", "role that nodes or ACK itself carry";
    SystemName = "RAM206", "name of Kubernetes' own";
    WholeKind = "RAM207", "every user or every role of an account";
    EveryAccount = "RAM208", "any account of Alibaba Cloud";
    AccountRoot = "RAM209", "the account itself";
}

impl Code {
    /// RAM0xx are errors, the others are not.
    pub(crate) fn severity(self) -> Severity {
        if self.id().starts_with("RAM0") { Severity::Error } else { Severity::Warning }
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    /// From 1; 0 where it is in no file.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = cluster::one_line(&self.file);
        if self.line == 0 { f.write_str(&file) } else { write!(f, "{file}:{}", self.line) }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) code: Code,
    /// The object or entry, such as `RAMIdentityMapping alice` or `server.mapRoles[0]`; can be empty.
    pub(crate) object: String,
    pub(crate) message: String,
}

impl Finding {
    /// `file:line: severity: object: message [code]`, as compilers write it.
    pub(crate) fn line(&self) -> String {
        let object = if self.object.is_empty() { String::new() } else { format!("{}: ", self.object) };
        let severity = self.code.severity().as_str();
        let text = format!("{}: {severity}: {object}{} [{}]", self.place, self.message, self.code.id());
        cluster::one_line(&text)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "file": &*self.place.file,
            "line": if self.place.line == 0 { Value::Null } else { self.place.line.into() },
            "severity": self.code.severity().as_str(),
            "code": self.code.id(),
            "title": self.code.title(),
            "object": self.object,
            "message": self.message,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn ids_are_unique_in_order_and_told_apart_by_their_first_digit() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].id() < pair[1].id()));
        assert_eq!(Code::Shadowed.severity(), Severity::Error);
        assert_eq!(Code::WasChance.severity(), Severity::Warning);
    }

    #[test]
    fn a_finding_is_one_line_whatever_it_quotes() {
        let place = Place { file: "a\nb.yaml".into(), line: 7 };
        let object = "x\u{1b}[31m".to_owned();
        let finding = Finding { place, code: Code::Arn, object, message: "y\r\nz".to_owned() };
        assert_eq!(finding.line(), "a b.yaml:7: error: x [31m: y  z [RAM005]");
    }

    #[test]
    fn the_page_explains_every_code_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lint.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        let explained: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### RAM")).collect();
        let expected: Vec<String> = Code::ALL
            .iter()
            .map(|code| format!("{}: {}", code.id().trim_start_matches("RAM"), code.title()))
            .collect();
        assert_eq!(explained, expected);
    }
}
