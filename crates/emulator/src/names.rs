//! What names and ids look like in RAM.

/// An account id: sixteen digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The id of a user or a role. RAM's have 18 digits; tests may choose shorter ones.
pub(crate) fn is_entity_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// A RAM user name: 1 to 64 of letters, digits, `.`, `-`, `_` and `@` (RAM documentation, CreateUser).
pub(crate) fn is_user_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'))
}

/// A role name: 1 to 64 of letters, digits, `.` and `-` (RAM documentation, CreateRole).
pub(crate) fn is_role_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

/// The name of an OIDC provider: 1 to 128 letters, digits, `.`, `-` and `_`, no mark first or last (IMS documentation,
/// CreateOIDCProvider).
pub(crate) fn is_oidc_provider_name(text: &str) -> bool {
    let marks = [b'.', b'-', b'_'];
    let is_mark = |byte: Option<u8>| byte.is_none_or(|byte| marks.contains(&byte));
    text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
        && !is_mark(text.bytes().next())
        && !is_mark(text.bytes().last())
}

/// The name of a policy: 1 to 128 letters, digits and `-` (RAM documentation, CreatePolicy).
pub(crate) fn is_policy_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A role session name: 2 to 64 of letters, digits, `.`, `@`, `-` and `_` (STS documentation, AssumeRole).
pub(crate) fn is_session_name(text: &str) -> bool {
    text.len() >= 2 && is_user_name(text)
}

/// The id of an access key: 1 to 128 of letters, digits, `.`, `-` and `_`.
pub(crate) fn is_access_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// How a name is kept: RAM tells names apart without regard to case.
pub(crate) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}
