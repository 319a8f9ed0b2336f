//! `add user` and `add role`: one more entry in ConfigMap `kube-system/alibabacloud-auth`, which backend `ACKConfigMap`
//! reads. Nothing else in the ConfigMap changes.

mod configmap;
mod edit;
mod entry;

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use cluster::client::{self, Access, ClientError};
use webhook_server::flags::boolean;

use configmap::{ConfigMapError, Prepared};
use entry::{Entry, EntryProblem, Kind};

/// Flags of `add`.
#[derive(Args, Debug)]
pub struct AddArguments {
    /// What to add.
    #[command(subcommand)]
    pub what: AddCommand,
    /// Kubeconfig of somebody who may get and update the ConfigMap; required
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub kubeconfig_context: Option<String>,
    /// URL of the API server, instead of the kubeconfig's
    #[arg(long, global = true, value_name = "URL")]
    pub master_url: Option<String>,
    /// Ask on the terminal before anything is changed; --prompt=false where there is none
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub prompt: bool,
}

/// What to add.
#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// Map a RAM user, in mapUsers
    User(AddUser),
    /// Map a RAM role, all of its sessions, in mapRoles
    Role(AddRole),
}

/// Flags of `add user`.
#[derive(Args, Debug)]
pub struct AddUser {
    /// ARN of the RAM user: acs:ram::ACCOUNT:user/NAME
    #[arg(long, value_name = "ARN", required = true)]
    pub userarn: String,
    /// Kubernetes user name; may hold templates such as {{AccountID}}
    #[arg(long, value_name = "NAME", required = true)]
    pub username: String,
    /// Kubernetes groups; may be repeated
    #[arg(long, value_name = "GROUP,…", required = true, value_delimiter = ',', action = clap::ArgAction::Append)]
    pub groups: Vec<String>,
}

/// Flags of `add role`.
#[derive(Args, Debug)]
pub struct AddRole {
    /// ARN of the RAM role: acs:ram::ACCOUNT:role/NAME
    #[arg(long, value_name = "ARN", required = true)]
    pub rolearn: String,
    /// Kubernetes user name; may hold templates such as {{SessionName}}
    #[arg(long, value_name = "NAME", required = true)]
    pub username: String,
    /// Kubernetes groups; may be repeated
    #[arg(long, value_name = "GROUP,…", required = true, value_delimiter = ',', action = clap::ArgAction::Append)]
    pub groups: Vec<String>,
}

/// Why nothing was added. One line each.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The ARN, the name or a group cannot work.
    #[error(transparent)]
    Entry(#[from] EntryProblem),
    /// No `--kubeconfig`.
    #[error(
        "no kubeconfig: give --kubeconfig, of somebody who may get and update ConfigMap kube-system/alibabacloud-auth"
    )]
    NoKubeconfig,
    /// A kubeconfig that cannot be used.
    #[error("{0}")]
    Cluster(String),
    /// Nobody to ask.
    #[error(
        "there is no terminal to ask on whether to go on: give --prompt=false to add without being asked"
    )]
    NoTerminal,
    /// The terminal went away.
    #[error("cannot ask on the terminal: {0}; nothing was changed")]
    Terminal(#[from] io::Error),
    /// Reading, editing or writing the ConfigMap.
    #[error(transparent)]
    ConfigMap(#[from] ConfigMapError),
}

impl From<ClientError> for AddError {
    fn from(error: ClientError) -> Self {
        Self::Cluster(error.to_string())
    }
}

impl AddCommand {
    fn entry(&self) -> Entry {
        let (kind, arn, username, groups) = match self {
            Self::User(user) => (Kind::User, &user.userarn, &user.username, &user.groups),
            Self::Role(role) => (Kind::Role, &role.rolearn, &role.username, &role.groups),
        };
        Entry { kind, arn: arn.clone(), username: username.clone(), groups: groups.clone() }
    }
}

/// Adds the entry and gives the ConfigMap as YAML for stdout; `None` where the user said no.
///
/// # Errors
/// [`AddError`]; the ConfigMap is as it was then.
pub async fn run(arguments: &AddArguments) -> Result<Option<String>, AddError> {
    let entry = arguments.what.entry();
    entry.check()?;
    let kubeconfig = arguments.kubeconfig.as_deref().filter(|path| !path.as_os_str().is_empty());
    let access = Access {
        kubeconfig: kubeconfig.ok_or(AddError::NoKubeconfig)?,
        context: arguments.kubeconfig_context.as_deref().filter(|context| !context.is_empty()),
        master: arguments.master_url.as_deref().filter(|url| !url.is_empty()),
    };
    if arguments.prompt && !io::stdin().is_terminal() {
        return Err(AddError::NoTerminal);
    }
    let client = client::client(access).await?;
    let prepared = Prepared::read(client, &entry).await.map_err(|error| match error {
        ConfigMapError::Read(text) => {
            ConfigMapError::Read(format!("{text} (kubeconfig {})", access.kubeconfig.display()))
        }
        error => error,
    })?;
    if arguments.prompt && !is_confirmed(&entry, &mut io::stdin().lock(), &mut io::stderr())? {
        tracing::info!("cancelled: nothing was changed");
        return Ok(None);
    }
    Ok(Some(prepared.write(&entry).await?))
}

/// Anything but a yes is a no.
fn is_confirmed(entry: &Entry, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    write!(output, "{entry}\nAdd it? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let entry = Entry {
            kind: Kind::User,
            arn: "acs:ram::1:user/a".into(),
            username: "a".into(),
            groups: vec!["g".into(), "h".into()],
        };
        for (answer, expected) in
            [("y\n", true), ("YES\r\n", true), ("n\n", false), ("\n", false), ("", false), ("yo\n", false)]
        {
            let mut shown = Vec::new();
            assert_eq!(
                is_confirmed(&entry, &mut answer.as_bytes(), &mut shown).unwrap(),
                expected,
                "{answer:?}"
            );
            let shown = String::from_utf8(shown).unwrap();
            assert!(shown.contains(r#""acs:ram::1:user/a""#) && shown.contains(r#""g", "h""#), "{shown}");
        }
    }
}
