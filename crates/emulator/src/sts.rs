//! STS 2015-04-01.

mod assume_role;
mod assume_role_with_oidc;
mod caller_identity;
pub(crate) mod issue;
mod session_access_key;

use crate::operation::{Handler, Operation, Service};

/// The service and its operations.
pub(crate) const SERVICE: Service = Service {
    product: "Sts",
    version: "2015-04-01",
    hosts: &["sts", "sts-vpc"],
    operations: &[
        Operation {
            name: "GetCallerIdentity",
            handler: Handler::Signed(caller_identity::get_caller_identity),
        },
        Operation { name: "AssumeRole", handler: Handler::Signed(assume_role::assume_role) },
        Operation {
            name: "AssumeRoleWithOIDC",
            handler: Handler::Anonymous(assume_role_with_oidc::assume_role_with_oidc),
        },
        Operation {
            name: "GenerateSessionAccessKey",
            handler: Handler::SignedByKeyPair(session_access_key::generate_session_access_key),
        },
    ],
};
