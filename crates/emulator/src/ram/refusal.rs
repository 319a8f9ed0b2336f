//! RAM's codes and messages (RAM documentation, "Error messages").

use crate::directory::DirectoryError;
use crate::error::ApiError;

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        use DirectoryError as Refused;
        let (status, code, message) = match &error {
            Refused::NoSuchUser(_) => (404, "EntityNotExist.User", "The user does not exist."),
            Refused::NoSuchRole(_) => (404, "EntityNotExist.Role", "The role does not exist."),
            Refused::NoSuchPolicy(_) => (404, "EntityNotExist.Policy", "The policy does not exist."),
            Refused::NoSuchOidcProvider(_) => {
                (404, "EntityNotExist.OIDCProvider", "The OIDC provider does not exist.")
            }
            Refused::NoSuchAccount(_) => (404, "EntityNotExist.Account", "The account does not exist."),
            Refused::NoSuchAccessKey(_) => {
                (404, "EntityNotExist.User.AccessKey", "The user access key does not exist.")
            }
            Refused::PolicyNotAttached { .. } => {
                (404, "EntityNotExist.Role.Policy", "The indicate policy of the role does not exist.")
            }
            Refused::UserExists(_) => (409, "EntityAlreadyExists.User", "The user does already EXIST."),
            Refused::RoleExists(_) => (409, "EntityAlreadyExists.Role", "The role does already EXIST."),
            Refused::PolicyExists(_) => (409, "EntityAlreadyExists.Policy", "The policy does already EXIST."),
            Refused::AccessKeyExists(_) => {
                (409, "EntityAlreadyExists.User.AccessKey", "The access key does already EXIST.")
            }
            Refused::OidcProviderExists(_) => {
                (409, "EntityAlreadyExists.OIDCProvider", "The OIDC provider does already EXIST.")
            }
            Refused::OidcIssuerExists(_) => (
                409,
                "EntityAlreadyExists.OIDCProvider.Url",
                "The issuer URL of the OIDC provider does already EXIST.",
            ),
            Refused::PolicyAttached { .. } => {
                (409, "EntityAlreadyExists.Role.Policy", "The role has already been attached this policy.")
            }
            Refused::PolicyAttachedToUser { .. } => {
                (409, "EntityAlreadyExists.User.Policy", "The user has already been attached this policy.")
            }
            Refused::PolicyNotAttachedToUser { .. } => {
                (404, "EntityNotExist.User.Policy", "The indicate policy of the user does not exist.")
            }
            Refused::PolicyInUse { holder: "user", .. } => (
                409,
                "DeleteConflict.Policy.User",
                "The policy can not be attached to any user while deleting the policy.",
            ),
            Refused::PolicyInUse { .. } => (
                409,
                "DeleteConflict.Policy.Role",
                "The policy can not be attached to any role while deleting the policy.",
            ),
            Refused::UserHasPolicies(_) => (
                409,
                "DeleteConflict.User.Policy",
                "The user CAN NOT has any attached policy while deleting the user.",
            ),
            Refused::RoleHasPolicies(_) => (
                409,
                "DeleteConflict.Role.Policy",
                "The role CAN NOT has any attached policy while deleting the role.",
            ),
            Refused::UserHasAccessKeys(_) => (
                409,
                "DeleteConflict.User.AccessKey",
                "The user CAN NOT has any access key while deleting the user.",
            ),
            Refused::Full { what, .. } => return full(what),
            Refused::Invalid(problem) => return Self::new(400, "InvalidParameter", problem.clone()),
            Refused::NoRandomNumbers => {
                (500, "InternalError", "The request has failed due to a temporary failure of the server.")
            }
        };
        Self::new(status, code, message)
    }
}

fn full(what: &str) -> ApiError {
    let kind = match what {
        "users" => "User",
        "roles" => "Role",
        "policies" => "Policy",
        "OIDC providers" => "OIDCProvider",
        "policies of this user" => "User.Policy",
        _ => "Role.Policy",
    };
    ApiError::new(
        409,
        format!("LimitExceeded.{kind}"),
        format!("The count of {what} beyond the current limits."),
    )
}

/// `InvalidParameter.<Name>.InvalidChars`.
pub(crate) fn invalid_chars(name: &str) -> ApiError {
    ApiError::new(
        400,
        format!("InvalidParameter.{name}.InvalidChars"),
        format!("The parameter - \"{name}\" contains invalid chars."),
    )
}

/// `InvalidParameter.<Name>.Length`.
pub(crate) fn too_long(name: &str) -> ApiError {
    ApiError::new(
        400,
        format!("InvalidParameter.{name}.Length"),
        format!("The parameter - \"{name}\" beyond the length limit."),
    )
}

/// `MalformedPolicyDocument`, with what is wrong as its message.
pub(crate) fn malformed_policy(problem: &str) -> ApiError {
    ApiError::new(400, "MalformedPolicyDocument", problem)
}
