//! RAM 2015-05-01: users, roles and policies of the caller's account.
//!
//! Who may call what, its policies say (`policy`), before an operation begins.

pub(crate) mod paging;
mod params;
mod permissions;
mod policies;
pub(crate) mod refusal;
mod roles;
mod users;

use crate::operation::{Handler, Operation, Service};

pub(crate) use permissions::authorize;

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
        Operation { name: "DeletePolicy", handler: Handler::Signed(policies::delete_policy) },
        Operation { name: "AttachPolicyToRole", handler: Handler::Signed(policies::attach_policy_to_role) },
        Operation {
            name: "DetachPolicyFromRole",
            handler: Handler::Signed(policies::detach_policy_from_role),
        },
        Operation { name: "ListPoliciesForRole", handler: Handler::Signed(policies::list_policies_for_role) },
        Operation { name: "AttachPolicyToUser", handler: Handler::Signed(policies::attach_policy_to_user) },
        Operation {
            name: "DetachPolicyFromUser",
            handler: Handler::Signed(policies::detach_policy_from_user),
        },
        Operation { name: "ListPoliciesForUser", handler: Handler::Signed(policies::list_policies_for_user) },
    ],
};
