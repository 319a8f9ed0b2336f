//! What a service is made of: operations, and what carries them out.

use std::pin::Pin;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::directory::Directory;
use crate::error::ApiError;
use crate::key_pair::KeyPairOwner;
use crate::oidc::Issuers;
use crate::policy::Origin;
use crate::principal::Identity;
use crate::request::Params;
use crate::throttle::Throttle;

/// A service of the RPC kind: path `/`, operation by name.
pub(crate) struct Service {
    /// As `Recommend` links name it.
    pub(crate) product: &'static str,
    /// `2015-04-01`.
    pub(crate) version: &'static str,
    /// The first labels of its host names: `sts` of `sts.aliyuncs.com` and `sts.cn-hangzhou.aliyuncs.com`.
    pub(crate) hosts: &'static [&'static str],
    pub(crate) operations: &'static [Operation],
}

/// An operation of a service.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) handler: Handler,
}

/// Fields of a 200, without `RequestId`, which is added to every answer.
pub(crate) type Fields = Map<String, Value>;

/// An answer that may take a while.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Fields, ApiError>> + Send + 'a>>;

/// What carries an operation out.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Needs the signature of an access key.
    Signed(fn(&Call<'_>, &Identity) -> Result<Fields, ApiError>),
    /// Needs the signature of a user's RSA key pair.
    SignedByKeyPair(fn(&Call<'_>, &KeyPairOwner) -> Result<Fields, ApiError>),
    /// Needs no signature, and looks at none: what proves who asks is among the parameters. It may have to ask others.
    Anonymous(for<'a> fn(&'a Call<'a>) -> Answering<'a>),
}

/// What a handler sees.
pub(crate) struct Call<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) params: &'a Params,
    pub(crate) now: Timestamp,
    /// When the request came, and from where.
    pub(crate) origin: Origin,
    /// Where calls that nobody signed are counted, as soon as it is clear for which account they are.
    pub(crate) throttle: &'a Throttle,
    /// Where the keys of OIDC issuers are had.
    pub(crate) issuers: &'a Issuers,
    /// Credentials that are handed out are to have ended already ([`crate::Fault::ExpiredCredentials`]).
    pub(crate) ended_credentials: bool,
}
