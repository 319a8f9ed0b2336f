//! Why a token was refused.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use signature::acs3::AuthorizationError;

use crate::host::HostError;
use crate::quoted::Quoted;
use crate::token::Version;

/// Where in a token something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The JSON object of a version 2 token.
    Field,
    /// The query: `query` of a version 2 token, the URL's of version 1.
    Query,
    /// `headers` of a version 2 token.
    Header,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Field => "field",
            Self::Query => "query parameter",
            Self::Header => "header",
        })
    }
}

/// Why a token was refused, before STS was asked.
///
/// Each message is one line for the administrator: what happened, to which part, what to do. Client text in it
/// is cut to 64 characters and escaped ([`Quoted`]); values that could be secret are never in it.
/// [`DecodeError::reason`] is the label for metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than [`Rules::max_bytes`](crate::Rules::max_bytes).
    #[error(
        "the token has {bytes} bytes, more than the {limit} that are read: a token that ack-ram-tool makes has about 1,500; if the STS token in it is that long, raise the limit (--max-token-bytes)"
    )]
    TooLarge {
        /// Bytes of the token.
        bytes: usize,
        /// Bytes that are read.
        limit: usize,
    },
    /// Neither prefix.
    #[error(
        "not a RAM token, for it begins neither with k8s-ack-v2. nor with k8s-ack-v1.: if it is meant for this authenticator, take the token that `ack-ram-tool credential-plugin get-token` prints, as it is"
    )]
    NoPrefix,
    /// A known version that the rules leave out.
    #[error(
        "tokens of version {version} are switched off on this authenticator: bring the client's ack-ram-tool up to date, or allow the version (--token-versions)"
    )]
    VersionNotAccepted {
        /// The token's version.
        version: Version,
    },
    /// The prefix with nothing behind it.
    #[error(
        "the token is a prefix with nothing behind it: it was cut off on its way; take the whole output of `ack-ram-tool credential-plugin get-token`"
    )]
    Empty,
    /// Not base64: other characters, blanks, wrong padding, or bits behind the end.
    #[error(
        "what follows the token's prefix is not base64: it was cut off or changed on its way; take the output of `ack-ram-tool credential-plugin get-token` as it is"
    )]
    BadBase64,
    /// The decoded bytes are not text.
    #[error(
        "the decoded token is not UTF-8 text: it was changed on its way, or ack-ram-tool did not make it"
    )]
    NotUtf8,
    /// Not a JSON document.
    #[error(
        "the decoded token is not JSON (at byte {at}): it was cut off or changed on its way, or ack-ram-tool did not make it"
    )]
    BadJson {
        /// Position in the decoded token, from 1.
        at: usize,
    },
    /// JSON, but not an object with a query and headers in it.
    #[error(
        "the decoded token is not a JSON object of objects of strings ({place} {name}): ack-ram-tool did not make it"
    )]
    WrongType {
        /// Where.
        place: Place,
        /// The name at hand.
        name: Quoted,
    },
    /// A name that occurs twice, in whatever spelling.
    #[error(
        "the token has the {place} {name} more than once (spelling does not count), so that two readers could take two meanings from it: ack-ram-tool makes no such token; somebody may be probing"
    )]
    Duplicate {
        /// Where.
        place: Place,
        /// The second spelling.
        name: Quoted,
    },
    /// A name that is not on the allow-list.
    #[error(
        "the token has the {place} {name}, which is not allowed: ack-ram-tool does not send it unless told to; query parameters can be allowed one by one (--allow-token-query-key)"
    )]
    NotAllowed {
        /// Where.
        place: Place,
        /// The name.
        name: Quoted,
    },
    /// A name that has to be there.
    #[error("the token lacks the {place} {name}: ack-ram-tool always sends it; make a new token with it")]
    Missing {
        /// Where.
        place: Place,
        /// The name.
        name: &'static str,
    },
    /// A value that is not the one that is expected, or not of the form that is.
    #[error("the token's {place} {name} is not {expected}: make a new token with ack-ram-tool")]
    BadValue {
        /// Where.
        place: Place,
        /// The name.
        name: Quoted,
        /// What it should be.
        expected: &'static str,
    },
    /// The `Authorization` header of a version 2 token.
    #[error("the token's {0}: make a new token with ack-ram-tool")]
    BadAuthorization(#[from] AuthorizationError),
    /// `host` is under the signature.
    #[error(
        "the token's signature covers the host header, so that it holds at one STS endpoint only and cannot be checked at this authenticator's: make it with ack-ram-tool, which does not sign the host"
    )]
    HostSigned,
    /// A header is under the signature, but not in the token.
    #[error(
        "the token's signature covers the header {name}, which the token does not carry, so that the request cannot be rebuilt: make it with ack-ram-tool"
    )]
    SignedHeaderMissing {
        /// The header.
        name: Quoted,
    },
    /// A header is in the token, but not under the signature.
    #[error(
        "the token's header {name} is not under its signature, so that anybody could have set it: make the token with ack-ram-tool"
    )]
    HeaderNotSigned {
        /// The header.
        name: Quoted,
    },
    /// A token of another cluster.
    #[error(
        "the token is for the cluster {cluster}, this authenticator accepts {accepted}: generate the kubeconfig anew with --cluster-id set to this cluster's id, or correct this authenticator's cluster id"
    )]
    WrongCluster {
        /// The cluster that the token names.
        cluster: Quoted,
        /// The clusters that the rules name.
        accepted: Accepted,
    },
    /// Signed too long ago.
    #[error(
        "the token was signed at {signed_at}, {age:#} before this machine's {now}, and is good for {max_age:#}: let kubectl make a new one; if new ones are refused too, set the client's clock (or this machine's)"
    )]
    Expired {
        /// When it was signed, by the client's clock.
        signed_at: Timestamp,
        /// The time here.
        now: Timestamp,
        /// Whole seconds since then.
        age: SignedDuration,
        /// What is accepted.
        max_age: SignedDuration,
    },
    /// Signed in the future.
    #[error(
        "the token was signed at {signed_at}, {ahead:#} after this machine's {now}, and {max_ahead:#} is the most accepted: set the client's clock (or this machine's)"
    )]
    NotYetValid {
        /// When it was signed, by the client's clock.
        signed_at: Timestamp,
        /// The time here.
        now: Timestamp,
        /// Whole seconds until then.
        ahead: SignedDuration,
        /// What is accepted.
        max_ahead: SignedDuration,
    },
    /// A version 1 token whose URL is not of the one form.
    #[error("the token's URL {problem}: it is not one that ack-ram-tool makes; make a new token with it")]
    BadUrl {
        /// What is wrong, as the end of the sentence "the URL ...".
        problem: &'static str,
    },
    /// A version 1 token whose URL points elsewhere.
    #[error(
        "the token's URL points at {host}, which is {reason}: somebody may be probing; ack-ram-tool's point at STS"
    )]
    ForeignHost {
        /// The URL's authority.
        host: Quoted,
        /// What is accepted.
        reason: HostError,
    },
}

impl DecodeError {
    /// Every label that [`DecodeError::reason`] can give.
    pub const REASONS: [&'static str; 21] = [
        "too_large",
        "no_prefix",
        "version_not_accepted",
        "empty",
        "bad_base64",
        "bad_utf8",
        "bad_json",
        "wrong_type",
        "duplicate",
        "not_allowed",
        "missing",
        "bad_value",
        "bad_authorization",
        "host_signed",
        "signed_header_missing",
        "header_not_signed",
        "wrong_cluster",
        "expired",
        "not_yet_valid",
        "bad_url",
        "foreign_host",
    ];

    /// The variant as a metric label: one of [`DecodeError::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NoPrefix => "no_prefix",
            Self::VersionNotAccepted { .. } => "version_not_accepted",
            Self::Empty => "empty",
            Self::BadBase64 => "bad_base64",
            Self::NotUtf8 => "bad_utf8",
            Self::BadJson { .. } => "bad_json",
            Self::WrongType { .. } => "wrong_type",
            Self::Duplicate { .. } => "duplicate",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Missing { .. } => "missing",
            Self::BadValue { .. } => "bad_value",
            Self::BadAuthorization(_) => "bad_authorization",
            Self::HostSigned => "host_signed",
            Self::SignedHeaderMissing { .. } => "signed_header_missing",
            Self::HeaderNotSigned { .. } => "header_not_signed",
            Self::WrongCluster { .. } => "wrong_cluster",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::BadUrl { .. } => "bad_url",
            Self::ForeignHost { .. } => "foreign_host",
        }
    }
}

/// The accepted cluster ids, in a message: the first four of them, each [`Quoted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(String);

impl Accepted {
    pub(crate) fn new(cluster_ids: &[String]) -> Self {
        const SHOWN: usize = 4;
        let shown: Vec<String> =
            cluster_ids.iter().take(SHOWN).map(|id| Quoted::new(id).to_string()).collect();
        Self(match cluster_ids.len().saturating_sub(SHOWN) {
            0 if shown.is_empty() => "no cluster at all".to_owned(),
            0 => shown.join(" or "),
            more => format!("{} or {more} more", shown.join(" or ")),
        })
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
