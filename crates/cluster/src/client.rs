//! The way to an API server by a kubeconfig that is named: never by one that happens to lie around, and never to
//! `localhost:8080`, where a client without a kubeconfig would go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::text::{one_line, with_sources};

/// Why there is no client. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file cannot be read, or says nothing that can be used.
    #[error("cannot use kubeconfig {}: {reason}", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without an excerpt.
        reason: String,
    },
    /// `--master-url` is no URL.
    #[error("--master-url is {0:?}: write the API server's address as in https://10.0.0.1:6443")]
    Master(String),
    /// No kubeconfig, and not in a pod.
    #[error("no kubeconfig is given, and this is no pod with a service account ({reason})")]
    NotInCluster {
        /// The library's words.
        reason: String,
    },
    /// A pod whose service account cannot be used.
    #[error("cannot set up the client for the API server: {0}")]
    SetUp(String),
}

/// Which file, and what of it.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The file.
    pub kubeconfig: &'a Path,
    /// None: the file's current context.
    pub context: Option<&'a str>,
    /// Goes there instead of to the server in the file.
    pub master: Option<&'a str>,
}

/// A client with deadlines; nothing is connected yet.
///
/// # Errors
/// [`ClientError`].
pub async fn client(access: Access<'_>) -> Result<kube::Client, ClientError> {
    let unusable = |error: KubeconfigError| ClientError::Kubeconfig {
        path: access.kubeconfig.to_owned(),
        reason: describe_kubeconfig(&error),
    };
    let mut file = Kubeconfig::read_from(access.kubeconfig).map_err(unusable)?;
    if let Some(url) = access.master {
        point_to(&mut file, url)?;
    }
    let options = KubeConfigOptions { context: access.context.map(str::to_owned), ..Default::default() };
    let config = kube::Config::from_custom_kubeconfig(file, &options).await.map_err(unusable)?;
    kube::Client::try_from(tuned(config)).map_err(|error| ClientError::Kubeconfig {
        path: access.kubeconfig.to_owned(),
        reason: with_sources(&error),
    })
}

/// By the kubeconfig, where one is named, else as the pod's service account.
///
/// # Errors
/// [`ClientError`].
pub async fn in_cluster_or(kubeconfig: Option<&Path>) -> Result<kube::Client, ClientError> {
    if let Some(kubeconfig) = kubeconfig {
        return client(Access { kubeconfig, context: None, master: None }).await;
    }
    let config = kube::Config::incluster()
        .map_err(|error| ClientError::NotInCluster { reason: with_sources(&error) })?;
    kube::Client::try_from(tuned(config)).map_err(|error| ClientError::SetUp(with_sources(&error)))
}

/// Why a kubeconfig cannot be used, without the file's name, and without an excerpt: it could show a token or a key.
pub fn describe_kubeconfig(error: &KubeconfigError) -> String {
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

fn point_to(file: &mut Kubeconfig, url: &str) -> Result<(), ClientError> {
    let uri = url.parse::<http::Uri>().ok();
    let is_usable = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
    };
    if !uri.as_ref().is_some_and(is_usable) {
        return Err(ClientError::Master(url.chars().take(128).collect()));
    }
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(url.to_owned());
    }
    Ok(())
}

/// Longest silence of the API server. More than a watch lasts with the grace that its client gives it.
const READ_TIMEOUT: Duration = Duration::from_secs(70);

/// Settings of the API client under which a watch notices within seconds that it has failed, and within
/// 70 seconds that nobody answers any more. By its own settings a client waits for an answer without end, and
/// pauses for minutes between attempts, while what was taken away stays in force.
pub fn tuned(mut config: kube::Config) -> kube::Config {
    config.connect_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(READ_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // Whoever watches tries again itself.
    config.default_retry = false;
    config
}

/// The namespace that this program's own objects are in: the pod's, or that of the kubeconfig's context. A kubeconfig
/// whose context has no namespace means `default`, which is nobody's to keep leases in: then `kube-system`.
pub fn own_namespace(client: &kube::Client) -> &str {
    match client.default_namespace() {
        "default" => "kube-system",
        namespace => namespace,
    }
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

    #[test]
    fn nothing_is_waited_for_without_end() {
        let config = tuned(kube::Config::new("https://localhost".parse().unwrap()));
        assert!(config.connect_timeout.is_some_and(|time| time <= Duration::from_secs(5)));
        for time in [config.read_timeout, config.write_timeout] {
            assert!(
                time.is_some_and(|time| (61..=90).contains(&time.as_secs())),
                "{time:?}: longer than a watch"
            );
        }
        assert!(!config.default_retry, "whoever asks tries again himself");
    }
}
