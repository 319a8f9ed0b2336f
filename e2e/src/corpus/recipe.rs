//! The form of `corpus/attacks.yaml`.

use serde::Deserialize;

/// One attack, or one control that shows what the attacks start from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unique; begins with the attack's letter.
    pub id: String,
    /// What is tried, for a person.
    pub about: String,
    /// Whose key signs.
    #[serde(default)]
    pub by: Who,
    /// How the token is made.
    #[serde(default)]
    pub token: Recipe,
    /// How it is posted, where that differs from a plain TokenReview.
    #[serde(default)]
    pub request: RequestRecipe,
    /// The answer that is due.
    pub expect: Expected,
}

/// Whose access key signs a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Somebody who is mapped. Tokens that must be refused locally are signed by him too: without the
    /// defence they would be let in.
    #[default]
    Mapped,
    /// His access key id, signed with another secret.
    WrongSecret,
    /// An access key that does not exist.
    Unknown,
}

/// How a token is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// Text as it stands.
    Text(String),
    /// A version 2 token with these changes.
    V2(Box<V2Recipe>),
    /// A version 1 token with these changes.
    V1(Box<V1Recipe>),
}

impl Default for Recipe {
    fn default() -> Self {
        Self::V2(Box::default())
    }
}

type Pairs = Vec<(String, String)>;

/// A version 2 token: a good one, changed in this order and signed last over what it then says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct V2Recipe {
    /// The whole query, instead of the cluster's parameter alone.
    pub query: Option<Pairs>,
    /// More query parameters.
    pub add_query: Pairs,
    /// Headers with another value.
    pub set_headers: Pairs,
    /// More headers.
    pub add_headers: Pairs,
    /// Headers to leave out.
    pub remove_headers: Vec<String>,
    /// More names for SignedHeaders.
    pub sign: Vec<String>,
    /// Names to leave out of SignedHeaders.
    pub unsign: Vec<String>,
    /// More fields of the JSON object; values are JSON.
    pub add_fields: Pairs,
    /// Replacements in the JSON text, after the signature; each must hit.
    pub replace: Pairs,
    /// How the JSON is written down.
    pub encoding: Encoding,
    /// Replacements in the token's text; each must hit.
    pub replace_token: Pairs,
}

/// A version 1 token: the same for a URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct V1Recipe {
    /// Parameters with another value.
    pub set: Pairs,
    /// More parameters.
    pub add: Pairs,
    /// Parameters to leave out.
    pub remove: Vec<String>,
    /// Replacements in the URL, after the signature; each must hit.
    pub replace: Pairs,
    /// How the URL is written down.
    pub encoding: Encoding,
}

/// The four forms of base64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// The standard alphabet, padded.
    #[default]
    Standard,
    /// The standard alphabet, not padded.
    StandardNoPad,
    /// The URL-safe alphabet, padded.
    UrlSafe,
    /// The URL-safe alphabet, not padded.
    UrlSafeNoPad,
}

/// How a token is posted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRecipe {
    /// HTTP method.
    pub method: String,
    /// Path, instead of the one of `--url`.
    pub path: Option<String>,
    /// Body, instead of a TokenReview; `${token}` stands for the token as a JSON text without its quotes.
    pub body: Option<String>,
    /// More headers.
    pub headers: Pairs,
}

impl Default for RequestRecipe {
    fn default() -> Self {
        Self { method: "POST".to_owned(), path: None, body: None, headers: Vec::new() }
    }
}

/// The answer that is due.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What kind of answer.
    pub outcome: Outcome,
    /// The label `reason` of `ack_ram_authenticator_reviews_total`; none where nothing is counted.
    pub reason: Option<String>,
    /// A part of `status.error`, or of the body.
    pub error: Option<String>,
    /// How often STS is asked.
    pub sts: usize,
}

/// What kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// 200, let in, and nothing but what a TokenReview answers.
    Authenticated,
    /// 200, `authenticated: false`, with an error of one line and without a user.
    Denied,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 413.
    TooLarge,
    /// 431, or a connection that is ended.
    HeadersTooLarge,
}
