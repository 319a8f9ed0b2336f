//! Keys and certificates of the control plane, made anew for each run.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

use crate::error::{Error, Result};
use crate::run_dir::RunDir;

/// A certificate authority that lives as long as the run.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, a PEM file.
    pub(crate) file: PathBuf,
    /// Its certificate, PEM.
    pub(crate) pem: String,
    /// Its key, PEM.
    pub(crate) key: String,
}

/// A certificate and its key, both PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes the authority `name` and writes its certificate to the scratch folder.
    pub(crate) fn create(run: &RunDir, name: &str) -> Result<Self> {
        let params = Self::params(name);
        let key = KeyPair::generate().map_err(failed(name))?;
        let pem = params.self_signed(&key).map_err(failed(name))?.pem();
        Self::keep(run, name, params, key, pem)
    }

    /// The same, whose certificate this one signs.
    pub(crate) fn below(&self, run: &RunDir, name: &str) -> Result<Self> {
        let params = Self::params(name);
        let key = KeyPair::generate().map_err(failed(name))?;
        let pem = params.signed_by(&key, &self.issuer).map_err(failed(name))?.pem();
        Self::keep(run, name, params, key, pem)
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params
    }

    fn keep(run: &RunDir, name: &str, params: CertificateParams, key: KeyPair, pem: String) -> Result<Self> {
        let file = run.file(&format!("{name}.pem"), &pem)?;
        let key_pem = key.serialize_pem();
        Ok(Self { issuer: Issuer::new(params, key), file, pem, key: key_pem })
    }

    /// A server's certificate for 127.0.0.1 and localhost.
    pub(crate) fn server(&self, name: &str) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::DnsName("localhost".try_into().map_err(failed(name))?),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(name, params)
    }

    /// A client's certificate: to Kubernetes the user `name`, in `group` where there is one.
    pub(crate) fn client(&self, name: &str, group: Option<&str>) -> Result<Pair> {
        let mut params = CertificateParams::default();
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, params)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Result<Pair> {
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(failed(name))?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed(name))?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// An RSA key: what RAM reads, of service account tokens as of users' key pairs. The certificate is the public key.
pub(crate) fn rsa_key(name: &str) -> Result<Pair> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed(name))?;
    Ok(Pair { certificate: key.public_key_pem(), key: key.serialize_pem() })
}

fn failed(name: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let name = name.to_owned();
    move |source| Error::Certificate { name, source }
}
