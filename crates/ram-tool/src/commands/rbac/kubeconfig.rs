//! What of Container Service's kubeconfig is used: an address, an authority, a certificate and its key. Nothing else of it
//! counts, so that no program in it is run and no file that it names is read, whoever answered in the service's place.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openapi::Endpoint;
use openapi::network::{Proxy, ProxyRules};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use signature::Secret;

/// What counts of a kubeconfig.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) server: Endpoint,
    authorities: Vec<CertificateDer<'static>>,
    /// PEM, in base64.
    certificate: String,
    /// PEM, in base64.
    key: Secret,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    clusters: Vec<Named>,
    users: Vec<Named>,
    #[serde(default)]
    contexts: Vec<Named>,
    #[serde(default)]
    current_context: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    cluster: Cluster,
    #[serde(default)]
    user: User,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    #[serde(default)]
    server: String,
    #[serde(default)]
    certificate_authority_data: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate_data: Option<String>,
    client_key_data: Option<Secret>,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: String,
}

impl Access {
    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with it, in fixed words: it holds a key.
    pub(super) fn read(text: &Secret) -> Result<Self, &'static str> {
        let file: File = serde_saphyr::from_str(text.expose()).map_err(|_| "it is no kubeconfig")?;
        let context = file.contexts.iter().find(|context| context.name == file.current_context);
        let (cluster, user) = match context {
            Some(named) => (
                file.clusters.iter().find(|cluster| cluster.name == named.context.cluster),
                file.users.iter().find(|user| user.name == named.context.user),
            ),
            None => (file.clusters.first(), file.users.first()),
        };
        let cluster = &cluster.ok_or("it holds no cluster")?.cluster;
        let user = &user.ok_or("it holds no user")?.user;
        let (Some(certificate), Some(key)) = (&user.client_certificate_data, &user.client_key_data) else {
            return Err("it holds no client certificate and key");
        };
        if !cluster.server.starts_with("https://") {
            return Err("its server is reached without TLS");
        }
        Ok(Self {
            server: cluster
                .server
                .parse()
                .map_err(|_| "its server is no address of the form https://HOST:PORT")?,
            authorities: authorities(&cluster.certificate_authority_data)?,
            certificate: certificate.clone(),
            key: key.clone(),
        })
    }

    /// How its connections are made: nobody but its own authority vouches for the server, and the certificate says who asks.
    /// HTTP/1.1 is spoken, because nothing else is offered.
    ///
    /// # Errors
    /// What cannot be used, in fixed words.
    pub(super) fn tls(&self) -> Result<ClientConfig, &'static str> {
        const BAD: &str = "its authority, certificate and key do not make a TLS client";
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.clone()).map_err(|_| BAD)?;
        }
        let certificates = STANDARD.decode(self.certificate.trim()).map_err(|_| BAD)?;
        let chain = certificates_of(&certificates).ok_or(BAD)?;
        let key = STANDARD.decode(self.key.expose().trim()).map_err(|_| BAD)?;
        let key = String::from_utf8(key).map(Secret::new).map_err(|_| BAD)?;
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| BAD)?;
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
            .map_err(|_| BAD)
    }

    /// The proxy that the environment names for the way to it.
    pub(super) fn proxy<'a>(&self, proxies: &'a ProxyRules) -> Option<&'a Proxy> {
        proxies.for_https(self.server.host(), self.server.port())
    }
}

fn authorities(base64: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    const BAD: &str = "it holds no certificate authority in PEM";
    let pem = STANDARD.decode(base64.trim()).map_err(|_| BAD)?;
    certificates_of(&pem).ok_or(BAD)
}

/// The certificates of a PEM text, where there are any and all can be read.
fn certificates_of(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn text(server: &str, user: &str) -> String {
        let ca = STANDARD.encode(CA);
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: kubernetes\n  cluster: {{server: \"{server}\", certificate-authority-data: {ca}}}\n\
             contexts:\n- name: me\n  context: {{cluster: kubernetes, user: me}}\ncurrent-context: me\nusers:\n- name: other\n  user: {{}}\n- name: me\n  user: {user}\n"
        )
    }

    const GOOD: &str = "{client-certificate-data: Yw==, client-key-data: canary}";

    #[test]
    fn address_authority_certificate_and_key_are_taken_and_nothing_else() {
        let hostile = "{client-certificate-data: Yw==, client-key-data: canary, token: t, tokenFile: /etc/shadow, exec: {command: /bin/evil, apiVersion: x}, auth-provider: {name: gcp, config: {cmd-path: /bin/evil}}}";
        for user in [GOOD, hostile] {
            let access = Access::read(&Secret::new(text("https://10.0.0.1:6443", user))).unwrap();
            assert_eq!(access.server.to_string(), "10.0.0.1:6443");
            assert_eq!((access.authorities.len(), access.certificate.as_str()), (1, "Yw=="));
            assert_eq!(access.key.expose(), "canary");
            assert!(!format!("{access:?}").contains("canary"));
        }
    }

    #[test]
    fn the_api_server_is_reached_through_the_proxy_that_counts_for_it() {
        let rules = ProxyRules::from_environment(&|name| match name {
            "HTTPS_PROXY" => Some("http://user:pass@proxy:3128".to_owned()),
            "NO_PROXY" => Some("10.0.0.0/8".to_owned()),
            _ => None,
        })
        .unwrap();
        let proxy = |server: &str| {
            let access = Access::read(&Secret::new(text(server, GOOD))).unwrap();
            access.proxy(&rules).map(|proxy| proxy.expose_url().to_owned())
        };
        assert_eq!(proxy("https://47.1.2.3:6443").as_deref(), Some("http://user:pass@proxy:3128/"));
        assert_eq!(proxy("https://10.0.0.1:6443"), None);
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_text() {
        for (text, said) in [
            ("canary".to_owned(), "no kubeconfig"),
            ("clusters: [".to_owned(), "no kubeconfig"),
            ("{clusters: [], users: []}".to_owned(), "no cluster"),
            (text("http://10.0.0.1:6443", GOOD), "without TLS"),
            (text("", GOOD), "without TLS"),
            (text("https://a b", GOOD), "no address"),
            (text("https://u@h:1", GOOD), "no address"),
            (text("https://10.0.0.1:6443", "{token: canary}"), "no client certificate"),
            (
                text("https://10.0.0.1:6443", GOOD).replace(&STANDARD.encode(CA), "''"),
                "no certificate authority",
            ),
        ] {
            assert!(Access::read(&Secret::new(text.clone())).unwrap_err().contains(said), "{text}");
        }
    }
}
