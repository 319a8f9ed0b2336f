//! `rrsa assume-role`: an OIDC token for temporary credentials of a role. It needs no other credentials.

use std::io::{self, Read as _};
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use openapi::Credentials;
use openapi::sts::{AssumeRole, AssumeRoleWithOidc, StsError};
use serde::Serialize;
use signature::{Secret, format_timestamp};

use super::identity_provider;
use super::self_managed::issuer::TokenFacts;
use crate::Done;
use crate::error::{Error, TrustError, shown};
use crate::log::Log;
use crate::network;
use crate::output::OutputFlags;
use crate::settings::Settings;
use crate::world::World;

/// As the public tool asks for.
const DURATION_SECONDS: u32 = 900;
/// More than a token can have: what is longer is none.
const MAX_READ: u64 = 64 * 1024;

// `rrsa assume-role`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct AssumeRoleFlags {
    // It takes the place of the flag of this name that every command has: no role is assumed first here.
    /// The role to get credentials of, acs:ram::ACCOUNT-ID:role/NAME
    #[arg(short = 'r', long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Who vouches for the token, acs:ram::ACCOUNT-ID:oidc-provider/NAME
    #[arg(short = 'p', long, value_name = "ARN")]
    oidc_provider_arn: Option<String>,
    /// File with the OIDC token; -: stdin
    #[arg(short = 't', long, value_name = "FILE")]
    oidc_token_file: Option<String>,
    #[command(flatten)]
    output: OutputFlags,
}

/// What is printed. It holds secrets, which is what the command is for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    access_key_id: &'a str,
    access_key_secret: &'a str,
    security_token: &'a str,
    expiration: String,
}

pub(super) fn run(
    flags: &AssumeRoleFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let given = |value: &'_ Option<String>, flag, what| {
        value.clone().filter(|value| !value.is_empty()).ok_or(Error::MissingFlag { flag, what })
    };
    let role = given(&flags.role_arn, "--role-arn (-r)", "the role to get credentials of")?;
    let provider = given(&flags.oidc_provider_arn, "--oidc-provider-arn (-p)", "who vouches for the token")?;
    let file = given(
        &flags.oidc_token_file,
        "--oidc-token-file (-t)",
        "the file with the OIDC token, or - for stdin",
    )?;
    // The session is called as those of other commands are.
    let AssumeRole { role_arn, session_name, .. } =
        AssumeRole::from_flag("--role-arn", &role, world.variable, world.argument_zero)?;
    check_provider_arn(&provider)?;
    let request = AssumeRoleWithOidc {
        role_arn,
        oidc_provider_arn: provider,
        oidc_token: token(&file, world)?,
        session_name,
        duration_seconds: Some(DURATION_SECONDS),
    };
    log.debug(|| format!("STS endpoint: {}", settings.sts_endpoint));
    let client = network::sts_for_token(settings, world, log)?;
    let now = (world.now)();
    let credentials = network::run("asking STS", world, client.assume_role_with_oidc(&request, now))?
        .map_err(|source| TrustError::Exchange {
            claims: explained(&source, &request, now),
            source: Box::new(source),
        })?;
    let printed = printed(&credentials);
    flags.output.output.render(&printed, text).map(Done::from)
}

/// The token of a file or of stdin.
fn token(file: &str, world: &World<'_>) -> Result<Secret, Error> {
    let (origin, text) = match file {
        "-" => ("stdin".to_owned(), read_stdin()),
        path => (format!("the file {}", shown(path)), (world.read_file)(Path::new(path))),
    };
    let text =
        text.map(Secret::new).map_err(|source| TrustError::ReadToken { origin: origin.clone(), source })?;
    Ok(AssumeRoleWithOidc::token_of_file(&text).ok_or(TrustError::Token { origin })?)
}

fn read_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().take(MAX_READ).read_to_string(&mut text)?;
    Ok(text)
}

/// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
fn check_provider_arn(arn: &str) -> Result<(), TrustError> {
    match identity_provider::is_arn(arn) {
        true => Ok(()),
        false => Err(TrustError::name(
            "--oidc-provider-arn (-p)",
            arn,
            "write acs:ram::ACCOUNT-ID:oidc-provider/NAME, as rrsa status shows it",
        )),
    }
}

fn printed(credentials: &Credentials) -> Printed<'_> {
    Printed {
        access_key_id: &credentials.access_key_id,
        access_key_secret: credentials.access_key_secret.expose(),
        security_token: credentials.security_token.as_ref().map(Secret::expose).unwrap_or_default(),
        expiration: credentials.expiration.map(format_timestamp).unwrap_or_default(),
    }
}

/// The public tool's lines.
fn text(printed: &Printed<'_>) -> String {
    format!(
        "AccessKeyId:       {}\nAccessKeySecret:   {}\nSecurityToken:     {}\nExpiration:        {}\n",
        printed.access_key_id, printed.access_key_secret, printed.security_token, printed.expiration
    )
}

/// Which claim of the token stands against what, where STS refused the token. A token's claims are no secret; its signature
/// is, and nothing of it is shown.
fn explained(error: &StsError, request: &AssumeRoleWithOidc, now: Timestamp) -> String {
    let Some(code) = error.code().and_then(|code| code.strip_prefix("AuthenticationFail.")) else {
        return String::new();
    };
    let token = match TokenFacts::read(request.oidc_token.expose()) {
        Ok(token) => token,
        Err(problem) => return format!("; the token {problem}"),
    };
    let issuer = format!("the issuer {:?}", shown_claim(&token.issuer));
    let audience = format!("the audience {:?}", shown_claim(&token.audiences.join(", ")));
    let subject = format!("the subject {:?}", shown_claim(&token.subject));
    let provider = &request.oidc_provider_arn;
    match code {
        "OIDCToken.Expired" => format!(
            "; the token says that it was issued at {} and ends at {}, and it is {} by this machine's clock",
            format_timestamp(token.issued_at),
            format_timestamp(token.expires_at),
            format_timestamp(now)
        ),
        "OIDCToken.AudienceNotMatch" => {
            format!("; the token has {audience}, which has to be a client id of {provider}")
        }
        "OIDCToken.IssuerNotMatch" => {
            format!(
                "; the token has {issuer}, which has to be the issuer URL of {provider}, a slash at its end included"
            )
        }
        "NoPermission" => format!(
            "; the token has {issuer}, {audience} and {subject}, for which {provider} has to be registered, and the trust policy of {} has to say all three",
            request.role_arn
        ),
        "OIDCToken.Invalid" => format!("; the token is signed with {:?}", shown_claim(&token.algorithm)),
        _ => format!("; the token has {issuer}"),
    }
}

fn shown_claim(text: &str) -> String {
    const MAX: usize = 255;
    crate::visible::visible(text).chars().take(MAX).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use openapi::api;
    use openapi::sts::Refusal;
    use serde_json::json;

    use super::*;

    fn request(token: &str) -> AssumeRoleWithOidc {
        AssumeRoleWithOidc {
            role_arn: "acs:ram::1234567890123456:role/dev".to_owned(),
            oidc_provider_arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1".to_owned(),
            oidc_token: Secret::new(token),
            session_name: "me-too".parse().unwrap(),
            duration_seconds: None,
        }
    }

    fn refused(code: &str) -> StsError {
        let refusal =
            Refusal { code: code.to_owned(), status: 401, request_id: String::new(), meaning: String::new() };
        api::ApiError::Refused { service: "STS", action: "AssumeRoleWithOIDC", refusal }.into()
    }

    fn token(issuer: &str) -> String {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": issuer, "aud": ["kubernetes"], "sub": "system:serviceaccount:ns:sa",
            "iat": 0, "exp": 3600});
        format!("{}.{}.Y2FuYXJ5", part(json!({"alg": "RS256"})), part(claims))
    }

    #[test]
    fn the_claim_that_stands_in_the_way_is_shown_and_never_the_token() {
        let text = token("https://issuer.example/c1/");
        for (code, said) in [
            ("OIDCToken.Expired", "ends at 1970-01-01T01:00:00Z, and it is 1970-01-01T02:00:00Z"),
            (
                "OIDCToken.AudienceNotMatch",
                "the audience \"kubernetes\", which has to be a client id of acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
            ),
            (
                "OIDCToken.IssuerNotMatch",
                "the issuer \"https://issuer.example/c1/\", which has to be the issuer URL",
            ),
            ("NoPermission", "the subject \"system:serviceaccount:ns:sa\""),
            ("OIDCToken.IssuerConfigurationBroken", "the issuer \"https://issuer.example/c1/\""),
            ("OIDCToken.Invalid", "signed with \"RS256\""),
        ] {
            let now = Timestamp::from_second(7200).unwrap();
            let shown = explained(&refused(&format!("AuthenticationFail.{code}")), &request(&text), now);
            assert!(shown.contains(said), "{code}: {shown}");
            assert!(
                !shown.contains("Y2FuYXJ5") && text.split('.').all(|part| !shown.contains(part)),
                "{shown}"
            );
        }
    }

    #[test]
    fn claims_cannot_steer_and_what_is_no_token_is_said_to_be_none() {
        let now = Timestamp::UNIX_EPOCH;
        let steering = token("https://x\u{1b}[2J\n");
        let shown =
            explained(&refused("AuthenticationFail.OIDCToken.IssuerNotMatch"), &request(&steering), now);
        assert!(shown.contains("https://x?[2J?"), "{shown:?}");
        let long = token(&"x".repeat(5000));
        let shown = explained(&refused("AuthenticationFail.OIDCToken.IssuerNotMatch"), &request(&long), now);
        assert!(shown.len() < 600, "{shown}");
        let shown = explained(&refused("AuthenticationFail.OIDCToken.Invalid"), &request("canary"), now);
        assert!(shown.contains("is no JSON Web Token") && !shown.contains("canary"), "{shown}");
        assert_eq!(explained(&refused("EntityNotExist.Role"), &request(&token("x")), now), "");
    }

    #[test]
    fn a_providers_arn_has_its_form() {
        assert!(check_provider_arn("acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1").is_ok());
        for arn in [
            "",
            "ack-rrsa-c1",
            "acs:ram::1234567890123456:role/dev",
            "acs:ram::1234567890123456:oidc-provider/",
            "acs:ram::x:oidc-provider/a",
            "acs:ram:cn:1:oidc-provider/a",
            "acs:ram::1:oidc-provider/a/b",
            "acs:ram::1:oidc-provider/a b",
        ] {
            let error = check_provider_arn(arn).unwrap_err().to_string();
            assert!(error.contains("acs:ram::ACCOUNT-ID:oidc-provider/NAME"), "{error}");
        }
    }

    #[test]
    fn the_text_is_the_public_tools() {
        let credentials = Credentials {
            access_key_id: "STS.id".to_owned(),
            access_key_secret: Secret::new("secret"),
            security_token: Some(Secret::new("token")),
            expiration: Some(Timestamp::UNIX_EPOCH),
        };
        assert_eq!(
            text(&printed(&credentials)),
            "AccessKeyId:       STS.id\nAccessKeySecret:   secret\nSecurityToken:     token\nExpiration:        1970-01-01T00:00:00Z\n"
        );
    }
}
