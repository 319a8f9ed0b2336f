//! The anchored glob of a mapping's ARN.
//!
//! `*` stands for any run of characters, also none; `?` for exactly one. The glob must match the whole
//! name. It stands in the name only, behind `user/` or `role/`: the kind is always written out, and the
//! account id too, unless [`AnyAccount::Allow`] is given. Within a role's name both
//! wildcards match the `/` of a path, so that `role/*` is every role of the account; no wildcard reaches
//! from one field of the ARN into the next.
//!
//! `acs:ram::<account>:role/dev*` is `dev`, `develop` and `dev/a`, and neither `de` nor `mydev`.

use std::fmt;

use crate::arn::{Fields, Kind, is_account_id};
use crate::mapping::RuleArnError;
use crate::principal::{Principal, PrincipalKind};

/// Whether a pattern may have wildcards in its account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyAccount {
    /// A wildcard in the account id is an error: a mapping names its account.
    Refuse,
    /// The account id can be a glob of its own. Whoever owns any account on Alibaba Cloud can then
    /// make a role whose name matches.
    Allow,
}

/// Whether a text has a character that [`Pattern`] reads as a wildcard.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// A mapping's ARN with wildcards, compiled. It matches without regard to the case of ASCII letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    account: Glob,
    kind: Kind,
    name: Glob,
}

impl Pattern {
    /// Compiles an ARN with wildcards.
    ///
    /// # Errors
    /// [`RuleArnError`] where the ARN is malformed, has a wildcard where none may be, or can never match.
    pub(crate) fn parse(text: &str, any_account: AnyAccount) -> Result<Self, RuleArnError> {
        let fields = Fields::split(text)?;
        if has_wildcard(fields.account) {
            if any_account == AnyAccount::Refuse {
                return Err(RuleArnError::WildcardInAccount(text.to_owned()));
            }
            if !fields.account.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'?') {
                return Err(RuleArnError::NeverMatches(text.to_owned()));
            }
        } else if !is_account_id(fields.account) {
            return Err(crate::ArnError::Account(text.to_owned()).into());
        }
        let (kind, name) = match fields.kind {
            Kind::AssumedRole => (Kind::Role, role_of_all_sessions(text, fields.name)?),
            kind => (kind, fields.name),
        };
        let name = Glob::compile(name);
        if !name.can_be_a_name(kind) {
            return Err(RuleArnError::NeverMatches(text.to_owned()));
        }
        Ok(Self { account: Glob::compile(fields.account), kind, name })
    }

    /// Whether the principal's canonical ARN matches: account, kind and whole name.
    pub fn matches(&self, principal: &Principal) -> bool {
        let subject = Subject::of(principal);
        self.account.matches(&subject.account) && self.matches_in_account(&subject)
    }

    pub(crate) fn matches_account(&self, subject: &Subject<'_>) -> bool {
        self.account.matches(&subject.account)
    }

    pub(crate) fn matches_in_account(&self, subject: &Subject<'_>) -> bool {
        self.kind == subject.kind && self.name.matches(&subject.name)
    }

    /// The account id, where the pattern has it without wildcards.
    pub fn literal_account(&self) -> Option<String> {
        self.account.literal()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// How many characters of account and name are written out: the more, the earlier it is asked.
    pub fn literal_length(&self) -> usize {
        self.account.literal_length().saturating_add(self.name.literal_length())
    }
}

impl fmt::Display for Pattern {
    /// The canonical spelling: lower case, an assumed role as its role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acs:ram::{}:", self.account)?;
        match self.kind {
            Kind::Root => f.write_str("root"),
            Kind::User => write!(f, "user/{}", self.name),
            Kind::Role | Kind::AssumedRole => write!(f, "role/{}", self.name),
        }
    }
}

/// The role of `<role>/<session>`. Only `*` can stand for the session: a mapping means all sessions of its
/// role, so a narrower glob there would let in more than it says.
fn role_of_all_sessions<'a>(text: &str, name: &'a str) -> Result<&'a str, RuleArnError> {
    match name.rsplit_once('/') {
        Some((role, "*")) => Ok(role),
        Some(_) => Err(RuleArnError::WildcardWithSession(text.to_owned())),
        None => Err(RuleArnError::NeverMatches(text.to_owned())),
    }
}

/// What patterns are compared with: one principal, taken apart once for a whole lookup.
pub(crate) struct Subject<'a> {
    pub(crate) account_id: &'a str,
    pub(crate) kind: Kind,
    account: Vec<char>,
    name: Vec<char>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(principal: &'a Principal) -> Self {
        let (kind, name) = match principal.kind() {
            PrincipalKind::Account => (Kind::Root, ""),
            PrincipalKind::User { name } => (Kind::User, name),
            PrincipalKind::AssumedRole { role, .. } => (Kind::Role, role),
        };
        Self {
            account_id: principal.account_id(),
            kind,
            account: principal.account_id().chars().collect(),
            name: name.chars().map(|c| c.to_ascii_lowercase()).collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    One,
    Run,
}

impl Glob {
    fn compile(text: &str) -> Self {
        let mut tokens: Vec<Token> = text
            .chars()
            .map(|c| match c {
                '*' => Token::Run,
                '?' => Token::One,
                c => Token::Literal(c.to_ascii_lowercase()),
            })
            .collect();
        tokens.dedup_by(|a, b| *a == Token::Run && *b == Token::Run);
        Self(tokens)
    }

    /// Matches the whole text. On a mismatch only the newest `*` takes one character more, so the time is
    /// bounded by the product of the two lengths.
    fn matches(&self, text: &[char]) -> bool {
        let (mut tokens, mut rest) = (self.0.as_slice(), text);
        let mut retry: Option<(&[Token], &[char])> = None;
        loop {
            match (tokens.split_first(), rest.split_first()) {
                (None, None) => return true,
                (Some((Token::Run, after)), _) => {
                    retry = Some((after, rest));
                    tokens = after;
                    continue;
                }
                (Some((Token::One, after)), Some((_, tail))) => {
                    (tokens, rest) = (after, tail);
                    continue;
                }
                (Some((Token::Literal(c), after)), Some((d, tail))) if c == d => {
                    (tokens, rest) = (after, tail);
                    continue;
                }
                _ => {}
            }
            let Some((after, start)) = retry else { return false };
            let Some((_, tail)) = start.split_first() else { return false };
            retry = Some((after, tail));
            (tokens, rest) = (after, tail);
        }
    }

    fn literal(&self) -> Option<String> {
        self.0
            .iter()
            .map(|token| match token {
                Token::Literal(c) => Some(*c),
                Token::One | Token::Run => None,
            })
            .collect()
    }

    fn literal_length(&self) -> usize {
        self.0.iter().filter(|token| matches!(token, Token::Literal(_))).count()
    }

    /// Whether any name of this kind could match, as far as the literal characters tell.
    fn can_be_a_name(&self, kind: Kind) -> bool {
        let is_slash = |token: Option<&Token>| token == Some(&Token::Literal('/'));
        let literals_are_possible = self.0.iter().all(|token| match token {
            Token::Literal('/') => matches!(kind, Kind::Role | Kind::AssumedRole),
            Token::Literal(c) => !c.is_control() && !c.is_whitespace(),
            Token::One | Token::Run => true,
        });
        let slashes_part_names = !is_slash(self.0.first())
            && !is_slash(self.0.last())
            && !self.0.windows(2).any(|pair| is_slash(pair.first()) && is_slash(pair.last()));
        literals_are_possible && slashes_part_names && (self.0.is_empty() == (kind == Kind::Root))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.0 {
            match token {
                Token::Literal(c) => write!(f, "{c}")?,
                Token::One => f.write_str("?")?,
                Token::Run => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        Glob::compile(pattern).matches(&text)
    }

    #[test]
    fn matches_the_whole_text() {
        for (pattern, text) in [
            ("dev*", "dev"),
            ("dev*", "develop"),
            ("dev*", "dev/a"),
            ("*", ""),
            ("*", "a/b"),
            ("**", "x"),
            ("dev-*-admin", "dev-x-admin"),
            ("dev-*-admin", "dev--admin"),
            ("dev-*-admin", "dev-a-admin-admin"),
            ("*-admin", "x-admin"),
            ("admin?", "admin1"),
            ("d?v", "dev"),
            ("*a*b*", "xaxbx"),
            ("a*?", "ab"),
            ("?*?", "ab"),
            ("", ""),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("dev*", "de"),
            ("dev*", "delta"),
            ("dev*", "mydev"),
            ("dev-*-admin", "dev-admin"),
            ("dev-*-admin", "dev-x-admin-y"),
            ("admin?", "admin"),
            ("admin?", "admi"),
            ("admin?", "admin12"),
            ("d?v", "dv"),
            ("d?v", "v"),
            ("*-admin", "x-admins"),
            ("", "a"),
            ("?", ""),
            ("a*?", "a"),
            ("x|.*", "anything"),
            ("[*", "x"),
        ] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn needs_no_exponential_time() {
        let pattern = "a*".repeat(500) + "b";
        assert!(!glob(&pattern, &"a".repeat(2000)));
    }

    #[test]
    fn shows_its_canonical_spelling() {
        let shown = |text: &str| Pattern::parse(text, AnyAccount::Allow).unwrap().to_string();
        assert_eq!(shown("ACS:RAM::1:Role/Dev-**"), "acs:ram::1:role/dev-*");
        assert_eq!(shown("acs:ram::1:assumed-role/Dev?/*"), "acs:ram::1:role/dev?");
        assert_eq!(shown("acs:ram::*:root"), "acs:ram::*:root");
    }
}
