//! RAM 2015-05-01: users, roles and policies of the caller's account.
//!
//! Every active key of an account may call every operation: policies restrict nothing here.

mod paging;
mod params;
mod policies;
mod policy_document;
mod refusal;
mod roles;
mod system_policies;
mod users;

use crate::operation::{Handler, Operation, Service};

/// The service and its operations.
pub(crate) const SERVICE: Service = Service {
    product: "Ram",
    version: "2015-05-01",
    // ram.aliyuncs.com and ram.vpc-proxy.aliyuncs.com.
    hosts: &["ram"],
    operations: &[
        Operation { name: "GetUser", handler: Handler::Signed(users::get_user) },
        Operation { name: "ListUsers", handler: Handler::Signed(users::list_users) },
        Operation { name: "CreateUser", handler: Handler::Signed(users::create_user) },
        Operation { name: "DeleteUser", handler: Handler::Signed(users::delete_user) },
        Operation { name: "GetRole", handler: Handler::Signed(roles::get_role) },
        Operation { name: "ListRoles", handler: Handler::Signed(roles::list_roles) },
        Operation { name: "CreateRole", handler: Handler::Signed(roles::create_role) },
        Operation { name: "UpdateRole", handler: Handler::Signed(roles::update_role) },
        Operation { name: "DeleteRole", handler: Handler::Signed(roles::delete_role) },
        Operation { name: "GetPolicy", handler: Handler::Signed(policies::get_policy) },
        Operation { name: "CreatePolicy", handler: Handler::Signed(policies::create_policy) },
        Operation { name: "AttachPolicyToRole", handler: Handler::Signed(policies::attach_policy_to_role) },
        Operation {
            name: "DetachPolicyFromRole",
            handler: Handler::Signed(policies::detach_policy_from_role),
        },
        Operation { name: "ListPoliciesForRole", handler: Handler::Signed(policies::list_policies_for_role) },
    ],
};
