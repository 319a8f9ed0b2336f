//! Mapping rules, and the index that picks the one that wins.
//!
//! # Order
//! Backends are asked in the order given. Within a backend the ARN of one session comes before that of its
//! role, an exact ARN before a pattern, a pattern with more literal characters before one with fewer, an older
//! rule before a newer, and at last the name decides. Whole accounts come after the exact ARNs and patterns of
//! *all* backends. The order does not depend on the order in which rules arrive.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::arn::{Arn, Resource, is_account_id};
use crate::pattern::{AnyAccount, Pattern, has_wildcard};
use crate::quote::Quoted;
use crate::template::{Template, TemplateError};

mod group;
mod identity_check;
mod index;
mod order;
mod patterns;
mod rules;
mod user;

pub use crate::pattern::RuleArnError;
pub use identity_check::IdentityCheck;
pub use index::{Found, Index, Layer, Match};
pub use order::{Step, Why};
pub use rules::Rules;
pub use user::{KubernetesUser, MAX_NAME_BYTES, NameError};

/// Where a rule is written, for messages and status: the backend and the object or entry in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Name of the backend, such as `CRD`.
    pub backend: Arc<str>,
    /// Name of the object or entry, such as `tester` or `server.mapRoles[0]`.
    pub object: Arc<str>,
}

impl Source {
    /// Names an object of a backend.
    pub fn new(backend: impl Into<Arc<str>>, object: impl Into<Arc<str>>) -> Self {
        Self { backend: backend.into(), object: object.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend, self.object.escape_debug())
    }
}

/// The ARN of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleArn {
    /// One user, role (all its sessions) or account root: its canonical ARN, in lower case.
    Exact(Box<str>),
    /// One session of a role: its ARN (`acs:ram::<account>:assumed-role/<role>/<session>`), in lower case.
    Session(Box<str>),
    /// All that match.
    Pattern(Pattern),
}

impl RuleArn {
    /// Parses an ARN in which `*` and `?` are letters like others. The ARN of a session means that session
    /// alone.
    ///
    /// # Errors
    /// [`RuleArnError::Parse`] where the text is no ARN.
    pub fn parse_exact(text: &str) -> Result<Self, RuleArnError> {
        let arn: Arn = text.parse()?;
        Ok(match arn.resource() {
            Resource::AssumedRole { .. } => Self::Session(text.to_ascii_lowercase().into()),
            _ => Self::Exact(arn.canonical_key().into()),
        })
    }

    /// Parses an ARN that can have wildcards (see [`crate::pattern`]). The ARN of a session means that session
    /// alone; `assumed-role/<role>/*` means the role.
    ///
    /// # Errors
    /// [`RuleArnError`] where the text is no ARN, has a wildcard where none may be, or can never match.
    pub fn parse_with_patterns(text: &str, any_account: AnyAccount) -> Result<Self, RuleArnError> {
        if !has_wildcard(text) {
            return Self::parse_exact(text);
        }
        let pattern = Pattern::parse(text, any_account)?;
        // `assumed-role/dev/*` has no wildcard left once it is the role that it means.
        let canonical = pattern.to_string();
        Ok(if has_wildcard(&canonical) { Self::Pattern(pattern) } else { Self::Exact(canonical.into()) })
    }
}

impl fmt::Display for RuleArn {
    /// In lower case; one session's ARN as it is, others canonical.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(key) | Self::Session(key) => f.write_str(key),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

/// One mapping, checked: whom it matches, and who that is in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    source: Source,
    created: Option<jiff::Timestamp>,
    target: Target,
    ids: Option<Box<Ids>>,
}

/// What a mapping knows of RAM's own ids; most know nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ids {
    pinned: Option<Box<str>>,
    recorded: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Named { arn: RuleArn, username: Template, groups: Box<[Template]> },
    Account { account_id: Box<str> },
}

/// Why a mapping cannot be used. Each message is one line; it does not name the mapping's [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The ARN.
    #[error(transparent)]
    ParseArn(#[from] RuleArnError),
    /// The user name.
    #[error("username: {0}")]
    ParseUsername(#[source] TemplateError),
    /// A group name.
    #[error("groups[{index}]: {error}")]
    ParseGroup {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong.
        #[source]
        error: TemplateError,
    },
    /// A name that no login could make valid.
    #[error(transparent)]
    UseName(#[from] NameError),
    /// An account that is not digits.
    #[error("account {} is malformed: an account id is digits only", Quoted(.0))]
    ParseAccount(String),
}

impl Rule {
    /// Makes a rule for an ARN. `created` is the time the mapping was made, where the backend knows it.
    ///
    /// # Errors
    /// [`RuleError`] where a name is no valid template, or has no variable and could never be used.
    pub fn new<S: AsRef<str>>(
        source: Source,
        arn: RuleArn,
        username: &str,
        groups: &[S],
        created: Option<jiff::Timestamp>,
    ) -> Result<Self, RuleError> {
        let username = Template::parse(username).map_err(RuleError::ParseUsername)?;
        let groups = groups
            .iter()
            .enumerate()
            .map(|(index, group)| {
                Template::parse(group.as_ref()).map_err(|error| RuleError::ParseGroup { index, error })
            })
            .collect::<Result<Box<[_]>, _>>()?;
        user::check_literal_names(&username, &groups)?;
        Ok(Self { source, created, target: Target::Named { arn, username, groups }, ids: None })
    }

    /// Makes a rule for everybody in an account: the user name is the canonical ARN, there are no groups.
    ///
    /// # Errors
    /// [`RuleError::ParseAccount`] where the id is not digits.
    pub fn for_account(source: Source, account_id: &str) -> Result<Self, RuleError> {
        if !is_account_id(account_id) {
            return Err(RuleError::ParseAccount(account_id.to_owned()));
        }
        Ok(Self {
            source,
            created: None,
            target: Target::Account { account_id: account_id.into() },
            ids: None,
        })
    }

    /// Pins the rule to RAM's own id of the user or role, where one is given: whoever has another id is refused
    /// (see [`Match::identity_check`]). An empty id is nobody's.
    #[must_use]
    pub fn with_principal_id(mut self, id: Option<&str>) -> Self {
        self.set_ids(|ids| ids.pinned = id.map(Into::into));
        self
    }

    /// Remembers the id that the first login had, where one is known.
    #[must_use]
    pub fn with_recorded_id(mut self, id: Option<&str>) -> Self {
        self.set_ids(|ids| ids.recorded = id.map(Into::into));
        self
    }

    fn set_ids(&mut self, set: impl FnOnce(&mut Ids)) {
        let mut ids = self.ids.take().map_or_else(Ids::default, |ids| *ids);
        set(&mut ids);
        self.ids = (ids != Ids::default()).then(|| Box::new(ids));
    }

    /// The id of [`Rule::with_principal_id`].
    pub fn principal_id(&self) -> Option<&str> {
        self.ids.as_ref()?.pinned.as_deref()
    }

    /// The id of [`Rule::with_recorded_id`].
    pub fn recorded_id(&self) -> Option<&str> {
        self.ids.as_ref()?.recorded.as_deref()
    }

    /// Where the rule is written.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The rule's ARN; `None` for a whole account.
    pub fn arn(&self) -> Option<&RuleArn> {
        match &self.target {
            Target::Named { arn, .. } => Some(arn),
            Target::Account { .. } => None,
        }
    }

    /// The account id, where the rule is for a whole account.
    pub fn account(&self) -> Option<&str> {
        match &self.target {
            Target::Account { account_id } => Some(account_id),
            Target::Named { .. } => None,
        }
    }

    /// The user name's template; `None` for a whole account.
    pub fn username(&self) -> Option<&Template> {
        match &self.target {
            Target::Named { username, .. } => Some(username),
            Target::Account { .. } => None,
        }
    }

    /// The groups' templates.
    pub fn groups(&self) -> &[Template] {
        match &self.target {
            Target::Named { groups, .. } => groups,
            Target::Account { .. } => &[],
        }
    }

    /// When the mapping was made, where the backend knows it.
    pub fn created(&self) -> Option<jiff::Timestamp> {
        self.created
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::arn::ArnError;

    fn pattern(text: &str) -> Result<RuleArn, RuleArnError> {
        RuleArn::parse_with_patterns(text, AnyAccount::Refuse)
    }

    #[test]
    fn a_session_is_itself_and_a_star_for_the_session_means_the_role() {
        let session = RuleArn::Session("acs:ram::1:assumed-role/dev/alice".into());
        assert_eq!(pattern("acs:ram::1:assumed-role/Dev/Alice").unwrap(), session);
        assert_eq!(RuleArn::parse_exact("ACS:ram::1:assumed-role/Dev/alice").unwrap(), session);
        let role = RuleArn::Exact("acs:ram::1:role/dev".into());
        assert_eq!(pattern("acs:ram::1:assumed-role/Dev/*").unwrap(), role);
        // A letter, where there are no patterns.
        let star = RuleArn::Session("acs:ram::1:assumed-role/dev/*".into());
        assert_eq!(RuleArn::parse_exact("acs:ram::1:assumed-role/Dev/*").unwrap(), star);
    }

    #[test]
    fn keeps_pinned_and_recorded_ids() {
        let arn = RuleArn::parse_exact("acs:ram::1:user/a").unwrap();
        let rule = Rule::new::<&str>(Source::new("CRD", "x"), arn, "a", &[], None).unwrap();
        assert_eq!((rule.principal_id(), rule.recorded_id()), (None, None));
        let known = rule.clone().with_principal_id(Some("2")).with_recorded_id(Some("3"));
        assert_eq!((known.principal_id(), known.recorded_id()), (Some("2"), Some("3")));
        assert_eq!(known.with_recorded_id(None).with_principal_id(None), rule);
    }

    #[test]
    fn refuses_a_wildcard_beside_a_session_name() {
        for text in [
            "acs:ram::1:assumed-role/dev/ali*",
            "acs:ram::1:assumed-role/dev*/alice",
            "acs:ram::1:assumed-role/dev/?",
        ] {
            assert_eq!(pattern(text), Err(RuleArnError::WildcardWithSession(text.into())));
        }
    }

    #[test]
    fn refuses_a_wildcard_in_the_account_unless_allowed() {
        for text in [
            "acs:ram::*:role/dev",
            "acs:ram::????????????????:role/dev",
            "acs:ram::12*:user/a",
            "acs:ram::*:root",
        ] {
            assert_eq!(pattern(text), Err(RuleArnError::WildcardInAccount(text.into())));
            RuleArn::parse_with_patterns(text, AnyAccount::Allow).unwrap();
        }
        for text in ["acs:ram::.*:role/dev", "acs:ram::x?:role/dev"] {
            let error = RuleArn::parse_with_patterns(text, AnyAccount::Allow).unwrap_err();
            assert_eq!(error, RuleArnError::NeverMatches(text.into()));
        }
    }

    #[test]
    fn refuses_a_pattern_that_can_never_match() {
        for text in [
            "acs:ram::1:user/team/*",
            "acs:ram::1:role//*",
            "acs:ram::1:role//a*",
            "acs:ram::1:role/*/",
            "acs:ram::1:role/a b*",
            "acs:ram::1:role/*\n",
            "acs:ram::1:assumed-role/*",
        ] {
            assert_eq!(pattern(text), Err(RuleArnError::NeverMatches(text.into())), "{text}");
        }
        for text in
            ["acs:ram::1:*", "acs:ram::1:role*", "acs:ram::1:*/x", "acs:ram::1:roo?", "acs:ram::1:ro*/x"]
        {
            assert_eq!(pattern(text), Err(ArnError::Kind(text.into()).into()), "{text}");
        }
        for text in ["*", "acs:ram::*", "acs:*", "acs:ram::1:role/a*:b"] {
            assert_eq!(pattern(text), Err(ArnError::Form(text.into()).into()), "{text}");
        }
    }

    #[test]
    fn an_exact_arn_has_no_wildcards() {
        let arn = RuleArn::parse_exact("acs:ram::1:role/dev*").unwrap();
        assert_eq!(arn, RuleArn::Exact("acs:ram::1:role/dev*".into()));
        RuleArn::parse_exact("acs:ram::*:role/dev").unwrap_err();
    }

    #[test]
    fn a_rule_needs_usable_names() {
        let arn = || RuleArn::parse_exact("acs:ram::1:role/dev").unwrap();
        let rule = |username: &str, groups: &[&str]| {
            Rule::new(Source::new("CRD", "x"), arn(), username, groups, None)
        };
        rule("a", &["system:masters"]).unwrap();
        assert!(matches!(rule("", &[]), Err(RuleError::ParseUsername(TemplateError::Empty))));
        assert!(matches!(rule("a", &["b", ""]), Err(RuleError::ParseGroup { index: 1, .. })));
        assert!(matches!(rule("{{Nobody}}", &[]), Err(RuleError::ParseUsername(_))));
        assert!(matches!(rule(&"x".repeat(257), &[]), Err(RuleError::UseName(NameError::TooLong { .. }))));
        assert!(matches!(rule("a", &[&"x".repeat(257)]), Err(RuleError::UseName(NameError::TooLong { .. }))));
    }

    #[test]
    fn an_account_is_digits() {
        Rule::for_account(Source::new("MountedFile", "x"), "1234567890123456").unwrap();
        for id in ["", "12 ", "0x12", "*", "acs:ram::1:root"] {
            Rule::for_account(Source::new("MountedFile", "x"), id).unwrap_err();
        }
    }
}
