//! `auth whoami`: who the credentials belong to, and what a cluster would be told.

use clap::Args;
use identity::{Principal, PrincipalKind};
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use openapi::sts::{Client, StsError};
use serde::Serialize;
use signature::format_timestamp;
use token::{Rules, SigningInput};

use super::get_token;
use crate::Done;
use crate::cluster_id::ClusterId;
use crate::error::Error;
use crate::log::Log;
use crate::output::{OutputFlags, pairs};
use crate::platform::user_agent;
use crate::settings::Settings;
use crate::world::World;
use crate::{credentials, network};

/// A clock that is further off is worth a word: STS refuses at a quarter of an hour.
const CLOCK_WARNING: SignedDuration = SignedDuration::from_mins(1);

// `auth whoami`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct WhoamiFlags {
    #[command(flatten)]
    output: OutputFlags,
}

/// Who somebody is for RAM.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Caller {
    account_id: String,
    identity_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// For an assumed role, that of its role.
    arn: String,
    principal_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ForCluster>,
}

/// What a cluster would be told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ForCluster {
    cluster_id: String,
    arn: String,
    canonical_arn: String,
    session_name: String,
    access_key_id: String,
    token_signed_at: String,
    token_end: String,
    /// This clock, in seconds ahead of STS's; STS's answer has whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_ahead_seconds: Option<i64>,
    request_id: String,
}

pub(crate) fn run(
    flags: &WhoamiFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let credentials = credentials::get(settings, world, log)?;
    let client = network::sts(settings, world)?;
    let now = (world.now)();
    let (clock, answer) = network::run("asking STS", world, async {
        // An unsigned question shows STS's clock also where it refuses the signed one.
        let probe = match settings.cluster_id {
            Some(_) => client.probe().await.ok(),
            None => None,
        };
        (probe.and_then(|probe| probe.date), client.get_caller_identity(&credentials, now).await)
    })?;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(explain(error, clock, &client, now, world, log)),
    };
    warn_about_clock(clock, now, log);
    let (principal, request_id) = answer;
    let cluster = settings
        .cluster_id
        .as_ref()
        .map(|cluster_id| for_cluster(cluster_id, &principal, &credentials, request_id, clock, now))
        .transpose()?;
    let caller = Caller { cluster, ..caller(&principal) };
    flags.output.output.render(&caller, text).map(Done::from)
}

fn caller(principal: &Principal) -> Caller {
    let (identity_type, kind, name) = match principal.kind() {
        PrincipalKind::Account => ("Account", "user", String::new()),
        PrincipalKind::User { name } => ("RAMUser", "user", name.to_owned()),
        PrincipalKind::AssumedRole { role, .. } => ("AssumedRoleUser", "role", role.to_owned()),
    };
    // The public tool shows an account with a user's fields, empty.
    let id = match principal.kind() {
        PrincipalKind::Account => String::new(),
        _ => principal.user_id().to_owned(),
    };
    let of = |wanted: &str, value: &String| (kind == wanted).then(|| value.clone());
    Caller {
        account_id: principal.account_id().to_owned(),
        identity_type,
        role_id: of("role", &id),
        role_name: of("role", &name),
        user_id: of("user", &id),
        user_name: of("user", &name),
        arn: principal.canonical_arn().to_owned(),
        principal_id: principal.principal_id().to_owned(),
        cluster: None,
    }
}

/// Makes a token as `get-token` does and reads it as the server does. It is not sent anywhere: the same credentials have
/// just been asked about with a request that is good for STS alone.
fn for_cluster(
    cluster_id: &ClusterId,
    principal: &Principal,
    credentials: &Credentials,
    request_id: String,
    clock: Option<Timestamp>,
    now: Timestamp,
) -> Result<ForCluster, Error> {
    let token = token::sign_v2(&SigningInput {
        cluster_id: cluster_id.as_str(),
        access_key_id: &credentials.access_key_id,
        secret: &credentials.access_key_secret,
        security_token: credentials.security_token.as_ref(),
        user_agent: &user_agent(),
        extra_query: &[],
        signed_at: now,
    });
    let token = token::decode(token.expose(), &Rules::for_cluster(cluster_id.as_str()), now)
        .map_err(|source| Error::OwnToken { source })?;
    Ok(ForCluster {
        cluster_id: token.cluster_id().to_owned(),
        arn: principal.arn().to_owned(),
        canonical_arn: principal.canonical_arn().to_owned(),
        session_name: principal.session_name().to_owned(),
        access_key_id: token.access_key_id().to_owned(),
        token_signed_at: format_timestamp(token.signed_at()),
        token_end: format_timestamp(get_token::end(credentials, now)),
        clock_ahead_seconds: clock.map(|theirs| ahead(theirs, now).as_secs()),
        request_id,
    })
}

fn text(caller: &Caller) -> String {
    let mut rows =
        vec![("AccountId", caller.account_id.clone()), ("IdentityType", caller.identity_type.to_owned())];
    let optional = [
        ("RoleId", &caller.role_id),
        ("RoleName", &caller.role_name),
        ("UserId", &caller.user_id),
        ("UserName", &caller.user_name),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    rows.push(("Arn", caller.arn.clone()));
    rows.push(("PrincipalId", caller.principal_id.clone()));
    let Some(cluster) = &caller.cluster else { return pairs(&rows) };
    let clock = match cluster.clock_ahead_seconds {
        None => "unknown: STS did not say its time".to_owned(),
        Some(seconds) => offset(SignedDuration::from_secs(seconds)),
    };
    let told = [
        ("ClusterId", cluster.cluster_id.clone()),
        ("Arn", cluster.arn.clone()),
        ("CanonicalArn", cluster.canonical_arn.clone()),
        ("SessionName", cluster.session_name.clone()),
        ("AccessKeyId", cluster.access_key_id.clone()),
        ("TokenSignedAt", cluster.token_signed_at.clone()),
        ("TokenEnd", cluster.token_end.clone()),
        ("Clock", clock),
        ("RequestId", cluster.request_id.clone()),
    ];
    format!("{}\nThe cluster would be told:\n{}", pairs(&rows), pairs(&told))
}

/// How far this clock is ahead of STS's.
fn ahead(theirs: Timestamp, now: Timestamp) -> SignedDuration {
    theirs.duration_until(now)
}

fn offset(ahead: SignedDuration) -> String {
    match ahead.as_secs() {
        -1..=1 => "as STS's".to_owned(),
        seconds if seconds > 0 => format!("{seconds} s ahead of STS's"),
        seconds => format!("{} s behind STS's", seconds.unsigned_abs()),
    }
}

fn warn_about_clock(clock: Option<Timestamp>, now: Timestamp, log: &Log<'_>) {
    let Some(ahead) = clock.map(|theirs| ahead(theirs, now)).filter(|ahead| ahead.abs() > CLOCK_WARNING)
    else {
        return;
    };
    log.warn(&format!(
        "this machine's clock is {}: set it; tokens are refused when it is 15 minutes behind, or 5 minutes ahead",
        offset(ahead)
    ));
}

/// STS's refusal; where the clock is the reason, how far it is off.
fn explain(
    error: StsError,
    clock: Option<Timestamp>,
    client: &Client,
    now: Timestamp,
    world: &World<'_>,
    log: &Log<'_>,
) -> Error {
    let about_time = error.code().is_some_and(|code| code.starts_with("InvalidTimeStamp"));
    let clock = match clock {
        None if about_time => network::run("asking STS", world, client.probe())
            .ok()
            .and_then(Result::ok)
            .and_then(|probe| probe.date),
        known => known,
    };
    warn_about_clock(clock, now, log);
    Error::Sts(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    use identity::CallerIdentity;

    fn principal(identity_type: &str, principal_id: &str, arn: &str) -> Principal {
        let account_id = "1234567890123456";
        Principal::from_caller_identity(&CallerIdentity { identity_type, account_id, principal_id, arn })
            .unwrap()
    }

    #[test]
    fn the_three_kinds_of_callers_in_the_public_columns() {
        let user = principal("RAMUser", "222222222222222222", "acs:ram::1234567890123456:user/alice");
        assert_eq!(
            text(&caller(&user)),
            "AccountId     1234567890123456\nIdentityType  RAMUser\nUserId        222222222222222222\n\
             UserName      alice\nArn           acs:ram::1234567890123456:user/alice\n\
             PrincipalId   222222222222222222\n"
        );
        let arn = "acs:ram::1234567890123456:assumed-role/dev/alice";
        let role = principal("AssumedRoleUser", "333333333333333333:alice", arn);
        assert_eq!(
            text(&caller(&role)),
            "AccountId     1234567890123456\nIdentityType  AssumedRoleUser\nRoleId        333333333333333333\n\
             RoleName      dev\nArn           acs:ram::1234567890123456:role/dev\n\
             PrincipalId   333333333333333333:alice\n"
        );
        let root = principal("Account", "1234567890123456", "acs:ram::1234567890123456:root");
        assert_eq!(
            text(&caller(&root)),
            "AccountId     1234567890123456\nIdentityType  Account\nUserId\nUserName\n\
             Arn           acs:ram::1234567890123456:root\nPrincipalId   1234567890123456\n"
        );
    }

    #[test]
    fn says_how_far_the_clock_is_off() {
        for (seconds, expected) in
            [(0, "as STS's"), (-1, "as STS's"), (70, "70 s ahead of STS's"), (-900, "900 s behind STS's")]
        {
            assert_eq!(offset(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
