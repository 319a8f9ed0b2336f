//! `get-kubeconfig`, and the same below `credential-plugin`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use crate::cluster_id::ClusterId;
use crate::container_service;
use crate::error::Error;
use crate::flags::{ApiVersion, TokenVersion, parse_bool};
use crate::kubeconfig::{self, Entry, Expiration, Kubeconfig, Login, Yaml, ack, exec_user};
use crate::log::Log;
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

const MAX_SHOWN_CHARS: usize = 64;
pub(crate) const DEFAULT_CACHE_DIR: &str = "~/.kube/cache/ack-ram-tool/credential-plugin";

// `get-kubeconfig`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigFlags {
    /// How kubectl logs in: certificate (or cert), which ACK issues; ram-authenticator-token (or token), where ack-ram-authenticator is installed
    #[arg(short = 'm', long, default_value = "cert", value_name = "MODE")]
    mode: String,
    /// Take the API server's address inside the VPC
    #[arg(long, conflicts_with = "server", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    private_address: bool,
    /// How long certificates are good for, 15m to 72h; 0 leaves it to ACK
    #[arg(long, default_value = Expiration::DEFAULT, value_name = "DURATION")]
    expiration: Expiration,
    /// Folder where certificates are kept until they end
    #[arg(long, default_value = DEFAULT_CACHE_DIR, value_name = "DIR")]
    credential_cache_dir: String,
    /// Version of the ExecCredential that kubectl asks for
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    api_version: ApiVersion,
    /// Form of the tokens: v2, or v1 for servers of before July 2024
    #[arg(long, value_enum, default_value_t = TokenVersion::V2, value_name = "VERSION")]
    token_version: TokenVersion,
    /// Address of the API server, https://HOST[:PORT]; ACK is not asked then
    #[arg(long, requires = "certificate_authority", value_name = "URL")]
    server: Option<String>,
    /// PEM file with the CA that the certificate of --server is signed by
    #[arg(long, requires = "server", value_name = "FILE")]
    certificate_authority: Option<PathBuf>,
    /// Put it into a kubeconfig instead of printing it, and make it the current context; the rest of the file stays as it is [default file: the first of KUBECONFIG, else ~/.kube/config]
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "FILE")]
    merge: Option<String>,
    /// With --merge: leave the current context as it is
    #[arg(long, requires = "merge", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    keep_current_context: bool,
}

/// A kubeconfig and an empty line, or a line about where it went.
pub(crate) fn run(
    flags: &KubeconfigFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    let login = login(flags)?;
    let id = settings.cluster_id()?;
    let user = exec_user(&login, id, flags.api_version, settings);
    let kubeconfig = match (&flags.server, &flags.certificate_authority) {
        (Some(server), Some(ca)) => {
            kubeconfig::check_address(server).map_err(|detail| Error::Server { detail })?;
            for_server(server, &kubeconfig::read_ca(ca, world)?, id, user)
        }
        _ => {
            let (private, minutes) = (flags.private_address, flags.expiration.minutes());
            let answer = container_service::user_kubeconfig(id, private, minutes, settings, world, log)?;
            let bad = |error: ack::AckError| Error::AckKubeconfig {
                cluster: id.to_string(),
                detail: error.to_string(),
            };
            let answer = ack::read(answer.config.expose()).map_err(bad)?;
            ack::with_user(&answer, &user).map_err(bad)?
        }
    };
    let Some(path) = &flags.merge else {
        return Ok(kubeconfig.render("\n")? + "\n");
    };
    let target = kubeconfig::merge_into(path, &kubeconfig, id, flags.keep_current_context, world)?;
    Ok(format!(
        "Context {:?} is in {}{}\n",
        visible(&target.context),
        visible(&target.path.to_string_lossy()),
        if flags.keep_current_context { "" } else { ", and is the current one" }
    ))
}

fn login(flags: &KubeconfigFlags) -> Result<Login, Error> {
    match flags.mode.as_str() {
        "token" | "ram-authenticator-token" => Ok(Login::Token(flags.token_version)),
        "cert" | "certificate" => Ok(Login::Certificate {
            expiration: flags.expiration,
            cache_dir: flags.credential_cache_dir.clone(),
        }),
        other => Err(Error::UnknownMode { mode: other.chars().take(MAX_SHOWN_CHARS).collect() }),
    }
}

/// One name for cluster, user and context, with the cluster's id in it: files of several clusters can then be joined in
/// `KUBECONFIG` without one hiding another.
fn for_server(server: &str, ca: &[u8], id: &ClusterId, user: Yaml) -> Kubeconfig {
    let name = format!("kubernetes-{id}");
    let map = |pairs: [(&str, String); 2]| {
        Yaml::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), Yaml::Text(value))).collect())
    };
    let entry = |body: Yaml| vec![Entry { name: name.clone(), body }];
    Kubeconfig {
        clusters: entry(map([
            ("server", server.to_owned()),
            ("certificate-authority-data", STANDARD.encode(ca)),
        ])),
        contexts: entry(map([("cluster", name.clone()), ("user", name.clone())])),
        users: entry(user),
        current_context: name.clone(),
        others: vec![("preferences".to_owned(), Yaml::Map(Vec::new()))],
    }
}
