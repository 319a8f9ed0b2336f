#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;

const SIGN_IN: &str = "signin-cn-shanghai.alibabacloudsso.com";

fn now() -> Timestamp {
    "2026-11-22T15:30:20Z".parse().unwrap()
}

/// What rustls says to this certificate when it trusts this CA alone.
fn verify(authority: &Authority, certificate: &ServerCertificate, name: &str) -> Result<(), String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .unwrap();
    let time =
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(now().as_second().try_into().unwrap()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier
        .verify_server_cert(&certificate.chain[0], &[], &name, &[], time)
        .map(|_| ())
        .map_err(|error| format!("{error:?}"))
}

fn certificate(authority: &Authority, names: &[&str]) -> ServerCertificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    server_certificate(authority, &names, now()).unwrap()
}

#[test]
fn the_server_certificate_is_good_for_loopback_and_the_real_names() {
    let authority = Authority::generate(now()).unwrap();
    let certificate =
        server_certificate(&authority, &server_names("cn-hangzhou", Some(SIGN_IN)), now()).unwrap();
    for name in [
        "127.0.0.1",
        "::1",
        "localhost",
        "sts.aliyuncs.com",
        "sts.cn-hangzhou.aliyuncs.com",
        "sts-vpc.cn-hangzhou.aliyuncs.com",
        "ram.aliyuncs.com",
        "ims.aliyuncs.com",
        "cs.aliyuncs.com",
        "cs.cn-hangzhou.aliyuncs.com",
        "cs-anony-vpc.cn-hangzhou.aliyuncs.com",
        "oss.aliyuncs.com",
        "oauth.aliyun.com",
        "oauth.alibabacloud.com",
        SIGN_IN,
    ] {
        assert_eq!(verify(&authority, &certificate, name), Ok(()), "{name}");
    }
    for name in ["example.com", "127.0.0.2", "sts.cn-beijing.aliyuncs.com", "aliyuncs.com", "aliyun.com"] {
        let error = verify(&authority, &certificate, name).unwrap_err();
        assert!(error.contains("NotValidForName"), "{name}: {error}");
    }
}

#[test]
fn the_ca_cannot_vouch_for_anybody_else() {
    let authority = Authority::generate(now()).unwrap();
    for name in [
        "example.com",
        "aliyuncs.com.example.com",
        "xaliyuncs.com",
        "com",
        "192.0.2.1",
        "2001:db8::1",
        "aliyun.com",
        "signin.aliyun.com",
        "alibabacloud.com",
        "www.alibabacloud.com",
        "xoauth.aliyun.com",
    ] {
        let error = verify(&authority, &certificate(&authority, &[name]), name).unwrap_err();
        assert!(error.contains("NameConstraintViolation"), "{name}: {error}");
    }
    // Not even beside a name that is allowed.
    let both = certificate(&authority, &["sts.aliyuncs.com", "example.com"]);
    for name in ["sts.aliyuncs.com", "example.com"] {
        assert!(verify(&authority, &both, name).unwrap_err().contains("NameConstraintViolation"), "{name}");
    }
    assert_eq!(
        verify(&authority, &certificate(&authority, &["a.b.aliyuncs.com"]), "a.b.aliyuncs.com"),
        Ok(())
    );
}

/// A CA as the emulator made them before it knew OAuth and CloudSSO.
fn older_authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.distinguished_name = distinguished_name("ram-emulator CA of before");
    params.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: ["localhost", "aliyuncs.com"]
            .map(|name| rcgen::GeneralSubtree::DnsName(name.to_owned()))
            .into_iter()
            .chain([rcgen::GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8))])
            .chain([rcgen::GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v6_prefix(
                Ipv6Addr::LOCALHOST.octets(),
                128,
            ))])
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    authority::set_validity(&mut params, now(), 30).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    Authority::from_pem(&certificate, &key.serialize_pem(), now()).unwrap()
}

#[test]
fn an_older_ca_goes_on_vouching_for_what_it_can() {
    let authority = older_authority();
    let (names, without) = sort_names(&authority, server_names("cn-hangzhou", Some(SIGN_IN)));
    assert_eq!(without, ["oauth.aliyun.com", "oauth.alibabacloud.com", SIGN_IN]);
    let certificate = server_certificate(&authority, &names, now()).unwrap();
    for name in ["127.0.0.1", "localhost", "sts.aliyuncs.com", "oss.aliyuncs.com"] {
        assert_eq!(verify(&authority, &certificate, name), Ok(()), "{name}");
    }
    assert!(verify(&authority, &certificate, "oauth.aliyun.com").unwrap_err().contains("NotValidForName"));
    // One name too many would spoil all others.
    let all = server_certificate(&authority, &server_names("cn-hangzhou", None), now()).unwrap();
    assert!(verify(&authority, &all, "sts.aliyuncs.com").unwrap_err().contains("NameConstraintViolation"));

    let new = Authority::generate(now()).unwrap();
    let kept = Authority::from_pem(new.certificate_pem(), &new.key_pem(), now()).unwrap();
    for authority in [new, kept] {
        let (_, without) = sort_names(&authority, server_names("cn-hangzhou", Some(SIGN_IN)));
        assert_eq!(without, <[&str; 0]>::default());
        for name in ["xaliyuncs.com", "aliyun.com", "example.com", "*.com"] {
            assert!(!authority.vouches_for(name), "{name}");
        }
    }
}

#[test]
fn a_star_in_a_certificate_stands_for_one_label() {
    for name in ["sts.aliyuncs.com", "STS.ALIYUNCS.COM"] {
        assert!(covers("*.aliyuncs.com", name), "{name}");
    }
    for name in ["aliyuncs.com", ".aliyuncs.com", "a.b.aliyuncs.com", "sts.aliyuncs.com.example.com", ""] {
        assert!(!covers("*.aliyuncs.com", name), "{name}");
    }
    assert!(
        covers("oauth.aliyun.com", "OAuth.aliyun.com") && !covers("oauth.aliyun.com", "x.oauth.aliyun.com")
    );
}

#[test]
fn a_ca_is_kept_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path().join("a/b")).unwrap();
    let first = state.authority(now()).unwrap();
    let key_file = folder.path().join("a/b/ca-key.pem");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&key_file), 0o600);
    assert_eq!(mode(&folder.path().join("a/b")), 0o700);
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let second = StateDir::at(folder.path().join("a/b")).unwrap().authority(now()).unwrap();
    assert_eq!(first.certificate_pem(), second.certificate_pem());
    assert_eq!(std::fs::read_to_string(state.ca_file()).unwrap(), second.certificate_pem());
    assert_eq!(mode(&key_file), 0o600, "a key that others could read no longer can be");
    let certificate = certificate(&second, &["sts.aliyuncs.com"]);
    assert_eq!(verify(&first, &certificate, "sts.aliyuncs.com"), Ok(()));
}

#[test]
fn starts_at_the_same_moment_agree_on_one_ca() {
    let folder = tempfile::tempdir().unwrap();
    let authorities: Vec<String> = std::thread::scope(|scope| {
        let start = || {
            let state = StateDir::at(folder.path().to_path_buf()).unwrap();
            state.authority(now()).unwrap().certificate_pem().to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(authorities.iter().all(|pem| *pem == authorities[0]));
}

#[test]
fn a_ca_that_cannot_be_used_is_refused_with_its_folder() {
    let made = tempfile::tempdir().unwrap();
    StateDir::at(made.path().to_path_buf()).unwrap().authority(now()).unwrap();
    let read = |name: &str| std::fs::read_to_string(made.path().join(name)).unwrap();
    let (ca, key) = (read("ca.pem"), read("ca-key.pem"));
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&leaf_key).unwrap().pem();
    let mut open = CertificateParams::default();
    open.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let open = open.self_signed(&leaf_key).unwrap().pem();
    let leaf_key = leaf_key.serialize_pem();
    let later = "2037-01-01T00:00:00Z".parse().unwrap();
    for (ca, key, time, words) in [
        (Some(&ca), Some(&other_key), now(), "not the key of ca.pem"),
        (Some(&ca), None, now(), "ca-key.pem is missing"),
        (None, Some(&key), now(), "ca.pem is missing"),
        (Some(&"x".to_owned()), Some(&key), now(), "ca.pem holds no certificate"),
        (Some(&ca), Some(&"x".to_owned()), now(), "ca-key.pem holds no private key"),
        (Some(&leaf), Some(&leaf_key), now(), "not the certificate of a CA"),
        (Some(&open), Some(&leaf_key), now(), "no name constraints"),
        (Some(&ca), Some(&key), later, "is good from"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("ca.pem", ca), ("ca-key.pem", key)] {
            if let Some(text) = text {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
        }
        let state = StateDir::at(folder.path().to_path_buf()).unwrap();
        let error = state.authority(time).err().unwrap_or_else(|| panic!("accepted: {words}")).to_string();
        assert!(error.contains(words) && error.contains(folder.path().to_str().unwrap()), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_temporary_folder_goes_with_its_owner() {
    let state = StateDir::temporary().unwrap();
    state.authority(now()).unwrap();
    let ca = state.ca_file();
    assert!(ca.exists());
    drop(state);
    assert!(!ca.parent().unwrap().exists());
}
