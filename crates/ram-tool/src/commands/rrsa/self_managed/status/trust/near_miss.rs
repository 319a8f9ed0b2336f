//! Why a trust policy that allows nothing to a token almost does.

use super::condition::Condition;
use super::pattern::like;
use super::statement::Statement;
use super::{Claims, Truth};

const SUBJECT_PREFIX: &str = "system:serviceaccount:";
/// How many of a list of values are told.
const MAX_VALUES: usize = 3;

/// The statement that comes nearest to allowing it, counted from 1, with each thing that keeps it from doing so. None where
/// no statement is about OIDC at all.
pub(super) fn nearest(statements: &[Statement], claims: &Claims<'_>) -> Option<(usize, Vec<String>)> {
    let about_oidc = |statement: &Statement| {
        let on_token = |condition: &Condition| condition.key.to_ascii_lowercase().starts_with("oidc:");
        !statement.federated.is_empty() || statement.conditions.iter().any(on_token)
    };
    (1_usize..)
        .zip(statements)
        .filter(|(_, statement)| !statement.denies && about_oidc(statement))
        .map(|(number, statement)| (number, misses(statement, claims)))
        .min_by_key(|(_, misses)| misses.len())
}

fn misses(statement: &Statement, claims: &Claims<'_>) -> Vec<String> {
    let mut misses = Vec::new();
    if statement.federated.is_empty() {
        misses.push("its Principal names no OIDC provider".to_owned());
    } else if !statement.names(claims.provider) {
        let others = shown(&statement.federated);
        misses.push(format!("its Principal is another provider, {others}, not {}", claims.provider));
    }
    if !statement.covers() {
        misses.push(format!("its Action is {}, not sts:AssumeRole", shown(&statement.actions)));
    }
    let failing = statement.conditions.iter().filter(|condition| condition.holds(claims) == Truth::No);
    misses.extend(failing.map(|condition| miss(condition, claims)));
    misses
}

/// Why a condition does not hold.
fn miss(condition: &Condition, claims: &Claims<'_>) -> String {
    let Condition { operator, key, values } = condition;
    let values = values.as_deref().unwrap_or_default();
    let first = |why: fn(&str, &str) -> Option<String>, given: &str| {
        values.iter().find_map(|value| why(value, given))
    };
    let key_in_lower_case = key.to_ascii_lowercase();
    let why = match (key_in_lower_case.as_str(), operator.as_str()) {
        ("oidc:iss", "StringEquals") => first(issuer_miss, claims.issuer),
        ("oidc:sub", "StringEquals") => first(subject_miss, claims.subject),
        ("oidc:sub", "StringLike") => first(like_miss, claims.subject),
        ("oidc:aud", "StringEquals") => claims.audiences.first().and_then(|audience| first(common, audience)),
        _ => None,
    };
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let given = match key_in_lower_case.as_str() {
        "oidc:iss" => format!("the token has {}", claims.issuer),
        "oidc:sub" => format!("the token has {}", claims.subject),
        "oidc:aud" => format!("the token has {}", claims.audiences.join(", ")),
        _ => "that is not so here".to_owned(),
    };
    format!("{key} must be {operator} {}, and {given}{why}", shown(values))
}

fn issuer_miss(wanted: &str, given: &str) -> Option<String> {
    if wanted.trim_end_matches('/') == given.trim_end_matches('/') {
        return Some("they differ in a slash at the end, and are compared to the letter".to_owned());
    }
    common(wanted, given)
}

fn subject_miss(wanted: &str, given: &str) -> Option<String> {
    if wanted.contains(['*', '?']) && like(wanted, given) {
        return Some(
            "StringEquals takes * and ? as they stand; StringLike is the operator for them".to_owned(),
        );
    }
    if let Some(why) = common(wanted, given) {
        return Some(why);
    }
    let names = |text: &str| {
        let (namespace, name) = text.strip_prefix(SUBJECT_PREFIX)?.split_once(':')?;
        Some((namespace.to_owned(), name.to_owned()))
    };
    let Some((namespace, name)) = names(wanted) else {
        return Some(format!("a subject is {SUBJECT_PREFIX}NAMESPACE:NAME"));
    };
    let (given_namespace, given_name) = names(given)?;
    match (namespace == given_namespace, name == given_name) {
        (false, true) => Some("the namespace differs".to_owned()),
        (true, false) => Some("the service account differs".to_owned()),
        _ => None,
    }
}

fn like_miss(wanted: &str, given: &str) -> Option<String> {
    if like(&wanted.to_lowercase(), &given.to_lowercase()) {
        return Some("they differ in upper and lower case".to_owned());
    }
    (!wanted.starts_with(SUBJECT_PREFIX) && !wanted.starts_with('*'))
        .then(|| format!("a subject is {SUBJECT_PREFIX}NAMESPACE:NAME"))
}

/// What is easily overlooked in any text.
fn common(wanted: &str, given: &str) -> Option<String> {
    if wanted.trim() == given {
        return Some("there are blanks around it".to_owned());
    }
    wanted.eq_ignore_ascii_case(given).then(|| "they differ in upper and lower case".to_owned())
}

fn shown(values: &[String]) -> String {
    match values {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        many => {
            let more = many.len().saturating_sub(MAX_VALUES);
            let first: Vec<&str> = many.iter().take(MAX_VALUES).map(String::as_str).collect();
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("one of {}{rest}", first.join(", "))
        }
    }
}
