//! The kubeconfig that Container Service hands out, without the client certificate in it.
//!
//! What it says of clusters and contexts is kept, known or not. Its users are replaced: their keys never get into a
//! kubeconfig of this program.

use std::collections::HashSet;

use super::document::{self, DocumentError};
use super::yaml::Yaml;
use super::{Entry, Kubeconfig, Section, server};

/// Why the answer is no kubeconfig that can be used, as the rest of a sentence. It never quotes the answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AckError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("has anchors, aliases or tags, which are not expected there")]
    Anchors,
    #[error("is none: {0}")]
    NoKubeconfig(&'static str),
    #[error("has a server address that kubectl should not be sent to: it {0}")]
    Server(&'static str),
    #[error("holds no client certificate and key (client-certificate-data, client-key-data)")]
    NoCertificate,
}

/// Reads the answer as it came.
pub(crate) fn read(text: &str) -> Result<Yaml, AckError> {
    let root = document::parse(text)?.ok_or(AckError::NoKubeconfig("it is empty"))?;
    let value = root.value().ok_or(AckError::Anchors)?;
    match &value {
        Yaml::Map(_) if value.get("kind").is_none_or(|kind| kind.as_text() == Some("Config")) => Ok(value),
        _ => Err(AckError::NoKubeconfig("it is no mapping of kind Config")),
    }
}

/// The kubeconfig with `user` in place of each of its users.
pub(crate) fn with_user(answer: &Yaml, user: &Yaml) -> Result<Kubeconfig, AckError> {
    let mut clusters = entries(answer, Section::Clusters)?;
    for cluster in &mut clusters {
        let address = cluster.body.get("server").and_then(Yaml::as_text).unwrap_or_default();
        server::check_address(address).map_err(AckError::Server)?;
        put_first(&mut cluster.body, &["server", "certificate-authority-data"]);
    }
    let mut contexts = entries(answer, Section::Contexts)?;
    for context in &mut contexts {
        put_first(&mut context.body, &["cluster", "user"]);
    }
    let mut users = entries(answer, Section::Users)?;
    for entry in &mut users {
        entry.body = user.clone();
    }
    let current = answer.get("current-context").and_then(Yaml::as_text);
    let first = contexts.first().map(|context| context.name.as_str());
    let current_context = current.or(first).unwrap_or_default().to_owned();
    Ok(Kubeconfig { clusters, contexts, users, current_context, others: others(answer) })
}

/// `preferences`, and what else there is beside what a kubeconfig is known to have.
fn others(answer: &Yaml) -> Vec<(String, Yaml)> {
    let preferences = answer.get("preferences").cloned().unwrap_or(Yaml::Map(Vec::new()));
    let mut others = vec![("preferences".to_owned(), preferences)];
    if let Yaml::Map(entries) = answer {
        let known = ["kind", "apiVersion", "clusters", "contexts", "current-context", "users", "preferences"];
        others.extend(entries.iter().filter(|(key, _)| !known.contains(&key.as_str())).cloned());
    }
    others
}

fn entries(answer: &Yaml, section: Section) -> Result<Vec<Entry>, AckError> {
    let list = answer.get(section.key()).map(Yaml::items).unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::new();
    let mut names = HashSet::new();
    for item in list {
        let (name, body) = match (item.get("name").and_then(Yaml::as_text), item.get(section.body_key())) {
            (Some(name), Some(body @ Yaml::Map(_))) => (name.to_owned(), body.clone()),
            _ => return Err(AckError::NoKubeconfig("an entry has no name or no content")),
        };
        if !names.insert(name.clone()) {
            return Err(AckError::NoKubeconfig("two entries have one name"));
        }
        entries.push(Entry { name, body });
    }
    match entries.is_empty() {
        true => Err(AckError::NoKubeconfig("it has no cluster, no context or no user")),
        false => Ok(entries),
    }
}

fn put_first(body: &mut Yaml, keys: &[&str]) {
    let Yaml::Map(entries) = body else { return };
    entries.sort_by_key(|(key, _)| keys.iter().position(|first| first == key).unwrap_or(keys.len()));
}

/// The client certificate and its key, in PEM, of the answer's current user (of its first one where none is current).
pub(crate) fn client_certificate(answer: &Yaml) -> Result<(Vec<u8>, Vec<u8>), AckError> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let find = |section: Section, name: &str| {
        let list = answer.get(section.key()).map(Yaml::items).unwrap_or_default();
        list.iter().find(|item| item.get("name").and_then(Yaml::as_text) == Some(name))
    };
    let current = answer.get("current-context").and_then(Yaml::as_text);
    let user = current
        .and_then(|name| find(Section::Contexts, name))
        .and_then(|item| item.get("context")?.get("user")?.as_text())
        .and_then(|name| find(Section::Users, name))
        .or_else(|| answer.get("users")?.items().first())
        .and_then(|item| item.get("user"));
    let decoded = |key: &str| {
        let data = user?.get(key)?.as_text()?;
        STANDARD.decode(data).ok().filter(|pem| !pem.is_empty())
    };
    match (decoded("client-certificate-data"), decoded("client-key-data")) {
        (Some(certificate), Some(key)) => Ok((certificate, key)),
        _ => Err(AckError::NoCertificate),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const ANSWER: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: QUJD
    proxy-url: socks5://proxy:1080
    server: https://10.0.0.1:6443
    tls-server-name: kubernetes
    insecure-skip-tls-verify: true
    extensions: [{name: x, extension: {a: 1}}]
  name: kubernetes
contexts:
- context: {namespace: web, user: '222', cluster: kubernetes}
  name: 222-c1
current-context: 222-c1
kind: Config
foreign: {a: [1, 'true']}
preferences: {colors: true}
users:
- name: '222'
  user: {client-certificate-data: QUJD, client-key-data: Y2FuYXJ5, token: canary, password: canary}
";

    fn user() -> Yaml {
        Yaml::Map(vec![("exec".to_owned(), Yaml::text("x"))])
    }

    #[test]
    fn all_is_kept_but_the_user() {
        let kubeconfig = with_user(&read(ANSWER).unwrap(), &user()).unwrap();
        let text = kubeconfig.render("\n").unwrap();
        let wanted = "\
kind: Config
apiVersion: v1
clusters:
    - name: kubernetes
      cluster:
        server: https://10.0.0.1:6443
        certificate-authority-data: QUJD
        proxy-url: socks5://proxy:1080
        tls-server-name: kubernetes
        insecure-skip-tls-verify: true
        extensions:
            - name: x
              extension:
                a: 1
contexts:
    - name: 222-c1
      context:
        cluster: kubernetes
        user: \"222\"
        namespace: web
current-context: 222-c1
users:
    - name: \"222\"
      user:
        exec: x
preferences:
    colors: true
foreign:
    a:
        - 1
        - \"true\"
";
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_certificate_is_that_of_the_current_user() {
        let (certificate, key) = client_certificate(&read(ANSWER).unwrap()).unwrap();
        assert_eq!((certificate.as_slice(), key.as_slice()), (&b"ABC"[..], &b"canary"[..]));
        // Another user before it is not taken for it.
        let other = "users:\n- name: other\n  user: {client-certificate-data: WA==, client-key-data: WQ==}\n";
        let two = ANSWER.replace("users:\n", other);
        assert_eq!(client_certificate(&read(&two).unwrap()).unwrap(), (certificate, key));
        let none = ANSWER.replace("client-key-data", "client-key");
        assert_eq!(client_certificate(&read(&none).unwrap()), Err(AckError::NoCertificate));
    }

    #[test]
    fn a_name_of_digits_needs_no_quotes() {
        let bare = ANSWER.replace("'222'", "222");
        assert_ne!(bare, ANSWER);
        let kubeconfig = with_user(&read(&bare).unwrap(), &user()).unwrap();
        assert_eq!(kubeconfig.users[0].name, "222");
        client_certificate(&read(&bare).unwrap()).unwrap();
    }

    #[test]
    fn what_is_no_kubeconfig_is_refused_without_a_word_of_it() {
        let change = |from: &str, to: &str| {
            let text = ANSWER.replace(from, to);
            assert_ne!(text, ANSWER, "{from}");
            text
        };
        for (text, wanted) in [
            (String::new(), "empty"),
            ("canary".to_owned(), "no mapping"),
            ("[canary".to_owned(), "not valid YAML"),
            (change("kind: Config", "kind: Secret"), "kind Config"),
            (change("https://10", "http://10"), "https://"),
            (change("https://10", "https://canary@10"), "user name"),
            (change("https://10.0.0.1:6443", "https://x/?canary"), "query"),
            (change("users:", "others:"), "no user"),
            (change("name: 222-c1", "name: ''"), "no name"),
            (change("users:\n", "users:\n- {name: '222', user: {token: canary}}\n"), "one name"),
            (change("kind: Config", "kind: &a Config"), "anchors"),
            (change("foreign:", "clusters:"), "twice"),
            (format!("{ANSWER}---\n{ANSWER}"), "more than one"),
        ] {
            let error = read(&text).and_then(|answer| with_user(&answer, &user())).unwrap_err().to_string();
            assert!(error.contains(wanted), "{wanted}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_plain_text_of_several_lines_stays_one_value() {
        let lines = "proxy-url: a\n\n      ---\n\n      {\"users\":[]}";
        let answer = ANSWER.replace("proxy-url: socks5://proxy:1080", lines);
        let written = with_user(&read(&answer).unwrap(), &user()).unwrap().render("\n").unwrap();
        let again = read(&written).unwrap();
        let cluster = again.get("clusters").unwrap().items()[0].get("cluster").unwrap();
        assert_eq!(cluster.get("proxy-url"), Some(&Yaml::text("a\n---\n{\"users\":[]}")), "{written}");
    }
}
