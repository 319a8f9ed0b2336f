//! The way to an API server by a kubeconfig that is named: never by one that happens to lie around, and never to
//! `localhost:8080`, where a client without a kubeconfig would go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::Status;

use crate::message::{one_line, with_sources};

/// Why there is no client. One line each.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The file cannot be read, or says nothing that can be used.
    #[error("cannot use kubeconfig {}: {reason}", .path.display())]
    Kubeconfig { path: PathBuf, reason: String },
    /// `--master-url` is no URL.
    #[error("--master-url is {0:?}: write the API server's address as in https://10.0.0.1:6443")]
    Master(String),
}

/// Which file, and what of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) kubeconfig: &'a Path,
    /// None: the file's current context.
    pub(crate) context: Option<&'a str>,
    /// Goes there instead of to the server in the file.
    pub(crate) master: Option<&'a str>,
}

/// A client with deadlines; nothing is connected yet.
///
/// # Errors
/// [`ClusterError`].
pub(crate) async fn client(access: Access<'_>) -> Result<kube::Client, ClusterError> {
    let unusable = |error: KubeconfigError| ClusterError::Kubeconfig {
        path: access.kubeconfig.to_owned(),
        reason: describe_kubeconfig(&error),
    };
    let mut file = Kubeconfig::read_from(access.kubeconfig).map_err(unusable)?;
    if let Some(url) = access.master {
        point_to(&mut file, url)?;
    }
    let options = KubeConfigOptions { context: access.context.map(str::to_owned), ..Default::default() };
    let config = kube::Config::from_custom_kubeconfig(file, &options).await.map_err(unusable)?;
    kube::Client::try_from(tuned(config)).map_err(|error| ClusterError::Kubeconfig {
        path: access.kubeconfig.to_owned(),
        reason: with_sources(&error),
    })
}

/// Why a kubeconfig cannot be used, without the file's name, and without an excerpt: it could show a token or a key.
pub(crate) fn describe_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(source, _) => source.to_string(),
        KubeconfigError::Parse(error) => {
            one_line(&format!("it is not good YAML: {}", error.without_snippet()))
        }
        KubeconfigError::CurrentContextNotSet => "it has no current-context".to_owned(),
        KubeconfigError::LoadContext(name) => format!("it has no context {name:?}"),
        error => with_sources(error),
    }
}

fn point_to(file: &mut Kubeconfig, url: &str) -> Result<(), ClusterError> {
    let uri = url.parse::<http::Uri>().ok();
    let is_usable = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
    };
    if !uri.as_ref().is_some_and(is_usable) {
        return Err(ClusterError::Master(url.chars().take(128).collect()));
    }
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(url.to_owned());
    }
    Ok(())
}

/// The connection to the API server, perhaps only later.
pub type Cluster = Shared<BoxFuture<'static, kube::Client>>;

/// A connection that is there.
pub fn connected(client: kube::Client) -> Cluster {
    std::future::ready(client).boxed().shared()
}

/// Longest silence of the API server. More than a watch lasts with the grace that its client gives it.
const READ_TIMEOUT: Duration = Duration::from_secs(70);

/// Settings of the API client under which a watch notices within seconds that it has failed, and within
/// 70 seconds that nobody answers any more. By its own settings a client waits for an answer without end, and
/// pauses for minutes between attempts, while a mapping that was taken away stays in force.
pub fn tuned(mut config: kube::Config) -> kube::Config {
    config.connect_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(READ_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // The backends try again themselves.
    config.default_retry = false;
    config
}

/// An error of the API client on one line, without the debug text that it shows itself.
pub(crate) fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => describe_status(status),
        error => reached(&with_sources(error)),
    }
}

/// Without the names of the library's layers, which say nothing to anybody.
pub(crate) fn reached(text: &str) -> String {
    match text.split_once("ServiceError: ") {
        Some((before, after)) => {
            let after = after.strip_prefix("client error (Connect): ").unwrap_or(after);
            format!("{before}no answer from the API server: {after}")
        }
        None => text.to_owned(),
    }
}

/// What the API server said, on one line.
pub(crate) fn describe_status(status: &Status) -> String {
    let message = match status.code {
        401 => "the API server does not know these credentials, or they have expired".into(),
        _ => one_line(&status.message),
    };
    format!("HTTP {} {}: {message}", status.code, status.reason)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_wrong_with_a_kubeconfig_is_said_without_what_stands_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        for (text, said) in [
            ("users: [{name: a, user: {token: CANARY, [}}]", "not good YAML"),
            ("users: [{name: a, user: CANARY}]", "not good YAML"),
            ("users: []\n# CANARY", "no current-context"),
            ("current-context: other # CANARY", "no context \"other\""),
        ] {
            std::fs::write(&path, text).unwrap();
            let error =
                client(Access { kubeconfig: &path, context: None, master: None }).await.err().unwrap();
            let line = error.to_string();
            assert!(line.contains(said) && line.contains(path.to_str().unwrap()), "{line}");
            assert!(!line.contains("CANARY") && !line.contains('\n'), "{line}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = client(Access { kubeconfig: &path, context: None, master: None }).await.err().unwrap();
        assert!(error.to_string().ends_with("kubeconfig: No such file or directory (os error 2)"), "{error}");
    }
}
