//! A glob: `*` is any run of characters, also none, and `?` exactly one. It matches whole texts.

use std::collections::HashSet;
use std::fmt;

use crate::arn::Kind;

/// Most steps that [`Glob::covers`] takes before it gives up.
const MAX_COVER_STEPS: usize = 4096;

/// A glob in its canonical spelling: lower case, one `*` for each run of them. Texts are compared with it in
/// lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(Box<str>);

impl Glob {
    pub(crate) fn compile(text: &str) -> Self {
        let mut canonical = String::with_capacity(text.len());
        for c in text.chars() {
            if c != '*' || !canonical.ends_with('*') {
                canonical.push(c.to_ascii_lowercase());
            }
        }
        Self(canonical.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Matches the whole text. On a mismatch only the newest `*` takes one character more, so the time is
    /// bounded by the product of the two lengths.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.chars(), text.chars());
        let mut retry = None;
        loop {
            let (mut after, mut tail) = (pattern.clone(), rest.clone());
            let fits = match (after.next(), tail.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    retry = Some((after.clone(), rest.clone()));
                    pattern = after;
                    continue;
                }
                (Some('?'), Some(_)) => true,
                (Some(c), Some(d)) => c == d,
                (None, Some(_)) | (Some(_), None) => false,
            };
            if fits {
                (pattern, rest) = (after, tail);
                continue;
            }
            let Some((after, mut start)) = retry else { return false };
            if start.next().is_none() {
                return false;
            }
            (pattern, rest) = (after.clone(), start.clone());
            retry = Some((after, start));
        }
    }

    /// Whether this glob matches every text that `other` matches. "No" can be wrong for long globs with many
    /// wildcards; "yes" never is.
    ///
    /// Follows all texts of `other` at once, and with each the set of places where this glob can be. A text
    /// that ends while no such place is this glob's end is one that this glob does not match.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (own, theirs): (Vec<char>, Vec<char>) = (self.0.chars().collect(), other.0.chars().collect());
        // All letters that this glob does not name are alike to it: `None` stands for them.
        let mut letters: Vec<Option<char>> =
            own.iter().filter(|c| !is_wildcard(**c)).map(|c| Some(*c)).collect();
        letters.push(None);
        letters.sort_unstable();
        letters.dedup();

        let start = (0usize, close(&own, vec![0]));
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some((place, states)) = open.pop() {
            if states.is_empty() || seen.len() > MAX_COVER_STEPS {
                return false;
            }
            let mut next = Vec::new();
            let after = place.saturating_add(1);
            match theirs.get(place) {
                None if !states.contains(&own.len()) => return false,
                None => {}
                Some('*') => {
                    next.push((after, states.clone()));
                    next.extend(letters.iter().map(|letter| (place, step(&own, &states, *letter))));
                }
                Some('?') => {
                    next.extend(letters.iter().map(|letter| (after, step(&own, &states, *letter))));
                }
                Some(c) => next.push((after, step(&own, &states, Some(*c)))),
            }
            for state in next {
                if seen.insert(state.clone()) {
                    open.push(state);
                }
            }
        }
        true
    }

    pub(crate) fn literal(&self) -> Option<&str> {
        (!self.0.contains(is_wildcard)).then_some(&*self.0)
    }

    pub(crate) fn literal_length(&self) -> usize {
        self.0.chars().filter(|c| !is_wildcard(*c)).count()
    }

    /// Whether any name of this kind could match, as far as the literal characters tell.
    pub(crate) fn can_be_a_name(&self, kind: Kind) -> bool {
        let literals_are_possible = self.0.chars().all(|c| match c {
            '/' => matches!(kind, Kind::Role | Kind::AssumedRole),
            c => !c.is_control() && !c.is_whitespace(),
        });
        let slashes_part_names = !self.0.starts_with('/') && !self.0.ends_with('/') && !self.0.contains("//");
        literals_are_possible && slashes_part_names && (self.0.is_empty() == (kind == Kind::Root))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn is_wildcard(c: char) -> bool {
    matches!(c, '*' | '?')
}

/// The places that are reached without a letter: a `*` can stand for nothing.
fn close(glob: &[char], mut places: Vec<usize>) -> Vec<usize> {
    let mut index = 0;
    while let Some(place) = places.get(index).copied() {
        if glob.get(place) == Some(&'*') {
            places.push(place.saturating_add(1));
        }
        index = index.saturating_add(1);
    }
    places.sort_unstable();
    places.dedup();
    places
}

fn step(glob: &[char], places: &[usize], letter: Option<char>) -> Vec<usize> {
    let next = places.iter().filter_map(|&place| match glob.get(place)? {
        '*' => Some(place),
        '?' => Some(place.saturating_add(1)),
        c => (Some(*c) == letter).then_some(place.saturating_add(1)),
    });
    close(glob, next.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        Glob::compile(pattern).matches(text)
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
            ("admin?", "admin\u{e9}"),
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
        let (long, longer) = (Glob::compile(&("*a?".repeat(60) + "b")), Glob::compile(&"*?a".repeat(60)));
        assert!(!long.covers(&longer));
    }

    #[test]
    fn knows_which_glob_covers_which() {
        let covers = |one: &str, other: &str| Glob::compile(one).covers(&Glob::compile(other));
        for (one, other) in [
            ("*", ""),
            ("*", "dev*"),
            ("d*", "dev-*"),
            ("dev*", "dev?"),
            ("?*", "*a"),
            ("*?", "?*"),
            ("?*?", "??*"),
            ("*a*", "*ba?"),
            ("d?v*", "dev-*-admin"),
            ("a*b", "ab*b"),
        ] {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("", "*"),
            ("dev*", "d*"),
            ("dev?", "dev*"),
            ("?*", "*"),
            ("*a", "*"),
            ("*ab*", "*a*b*"),
            ("a?c", "a*c"),
            ("dev-*", "dev*"),
        ] {
            assert!(!covers(one, other), "{one} {other}");
        }
    }
}
