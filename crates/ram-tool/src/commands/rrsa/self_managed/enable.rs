//! `rrsa enable --self-managed`: from an API server's keys to an identity provider that takes its tokens.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use openapi::ims::OidcProvider;

use super::super::change::confirmed;
use super::super::identity_provider::name_of;
use super::super::session::Session;
use super::super::trust_policy::Subject;
use super::documents::{Documents, Folder, Keys, keys_to_publish};
use super::issuer::{
    ApiServerIssuer, IssuerUrl, KeySet, PublishedIssuer, Severity, Site, Unpublished, keys_missing,
};
use super::kubectl::Kubectl;
use super::provider::{self, Wanted, parse_fingerprint};
use super::{HEADING, KubectlFlags, SelfManagedFlags, api_servers, serve};
use crate::Done;
use crate::cluster_id::ClusterId;
use crate::error::{Error, SelfManagedError};
use crate::log::Log;
use crate::network;
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

const MAX_SHOWN: usize = 300;

// Flags of `rrsa enable --self-managed`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct IssuerFlags {
    #[command(flatten)]
    pub(in crate::commands::rrsa) self_managed: SelfManagedFlags,
    #[command(flatten)]
    kubectl: KubectlFlags,
    /// The URL that the cluster's tokens are to name as their issuer, and where its two public files are read
    #[arg(long, help_heading = HEADING, value_name = "URL")]
    issuer: Option<String>,
    /// Folder to write the two public files to, which is to be published at the issuer's URL; keys of earlier runs stay
    #[arg(long, help_heading = HEADING, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Serve the two public files at this address over plain HTTP, for a proxy with TLS in front, and follow the API
    /// server's keys. With --output-dir too, old keys outlive a restart
    #[arg(long, help_heading = HEADING, value_name = "IP:PORT")]
    serve: Option<SocketAddr>,
    /// Publish the API server's present keys alone: tokens that old keys signed are good for nothing any more
    #[arg(long, help_heading = HEADING)]
    drop_old_keys: bool,
    /// SHA-1 of the certificate of the CA that the issuer's web server has its certificate from; may be given up to five
    /// times [default: that of the CA which the server shows]
    #[arg(long, help_heading = HEADING, value_name = "SHA1", value_parser = parse_fingerprint)]
    fingerprint: Vec<String>,
    /// Namespace of the service account whose token is checked [default: default]
    #[arg(short = 'n', long, help_heading = HEADING, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The service account whose token is checked [default: default]
    #[arg(short = 's', long, help_heading = HEADING, value_name = "NAME")]
    service_account: Option<String>,
}

impl IssuerFlags {
    /// Each flag, and whether it was given: none of them means anything for a cluster of ACK's.
    pub(in crate::commands::rrsa) fn given(&self) -> [(&'static str, bool); 9] {
        [
            ("--issuer", self.issuer.is_some()),
            ("--output-dir", self.output_dir.is_some()),
            ("--serve", self.serve.is_some()),
            ("--drop-old-keys", self.drop_old_keys),
            ("--fingerprint", !self.fingerprint.is_empty()),
            ("--namespace (-n)", self.namespace.is_some()),
            ("--service-account (-s)", self.service_account.is_some()),
            ("--kubeconfig", self.kubectl.kubeconfig.is_some()),
            ("--context", self.kubectl.context.is_some()),
        ]
    }
}

pub(in crate::commands::rrsa) fn run(
    own: &IssuerFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let cluster = settings.cluster_id()?;
    let name = name_of(cluster);
    provider::check_name(cluster, &name)?;
    let issuer = issuer_of(own)?;
    let or_default = |flag: &'_ Option<String>| flag.clone().unwrap_or_else(|| "default".to_owned());
    let account = Subject::new(&or_default(&own.namespace), &or_default(&own.service_account))?;
    if account.is_pattern() {
        return Err(SelfManagedError::Pattern.into());
    }
    let kubectl = Kubectl::new(&own.kubectl, world);
    let api_server = ApiServerIssuer::read(&kubectl, issuer.as_str())
        .map_err(|error| SelfManagedError::ApiServer { detail: error.to_string() })?;
    let site = Site::new(world)?;
    let reading = || network::run("reading what is published", world, site.read(issuer.as_str()));
    let mut published = reading()?;
    let folder = own.output_dir.as_deref().map(|path| Folder::new(path, world));
    let kept = folder.as_ref().map(|folder| folder.keys(&issuer)).transpose()?.flatten().unwrap_or_default();
    let keys = keys(own, &kept, &api_server, published.as_ref().ok())?;
    tell_keys(&keys, &kept, log);
    if let Some(folder) = &folder {
        let written = folder.write(&Documents::new(&issuer, &keys.all))?;
        for path in &written {
            log.info(&format!("{} is written", path.display()));
        }
        if !written.is_empty() && own.serve.is_none() {
            published = reading()?;
        }
    }
    if let Some(address) = own.serve {
        return serve::run(address, &issuer, keys.all, folder.as_ref(), &kubectl, log);
    }
    let published = readable(&api_server, published, &issuer, own)?;
    tell_reach(&published, world, log);
    if !register(cluster, name, &published, own, settings, world, log)? {
        return Ok(Done::default());
    }
    let left = api_servers::check(&kubectl, &account, &issuer, &api_server, &published, world, log)?;
    match left.len() {
        0 => {
            log.info(&format!(
                "cluster {cluster}: its tokens are good for RAM roles; what is left for each: ack-ram-tool rrsa associate-role --self-managed -c {cluster}, and ack-pod-identity-webhook in the cluster"
            ));
            Ok(Done::default())
        }
        number => {
            left.iter().for_each(|line| log.warn(line));
            Err(SelfManagedError::Left { number, cluster: cluster.to_string() }.into())
        }
    }
}

fn issuer_of(flags: &IssuerFlags) -> Result<IssuerUrl, Error> {
    let what = "the URL that the cluster's tokens are to name as their issuer";
    let text = flags.issuer.as_deref().ok_or(Error::MissingFlag { flag: "--issuer", what })?;
    IssuerUrl::parse(text).map_err(|detail| {
        let issuer = visible(text).chars().take(MAX_SHOWN).collect();
        SelfManagedError::Issuer { issuer, detail }.into()
    })
}

/// The API server's keys, and those that were published before: `kept` in the folder, and at the issuer's URL.
fn keys(
    flags: &IssuerFlags,
    kept: &KeySet,
    api_server: &ApiServerIssuer,
    published: Option<&PublishedIssuer>,
) -> Result<Keys, SelfManagedError> {
    let at_url = published.map(|published| published.keys.clone());
    let earlier = match flags.drop_old_keys {
        true => Vec::new(),
        false => std::iter::once(kept.clone()).chain(at_url).collect(),
    };
    keys_to_publish(api_server, &earlier)
}

fn tell_keys(keys: &Keys, kept: &KeySet, log: &Log<'_>) {
    for key in &keys.unusable {
        log.warn(&format!(
            "the API server's key {} is for {}, and STS takes RS256 alone: it is left out, and tokens that it signs get no role",
            key.label(),
            visible(&key.algorithm)
        ));
    }
    for key in &keys.old {
        let label = key.label();
        match kept.contains(key) {
            true => log.info(&format!(
                "the old key {label} stays published beside the API server's: leave it out with --drop-old-keys when no token of it is in use any more, or where it is none of yours"
            )),
            // Somebody who could write to the site once must not be kept there unseen.
            false => log.warn(&format!(
                "the key {label} is published at the issuer's URL, and is none of the API server's: it stays as an old one, and whoever has it can make tokens of every service account; where it is none of yours, leave it out with --drop-old-keys, and find out who put it there"
            )),
        }
    }
}

/// What is published, where all that the API server signs could be checked with it.
fn readable(
    api_server: &ApiServerIssuer,
    published: Result<PublishedIssuer, Unpublished>,
    issuer: &IssuerUrl,
    flags: &IssuerFlags,
) -> Result<PublishedIssuer, SelfManagedError> {
    let how = match &flags.output_dir {
        Some(folder) => format!(
            "publish the folder {} as a whole at {issuer}, readable by everybody without a login",
            folder.display()
        ),
        None => format!(
            "have the two files written with --output-dir DIR, or served with --serve, and publish them at {issuer}"
        ),
    };
    let published = published.map_err(|problem| {
        let mend = if problem.is_absent { how.clone() } else { problem.mend.to_owned() };
        SelfManagedError::NotPublished { detail: problem.to_string(), mend }
    })?;
    let missing: Vec<String> = keys_missing(api_server, &published)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Broken)
        .map(|finding| finding.what)
        .collect();
    match missing.is_empty() {
        true => Ok(published),
        false => Err(SelfManagedError::NotPublished { detail: missing.join("; "), mend: how }),
    }
}

/// This machine has read it; RAM must be able to.
fn tell_reach(published: &PublishedIssuer, world: &World<'_>, log: &Log<'_>) {
    log.info(&format!(
        "{} and its keys are readable from here, and match; RAM must be able to read them over the internet too, which cannot be seen from here",
        published.issuer
    ));
    if let Some(address) = published.private_address {
        log.warn(&format!(
            "the issuer's host has the address {address}, which the internet does not reach: RAM needs a public one"
        ));
    }
    if let Some(variable) =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find(|name| world.set(name).is_some())
    {
        log.warn(&format!(
            "{variable} chooses the CAs that are trusted here: RAM trusts public ones, and reads the issuer's files only where its certificate is from one of them"
        ));
    }
}

/// Makes the identity provider, or what is missing of it. False where the person declines.
fn register(
    cluster: &ClusterId,
    name: String,
    published: &PublishedIssuer,
    flags: &IssuerFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<bool, Error> {
    let session = Session::start(settings, world, log)?;
    let ims = session.ims(&flags.self_managed)?;
    let (credentials, now) = (&session.credentials, session.now());
    let asking = async {
        let named = ims.oidc_provider(&name, credentials, now).await?;
        Ok::<_, Error>((named, ims.oidc_providers(credentials, now).await?))
    };
    let (named, all) = session.ask("asking IMS", asking)?;
    let fingerprints = fingerprints(&flags.fingerprint, named.as_ref(), published)?;
    let wanted = Wanted { cluster: cluster.clone(), name, issuer: published.issuer.clone(), fingerprints };
    let steps = provider::plan(named.as_ref(), &all, &wanted)?;
    let name = &wanted.name;
    if steps.is_empty() {
        log.info(&format!("RAM's identity provider {name} is as it must be"));
        return Ok(true);
    }
    let words: Vec<String> = steps.iter().map(|step| step.words(name)).collect();
    if !confirmed(&format!("{}?", words.join(", and ")), settings, world, log)? {
        return Ok(false);
    }
    provider::carry_out(&steps, &session, &ims, name)?;
    log.info(&format!("RAM's identity provider {name} is registered"));
    if let Some(authority) = published.authorities.first() {
        log.info(&format!(
            "RAM reads the issuer's keys only from a server whose certificate a CA with a fingerprint of {name} has issued, now {}: before it comes from another CA, add that one's with --fingerprint",
            authority.name
        ));
    }
    Ok(true)
}

/// Which fingerprints the provider needs: those that were given; else one of the CAs that the issuer's servers have their
/// certificates from, where it has none of them.
fn fingerprints(
    given: &[String],
    named: Option<&OidcProvider>,
    published: &PublishedIssuer,
) -> Result<Vec<String>, SelfManagedError> {
    if !given.is_empty() {
        let is_first =
            |(index, own): &(usize, &String)| !given.iter().take(*index).any(|other| other == *own);
        return Ok(given.iter().enumerate().filter(is_first).map(|(_, own)| own.clone()).collect());
    }
    let mut fingerprints = Vec::new();
    for authorities in [&published.authorities, &published.keys_authorities] {
        let has = |own: &String| authorities.iter().any(|ca| ca.fingerprint.eq_ignore_ascii_case(own));
        if named.is_some_and(|named| named.fingerprints.iter().any(has)) {
            continue;
        }
        match authorities.first() {
            Some(authority) if fingerprints.contains(&authority.fingerprint) => {}
            Some(authority) => fingerprints.push(authority.fingerprint.clone()),
            None if named.is_some_and(|named| !named.fingerprints.is_empty()) => {}
            None => return Err(SelfManagedError::NoFingerprint { issuer: published.issuer.clone() }),
        }
    }
    Ok(fingerprints)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::issuer::Authority;
    use super::*;

    /// Of a server with its documents and one with its keys, the authorities above their certificates.
    fn published(documents: &[&str], keys: &[&str]) -> PublishedIssuer {
        let authorities = |list: &[&str]| {
            let authority = |fingerprint: &&str| Authority {
                fingerprint: (*fingerprint).to_owned(),
                name: String::new(),
                end: None,
            };
            list.iter().map(authority).collect()
        };
        PublishedIssuer {
            issuer: "https://issuer.example".to_owned(),
            jwks_uri: "https://keys.example".to_owned(),
            keys: KeySet::default(),
            authorities: authorities(documents),
            keys_authorities: authorities(keys),
            certificate_end: None,
            private_address: None,
        }
    }

    fn provider(fingerprints: &[&str]) -> OidcProvider {
        OidcProvider {
            name: "ack-rrsa-c1".to_owned(),
            arn: String::new(),
            issuer_url: "https://issuer.example".to_owned(),
            client_ids: Vec::new(),
            fingerprints: fingerprints.iter().map(|one| (*one).to_owned()).collect(),
            issuance_limit_time: None,
            description: String::new(),
        }
    }

    #[test]
    fn each_server_needs_the_fingerprint_of_one_of_its_authorities() {
        let none: &[&str] = &[];
        /// Those of the provider, where there is one; of the servers of documents and keys; what is to be added.
        type Case<'a> = (Option<&'a [&'a str]>, &'a [&'a str], &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 10] = [
            (None, &["AA", "BB"], &["AA", "BB"], &["AA"]),
            (None, &["AA"], &["CC"], &["AA", "CC"]),
            (Some(none), &["AA"], &["AA"], &["AA"]),
            // RAM takes any of them, and writes it as it likes.
            (Some(&["bb"]), &["AA", "BB"], &["AA", "BB"], &[]),
            (Some(&["AA"]), &["AA"], &["CC"], &["CC"]),
            (Some(&["CC"]), &["AA"], &["CC"], &["AA"]),
            (Some(&["DD"]), &["AA"], &["AA"], &["AA"]),
            // Where they are not known here, those that it has may be right.
            (Some(&["DD"]), &[], &[], &[]),
            (Some(&["DD"]), &["AA"], &[], &["AA"]),
            (Some(&["AA"]), &["AA"], &[], &[]),
        ];
        for (named, documents, keys, wanted) in cases {
            let named = named.map(provider);
            let found = fingerprints(&[], named.as_ref(), &published(documents, keys)).unwrap();
            assert_eq!(found, wanted, "{named:?} {documents:?} {keys:?}");
        }
        for (documents, keys) in [(none, none), (&["AA"], none), (none, &["AA"])] {
            for named in [None, Some(provider(none))] {
                let error = fingerprints(&[], named.as_ref(), &published(documents, keys)).unwrap_err();
                assert!(error.to_string().contains("--fingerprint"), "{error}");
            }
        }
    }

    #[test]
    fn fingerprints_that_are_given_count_alone_and_once() {
        let given = ["AA", "BB", "AA"].map(str::to_owned);
        assert_eq!(fingerprints(&given, None, &published(&["CC"], &[])).unwrap(), ["AA", "BB"]);
        assert_eq!(
            fingerprints(&given[..1], Some(&provider(&["CC"])), &published(&["CC"], &[])).unwrap(),
            ["AA"]
        );
    }
}
