//! Users.

use serde_json::{Value, json};
use signature::format_timestamp;

use super::paging::Page;
use super::params::{comment, user_name};
use crate::directory::{NewUser, UserRecord};
use crate::error::ApiError;
use crate::operation::{Call, Fields};
use crate::principal::Identity;

pub(super) fn get_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = user_name(call.params)?;
    call.directory.read(|state| Ok(fields(state.user(caller.account_id(), name)?, Show::Everything)))
}

pub(super) fn list_users(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let page = Page::of(call.params)?;
    Ok(call.directory.read(|state| {
        page.of_items(
            state.users(caller.account_id()),
            |record| record.identity.name.clone(),
            |record| user(record, Show::InList),
            ("Users", "User"),
        )
    }))
}

pub(super) fn create_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let params = call.params;
    let new = NewUser {
        name: user_name(params)?,
        display_name: comment(params, "DisplayName")?,
        comments: comment(params, "Comments")?,
        email: comment(params, "Email")?,
        mobile_phone: comment(params, "MobilePhone")?,
    };
    call.directory.change(|state| {
        Ok(fields(state.create_user(caller.account_id(), &new, call.now)?, Show::WithoutUpdate))
    })
}

pub(super) fn delete_user(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = user_name(call.params)?;
    call.directory.change(|state| state.delete_unused_user(caller.account_id(), name))?;
    Ok(Fields::new())
}

/// How much of a user an answer has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Everything,
    /// As CreateUser answers.
    WithoutUpdate,
    /// As ListUsers answers: no email, no telephone.
    InList,
}

fn fields(record: &UserRecord, show: Show) -> Fields {
    let mut fields = Fields::new();
    fields.insert("User".to_owned(), user(record, show));
    fields
}

fn user(record: &UserRecord, show: Show) -> Value {
    let mut user = json!({
        "UserId": record.identity.user_id,
        "UserName": record.identity.name,
        "DisplayName": record.display_name,
        "Comments": record.comments,
        "CreateDate": format_timestamp(record.created),
    });
    if let Some(fields) = user.as_object_mut() {
        if show != Show::WithoutUpdate {
            fields.insert("UpdateDate".to_owned(), Value::from(format_timestamp(record.updated)));
        }
        if show != Show::InList {
            fields.insert("Email".to_owned(), Value::from(record.email.as_str()));
            fields.insert("MobilePhone".to_owned(), Value::from(record.mobile_phone.as_str()));
        }
    }
    user
}
