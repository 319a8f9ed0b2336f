//! cert-manager, as far as the webhook's manifests use it: its real CustomResourceDefinitions, so that the API server
//! checks what is applied, and the work of its controller and of its cainjector done by the test when it says so.
//!
//! What it does follows cert-manager's documentation ("Certificate resource", "CA issuer", "SelfSigned issuer",
//! "CA injector"): an authority that is renewed signs what is issued later, nothing is issued again because of it; a
//! new certificate has a new key unless `spec.privateKey.rotationPolicy` is `Never`; `ca.crt` of a Secret is the
//! authority that signed this certificate and no other; that is what the cainjector writes into `caBundle`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::guard;
use crate::process::{self, isolated};
use crate::rig::Rig;

/// The Go module whose folder `deploy/crds` has the definitions.
const MODULE: &str = "github.com/cert-manager/cert-manager";
/// Of the definitions those that the manifests have objects of.
const DEFINITIONS: [&str; 2] = ["certificates", "issuers"];
/// The annotation that asks the cainjector for a `caBundle`: `NAMESPACE/CERTIFICATE`.
const INJECT: &str = "cert-manager.io/inject-ca-from";
/// A download of some megabytes at most.
const DOWNLOAD: Duration = Duration::from_secs(300);
/// Between applying a definition and its being served.
const SERVED: Duration = Duration::from_secs(30);
/// One command that computes.
const COMMAND: Duration = Duration::from_secs(60);

/// cert-manager for the Certificates of one namespace; it acts when it is told to and never by itself.
#[derive(Debug)]
pub struct CertManager<'a> {
    rig: &'a Rig,
    namespace: String,
}

/// A Certificate as the cluster has it.
struct Certificate {
    name: String,
    secret: String,
    spec: Value,
}

/// What a Secret of a Certificate holds, PEM.
struct Issued {
    certificate: String,
    key: String,
    authority: String,
}

/// The files of the definitions, from the pinned module.
///
/// # Errors
/// There is no Go, the module cannot be had, or lacks a file.
pub fn definitions() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane/cert-manager");
    let missing = || Error::NoGo {
        what: "cert-manager's definitions".to_owned(),
        instead: String::new(),
        source: std::io::ErrorKind::NotFound.into(),
    };
    let go = process::in_path("go").ok_or_else(missing)?;
    let mut command = guard::guarded(&go);
    command.args(["mod", "download", "-json", MODULE]).current_dir(folder);
    command.env("GOFLAGS", "-mod=readonly").env("GOWORK", "off");
    let printed = process::run(command, DOWNLOAD)?.success()?;
    let printed: Value =
        serde_json::from_str(&printed).map_err(Error::answer("reading what go mod download prints"))?;
    let root = printed.get("Dir").and_then(Value::as_str).ok_or_else(|| Error::Answer {
        what: format!("downloading {MODULE}"),
        reason: "go says no folder of it".to_owned(),
    })?;
    let file = |name: &str| Path::new(root).join("deploy/crds").join(format!("cert-manager.io_{name}.yaml"));
    Ok(DEFINITIONS.iter().map(|name| file(name)).collect())
}

/// Applies the definitions, and returns when the API server serves them. They stay: nothing else of a rig has a
/// Certificate.
///
/// # Errors
/// They cannot be had, or kubectl fails.
pub fn install(rig: &Rig) -> Result<()> {
    let names = DEFINITIONS.map(|name| format!("{name}.cert-manager.io"));
    let is_served = |name: &String| Ok::<_, Error>(rig.admin().run(&["get", name])?.status == 0);
    if names.iter().map(is_served).collect::<Result<Vec<bool>>>()?.into_iter().all(|served| served) {
        return Ok(());
    }
    for file in definitions()? {
        // Too long for the annotation that `kubectl apply` writes by itself.
        rig.admin().ok(&["apply", "--server-side", "-f", &file.to_string_lossy()])?;
    }
    for name in &names {
        rig.admin().eventually(&["get", name], SERVED)?;
    }
    Ok(())
}

impl<'a> CertManager<'a> {
    /// For the Certificates of `namespace`.
    #[must_use]
    pub fn of(rig: &'a Rig, namespace: &str) -> Self {
        Self { rig, namespace: namespace.to_owned() }
    }

    /// Issues what has not been issued yet, authorities before what they sign, and writes each `caBundle`.
    ///
    /// # Errors
    /// A Certificate asks for what is not played here, or kubectl fails.
    pub fn reconcile(&self) -> Result<()> {
        let mut waiting: Vec<Certificate> = Vec::new();
        for certificate in self.certificates()? {
            if self.issued(&certificate.secret)?.is_none() {
                waiting.push(certificate);
            }
        }
        // Each round issues at least one, or nothing of the rest can be issued.
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut still = Vec::new();
            for certificate in waiting {
                match self.issue(&certificate)? {
                    true => {}
                    false => still.push(certificate),
                }
            }
            if still.len() == before {
                let names: Vec<_> = still.iter().map(|certificate| certificate.name.as_str()).collect();
                return Err(self.fault(&names.join(", "), "no issuer that they name has an authority"));
            }
            waiting = still;
        }
        self.inject()
    }

    /// Issues the Certificate `name` anew, as `cmctl renew` has it done. `caBundle` is left for
    /// [`CertManager::inject`].
    ///
    /// # Errors
    /// There is none of that name, or kubectl fails.
    pub fn renew(&self, name: &str) -> Result<()> {
        let all = self.certificates()?;
        let certificate = all.iter().find(|certificate| certificate.name == name);
        let certificate = certificate.ok_or_else(|| self.fault(name, "there is none of that name"))?;
        match self.issue(certificate)? {
            true => Ok(()),
            false => Err(self.fault(name, "its issuer has no authority")),
        }
    }

    /// The names of the Certificates that are authorities.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn authorities(&self) -> Result<Vec<String>> {
        self.names(true)
    }

    /// The names of the Certificates that are not.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn leaves(&self) -> Result<Vec<String>> {
        self.names(false)
    }

    fn names(&self, authority: bool) -> Result<Vec<String>> {
        let all = self.certificates()?.into_iter();
        Ok(all
            .filter(|certificate| certificate.is_authority() == authority)
            .map(|certificate| certificate.name)
            .collect())
    }

    /// What the cainjector does: `ca.crt` of the Certificate that the annotation names, into every entry of each
    /// mutating webhook configuration that has the annotation.
    ///
    /// # Errors
    /// An annotation names what is not there, or kubectl fails.
    pub fn inject(&self) -> Result<()> {
        let list = self.get(&["mutatingwebhookconfigurations"])?;
        for configuration in items(&list) {
            let annotations = configuration.pointer("/metadata/annotations");
            let asked = annotations.and_then(|all| all.get(INJECT)).and_then(Value::as_str);
            let Some((namespace, certificate)) = asked.and_then(|asked| asked.split_once('/')) else {
                continue;
            };
            if namespace != self.namespace {
                continue;
            }
            let all = self.certificates()?;
            let found = all.iter().find(|one| one.name == certificate);
            let found = found.ok_or_else(|| self.fault(certificate, "an annotation names it"))?;
            let Some(issued) = self.issued(&found.secret)? else { continue };
            self.write_bundle(configuration, &issued.authority)?;
        }
        Ok(())
    }

    fn write_bundle(&self, configuration: &Value, bundle: &str) -> Result<()> {
        let bundle = STANDARD.encode(bundle);
        let entries = configuration.get("webhooks").and_then(Value::as_array).map_or(0, Vec::len);
        let patch: Vec<Value> = (0..entries)
            .map(|entry| {
                let path = format!("/webhooks/{entry}/clientConfig/caBundle");
                json!({"op": "add", "path": path, "value": bundle})
            })
            .collect();
        let name = text(configuration, "/metadata/name");
        let patch = json!(patch).to_string();
        let manager = "--field-manager=cainjector";
        let command =
            ["patch", "mutatingwebhookconfiguration", &name, "--type=json", manager, "--patch", &patch];
        self.rig.admin().ok(&command).map(|_text| ())
    }

    /// Issues it; false where its issuer has no authority yet.
    fn issue(&self, certificate: &Certificate) -> Result<bool> {
        let name = &certificate.name;
        let failed = |source| Error::Certificate { name: name.clone(), source };
        let earlier = self.issued(&certificate.secret)?;
        let key = match earlier.filter(|_| certificate.keeps_its_key()) {
            Some(earlier) => earlier.key,
            None => self.new_key(certificate)?,
        };
        let pair = KeyPair::from_pem(&key).map_err(failed)?;
        let params = certificate.params().map_err(|reason| self.fault(name, &reason))?;
        let issuer = self.issuer(certificate)?;
        let issued = if issuer.pointer("/spec/selfSigned").is_some() {
            let pem = params.self_signed(&pair).map_err(failed)?.pem();
            Issued { authority: pem.clone(), certificate: pem, key }
        } else if let Some(secret) = issuer.pointer("/spec/ca/secretName").and_then(Value::as_str) {
            let Some(authority) = self.issued(secret)? else { return Ok(false) };
            let signer = KeyPair::from_pem(&authority.key).map_err(failed)?;
            let signer = Issuer::from_ca_cert_pem(&authority.certificate, signer).map_err(failed)?;
            let pem = params.signed_by(&pair, &signer).map_err(failed)?.pem();
            Issued { certificate: pem, key, authority: authority.certificate }
        } else {
            return Err(self.fault(name, "its issuer is neither selfSigned nor ca"));
        };
        self.store(certificate, &issued)?;
        Ok(true)
    }

    fn issuer(&self, certificate: &Certificate) -> Result<Value> {
        let kind = text(&certificate.spec, "/issuerRef/kind");
        if !["", "Issuer"].contains(&kind.as_str()) {
            return Err(self.fault(&certificate.name, &format!("issuers of kind {kind} are not played here")));
        }
        self.get(&["issuers.cert-manager.io", &text(&certificate.spec, "/issuerRef/name")])
    }

    /// As cert-manager writes it: PKCS #1 or SEC 1, unless `spec.privateKey.encoding` is `PKCS8`.
    fn new_key(&self, certificate: &Certificate) -> Result<String> {
        let failed = |source| Error::Certificate { name: certificate.name.clone(), source };
        let key = match text(&certificate.spec, "/privateKey/algorithm").as_str() {
            "ECDSA" => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            "" | "RSA" => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            other => {
                return Err(self.fault(&certificate.name, &format!("keys of {other} are not played here")));
            }
        };
        let key = key.map_err(failed)?.serialize_pem();
        if text(&certificate.spec, "/privateKey/encoding") == "PKCS8" {
            return Ok(key);
        }
        let openssl = process::in_path("openssl").ok_or_else(|| {
            self.fault(&certificate.name, "openssl is not in the search path: install it, it writes the keys")
        })?;
        let file = self.rig.run().file("cert-manager.key", &key)?;
        let mut command = isolated(&openssl);
        command.args(["pkey", "-traditional", "-in"]).arg(&file);
        let written = process::run(command, COMMAND)?.success();
        std::fs::remove_file(&file).map_err(Error::file("remove", &file))?;
        written
    }

    fn store(&self, certificate: &Certificate, issued: &Issued) -> Result<()> {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {
                "name": certificate.secret,
                "namespace": self.namespace,
                "annotations": {"cert-manager.io/certificate-name": certificate.name},
            },
            "data": {
                "tls.crt": STANDARD.encode(&issued.certificate),
                "tls.key": STANDARD.encode(&issued.key),
                "ca.crt": STANDARD.encode(&issued.authority),
            },
        });
        let file = self.rig.run().file("cert-manager.json", &secret.to_string())?;
        let file = file.to_string_lossy();
        let manager = "--field-manager=cert-manager-certificates-issuing";
        self.rig.admin().ok(&["apply", "--server-side", "--force-conflicts", manager, "-f", &file])?;
        Ok(())
    }

    /// What the Secret holds; nothing where there is none, or an empty one.
    fn issued(&self, secret: &str) -> Result<Option<Issued>> {
        let secret = self.get(&["secret", secret, "--ignore-not-found"])?;
        let part = |name: &str| {
            let text = secret.get("data")?.get(name)?.as_str()?;
            String::from_utf8(STANDARD.decode(text).ok()?).ok()
        };
        let all = (part("tls.crt"), part("tls.key"), part("ca.crt"));
        let (Some(certificate), Some(key), Some(authority)) = all else { return Ok(None) };
        Ok(Some(Issued { certificate, key, authority }))
    }

    fn certificates(&self) -> Result<Vec<Certificate>> {
        let list = self.get(&["certificates.cert-manager.io"])?;
        let certificate = |object: &Value| Certificate {
            name: text(object, "/metadata/name"),
            secret: text(object, "/spec/secretName"),
            spec: object.get("spec").cloned().unwrap_or_default(),
        };
        Ok(items(&list).iter().map(certificate).collect())
    }

    fn get(&self, what: &[&str]) -> Result<Value> {
        let command = [&["get", "-o", "json", "--namespace", &self.namespace], what].concat();
        let printed = self.rig.admin().ok(&command)?;
        if printed.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&printed).map_err(Error::answer("reading what kubectl get prints"))
    }

    fn fault(&self, certificate: &str, reason: &str) -> Error {
        let what = format!("playing cert-manager for {} in namespace {}", certificate, self.namespace);
        Error::Answer { what, reason: reason.to_owned() }
    }
}

impl Certificate {
    fn is_authority(&self) -> bool {
        self.spec.get("isCA").and_then(Value::as_bool).unwrap_or(false)
    }

    /// cert-manager 1.18 and later make a new key each time unless they are told not to.
    fn keeps_its_key(&self) -> bool {
        text(&self.spec, "/privateKey/rotationPolicy") == "Never"
    }

    fn params(&self) -> std::result::Result<CertificateParams, String> {
        let mut params = CertificateParams::new(strings(&self.spec, "dnsNames")).map_err(display)?;
        for address in strings(&self.spec, "ipAddresses") {
            let address = address.parse().map_err(|_| format!("{address} is no IP address"))?;
            params.subject_alt_names.push(rcgen::SanType::IpAddress(address));
        }
        params.distinguished_name = rcgen::DistinguishedName::new();
        let common_name = text(&self.spec, "/commonName");
        if !common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        let (begin, duration) = (now(), self.duration()?);
        let at =
            |since_1970: Duration| rcgen::date_time_ymd(1970, 1, 1).checked_add(since_1970.try_into().ok()?);
        params.not_before = at(begin).ok_or("it begins at no time")?;
        params.not_after = at(begin.saturating_add(duration)).ok_or("it ends at no time")?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        if self.is_authority() {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        if strings(&self.spec, "usages").iter().any(|usage| usage == "server auth") {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        Ok(params)
    }

    /// `spec.duration`, as Go writes it; 90 days where there is none.
    fn duration(&self) -> std::result::Result<Duration, String> {
        let written = text(&self.spec, "/duration");
        if written.is_empty() {
            return Ok(Duration::from_secs(2160 * 3600));
        }
        let duration: jiff::SignedDuration = written.parse().map_err(display)?;
        duration.try_into().map_err(display)
    }
}

/// A Secret as the kubelet mounts it: each file a link into a folder that is replaced as a whole, when the test says.
#[derive(Debug)]
pub struct Volume<'a> {
    rig: &'a Rig,
    namespace: String,
    secret: String,
    folder: PathBuf,
    written: u32,
}

impl<'a> Volume<'a> {
    /// The Secret as it is now, in a new folder called `name`.
    ///
    /// # Errors
    /// kubectl fails, or the folder cannot be written.
    pub fn mount(rig: &'a Rig, namespace: &str, secret: &str, name: &str) -> Result<Self> {
        let folder = rig.run().folder(name)?;
        let (namespace, secret) = (namespace.to_owned(), secret.to_owned());
        let mut volume = Self { rig, namespace, secret, folder, written: 0 };
        volume.sync()?;
        Ok(volume)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings it up to date, which the kubelet does within a minute or two of a change.
    ///
    /// # Errors
    /// kubectl fails, or the folder cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        let command = ["get", "secret", &self.secret, "--namespace", &self.namespace, "-o", "json"];
        let secret: Value = serde_json::from_str(&self.rig.admin().ok(&command)?)
            .map_err(Error::answer("reading a Secret"))?;
        self.written = self.written.saturating_add(1);
        let version = format!("..{}", self.written);
        let target = self.folder.join(&version);
        std::fs::create_dir(&target).map_err(Error::file("make", &target))?;
        let files = secret.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, content) in &files {
            let content = content.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            let file = target.join(name);
            std::fs::write(&file, content).map_err(Error::file("write", &file))?;
        }
        let (new, data) = (self.folder.join("..new"), self.folder.join("..data"));
        std::os::unix::fs::symlink(&version, &new).map_err(Error::file("link", &new))?;
        std::fs::rename(&new, &data).map_err(Error::file("rename", &new))?;
        for name in files.keys() {
            let link = self.folder.join(name);
            if !link.is_symlink() {
                std::os::unix::fs::symlink(Path::new("..data").join(name), &link)
                    .map_err(Error::file("link", &link))?;
            }
        }
        Ok(())
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(object: &Value, name: &str) -> Vec<String> {
    let list = object.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn items(list: &Value) -> &[Value] {
    list.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Duration {
    let now = jiff::Timestamp::now();
    Duration::try_from(now.duration_since(jiff::Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn certificate(spec: Value) -> Certificate {
        Certificate { name: "a".to_owned(), secret: "b".to_owned(), spec }
    }

    #[test]
    fn a_certificate_lives_as_long_as_it_says_or_ninety_days() {
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(certificate(json!({})).duration().unwrap(), day * 90);
        assert_eq!(certificate(json!({"duration": "87600h0m0s"})).duration().unwrap(), day * 3650);
        assert_eq!(certificate(json!({"duration": "90m"})).duration().unwrap(), day / 16);
        certificate(json!({"duration": "soon"})).duration().unwrap_err();
    }

    #[test]
    fn the_key_changes_with_the_certificate_unless_that_is_forbidden() {
        assert!(!certificate(json!({})).keeps_its_key());
        assert!(!certificate(json!({"privateKey": {"rotationPolicy": "Always"}})).keeps_its_key());
        assert!(certificate(json!({"privateKey": {"rotationPolicy": "Never"}})).keeps_its_key());
    }
}
