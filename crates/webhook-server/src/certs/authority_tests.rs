#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Duration;

use jiff::SignedDuration;

use super::tests::now;
use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NAMES: [&str; 3] = ["webhook.system.svc", "10.0.0.7", "fd00::7"];

fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

fn authority() -> Authority {
    Authority::make("test authority", DAY * 90, now()).unwrap()
}

fn trusting(authority: &Authority) -> Bundle {
    Bundle::parse(authority.certificate_pem().as_bytes()).unwrap()
}

#[test]
fn what_an_authority_issues_is_trusted_by_whoever_trusts_it_for_its_names_and_time() {
    let authority = authority();
    let server = authority.issue("test server", &names(), DAY * 30, now()).unwrap();
    let bundle = trusting(&authority);
    for name in NAMES {
        bundle.verify(server.chain(), name, now()).unwrap();
        assert!(server.covers(name), "{name}");
    }
    assert!(bundle.verify(server.chain(), "other.system.svc", now()).is_err());
    assert!(!server.covers("other.system.svc"));
    // A clock that is behind, and the end.
    bundle.verify(server.chain(), NAMES[0], now() - SignedDuration::from_hours(23)).unwrap();
    assert!(bundle.verify(server.chain(), NAMES[0], now() - SignedDuration::from_hours(25)).is_err());
    bundle.verify(server.chain(), NAMES[0], now() + SignedDuration::from_hours(30 * 24 - 1)).unwrap();
    assert!(
        bundle.verify(server.chain(), NAMES[0], now() + SignedDuration::from_hours(30 * 24 + 1)).is_err()
    );
    assert!(trusting(&self::authority()).verify(server.chain(), NAMES[0], now()).is_err(), "another one");
    assert!(Bundle::default().verify(server.chain(), NAMES[0], now()).is_err());
    assert!(bundle.verify(&[], NAMES[0], now()).is_err());
    server.certified_key().unwrap();
}

#[test]
fn an_authority_that_is_over_vouches_for_nobody() {
    let authority = Authority::make("short", Duration::from_secs(60), now()).unwrap();
    let server = authority.issue("test server", &names(), DAY, now()).unwrap();
    assert_eq!(server.not_after(), authority.not_after(), "nothing outlives its authority");
    let later = now() + SignedDuration::from_secs(61);
    let error = trusting(&authority).verify(server.chain(), NAMES[0], later).unwrap_err();
    assert_eq!(error, "no certificate of an authority that is within its time");
    assert!(matches!(
        authority.issue("test server", &names(), DAY, later),
        Err(AuthorityError::OutOfTime { .. })
    ));
}

#[test]
fn a_servers_own_certificate_in_a_bundle_is_trusted_as_go_does_it() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![NAMES[0].to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    make::set_validity(
        &mut params,
        now() - SignedDuration::from_hours(1),
        now() + SignedDuration::from_hours(1),
    )
    .unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let bundle = Bundle::parse(pem.as_bytes()).unwrap();
    let server =
        ServerCertificate::parse(pem.as_bytes(), PrivateKey::new(key.serialize_pem().into_bytes())).unwrap();
    bundle.verify(server.chain(), NAMES[0], now()).unwrap();
    assert!(bundle.verify(server.chain(), "other.system.svc", now()).is_err());
    assert!(bundle.verify(server.chain(), NAMES[0], now() + SignedDuration::from_hours(2)).is_err());
}

#[test]
fn a_certificate_is_due_after_two_thirds_of_its_time_whether_days_or_seconds() {
    for lifetime in [20, 100, 3600, 3600 * 24, 3600 * 24 * 90] {
        let (lifetime, seconds) = (Duration::from_secs(lifetime), i64::try_from(lifetime).unwrap());
        let authority = Authority::make("test authority", lifetime * 3, now()).unwrap();
        let server = authority.issue("test server", &names(), lifetime, now()).unwrap();
        let at = |part: i64| now() + SignedDuration::from_secs(seconds * part / 100);
        assert!(!server.is_due(now()) && !server.is_due(at(64)), "{seconds}");
        assert!(server.is_due(at(69)), "{seconds}");
        assert!(server.is_due(now() - SignedDuration::from_hours(25)), "made by a clock that was ahead");
        let succeeded = authority.elapsed(2, 3).duration_since(now()).as_secs();
        assert!((succeeded - seconds * 2).abs() <= 1, "{succeeded} of {seconds}");
        assert!(authority.is_current(now()) && !authority.is_current(authority.not_after()));
    }
}

#[test]
fn what_was_written_is_read_again_and_anything_else_is_not() {
    let (one, other) = (authority(), authority());
    let read = Authority::parse(one.certificate_pem().as_bytes(), one.key()).unwrap();
    assert_eq!(read.certificate(), one.certificate());
    let server = one.issue("test server", &names(), DAY, now()).unwrap();
    let read = ServerCertificate::parse(server.chain_pem().as_bytes(), server.key().clone()).unwrap();
    assert!(read == server && read != other.issue("test server", &names(), DAY, now()).unwrap());

    let garbage = PrivateKey::new(b"CANARY".to_vec());
    let pem = one.certificate_pem();
    for (certificate, key, said) in [
        (pem.as_bytes(), other.key(), "does not belong"),
        (pem.as_bytes(), &garbage, "no PEM text"),
        (b"CANARY".as_slice(), one.key(), "no certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n", one.key(), "cannot be"),
        (server.chain_pem().as_bytes(), server.key(), "not one of an authority"),
    ] {
        let error = Authority::parse(certificate, key).unwrap_err();
        let line = format!("{error} {error:?}");
        assert!(line.contains(said) && !line.contains("CANARY") && !line.contains('\n'), "{line}");
    }
    assert!(ServerCertificate::parse(server.chain_pem().as_bytes(), one.key().clone()).is_err());
    let shown = format!("{one:?} {server:?}");
    assert!(shown.contains("PrivateKey(redacted)") && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn a_bundle_holds_each_certificate_once_and_is_compared_in_any_order() {
    let (one, other) = (authority(), authority());
    let text = |parts: [&Authority; 3]| parts.map(Authority::certificate_pem).concat();
    let bundle = Bundle::parse(text([&one, &other, &one]).as_bytes()).unwrap();
    assert_eq!(bundle.len(), 2);
    assert!(bundle.is_same_set(&Bundle::parse(text([&other, &other, &one]).as_bytes()).unwrap()));
    assert!(!bundle.is_same_set(&trusting(&one)) && !trusting(&one).is_same_set(&bundle));
    assert_eq!(Bundle::parse(bundle.pem().as_bytes()).unwrap(), bundle);
    let server = other.issue("test server", &names(), DAY, now()).unwrap();
    bundle.verify(server.chain(), NAMES[0], now()).unwrap();
    assert!(Bundle::parse(b"text without a certificate").unwrap().is_empty());
    assert!(Bundle::parse(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}
