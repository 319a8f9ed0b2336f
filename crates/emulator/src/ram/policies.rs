//! Policies, and the users and roles that have them.

use serde_json::{Value, json};
use signature::format_timestamp;

use super::params::{MAX_POLICY, description, is_custom, policy_name, role_name, user_name};
use super::refusal::{malformed_policy, too_long};
use crate::directory::{AttachedPolicy, DirectoryError, Holder, PolicyRecord, State};
use crate::error::ApiError;
use crate::operation::{Call, Fields};
use crate::policy::{Policy, system};
use crate::principal::Identity;

/// Policies have one version here: CreatePolicyVersion is not there.
const VERSION: &str = "v1";

/// What is shown of a policy, the system's or the account's.
struct Shown {
    name: String,
    custom: bool,
    description: String,
    document: String,
    created: String,
}

fn find(state: &State, account: &str, name: &str, custom: bool) -> Result<Shown, DirectoryError> {
    if custom {
        return Ok(Shown::custom(state.policy(account, name)?));
    }
    let policy = system::find(name).ok_or_else(|| DirectoryError::NoSuchPolicy(name.to_owned()))?;
    Ok(Shown {
        name: policy.name.to_owned(),
        custom,
        description: policy.description.to_owned(),
        document: policy.document(),
        created: system::CREATED.to_owned(),
    })
}

impl Shown {
    fn custom(record: &PolicyRecord) -> Self {
        Self {
            name: record.name.clone(),
            custom: true,
            description: record.description.clone(),
            document: record.policy.text().to_owned(),
            created: format_timestamp(record.created),
        }
    }

    /// What every answer about a policy has.
    fn to_json(&self) -> Value {
        json!({
            "PolicyName": self.name,
            "PolicyType": if self.custom { "Custom" } else { "System" },
            "DefaultVersion": VERSION,
            "Description": self.description,
        })
    }
}

fn with(mut object: Value, more: &[(&str, Value)]) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    object
}

pub(super) fn get_policy(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let (name, custom) = (policy_name(call.params)?, is_custom(call.params)?);
    call.directory.read(|state| {
        let policy = find(state, account, name, custom)?;
        let count = state.attachment_count(account, &policy.name, custom);
        let created = Value::from(policy.created.as_str());
        let shown = with(
            policy.to_json(),
            &[
                ("AttachmentCount", count.into()),
                ("CreateDate", created.clone()),
                ("UpdateDate", created.clone()),
            ],
        );
        let version = json!({
            "VersionId": VERSION,
            "IsDefaultVersion": true,
            "PolicyDocument": policy.document,
            "CreateDate": created,
        });
        Ok([("Policy", shown), ("DefaultPolicyVersion", version)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    })
}

pub(super) fn create_policy(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let params = call.params;
    let name = policy_name(params)?;
    let document = params.required("PolicyDocument")?;
    if document.len() > MAX_POLICY {
        return Err(too_long("PolicyDocument"));
    }
    let policy = Policy::from_json(document, &format!("policy {name:?}"))
        .map_err(|problem| malformed_policy(&problem))?;
    if system::find(name).is_some() {
        return Err(DirectoryError::PolicyExists(name.to_owned()).into());
    }
    let record = PolicyRecord {
        name: name.to_owned(),
        description: description(params, "Description")?.unwrap_or_default().to_owned(),
        policy,
        created: call.now,
    };
    let policy = call.directory.change(|state| {
        Ok::<_, DirectoryError>(Shown::custom(state.create_policy(caller.account_id(), record)?))
    })?;
    let mut fields = Fields::new();
    let created = Value::from(policy.created.as_str());
    fields.insert("Policy".to_owned(), with(policy.to_json(), &[("CreateDate", created)]));
    Ok(fields)
}

pub(super) fn delete_policy(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = policy_name(call.params)?;
    call.directory.change(|state| state.delete_policy(caller.account_id(), name))?;
    Ok(Fields::new())
}

pub(super) fn attach_policy_to_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    attach(call, caller, Holder::Role(role_name(call.params)?))
}

pub(super) fn attach_policy_to_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    attach(call, caller, Holder::User(user_name(call.params)?))
}

pub(super) fn detach_policy_from_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    detach(call, caller, Holder::Role(role_name(call.params)?))
}

pub(super) fn detach_policy_from_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    detach(call, caller, Holder::User(user_name(call.params)?))
}

pub(super) fn list_policies_for_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    list(call, caller, Holder::Role(role_name(call.params)?))
}

pub(super) fn list_policies_for_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    list(call, caller, Holder::User(user_name(call.params)?))
}

fn attach(call: &Call<'_>, caller: &Identity, holder: Holder<'_>) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let (name, custom) = (policy_name(call.params)?, is_custom(call.params)?);
    call.directory.change(|state| {
        state.attached(account, holder)?;
        let policy = find(state, account, name, custom)?;
        state.attach_policy(account, holder, AttachedPolicy::new(&policy.name, custom, call.now))
    })?;
    Ok(Fields::new())
}

fn detach(call: &Call<'_>, caller: &Identity, holder: Holder<'_>) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let (name, custom) = (policy_name(call.params)?, is_custom(call.params)?);
    call.directory.change(|state| {
        state.attached(account, holder)?;
        find(state, account, name, custom)?;
        state.detach_policy(account, holder, name, custom)
    })?;
    Ok(Fields::new())
}

fn list(call: &Call<'_>, caller: &Identity, holder: Holder<'_>) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    call.directory.read(|state| {
        let policies = state
            .attached(account, holder)?
            .iter()
            .map(|attached| {
                let policy = find(state, account, &attached.name, attached.custom)?;
                let date = Value::from(format_timestamp(attached.attached));
                Ok(with(policy.to_json(), &[("AttachDate", date)]))
            })
            .collect::<Result<Vec<_>, DirectoryError>>()?;
        let mut fields = Fields::new();
        fields.insert("Policies".to_owned(), json!({ "Policy": policies }));
        Ok(fields)
    })
}
