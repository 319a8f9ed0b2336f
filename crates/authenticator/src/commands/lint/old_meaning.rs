//! What a `RAMIdentityMapping` with wildcards meant under the public server, compared with what it means here.
//!
//! There an ARN with `*` or `?` is lower-cased and taken for a regular expression of Go's `regexp` (syntax of
//! RE2, "Syntax"), which has to match somewhere in the caller's canonical ARN. Here it is an anchored glob. Both
//! are regular, so they can be compared for all names at once, by walking through both automata side by side: the
//! shortest name on which they differ is the example that a reader understands at a glance.

use std::collections::{HashSet, VecDeque};

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// Pairs of states that are looked at before the comparison is given up.
const MAX_STATES: usize = 20_000;
/// Memory for the states of one automaton.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Stands for an account that the pattern does not name.
const OTHER_ACCOUNT: &str = "9876543210987654";

/// How the two meanings differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// For every name the same.
    Same,
    /// The public server could not read the expression, and refused each login that came to it.
    BadExpression,
    /// They differ; the ARNs are examples.
    Differs {
        /// Let in there, not here.
        lost: Option<String>,
        /// Let in there although of another account, not here.
        foreign: Option<String>,
        /// Let in here, not there.
        gained: Option<String>,
    },
    /// Too large to compare.
    Unknown,
}

/// Compares the meaning of a mapping's ARN there with that of its canonical pattern here; `None` where it matches
/// nobody here.
pub(crate) fn compare(arn: &str, canonical: Option<&str>) -> Change {
    let Some(expression) = expression(arn) else {
        // Not even an ARN: it matched nobody there, and does not here.
        return Change::Same;
    };
    if stacks_repetitions(&expression) {
        return Change::BadExpression;
    }
    let translated = translate_braces(&expression);
    if automaton(&translated).is_none() {
        return if is_go_only(&expression) { Change::Unknown } else { Change::BadExpression };
    }
    let old = automaton(&format!("^(?s:.*)(?:{translated})(?s:.*)$"));
    let new = automaton(&canonical.map_or_else(|| "[^\\x00-\\xff]".to_owned(), glob));
    let (Some(old), Some(new)) = (old, new) else { return Change::Unknown };
    Comparison { old, new, alphabet: alphabet(&expression) }
        .run(literal_account(&expression))
        .unwrap_or(Change::Unknown)
}

/// The expression as it was used: in lower case, a session's ARN as that of its role.
fn expression(arn: &str) -> Option<String> {
    let arn = arn.to_ascii_lowercase();
    let fields: Vec<&str> = arn.splitn(5, ':').collect();
    let [scheme, service, _, account, resource] = fields.as_slice() else { return None };
    if (*scheme, *service) != ("acs", "ram") {
        return None;
    }
    let (kind, name) = resource.split_once('/')?;
    match kind {
        "user" | "role" => Some(arn.clone()),
        "assumed-role" => {
            let (role, _) = name.rsplit_once('/')?;
            Some(format!("acs:ram::{account}:role/{role}"))
        }
        _ => None,
    }
}

/// The glob as an expression of its own.
fn glob(canonical: &str) -> String {
    let mut out = String::from("^");
    for c in canonical.chars() {
        match c {
            '*' => out.push_str("(?s:.*)"),
            '?' => out.push_str("(?s:.)"),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push('$');
    out
}

/// Go refuses a repetition of a repetition (`**`, `+*`, `???`), where a `?` that follows one belongs to it.
fn stacks_repetitions(expression: &str) -> bool {
    let mut rest = expression.chars();
    let (mut after_repetition, mut in_class) = (false, false);
    while let Some(c) = rest.next() {
        let count = (c == '{' && !in_class).then(|| count(rest.as_str())).flatten();
        let repeats = count.is_some() || (!in_class && matches!(c, '*' | '+' | '?'));
        if let Some(count) = count {
            rest = rest.as_str().get(count.len().saturating_add(1)..).unwrap_or_default().chars();
        }
        if repeats && after_repetition {
            return true;
        }
        match c {
            '\\' => {
                rest.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        if let Some(lazy) = rest.as_str().strip_prefix('?').filter(|_| repeats) {
            rest = lazy.chars();
        }
        after_repetition = repeats;
    }
    false
}

/// What stands between the braces of `{2}` and `{2,3}`, where a text goes on like that.
fn count(after_brace: &str) -> Option<&str> {
    let (count, _) = after_brace.split_once('}')?;
    let (low, high) = count.split_once(',').unwrap_or((count, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(count)
}

/// In Go a `{` that begins no count is a letter.
fn translate_braces(expression: &str) -> String {
    let mut out = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(if count(after).is_some() { "{" } else { "\\{" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Syntax that Go has and the parser used here has not.
fn is_go_only(expression: &str) -> bool {
    expression.contains("\\q")
}

fn automaton(expression: &str) -> Option<DFA> {
    DFA::builder()
        .configure(Config::new().cache_capacity(CACHE_BYTES).minimum_cache_clear_count(Some(0)))
        .syntax(syntax::Config::new().unicode(false).utf8(false).nest_limit(100))
        .thompson(
            regex_automata::nfa::thompson::Config::new().utf8(false).nfa_size_limit(Some(4 * 1024 * 1024)),
        )
        .build(expression)
        .ok()
}

/// One letter that stands for all that the expression does not name, then those that it does.
fn alphabet(expression: &str) -> Vec<u8> {
    let name = expression.split_once('/').map(|(_, name)| name).unwrap_or_default();
    let mut letters = vec![b'x'];
    let is_of_names = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'@' | b'/');
    for letter in name.bytes().filter(|c| is_of_names(*c)).chain(*b"z-") {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    letters
}

fn literal_account(expression: &str) -> &str {
    let account = expression.split(':').nth(3).unwrap_or_default();
    let is_literal = !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit());
    if is_literal { account } else { "1234567890123456" }
}

struct Comparison {
    old: DFA,
    new: DFA,
    alphabet: Vec<u8>,
}

/// Shortest ARNs on which the two differ.
#[derive(Default)]
struct Examples {
    lost: Option<String>,
    gained: Option<String>,
}

impl Examples {
    fn add(&mut self, old: bool, new: bool, arn: impl FnOnce() -> String) {
        let place = match (old, new) {
            (true, false) => &mut self.lost,
            (false, true) => &mut self.gained,
            _ => return,
        };
        let shorter =
            |known: &Option<String>, arn: &str| known.as_ref().is_none_or(|known| arn.len() < known.len());
        let arn = arn();
        if shorter(place, &arn) {
            *place = Some(arn);
        }
    }
}

impl Comparison {
    /// `None` where it would take too much.
    fn run(&self, account: &str) -> Option<Change> {
        let own = self.account(account)?;
        let other = self.account(OTHER_ACCOUNT)?;
        let gained = own.gained.or(other.gained);
        Some(if own.lost.is_none() && gained.is_none() && other.lost.is_none() {
            Change::Same
        } else {
            Change::Differs { lost: own.lost, foreign: other.lost, gained }
        })
    }

    fn account(&self, account: &str) -> Option<Examples> {
        let mut examples = Examples::default();
        for kind in ["role", "user"] {
            self.names(&format!("acs:ram::{account}:{kind}/"), &mut examples)?;
        }
        let root = format!("acs:ram::{account}:root");
        let mut walk = Walk::new(self);
        let state = walk.start(&root)?;
        let (old, new) = walk.accepts(state)?;
        examples.add(old, new, || root.clone());
        Some(examples)
    }

    /// Breadth first, so that the first difference is the shortest.
    fn names(&self, prefix: &str, examples: &mut Examples) -> Option<()> {
        let mut walk = Walk::new(self);
        let is_role = prefix.ends_with("role/");
        let begin = (walk.start(prefix)?, b'/');
        let mut seen = HashSet::from([begin]);
        let mut queue = VecDeque::from([(begin, String::new())]);
        let mut found = Examples::default();
        while let Some(((state, last), name)) = queue.pop_front() {
            if last != b'/' {
                let (old, new) = walk.accepts(state)?;
                found.add(old, new, || format!("{prefix}{name}"));
                if found.lost.is_some() && found.gained.is_some() {
                    break;
                }
            }
            for &letter in &self.alphabet {
                if letter == b'/' && (!is_role || last == b'/') {
                    continue;
                }
                let next = (walk.step(state, letter)?, letter);
                // Where the last letter was a slash counts, which other letter it was does not.
                let key = (next.0, if letter == b'/' { b'/' } else { b'x' });
                if next.0.is_dead() || !seen.insert(key) {
                    continue;
                }
                if seen.len() > MAX_STATES {
                    return None;
                }
                let mut name = name.clone();
                name.push(char::from(letter));
                queue.push_back((next, name));
            }
        }
        for (old, new, arn) in [(true, false, found.lost), (false, true, found.gained)] {
            if let Some(arn) = arn {
                examples.add(old, new, || arn);
            }
        }
        Some(())
    }
}

/// Both automata at once.
struct Walk<'a> {
    comparison: &'a Comparison,
    old: Cache,
    new: Cache,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    old: LazyStateID,
    new: LazyStateID,
}

impl Pair {
    fn is_dead(self) -> bool {
        self.old.is_dead() && self.new.is_dead()
    }
}

impl<'a> Walk<'a> {
    fn new(comparison: &'a Comparison) -> Self {
        let (old, new) = (comparison.old.create_cache(), comparison.new.create_cache());
        Self { comparison, old, new }
    }

    fn start(&mut self, prefix: &str) -> Option<Pair> {
        let input = Input::new("").anchored(Anchored::Yes);
        let mut pair = Pair {
            old: self.comparison.old.start_state_forward(&mut self.old, &input).ok()?,
            new: self.comparison.new.start_state_forward(&mut self.new, &input).ok()?,
        };
        for letter in prefix.bytes() {
            pair = self.step(pair, letter)?;
        }
        Some(pair)
    }

    fn step(&mut self, pair: Pair, letter: u8) -> Option<Pair> {
        Some(Pair {
            old: self.comparison.old.next_state(&mut self.old, pair.old, letter).ok()?,
            new: self.comparison.new.next_state(&mut self.new, pair.new, letter).ok()?,
        })
    }

    fn accepts(&mut self, pair: Pair) -> Option<(bool, bool)> {
        let old = self.comparison.old.next_eoi_state(&mut self.old, pair.old).ok()?.is_match();
        let new = self.comparison.new.next_eoi_state(&mut self.new, pair.new).ok()?.is_match();
        Some((old, new))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use identity::RuleArn;
    use identity::pattern::AnyAccount;

    fn change(name: &str) -> Change {
        let arn = format!("acs:ram::1234567890123456:{name}");
        let canonical = RuleArn::parse_with_patterns(&arn, AnyAccount::Refuse).map(|arn| arn.to_string());
        compare(&arn, canonical.ok().as_deref())
    }

    fn differs(name: &str) -> (Option<String>, Option<String>, bool) {
        let short = |arn: String| arn.rsplit_once(':').unwrap().1.to_owned();
        match change(name) {
            Change::Differs { lost, gained, foreign } => {
                (lost.map(short), gained.map(short), foreign.is_some())
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    // Each row of the table that was made by running the public server.
    #[test]
    fn finds_the_differences_that_the_public_server_showed() {
        let some = |text: &str| Some(text.to_owned());
        for (pattern, lost, gained) in [
            ("role/dev*", some("role/de"), None),
            ("role/dev-*-admin", some("role/dev-admin"), some("role/dev-x-admin")),
            ("role/*-admin", some("role/-adminx"), some("role/x-admin")),
            ("user/*@corp", some("user/@corpx"), some("user/x@corp")),
            ("role/admin?", some("role/admi"), None),
            ("role/d?v", some("role/v"), some("role/dxv")),
        ] {
            assert_eq!(differs(pattern), (lost, gained, false), "{pattern}");
        }
        for pattern in ["role/*", "user/*"] {
            assert_eq!(change(pattern), Change::Same, "{pattern}");
        }
        for pattern in ["role/[*", "role/**", "role/dev???", "role/(x*", "role/a+*", "role/x{2}*"] {
            assert_eq!(change(pattern), Change::BadExpression, "{pattern}");
        }
        // No valid ARN: nobody, there and here.
        for pattern in ["*", "role*"] {
            assert_eq!(change(pattern), Change::Same, "{pattern}");
        }
    }

    #[test]
    fn everybody_and_any_account_are_said_to_be_so() {
        let (lost, _, foreign) = differs("role/x|.*");
        assert!(lost.is_some() && foreign);
        let arn = "acs:ram::.*:role/x";
        let Change::Differs { foreign, .. } = compare(arn, None) else { panic!("{arn}") };
        assert_eq!(foreign.unwrap(), format!("acs:ram::{OTHER_ACCOUNT}:role/x"));
        // `:*` repeats the colon: it matched nobody there, and needs a flag here.
        assert_eq!(compare("acs:ram::*:role/x", None), Change::Same);
        let allowed = compare("acs:ram::*:role/x", Some("acs:ram::*:role/x"));
        assert!(matches!(allowed, Change::Differs { lost: None, gained: Some(_), .. }), "{allowed:?}");
    }

    #[test]
    fn an_expression_that_was_meant_as_one_loses_its_meaning() {
        let (lost, gained, _) = differs("role/dev-.*");
        assert_eq!(lost.unwrap(), "role/dev-");
        assert_eq!(gained, None);
        assert!(matches!(change("role/(dev|ops)-x*"), Change::Differs { .. }));
        assert!(matches!(change("role/x{2}y*"), Change::Differs { .. }));
        // A letter in Go, and one that is in no name.
        assert_eq!(change("role/x{y*"), Change::Same);
    }

    #[test]
    fn a_session_was_its_role() {
        let (lost, gained, _) = differs("assumed-role/dev-*-x/*");
        assert_eq!((lost.unwrap().as_str(), gained.unwrap().as_str()), ("role/dev-x", "role/dev-d-x"));
    }

    /// Random patterns, each tried on every short name: there by searching with the expression as it is,
    /// here by the rule itself.
    #[test]
    fn agrees_with_trying_every_short_name() {
        const ACCOUNT: &str = "1234567890123456";
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let letters = ['a', 'b', '-', 'x'];
        let mut names: Vec<String> = vec![String::new()];
        let mut all = Vec::new();
        for _ in 0..4 {
            names = names.iter().flat_map(|name| letters.map(|letter| format!("{name}{letter}"))).collect();
            all.extend(names.iter().cloned());
        }
        let (mut same, mut differ, mut bad) = (0, 0, 0);
        for _ in 0..1_500 {
            let length = random(5) + 1;
            let name: String = (0..length)
                .map(|_| {
                    ["a", "b", "-", "*", "*", "?", ".", "a|b", "[ab]", "+", "."]
                        .get(random(11) as usize)
                        .unwrap()
                })
                .copied()
                .collect();
            let arn = format!("acs:ram::{ACCOUNT}:role/{name}");
            if !identity::pattern::has_wildcard(&arn) {
                continue;
            }
            let Ok(RuleArn::Pattern(pattern)) = RuleArn::parse_with_patterns(&arn, AnyAccount::Refuse) else {
                continue;
            };
            let here = |name: &str| {
                let caller = identity::CallerIdentity {
                    identity_type: "AssumedRoleUser",
                    account_id: ACCOUNT,
                    principal_id: "3:s",
                    arn: &format!("acs:ram::{ACCOUNT}:assumed-role/{name}/s"),
                };
                pattern.matches(&identity::Principal::from_caller_identity(&caller).unwrap())
            };
            let change = compare(&arn, Some(&pattern.to_string()));
            let there = match regex::Regex::new(&arn) {
                Ok(there) if change != Change::BadExpression => there,
                _ => {
                    // What Go refuses beyond the other engine is a repetition of a repetition.
                    let stacked = ["**", "*+", "++", "+*", "?*", "?+", "??", "*?", "+?"];
                    let is_plain = !stacked.iter().any(|stack| arn.contains(stack));
                    assert!(!is_plain || regex::Regex::new(&arn).is_err(), "{arn}");
                    assert_eq!(change, Change::BadExpression, "{arn}");
                    bad += 1;
                    continue;
                }
            };
            let there = |arn: &str| there.is_match(arn);
            let differing =
                all.iter().find(|name| there(&format!("acs:ram::{ACCOUNT}:role/{name}")) != here(name));
            match change {
                Change::Same => {
                    assert_eq!(differing, None, "{arn}");
                    same += 1;
                }
                Change::Differs { lost, gained, foreign } => {
                    let role = |arn: &String| arn.split_once("role/").map(|(_, name)| name.to_owned());
                    for lost in lost.iter().chain(&foreign) {
                        assert!(there(lost), "{arn}: {lost}");
                        let is_own = lost.contains(ACCOUNT);
                        assert!(!is_own || role(lost).is_none_or(|name| !here(&name)), "{arn}: {lost}");
                    }
                    if let Some(gained) = &gained {
                        assert!(!there(gained) && here(&role(gained).unwrap()), "{arn}: {gained}");
                    }
                    // The shortest example is as short as what trying finds.
                    let of_length =
                        |example: &Option<String>| example.as_ref().and_then(role).map(|name| name.len());
                    let found = of_length(&lost).into_iter().chain(of_length(&gained)).min();
                    if let (Some(found), Some(tried)) = (found, differing) {
                        assert!(found <= tried.len(), "{arn}: {lost:?} {gained:?}, but {tried}");
                    }
                    differ += 1;
                }
                other => panic!("{arn}: {other:?}"),
            }
        }
        assert!(same > 5 && differ > 150 && bad > 75, "{same} {differ} {bad}");
    }

    #[test]
    fn gives_up_on_what_is_too_large() {
        let name = format!("role/{}", "(x?.{9})*".repeat(40));
        assert!(matches!(change(&name), Change::Unknown | Change::Differs { .. }));
    }
}
