//! IMS 2019-08-15, Identity Management Service: the OIDC providers of the caller's account.

mod params;
mod providers;

use crate::operation::{Handler, Operation, Service};

/// The service and its operations.
pub(crate) const SERVICE: Service = Service {
    product: "Ims",
    version: "2019-08-15",
    // ims.aliyuncs.com.
    hosts: &["ims"],
    operations: &[
        Operation { name: "CreateOIDCProvider", handler: Handler::Signed(providers::create) },
        Operation { name: "GetOIDCProvider", handler: Handler::Signed(providers::get) },
        Operation { name: "UpdateOIDCProvider", handler: Handler::Signed(providers::update) },
        Operation { name: "DeleteOIDCProvider", handler: Handler::Signed(providers::delete) },
        Operation { name: "ListOIDCProviders", handler: Handler::Signed(providers::list) },
        Operation { name: "AddClientIdToOIDCProvider", handler: Handler::Signed(providers::add_client_id) },
        Operation {
            name: "RemoveClientIdFromOIDCProvider",
            handler: Handler::Signed(providers::remove_client_id),
        },
        Operation {
            name: "AddFingerprintToOIDCProvider",
            handler: Handler::Signed(providers::add_fingerprint),
        },
        Operation {
            name: "RemoveFingerprintFromOIDCProvider",
            handler: Handler::Signed(providers::remove_fingerprint),
        },
    ],
};
