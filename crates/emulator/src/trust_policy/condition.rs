//! Conditions of trust policies: `StringEquals` and `StringLike`.

use super::document::ConditionKeys;
use super::{AssumeRoleRequest, Caller};

/// True when one of the request's values under the key fits one of the condition's; false where the request has none.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    key: Key,
    like: bool,
    values: Vec<String>,
}

/// What a condition can be on (RAM documentation, "Policy elements" and "Create a RAM role for a trusted IdP").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    ExternalId,
    OidcIssuer,
    OidcSubject,
    OidcAudience,
}

const KEYS: [(&str, Key); 4] = [
    ("sts:ExternalId", Key::ExternalId),
    ("oidc:iss", Key::OidcIssuer),
    ("oidc:sub", Key::OidcSubject),
    ("oidc:aud", Key::OidcAudience),
];

impl Condition {
    pub(super) fn holds(&self, request: &AssumeRoleRequest<'_>) -> bool {
        let fits = |text: &str| {
            self.values
                .iter()
                .any(|wanted| if self.like { glob_matches(wanted, text) } else { wanted == text })
        };
        match (self.key, &request.caller) {
            (Key::ExternalId, _) => request.external_id.is_some_and(fits),
            (Key::OidcIssuer, Caller::Oidc(token)) => fits(token.issuer),
            (Key::OidcSubject, Caller::Oidc(token)) => fits(token.subject),
            (Key::OidcAudience, Caller::Oidc(token)) => token.audiences.iter().any(|text| fits(text)),
            (Key::OidcIssuer | Key::OidcSubject | Key::OidcAudience, Caller::Ram(_)) => false,
        }
    }

    /// The conditions under one operator.
    ///
    /// # Errors
    /// An operator or a key that the emulator cannot decide.
    pub(super) fn check(operator: &str, keys: &ConditionKeys, what: &str) -> Result<Vec<Self>, String> {
        let like = match operator {
            "StringEquals" => false,
            "StringLike" => true,
            other => {
                return Err(format!(
                    "{what}: the emulator cannot decide the condition {other:?}; it knows StringEquals and StringLike"
                ));
            }
        };
        keys.iter()
            .map(|(name, values)| {
                let known = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                let (_, key) = known.ok_or_else(|| {
                    let names = KEYS.map(|(known, _)| known).join(", ");
                    format!("{what}: the emulator cannot decide a condition on {name:?}; it knows {names}")
                })?;
                Ok(Self { key: *key, like, values: values.0.clone() })
            })
            .collect()
    }
}

/// `*` stands for any text, `?` for one character; the whole of `text` has to fit.
pub(super) fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // Places in the pattern that can be reached with what was read of the text.
    let mut places = vec![false; pattern.len().saturating_add(1)];
    let skip_stars = |places: &mut Vec<bool>| {
        for (index, sign) in pattern.iter().enumerate() {
            if *sign == '*' && places.get(index).copied().unwrap_or_default() {
                set(places, index.saturating_add(1));
            }
        }
    };
    set(&mut places, 0);
    skip_stars(&mut places);
    for character in text.chars() {
        let mut next = vec![false; places.len()];
        for (index, sign) in pattern.iter().enumerate() {
            if !places.get(index).copied().unwrap_or_default() {
                continue;
            }
            if *sign == '*' {
                set(&mut next, index);
            } else if *sign == '?' || *sign == character {
                set(&mut next, index.saturating_add(1));
            }
        }
        places = next;
        skip_stars(&mut places);
    }
    places.last().copied().unwrap_or_default()
}

fn set(places: &mut [bool], index: usize) {
    if let Some(place) = places.get_mut(index) {
        *place = true;
    }
}
