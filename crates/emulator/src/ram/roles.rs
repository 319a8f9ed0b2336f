//! Roles.

use serde_json::{Value, json};
use signature::format_timestamp;

use super::paging::Page;
use super::params::{description, max_session_duration, role_name, trust_policy};
use crate::directory::{NewRole, RoleChange, RoleRecord};
use crate::entities::MAX_SESSION_DURATION;
use crate::error::ApiError;
use crate::operation::{Call, Fields};
use crate::principal::Identity;

pub(super) fn get_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let name = role_name(call.params)?;
    call.directory.read(|state| Ok(fields(account, state.role(account, name)?, Show::Everything)))
}

pub(super) fn list_roles(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let page = Page::of(call.params)?;
    Ok(call.directory.read(|state| {
        page.of_items(
            state.roles(account),
            |record| record.role.name.clone(),
            |record| role(account, record, Show::InList),
            ("Roles", "Role"),
        )
    }))
}

pub(super) fn create_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let (account, params) = (caller.account_id(), call.params);
    let name = role_name(params)?;
    let document = params.required("AssumeRolePolicyDocument")?;
    let new = NewRole {
        name,
        description: description(params, "Description")?.unwrap_or_default(),
        max_session_duration: max_session_duration(params, "MaxSessionDuration")?
            .unwrap_or(*MAX_SESSION_DURATION.start()),
        trust_policy: trust_policy(document, "AssumeRolePolicyDocument", name)?,
        policies_decide: true,
    };
    call.directory
        .change(|state| Ok(fields(account, state.create_role(account, new, call.now)?, Show::WithoutUpdate)))
}

pub(super) fn update_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let (account, params) = (caller.account_id(), call.params);
    let name = role_name(params)?;
    let key = "NewAssumeRolePolicyDocument";
    let document = params.get(key).filter(|text| !text.is_empty());
    let change = RoleChange {
        description: description(params, "NewDescription")?,
        max_session_duration: max_session_duration(params, "NewMaxSessionDuration")?,
        trust_policy: document.map(|text| trust_policy(text, key, name)).transpose()?,
    };
    call.directory.change(|state| {
        Ok(fields(account, state.update_role(account, name, change, call.now)?, Show::Everything))
    })
}

pub(super) fn delete_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = role_name(call.params)?;
    call.directory.change(|state| state.delete_role_without_policies(caller.account_id(), name))?;
    Ok(Fields::new())
}

/// How much of a role an answer has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Everything,
    /// As CreateRole answers.
    WithoutUpdate,
    /// As ListRoles answers: no trust policy.
    InList,
}

fn fields(account: &str, record: &RoleRecord, show: Show) -> Fields {
    let mut fields = Fields::new();
    fields.insert("Role".to_owned(), role(account, record, show));
    fields
}

fn role(account: &str, record: &RoleRecord, show: Show) -> Value {
    let role = &record.role;
    let mut answer = json!({
        "RoleId": role.id,
        "RoleName": role.name,
        "Arn": format!("acs:ram::{account}:role/{}", role.name),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_duration,
        "CreateDate": format_timestamp(record.created),
    });
    if let Some(fields) = answer.as_object_mut() {
        if show != Show::WithoutUpdate {
            fields.insert("UpdateDate".to_owned(), Value::from(format_timestamp(record.updated)));
        }
        if show != Show::InList {
            fields.insert("AssumeRolePolicyDocument".to_owned(), Value::from(role.trust_policy.text()));
        }
    }
    answer
}
