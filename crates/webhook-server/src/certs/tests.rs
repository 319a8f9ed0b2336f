#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::os::unix::fs::PermissionsExt as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::{SignedDuration, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

const SUBJECT: Subject<'_> = Subject {
    common_name: "ack-ram-authenticator",
    address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    hostname: "localhost",
};

pub(super) fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn names_of(files: &Files) -> Vec<String> {
    let text = fs::read(&files.certificate).unwrap();
    let leaf = CertificateDer::from_pem_slice(&text).unwrap();
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    names.value.general_names.iter().map(ToString::to_string).collect()
}

/// A pair as the public server makes it: one self-signed RSA certificate with CA:TRUE, the key as PKCS #1.
pub(super) fn write_pair_of_the_public_server(files: &Files) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2024, 9, 1);
    params.not_after = rcgen::date_time_ymd(2124, 8, 8);
    // Go writes a name of such letters as a PrintableString.
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = DnValue::PrintableString("ack-ram-authenticator".try_into().unwrap());
    params.distinguished_name.push(DnType::CommonName, name);
    fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    // PKCS #8 wraps PKCS #1 behind 26 bytes that are the same for every 2048-bit RSA key.
    let pkcs1 = &key.serialize_der()[26..];
    let body = BASE64_STANDARD.encode(pkcs1);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"));
    fs::write(&files.key, pem).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A pair as an organisation's authority issues it, which keeps its key to itself.
pub(super) fn write_foreign_pair(files: &Files, authority: &str, until: Timestamp) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority_params = CertificateParams::default();
    authority_params.distinguished_name.push(DnType::CommonName, authority);
    authority_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let anchor = authority_params.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "ack-ram-authenticator");
    make::set_validity(&mut params, now() - SignedDuration::from_hours(24), until).unwrap();
    let leaf = params.signed_by(&key, &Issuer::from_params(&authority_params, &authority_key)).unwrap();
    fs::write(&files.certificate, format!("{}{}", leaf.pem(), anchor.pem())).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn makes_a_leaf_and_an_authority_over_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, origin) = load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    assert_eq!(origin, Origin::Made);
    let files = Files::in_folder(folder.path());
    assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&files.certificate).unwrap().permissions().mode() & 0o777, 0o644);

    let text = fs::read(&files.certificate).unwrap();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().unwrap();
    assert_eq!(chain.len(), 2);
    let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
    let (_, authority) = X509Certificate::from_der(&chain[1]).unwrap();
    assert_ne!(leaf.serial, authority.serial, "one issuer must not give a number twice");
    assert_eq!(leaf.public_key().raw, authority.public_key().raw);
    assert!(!leaf.is_ca() && authority.is_ca());
    assert_eq!(leaf.issuer(), authority.subject());
    assert_eq!(authority.subject(), authority.issuer());
    assert_ne!(leaf.subject(), leaf.issuer());
    assert_eq!(authority.subject().to_string(), "CN=ack-ram-authenticator");
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(pair.not_after() > now() + SignedDuration::from_hours(99 * 365 * 24));
    assert_eq!(pair.problems("localhost", now()), []);

    let anchor = CertificateDer::from_pem_slice(pair.trust_anchor_pem().as_bytes()).unwrap();
    assert_eq!(anchor, chain[1]);
}

#[test]
fn names_the_address_then_the_host_name() {
    let cases: [(&str, &str, &[&str]); 4] = [
        ("127.0.0.1", "localhost", &["IPAddress(7f:00:00:01)", "DNSName(localhost)"]),
        ("0.0.0.0", "auth.example.com", &["DNSName(auth.example.com)"]),
        ("::", "10.0.0.7", &["IPAddress(0a:00:00:07)"]),
        ("10.0.0.7", "10.0.0.7", &["IPAddress(0a:00:00:07)"]),
    ];
    for (address, hostname, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let subject = Subject { common_name: "x", address: address.parse().unwrap(), hostname };
        let (pair, _) = load_or_make(folder.path(), &subject, now()).unwrap();
        assert_eq!(names_of(&Files::in_folder(folder.path())), expected, "{address} {hostname}");
        assert_eq!(pair.problems(hostname, now()), []);
    }
}

#[test]
fn keeps_an_existing_pair_under_another_host_name_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    let before = fs::read(folder.path().join(CERTIFICATE_FILE)).unwrap();
    let other = Subject { hostname: "auth.example.com", ..SUBJECT };
    let (pair, origin) = load_or_make(folder.path(), &other, now()).unwrap();
    assert_eq!(origin, Origin::Kept);
    assert_eq!(fs::read(folder.path().join(CERTIFICATE_FILE)).unwrap(), before);
    assert!(matches!(pair.problems("auth.example.com", now())[..], [Problem::OtherName { .. }]));
}

#[test]
fn uses_the_pair_of_the_public_server_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    write_pair_of_the_public_server(&files);
    let before = (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
    let (pair, origin) = load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    assert_eq!(origin, Origin::Kept);
    assert_eq!((fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap()), before);
    pair.certified_key().unwrap();
    let anchor = CertificateDer::from_pem_slice(pair.trust_anchor_pem().as_bytes()).unwrap();
    assert_eq!(anchor, CertificateDer::from_pem_slice(&before.0).unwrap());
}

/// A chain under one name and one key that is ours, but for one thing.
fn is_self_made(change: impl Fn(&mut CertificateParams), is_own_key: bool, is_root: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let named = |name: &str| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params
    };
    let mut authority = named("ack-ram-authenticator");
    change(&mut authority);
    let authority_key = if is_own_key { &key } else { &other };
    let root = named("somebody else");
    let anchor = match is_root {
        true => authority.self_signed(authority_key),
        false => authority.signed_by(authority_key, &Issuer::from_params(&root, &other)),
    };
    let leaf = named("server").signed_by(&key, &Issuer::from_params(&authority, authority_key)).unwrap();
    fs::write(&files.certificate, format!("{}{}", leaf.pem(), anchor.unwrap().pem())).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    Pair::load(&files).unwrap().is_self_made("ack-ram-authenticator")
}

#[test]
fn what_is_not_ours_in_every_respect_is_not_self_made() {
    let as_it_is = |_: &mut CertificateParams| {};
    assert!(is_self_made(as_it_is, true, true));
    assert!(!is_self_made(as_it_is, false, true), "the authority has a key of its own");
    assert!(!is_self_made(as_it_is, true, false), "somebody else has signed the authority");
    assert!(!is_self_made(|authority| authority.is_ca = IsCa::ExplicitNoCa, true, true), "it may not sign");
    let for_servers = |authority: &mut CertificateParams| {
        authority.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    };
    assert!(!is_self_made(for_servers, true, true), "its key may not sign certificates");
    let renamed = |authority: &mut CertificateParams| {
        authority.distinguished_name.push(DnType::CommonName, "another");
    };
    assert!(!is_self_made(renamed, true, true), "it has another name");
}

/// An authority that is ours and yet good for other names only: its leaf would be refused by every API server.
#[test]
fn a_leaf_that_clients_would_refuse_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let key = KeyPair::generate().unwrap();
    for (permitted, is_good) in [("localhost", true), ("other.example", false)] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "ack-ram-authenticator");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName(permitted.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        let pair = Pair::load(&files).unwrap();
        assert!(pair.is_self_made("ack-ram-authenticator"));
        let made = leaf::issue(&pair, &SUBJECT, std::time::Duration::from_secs(3600), now());
        assert_eq!(made.is_ok(), is_good, "{permitted}");
        assert!(is_good || matches!(made, Err(leaf::LeafError::Unverified(_))));
    }
}

#[test]
fn makes_both_anew_when_one_is_missing() {
    for survivor in [CERTIFICATE_FILE, KEY_FILE] {
        let folder = tempfile::tempdir().unwrap();
        load_or_make(folder.path(), &SUBJECT, now()).unwrap();
        let before = fs::read(folder.path().join(survivor)).unwrap();
        let lost = if survivor == KEY_FILE { CERTIFICATE_FILE } else { KEY_FILE };
        fs::remove_file(folder.path().join(lost)).unwrap();
        let (_, origin) = load_or_make(folder.path(), &SUBJECT, now()).unwrap();
        assert_eq!(origin, Origin::Replaced { survivor });
        assert_ne!(fs::read(folder.path().join(survivor)).unwrap(), before);
    }
}

#[test]
fn refuses_a_pair_that_does_not_match_and_leaves_it_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    load_or_make(one.path(), &SUBJECT, now()).unwrap();
    load_or_make(two.path(), &SUBJECT, now()).unwrap();
    fs::copy(two.path().join(KEY_FILE), one.path().join(KEY_FILE)).unwrap();
    let before = fs::read(one.path().join(CERTIFICATE_FILE)).unwrap();
    let error = load_or_make(one.path(), &SUBJECT, now()).unwrap_err();
    assert!(matches!(error, CertificateError::Unusable { source: TlsError::KeyMismatch, .. }), "{error}");
    assert_eq!(fs::read(one.path().join(CERTIFICATE_FILE)).unwrap(), before);
}

#[test]
fn names_the_broken_file_and_quotes_nothing_of_a_key() {
    let folder = tempfile::tempdir().unwrap();
    load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    let key = folder.path().join(KEY_FILE);
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0!!\n-----END PRIVATE KEY-----\n").unwrap();
    let error = load_or_make(folder.path(), &SUBJECT, now()).unwrap_err().to_string();
    assert!(error.contains("key.pem") && !error.contains("c2VjcmV0") && !error.contains('\n'), "{error}");

    fs::write(folder.path().join(CERTIFICATE_FILE), "junk").unwrap();
    let error = load_or_make(folder.path(), &SUBJECT, now()).unwrap_err().to_string();
    assert!(error.contains("cert.pem") && !error.contains('\n'), "{error}");
}

#[test]
fn warns_of_an_expired_certificate_and_an_open_key_and_serves_them() {
    let folder = tempfile::tempdir().unwrap();
    load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    let key = folder.path().join(KEY_FILE);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (pair, _) = load_or_make(folder.path(), &SUBJECT, now()).unwrap();
    let later = pair.not_after() + 1.second();
    assert!(matches!(
        pair.problems("localhost", later)[..],
        [Problem::Expired { .. }, Problem::OpenKey { mode: 0o644, .. }]
    ));
    let earlier = now() - SignedDuration::from_hours(72);
    assert!(matches!(
        pair.problems("localhost", earlier)[..],
        [Problem::NotYetValid { .. }, Problem::OpenKey { .. }]
    ));
    pair.certified_key().unwrap();
}

#[test]
fn makes_the_last_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    load_or_make(&folder.path().join("state"), &SUBJECT, now()).unwrap();
    assert_eq!(fs::metadata(folder.path().join("state")).unwrap().permissions().mode() & 0o777, 0o700);
    let error = load_or_make(&folder.path().join("a/b"), &SUBJECT, now()).unwrap_err();
    assert!(matches!(error, CertificateError::CreateFolder { .. }), "{error}");
}

#[test]
fn a_host_name_that_no_certificate_can_hold_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject { hostname: "naïve.example", ..SUBJECT };
    assert!(matches!(load_or_make(folder.path(), &subject, now()), Err(CertificateError::Make { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn two_first_starts_in_one_folder_get_one_pair() {
    let folder = tempfile::tempdir().unwrap();
    let anchors: Vec<String> = std::thread::scope(|scope| {
        let start = || load_or_make(folder.path(), &SUBJECT, now()).unwrap().0.trust_anchor_pem();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(anchors.iter().all(|anchor| *anchor == anchors[0]));
}

#[test]
fn reads_keys_in_all_three_pem_forms() {
    // PKCS #8 is what load_or_make writes, PKCS #1 what the public server writes; SEC1 is openssl's for ECDSA.
    let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";
    assert!(matches!(PrivateKeyDer::from_pem_slice(sec1.as_bytes()), Ok(PrivateKeyDer::Sec1(_))));
}
