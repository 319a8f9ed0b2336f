//! What the Secret holds: an authority, the certificate that it has issued, and what is under way.
//!
//! | key | what it is |
//! | --- | --- |
//! | `ca.crt`, `ca.key` | the authority that signs |
//! | `tls.crt`, `tls.key` | the certificate that all replicas serve, signed by it |
//! | `next-ca.crt`, `next-ca.key` | the authority that will sign, once API servers have had time to learn of it |
//! | `old-ca.crt` | authorities that sign no more; certificates of theirs may still be served for a moment |
//!
//! All are PEM. The `caBundle` is a function of it: `ca.crt`, `next-ca.crt`, `old-ca.crt`. Other keys are left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use webhook_server::certs::{Authority, Bundle, PrivateKey, ServerCertificate};

const AUTHORITY: (&str, &str) = ("ca.crt", "ca.key");
const NEXT: (&str, &str) = ("next-ca.crt", "next-ca.key");
const SERVER: (&str, &str) = ("tls.crt", "tls.key");
const OLD: &str = "old-ca.crt";

/// A Secret's `data`.
pub(super) type Data = BTreeMap<String, ByteString>;

/// What can be made of a Secret.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// None of the keys, as it is installed.
    Empty,
    /// No authority can be read from it. Why, on one line.
    Broken(String),
    /// There is an authority.
    Good(Arc<Held>),
}

/// A Secret's content, checked.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) authority: Authority,
    /// None where there is none yet, or none that can be read.
    pub(super) server: Option<ServerCertificate>,
    pub(super) next: Option<Authority>,
    pub(super) old: Bundle,
    /// What could not be read and counts for nothing; a line each.
    pub(super) complaints: Vec<String>,
}

impl Held {
    /// What API servers have to trust.
    pub(super) fn bundle(&self) -> Bundle {
        let mut bundle = Bundle::default();
        let next = self.next.iter().map(Authority::certificate);
        for certificate in [self.authority.certificate()].into_iter().chain(next).chain(self.old.iter()) {
            bundle.add(certificate);
        }
        bundle
    }
}

/// Reads a Secret. Whatever stands in it, nothing of a key is repeated.
pub(super) fn read(data: &Data) -> Content {
    let ours = [AUTHORITY.0, AUTHORITY.1, NEXT.0, NEXT.1, SERVER.0, SERVER.1, OLD];
    if ours.iter().all(|key| text(data, key).is_none()) {
        return Content::Empty;
    }
    let authority = match authority(data, AUTHORITY) {
        Ok(Some(authority)) => authority,
        Ok(None) => return Content::Broken(format!("it has no {} and {}", AUTHORITY.0, AUTHORITY.1)),
        Err(reason) => return Content::Broken(reason),
    };
    let mut complaints = Vec::new();
    let next = authority_or_complaint(data, &mut complaints);
    let server = match server(data) {
        Ok(server) => server,
        Err(complaint) => {
            complaints.push(complaint);
            None
        }
    };
    let old = match Bundle::parse(text(data, OLD).unwrap_or_default()) {
        Ok(old) => old,
        Err(reason) => {
            complaints.push(format!("{OLD}: {reason}"));
            Bundle::default()
        }
    };
    Content::Good(Arc::new(Held { authority, server, next, old, complaints }))
}

fn authority_or_complaint(data: &Data, complaints: &mut Vec<String>) -> Option<Authority> {
    authority(data, NEXT).unwrap_or_else(|complaint| {
        complaints.push(complaint);
        None
    })
}

/// Writes `held` over what is there, and leaves keys of others alone.
pub(super) fn write(held: &Held, data: &mut Data) {
    let mut put = |key: &str, value: Option<Vec<u8>>| match value {
        Some(value) => drop(data.insert(key.to_owned(), ByteString(value))),
        None => drop(data.remove(key)),
    };
    put(AUTHORITY.0, Some(held.authority.certificate_pem().into_bytes()));
    put(AUTHORITY.1, Some(held.authority.key().expose().to_vec()));
    put(NEXT.0, held.next.as_ref().map(|next| next.certificate_pem().into_bytes()));
    put(NEXT.1, held.next.as_ref().map(|next| next.key().expose().to_vec()));
    put(SERVER.0, held.server.as_ref().map(|server| server.chain_pem().into_bytes()));
    put(SERVER.1, held.server.as_ref().map(|server| server.key().expose().to_vec()));
    put(OLD, (!held.old.is_empty()).then(|| held.old.pem().into_bytes()));
}

fn authority(data: &Data, keys: (&str, &str)) -> Result<Option<Authority>, String> {
    let Some((certificate, key)) = pair(data, keys)? else { return Ok(None) };
    Authority::parse(certificate, &key)
        .map(Some)
        .map_err(|error| format!("{} and {}: {error}", keys.0, keys.1))
}

fn server(data: &Data) -> Result<Option<ServerCertificate>, String> {
    let Some((chain, key)) = pair(data, SERVER)? else { return Ok(None) };
    ServerCertificate::parse(chain, key)
        .map(Some)
        .map_err(|error| format!("{} and {}: {error}", SERVER.0, SERVER.1))
}

/// Both or none.
fn pair<'a>(data: &'a Data, keys: (&str, &str)) -> Result<Option<(&'a [u8], PrivateKey)>, String> {
    match (text(data, keys.0), text(data, keys.1)) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, PrivateKey::new(key.to_vec())))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("{} is there without {}", keys.0, keys.1)),
        (None, Some(_)) => Err(format!("{} is there without {}", keys.1, keys.0)),
    }
}

/// None where there is nothing but white space.
fn text<'a>(data: &'a Data, key: &str) -> Option<&'a [u8]> {
    data.get(key).map(|value| value.0.as_slice()).filter(|value| !value.trim_ascii().is_empty())
}
