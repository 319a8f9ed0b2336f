//! `rrsa status`.

use clap::Args;
use openapi::cs::RrsaConfig;
use serde::Serialize;

use super::self_managed;
use super::session::Session;
use crate::Done;
use crate::error::{Error, RrsaError, StatusError};
use crate::log::Log;
use crate::output::OutputFlags;
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

// `rrsa status`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct StatusFlags {
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    checks: self_managed::status::CheckFlags,
    #[command(flatten)]
    self_managed: self_managed::SelfManagedFlags,
}

/// What Container Service says.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    cluster_id: String,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Provider>,
}

/// RAM's identity provider, and what its tokens say.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    name: String,
    arn: String,
    /// Of all tokens that are taken, the one that signs first.
    issuers: Vec<String>,
    audience: String,
}

pub(super) fn run(
    flags: &StatusFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    if flags.self_managed.self_managed || flags.checks.is_asked() {
        let format = flags.output.output;
        return self_managed::status::run(&flags.checks, &flags.self_managed, format, settings, world, log);
    }
    if let Some(flag) = flags.checks.in_vain(&flags.self_managed) {
        return Err(StatusError::InVain { flag }.into());
    }
    let id = settings.cluster_id()?;
    let session = Session::start(settings, world, log)?;
    let call = session.cs.cluster(id.as_str(), &session.credentials, session.now());
    let cluster = session.ask("asking Container Service", call)?;
    let config = cluster.rrsa.ok_or_else(|| RrsaError::Unknown { cluster: id.to_string() })?;
    flags.output.output.render(&report(id.to_string(), &config), text).map(Done::from)
}

fn report(cluster_id: String, config: &RrsaConfig) -> Report {
    let provider = || Provider {
        name: config.oidc_name.clone(),
        arn: config.oidc_arn.clone(),
        issuers: config.issuers().map(str::to_owned).collect(),
        audience: config.audience.clone(),
    };
    Report { cluster_id, enabled: config.enabled, provider: config.enabled.then(provider) }
}

/// To the letter as the public tool prints it: scripts read it.
fn text(report: &Report) -> String {
    let Some(provider) = &report.provider else { return "RRSA feature: disabled\n".to_owned() };
    let issuer = provider.issuers.first().map(String::as_str).unwrap_or_default();
    let rows = [
        ("RRSA feature:", "enabled"),
        ("OIDC Provider Name:", &provider.name),
        ("OIDC Provider Arn:", &provider.arn),
        ("OIDC Token Issuer:", issuer),
    ];
    rows.iter().map(|(name, value)| format!("{name:<22} {}\n", visible(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_scripts_read() {
        let config = RrsaConfig {
            enabled: true,
            issuer: "https://a.example/c1,https://b.example".to_owned(),
            audience: "sts.aliyuncs.com".to_owned(),
            oidc_name: "ack-rrsa-c1".to_owned(),
            oidc_arn: "acs:ram::1:oidc-provider/ack-rrsa-c1\u{1b}[2J".to_owned(),
        };
        assert_eq!(
            text(&report("c1".to_owned(), &config)),
            "RRSA feature:          enabled\n\
             OIDC Provider Name:    ack-rrsa-c1\n\
             OIDC Provider Arn:     acs:ram::1:oidc-provider/ack-rrsa-c1?[2J\n\
             OIDC Token Issuer:     https://a.example/c1\n"
        );
        // What is left of an earlier time does not count.
        let disabled = report("c1".to_owned(), &RrsaConfig { enabled: false, ..config });
        assert_eq!((text(&disabled).as_str(), disabled.provider), ("RRSA feature: disabled\n", None));
    }
}
