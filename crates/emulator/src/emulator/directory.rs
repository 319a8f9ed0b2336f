//! What tests do to the accounts while the emulator runs.

use signature::Secret;

use super::Emulator;
use crate::directory::{DirectoryError, NewRole, NewUser};
use crate::entities::MAX_SESSION_DURATION;
use crate::oidc::{OidcProvider, Trust};
use crate::policy::TrustPolicy;

impl Emulator {
    /// Makes a RAM user without access keys; the answer is its id.
    ///
    /// # Errors
    /// No such account, a name that RAM does not allow, or one that is taken.
    pub fn create_user(&self, account_id: &str, name: &str) -> Result<String, DirectoryError> {
        let now = (self.app.clock)();
        self.app.directory.change(|state| {
            let new = NewUser { name, display_name: name, ..NewUser::default() };
            let user = state.create_user(account_id, &new, now)?;
            Ok(user.identity.user_id.clone())
        })
    }

    /// Deletes a RAM user with all its access keys and key pairs: the next request that they sign is refused with
    /// `InvalidAccessKeyId.NotFound`. Sessions of roles that it assumed go on to their end.
    ///
    /// # Errors
    /// No such account or user.
    pub fn delete_user(&self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.delete_user(account_id, name))
    }

    /// Gives a RAM user an access key.
    ///
    /// # Errors
    /// No such account or user; an id that is taken or begins with `STS.`; an empty secret.
    pub fn create_access_key(
        &self,
        account_id: &str,
        user: &str,
        id: &str,
        secret: &str,
    ) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.create_access_key(account_id, user, id, Secret::new(secret)))
    }

    /// Disables an access key, so that it is refused with `InvalidAccessKeyId.Inactive`, or enables it again.
    ///
    /// # Errors
    /// No such key.
    pub fn set_access_key_active(&self, id: &str, active: bool) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.set_access_key_active(id, active))
    }

    /// Deletes an access key of an account or a user, or a temporary one.
    ///
    /// # Errors
    /// No such key.
    pub fn delete_access_key(&self, id: &str) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.delete_access_key(id))
    }

    /// Makes a role with a trust policy in JSON, as RAM has it, and with sessions of at most an hour; the answer is
    /// its id. It may do everything, as long as no policy is attached to it.
    ///
    /// # Errors
    /// No such account, a name that RAM does not allow or that is taken, or a policy that the emulator cannot decide.
    pub fn create_role(
        &self,
        account_id: &str,
        name: &str,
        trust_policy: &str,
    ) -> Result<String, DirectoryError> {
        let trust_policy = TrustPolicy::from_json(trust_policy, &format!("role {name:?}"))
            .map_err(DirectoryError::Invalid)?;
        let new = NewRole {
            name,
            description: "",
            max_session_duration: *MAX_SESSION_DURATION.start(),
            trust_policy,
            policies_decide: false,
        };
        let now = (self.app.clock)();
        self.app.directory.change(|state| Ok(state.create_role(account_id, new, now)?.role.id.clone()))
    }

    /// Deletes a role; its sessions end at once, and a new role of that name does not bring them back.
    ///
    /// # Errors
    /// No such account or role.
    pub fn delete_role(&self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.delete_role(account_id, name))
    }

    /// Registers an OIDC provider: from now on AssumeRoleWithOIDC takes its issuer's tokens for roles whose trust policies
    /// name it. Without `jwks` the keys are fetched from the issuer.
    ///
    /// ```
    /// # fn example(emulator: &emulator::Emulator, jwks: &str) -> Result<(), emulator::DirectoryError> {
    /// use emulator::OidcProvider;
    /// emulator.add_oidc_provider(
    ///     OidcProvider::new("1234567890123456", "ack-rrsa-c0123", "https://kubernetes.default.svc")
    ///         .client_id("sts.aliyuncs.com")
    ///         .jwks(jwks),
    /// )?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No such account, a value that cannot be right, or a name or an issuer that is taken.
    pub fn add_oidc_provider(&self, provider: OidcProvider) -> Result<(), DirectoryError> {
        let provider = provider.check().map_err(DirectoryError::Invalid)?;
        let now = (self.app.clock)();
        self.app.directory.change(|state| state.add_oidc_provider(provider, now).map(|_record| ()))
    }

    /// Trusts the certificate authorities of this PEM text, and no others, where the keys of OIDC issuers are fetched, and
    /// forgets the keys that were.
    ///
    /// # Errors
    /// When the text holds no certificate.
    pub fn trust_oidc_issuers(&self, ca_pem: &str) -> Result<(), DirectoryError> {
        let trust = Trust::from_pem(ca_pem)
            .map_err(|problem| DirectoryError::Invalid(format!("the CA of OIDC issuers {problem}")))?;
        self.app.issuers.set_trust(trust);
        Ok(())
    }

    /// Forgets the keys that were fetched from OIDC issuers: they are fetched anew for the next token.
    pub fn forget_oidc_keys(&self) {
        self.app.issuers.forget();
    }

    /// Removes an OIDC provider. Sessions that were begun with its tokens go on.
    ///
    /// # Errors
    /// No such account or provider.
    pub fn remove_oidc_provider(&self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        self.app.directory.change(|state| state.remove_oidc_provider(account_id, name))
    }
}
