//! The clusters of Container Service.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::Spanned;
use signature::Secret;

use crate::cs::{CheckedCluster, Cluster};
use crate::entities::Account;
use crate::problem::Problem;

/// Largest file with a certificate or key, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Longest task that can be asked for, in seconds.
const MAX_TASK_SECONDS: u32 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClusterEntry {
    id: Spanned<String>,
    account: Spanned<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    spec: Option<String>,
    profile: Option<String>,
    region: Option<String>,
    state: Option<String>,
    version: Option<String>,
    rrsa: Option<bool>,
    #[serde(default)]
    issuers: Vec<String>,
    jwks: Option<String>,
    jwks_file: Option<Spanned<PathBuf>>,
    server: Option<ServerEntry>,
    certificate_authority: Option<String>,
    certificate_authority_file: Option<Spanned<PathBuf>>,
    client_certificate_authority: Option<Spanned<AuthorityEntry>>,
    #[serde(default)]
    addons: BTreeMap<String, String>,
    task_seconds: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServerEntry {
    public: Option<String>,
    private: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AuthorityEntry {
    certificate: Option<String>,
    certificate_file: Option<Spanned<PathBuf>>,
    key: Option<Secret>,
    key_file: Option<Spanned<PathBuf>>,
}

/// Relative file names count from `folder`.
pub(super) fn check(
    entries: Vec<ClusterEntry>,
    accounts: &[Account],
    folder: &Path,
) -> Result<Vec<CheckedCluster>, Problem> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut clusters = Vec::with_capacity(entries.len());
    for entry in entries {
        let (id, account) = (&entry.id, &entry.account);
        if let Some(line) = lines.insert(id.value.clone(), id.referenced.line()) {
            return Err(Problem::at(
                id,
                format!("cluster id {:?} is taken already, on line {line}", id.value),
            ));
        }
        if accounts.iter().all(|known| known.id != account.value) {
            let text = format!(
                "cluster {:?}: account {:?} is not among accounts: add it there",
                id.value, account.value
            );
            return Err(Problem::at(account, text));
        }
        clusters.push(cluster(entry, folder)?);
    }
    Ok(clusters)
}

fn cluster(entry: ClusterEntry, folder: &Path) -> Result<CheckedCluster, Problem> {
    let place = entry.id;
    let mut cluster = Cluster::new(&entry.account.value, &place.value);
    let set = |field: &mut String, value: Option<String>| {
        if let Some(value) = value {
            *field = value;
        }
    };
    set(&mut cluster.name, entry.name);
    set(&mut cluster.kind, entry.kind);
    set(&mut cluster.spec, entry.spec);
    set(&mut cluster.profile, entry.profile);
    set(&mut cluster.region, entry.region);
    set(&mut cluster.state, entry.state);
    set(&mut cluster.version, entry.version);
    cluster.rrsa = entry.rrsa.unwrap_or_default();
    cluster.issuers = entry.issuers;
    cluster.addons = entry.addons;
    if let Some(server) = entry.server {
        cluster.public_server = server.public;
        cluster.private_server = server.private;
    }
    if let Some(seconds) = entry.task_seconds {
        if seconds.value > MAX_TASK_SECONDS {
            let text = format!("cluster {:?}: taskSeconds is more than {MAX_TASK_SECONDS}", place.value);
            return Err(Problem::at(&seconds, text));
        }
        cluster.task_duration = SignedDuration::from_secs(seconds.value.into());
    }
    let files = Files { cluster: &place, folder };
    cluster.certificate_authority = files
        .text(
            "certificateAuthority",
            entry.certificate_authority.map(Secret::new),
            entry.certificate_authority_file.as_ref(),
        )?
        .map(|pem| pem.expose().to_owned());
    cluster.issuer_keys = files
        .text("jwks", entry.jwks.map(Secret::new), entry.jwks_file.as_ref())?
        .map(|jwks| jwks.expose().to_owned());
    if let Some(authority) = entry.client_certificate_authority {
        let AuthorityEntry { certificate, certificate_file, key, key_file } = &authority.value;
        let certificate = certificate.clone().map(Secret::new);
        let certificate =
            files.text("clientCertificateAuthority.certificate", certificate, certificate_file.as_ref())?;
        let key = files.text("clientCertificateAuthority.key", key.clone(), key_file.as_ref())?;
        let (Some(certificate), Some(key)) = (certificate, key) else {
            let text = format!(
                "cluster {:?}: clientCertificateAuthority needs certificate (or certificateFile) and key (or keyFile)",
                place.value
            );
            return Err(Problem::at(&authority, text));
        };
        cluster.client_authority = Some((certificate.expose().to_owned(), key));
    }
    cluster.check().map_err(|error| Problem::at(&place, error.to_string()))
}

/// Texts that stand in the configuration, or in a file that it names.
struct Files<'a> {
    cluster: &'a Spanned<String>,
    folder: &'a Path,
}

impl Files<'_> {
    fn text(
        &self,
        key: &str,
        inline: Option<Secret>,
        file: Option<&Spanned<PathBuf>>,
    ) -> Result<Option<Secret>, Problem> {
        let id = &self.cluster.value;
        let Some(file) = file else { return Ok(inline) };
        if inline.is_some() {
            let text = format!("cluster {id:?}: {key} and {key}File are both given: keep one");
            return Err(Problem::at(file, text));
        }
        let path = self.folder.join(&file.value);
        read(&path).map(|text| Some(Secret::new(text))).map_err(|error| {
            Problem::at(file, format!("cluster {id:?}: cannot read {key}File {}: {error}", path.display()))
        })
    }
}

/// The text of a file that is not too large.
pub(super) fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let size = std::fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    if u64::try_from(size).unwrap_or(u64::MAX) >= MAX_FILE {
        return Err(std::io::Error::other("it is too large"));
    }
    Ok(text)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::super::{Config, ConfigError};

    /// A configuration with one account and these clusters.
    fn with(clusters: &str, name: &str) -> Result<Config, ConfigError> {
        Config::from_yaml(&format!("accounts:\n  - id: \"1234567890123456\"\nclusters:\n{clusters}"), name)
    }

    fn authority() -> (String, String) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn every_key_is_read_and_files_count_from_the_folder_of_the_config() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = authority();
        std::fs::write(folder.path().join("ca.crt"), &certificate).unwrap();
        std::fs::write(folder.path().join("ca.key"), &key).unwrap();
        let jwks = include_str!("../oidc/testdata/jwks.json");
        std::fs::write(folder.path().join("jwks.json"), jwks).unwrap();
        let inline = certificate.replace('\n', "\n          ");
        let yaml = format!(
            "  - id: c0123
    account: \"1234567890123456\"
    name: production
    type: Kubernetes
    spec: ack.standard
    profile: Edge
    region: cn-beijing
    state: failed
    version: 1.30.1-aliyun.1
    rrsa: true
    issuers: [\"https://issuer.example/c0123\", \"https://kubernetes.default.svc\"]
    jwksFile: jwks.json
    server: {{public: \"https://192.0.2.1:6443\", private: \"https://10.0.0.1:6443\"}}
    certificateAuthorityFile: ca.crt
    clientCertificateAuthority:
        certificate: |
          {inline}
        keyFile: ca.key
    addons: {{coredns: v1}}
    taskSeconds: 60
  - {{id: c2, account: \"1234567890123456\"}}
"
        );
        let name = folder.path().join("config.yaml");
        let config = with(&yaml, name.to_str().unwrap()).unwrap();
        let cluster = &config.clusters[0].cluster;
        let texts = [&cluster.name, &cluster.kind, &cluster.spec, &cluster.profile, &cluster.region];
        assert_eq!(texts, ["production", "Kubernetes", "ack.standard", "Edge", "cn-beijing"]);
        assert_eq!((cluster.state.as_str(), cluster.version.as_str()), ("failed", "1.30.1-aliyun.1"));
        assert_eq!(cluster.public_server.as_deref(), Some("https://192.0.2.1:6443"));
        assert_eq!(cluster.private_server.as_deref(), Some("https://10.0.0.1:6443"));
        assert_eq!(cluster.certificate_authority.as_deref(), Some(certificate.as_str()));
        assert_eq!(cluster.issuers, ["https://issuer.example/c0123", "https://kubernetes.default.svc"]);
        assert!(config.clusters[0].issuer_keys.is_some());
        assert!(cluster.rrsa && config.clusters[0].client_authority.is_some());
        assert_eq!((cluster.addons["coredns"].as_str(), cluster.task_duration.as_secs()), ("v1", 60));
        let bare = &config.clusters[1].cluster;
        assert_eq!((bare.name.as_str(), bare.state.as_str()), ("c2", "running"));
        assert!(!format!("{config:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        let (certificate, key) = authority();
        let (other, _) = authority();
        let account = "account: \"1234567890123456\"";
        let block = |text: &str| text.trim_end().replace('\n', "\n          ");
        let pair = |certificate: &str, key: &str| {
            format!(
                "  - id: c1\n    {account}\n    clientCertificateAuthority:\n        certificate: |\n          {}\n        key: |\n          {}",
                block(certificate),
                block(key)
            )
        };
        for (clusters, line, words) in [
            (format!("  - {{id: c1, {account}, colour: red}}"), 4, "colour"),
            ("  - {id: c1}".to_owned(), 4, "account"),
            ("  - {id: c1, account: \"6543210987654321\"}".to_owned(), 4, "not among accounts"),
            (format!("  - {{id: c/1, {account}}}"), 4, "cluster id"),
            (format!("  - {{id: c1, {account}}}\n  - {{id: c1, {account}}}"), 5, "on line 4"),
            (format!("  - {{id: c1, {account}, server: {{public: \"http://x\"}}}}"), 4, "https://"),
            (format!("  - {{id: c1, {account}, server: {{vpc: \"https://x\"}}}}"), 4, "vpc"),
            (format!("  - {{id: c1, {account}, certificateAuthority: x}}"), 4, "no certificate"),
            (format!("  - {{id: c1, {account}, certificateAuthorityFile: /nowhere/x}}"), 4, "/nowhere/x"),
            (
                format!("  - {{id: c1, {account}, certificateAuthority: x, certificateAuthorityFile: z}}"),
                4,
                "keep one",
            ),
            (format!("  - {{id: c1, {account}, clientCertificateAuthority: {{}}}}"), 4, "needs certificate"),
            (format!("  - {{id: c1, {account}, issuers: [\"http://x\"]}}"), 4, "issuer \"http://x\""),
            (format!("  - {{id: c1, {account}, jwks: x}}"), 4, "key set is not JSON"),
            (format!("  - {{id: c1, {account}, jwks: x, jwksFile: z}}"), 4, "keep one"),
            (format!("  - {{id: c1, {account}, taskSeconds: 86401}}"), 4, "taskSeconds"),
            (pair(&certificate, "x"), 4, "not a private key"),
            (pair("x", &key), 4, "not in PEM"),
            (pair(&other, &key), 4, "not that of the certificate"),
        ] {
            let text = with(&clusters, "test.yaml").expect_err(words).to_string();
            assert!(text.starts_with(&format!("test.yaml, line {line}:")), "{clusters}\n{text}");
            assert!(text.contains(words), "{clusters}\n{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains("PRIVATE KEY"), "{text}");
        }
        assert!(with(&pair(&certificate, &key), "test.yaml").is_ok());
    }

    #[test]
    fn a_certificate_that_is_no_ca_cannot_sign() {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::default().self_signed(&key).unwrap().pem();
        let cluster = super::Cluster::new("1234567890123456", "c1");
        let refused = cluster.client_authority(&leaf, &key.serialize_pem()).check().unwrap_err();
        assert!(refused.to_string().contains("not that of a CA"), "{refused}");
    }
}
