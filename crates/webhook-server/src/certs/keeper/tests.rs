#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs;
use std::os::unix::fs::symlink;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::tests::{now, write_foreign_pair, write_pair_of_the_public_server};
use super::*;
use crate::certs::{CERTIFICATE_FILE, KEY_FILE};
use crate::tls::{Client, Shown};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn kept(folder: &Path) -> Kept {
    Kept { place: Place::Folder(own(folder)), client_authorities: None }
}

fn own(folder: &Path) -> OwnFolder {
    OwnFolder {
        folder: folder.to_owned(),
        common_name: "ack-ram-authenticator",
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        hostname: "localhost".to_owned(),
        lifetime: Duration::from_secs(90 * 24 * 3600),
    }
}

fn served(keeper: &Keeper) -> Vec<CertificateDer<'static>> {
    keeper.leaf.as_ref().map_or_else(|| keeper.pair.chain().to_vec(), |leaf| leaf.chain.clone())
}

/// As a client with `anchor` in its kubeconfig.
fn verifies(chain: &[CertificateDer<'_>], anchor: &[u8], name: &str, at: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(anchor).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let at = UnixTime::since_unix_epoch(Duration::try_from(at.as_duration()).unwrap());
    let name = ServerName::try_from(name).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], at).is_ok()
}

#[test]
fn a_self_made_certificate_is_renewed_before_its_end_under_the_same_key_and_anchor() {
    for public in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::in_folder(folder.path());
        if public {
            write_pair_of_the_public_server(&files);
        }
        let (mut keeper, _, events) = Keeper::start(kept(folder.path()), now()).unwrap();
        assert!(matches!(events[..], [Event::Renewed]));
        let on_disk = (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
        // What a kubeconfig pins that was written before.
        let anchor = Pair::load(&files).unwrap().trust_anchor_pem();
        let first = served(&keeper);
        assert_eq!(keeper.not_after(), now() + DAY * 90);
        assert!(verifies(&first, anchor.as_bytes(), "localhost", now()));

        assert!(keeper.look(now() + DAY * 59).is_empty());
        assert_eq!(served(&keeper), first);
        let later = now() + DAY * 61;
        assert!(matches!(keeper.look(later)[..], [Event::Renewed]));
        let second = served(&keeper);
        assert_ne!(second[0], first[0]);
        assert_eq!(keeper.not_after(), later + DAY * 90);
        assert!(verifies(&second, anchor.as_bytes(), "localhost", now() + DAY * 150));
        assert!(!verifies(&first, anchor.as_bytes(), "localhost", now() + DAY * 150));
        let (_, one) = X509Certificate::from_der(&first[0]).unwrap();
        let (_, two) = X509Certificate::from_der(&second[0]).unwrap();
        assert_eq!(one.public_key().raw, two.public_key().raw);
        assert_ne!(one.serial, two.serial);
        assert!(!two.is_ca());
        // Whoever goes back to another program finds the files as they were.
        assert_eq!((fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap()), on_disk);
        assert_eq!(keeper.problems(later), []);
    }
}

#[test]
fn an_expired_leaf_of_a_living_anchor_is_renewed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let subject = own(folder.path());
    let (pair, _) = load_or_make(folder.path(), &subject.subject(), now()).unwrap();
    let anchor = pair.trust_anchor_pem();
    let ten_days = Duration::from_secs(10 * 24 * 3600);
    let old = leaf::issue(&pair, &subject.subject(), ten_days, now()).unwrap();
    let old = format!("{}{anchor}", super::super::pair::pem(&old.chain[0]));
    fs::write(&files.certificate, old).unwrap();
    let later = now() + DAY * 30;
    let on_disk = Pair::load(&files).unwrap();
    assert!(!verifies(on_disk.chain(), anchor.as_bytes(), "localhost", later));
    let (keeper, ..) = Keeper::start(kept(folder.path()), later).unwrap();
    assert!(verifies(&served(&keeper), anchor.as_bytes(), "localhost", later));
    assert_eq!(keeper.problems(later), []);
}

#[test]
fn a_clock_that_was_ahead_leaves_no_certificate_of_the_future() {
    let folder = tempfile::tempdir().unwrap();
    let (mut keeper, ..) = Keeper::start(kept(folder.path()), now()).unwrap();
    let anchor = keeper.pair().trust_anchor_pem();
    keeper.look(now() + DAY * 400);
    assert!(!verifies(&served(&keeper), anchor.as_bytes(), "localhost", now()));
    assert!(matches!(keeper.look(now())[..], [Event::Renewed]));
    assert!(verifies(&served(&keeper), anchor.as_bytes(), "localhost", now()));
}

#[test]
fn a_leaf_has_todays_names_and_those_of_the_certificate_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    Keeper::start(kept(folder.path()), now()).unwrap();
    let moved = OwnFolder {
        hostname: "auth.example.com".to_owned(),
        address: std::net::Ipv4Addr::new(10, 0, 0, 7).into(),
        ..own(folder.path())
    };
    let moved = Kept { place: Place::Folder(moved), client_authorities: None };
    let (keeper, ..) = Keeper::start(moved, now()).unwrap();
    let anchor = keeper.pair().trust_anchor_pem();
    for name in ["auth.example.com", "10.0.0.7", "localhost", "127.0.0.1"] {
        assert!(verifies(&served(&keeper), anchor.as_bytes(), name, now()), "{name}");
    }
    assert!(!verifies(&served(&keeper), anchor.as_bytes(), "other.example.com", now()));
    assert_eq!(keeper.problems(now()), []);
}

#[test]
fn what_somebody_else_issued_is_served_as_it_is_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    write_foreign_pair(&files, "corp authority", now() + DAY * 20);
    let (mut keeper, _, events) = Keeper::start(kept(folder.path()), now()).unwrap();
    assert!(events.is_empty() && !keeper.renews());
    assert!(matches!(keeper.problems(now())[..], [Problem::EndsSoon { .. }]));
    assert!(keeper.look(now() + DAY * 30).is_empty());
    assert!(matches!(keeper.problems(now() + DAY * 30)[..], [Problem::Expired { .. }]));
    let chain = fs::read(&files.certificate).unwrap();
    assert_eq!(served(&keeper)[0], CertificateDer::from_pem_slice(&chain).unwrap());
}

#[test]
fn a_self_signed_certificate_of_another_name_is_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    write_pair_of_the_public_server(&files);
    let named_otherwise = OwnFolder { common_name: "something-else", ..own(folder.path()) };
    let named_otherwise = Kept { place: Place::Folder(named_otherwise), client_authorities: None };
    let (keeper, _, events) = Keeper::start(named_otherwise, now()).unwrap();
    assert!(events.is_empty() && !keeper.renews());
}

#[test]
fn the_end_of_the_anchor_is_told_a_year_ahead_and_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut keeper, ..) = Keeper::start(kept(folder.path()), now()).unwrap();
    let end = keeper.pair().anchor_not_after();
    let near = end - DAY * 30;
    assert!(matches!(keeper.look(near)[..], [Event::Renewed]));
    assert_eq!(keeper.not_after(), end, "a leaf does not outlive its authority");
    assert!(matches!(keeper.problems(near)[..], [Problem::AuthorityEndsSoon { .. }]));
    // Nothing later can be made, so nothing is made over and over.
    assert!(keeper.look(end - DAY).is_empty());
    let (_, _, events) = Keeper::start(kept(folder.path()), end + DAY).unwrap();
    let [Event::NotRenewed(error)] = &events[..] else { panic!("{events:?}") };
    assert!(error.to_string().contains("ended") && error.to_string().contains("init"), "{error}");
}

#[test]
fn a_changed_pair_is_served_from_the_next_look_on() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = Files::in_folder(folder.path());
    let (mut keeper, ..) = Keeper::start(kept(folder.path()), now()).unwrap();
    write_foreign_pair(&Files::in_folder(other.path()), "corp authority", now() + DAY * 300);
    for name in [CERTIFICATE_FILE, KEY_FILE] {
        fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
    }
    assert!(matches!(keeper.look(now())[..], [Event::Reloaded]));
    assert!(!keeper.renews());
    let chain = fs::read(&files.certificate).unwrap();
    assert_eq!(served(&keeper)[0], CertificateDer::from_pem_slice(&chain).unwrap());
    assert!(keeper.look(now()).is_empty());
}

#[test]
fn a_secret_volume_swaps_its_link_and_is_followed() {
    let volume = tempfile::tempdir().unwrap();
    for (number, authority) in ["one", "two"].iter().enumerate() {
        let data = volume.path().join(format!("..{number}"));
        fs::create_dir(&data).unwrap();
        write_foreign_pair(&Files::in_folder(&data), authority, now() + DAY * 300);
    }
    symlink("..0", volume.path().join("..data")).unwrap();
    for name in [CERTIFICATE_FILE, KEY_FILE] {
        symlink(format!("..data/{name}"), volume.path().join(name)).unwrap();
    }
    let (mut keeper, ..) = Keeper::start(kept(volume.path()), now()).unwrap();
    let before = served(&keeper);
    assert!(keeper.look(now()).is_empty());
    symlink("..1", volume.path().join("..tmp")).unwrap();
    fs::rename(volume.path().join("..tmp"), volume.path().join("..data")).unwrap();
    assert!(matches!(keeper.look(now())[..], [Event::Reloaded]));
    assert_ne!(served(&keeper), before);
}

#[test]
fn a_half_written_pair_is_not_served_and_is_told_once() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut keeper, ..) = Keeper::start(kept(folder.path()), now()).unwrap();
    let before = served(&keeper);
    Keeper::start(kept(other.path()), now()).unwrap();
    let copy = |name: &str| fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
    copy(CERTIFICATE_FILE);
    // In the middle of somebody's copying: nothing to tell yet.
    assert!(keeper.look(now()).is_empty());
    let events = keeper.look(now());
    let [Event::NotReloaded(error)] = &events[..] else { panic!("{events:?}") };
    assert!(error.to_string().contains("cert.pem"), "{error}");
    assert!(keeper.look(now()).is_empty());
    assert_eq!(served(&keeper), before);
    // It is looked after all the same.
    assert!(matches!(keeper.look(now() + DAY * 61)[..], [Event::Renewed]));
    copy(KEY_FILE);
    assert!(matches!(keeper.look(now())[..], [Event::Reloaded, Event::Renewed]));
    fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
    keeper.look(now());
    assert!(matches!(keeper.look(now())[..], [Event::NotReloaded(CertificateError::Read { .. })]));
}

#[test]
fn a_read_only_folder_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    Keeper::start(kept(folder.path()), now()).unwrap();
    let listing = || fs::read_dir(folder.path()).unwrap().count();
    let before = listing();
    let (mut keeper, ..) = Keeper::start(kept(folder.path()), now()).unwrap();
    keeper.look(now() + DAY * 61);
    assert_eq!(listing(), before, "a renewal writes nothing");
}

#[test]
fn client_authorities_are_read_again_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client-ca.pem");
    let kept = Kept { client_authorities: Some(file.clone()), ..kept(folder.path()) };
    let error = Keeper::start(kept.clone(), now()).err().unwrap().to_string();
    assert!(error.contains("client-ca.pem") && error.contains("init"), "{error}");
    crate::certs::load_or_make_client(folder.path(), "x", now()).unwrap();
    let (mut keeper, ..) = Keeper::start(kept, now()).unwrap();
    assert!(keeper.look(now()).is_empty());
    let good = fs::read(&file).unwrap();
    fs::write(&file, "junk").unwrap();
    assert!(keeper.look(now()).is_empty());
    assert!(matches!(keeper.look(now())[..], [Event::ClientAuthoritiesNotReloaded(_)]));
    fs::write(&file, [good.as_slice(), good.as_slice()].concat()).unwrap();
    assert!(matches!(keeper.look(now())[..], [Event::ClientAuthoritiesReloaded]));
}

#[test]
fn a_client_certificate_that_was_shown_and_ends_within_a_month_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(crate::certs::CLIENT_AUTHORITY_FILE);
    crate::certs::load_or_make_client(folder.path(), "x", now()).unwrap();
    let kept = Kept { client_authorities: Some(file), ..kept(folder.path()) };
    let (keeper, ..) = Keeper::start(kept, now()).unwrap();
    let pem = fs::read(folder.path().join(crate::certs::CLIENT_CERTIFICATE_FILE)).unwrap();
    let chain = [CertificateDer::from_pem_slice(&pem).unwrap()];
    let told = |at: Timestamp| {
        keeper.problems(at).into_iter().find_map(|problem| match problem {
            Problem::ClientEndsSoon { at } => Some(at),
            _ => None,
        })
    };
    assert_eq!(told(now()), None, "nobody has come yet");
    assert_eq!(keeper.tls().client(&Shown::new(Some(&chain))), Client::Verified);
    let end = keeper.tls().client_not_after().unwrap();
    assert_eq!(told(end - DAY * 31), None);
    assert_eq!(told(end - DAY * 29), Some(end));
}

#[test]
fn a_clients_three_files_are_kept_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let make = || crate::certs::load_or_make_client(folder.path(), "x", now());
    assert_eq!(make().unwrap(), Origin::Made);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let before = read("client.pem");
    assert_eq!(make().unwrap(), Origin::Kept);
    assert_eq!(read("client.pem"), before);
    fs::remove_file(folder.path().join("client-key.pem")).unwrap();
    assert!(matches!(make(), Err(CertificateError::IncompleteClient { .. })));
    assert_eq!(read("client.pem"), before);
}

#[test]
fn given_files_are_never_made_and_never_renewed_and_followed_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
    let given = || Kept { place: Place::Given(files.clone()), client_authorities: None };
    let error = Keeper::start(given(), now()).err().unwrap();
    assert!(matches!(error, KeeperError::Certificate(CertificateError::Read { .. })), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");

    // A pair that this library has made itself, mounted as kubelet does it: two links into a folder that is exchanged.
    let made = |name: &str| {
        let own = OwnFolder { folder: folder.path().join(name), ..own(folder.path()) };
        Keeper::start(Kept { place: Place::Folder(own), client_authorities: None }, now()).unwrap();
    };
    made("one");
    made("two");
    let link = |target: &str| {
        let (temporary, data) = (folder.path().join("..data_tmp"), folder.path().join("..data"));
        symlink(target, &temporary).unwrap();
        fs::rename(temporary, data).unwrap();
    };
    link("one");
    symlink("..data/cert.pem", &files.certificate).unwrap();
    symlink("..data/key.pem", &files.key).unwrap();
    let (mut keeper, _, events) = Keeper::start(given(), now()).unwrap();
    assert!(events.is_empty() && !keeper.renews());
    let first = served(&keeper);
    assert!(keeper.look(now() + DAY * 400).is_empty(), "not ours to renew");
    link("two");
    assert!(matches!(keeper.look(now())[..], [Event::Reloaded]));
    assert_ne!(served(&keeper), first);
    assert!(keeper.tls().config().alpn_protocols.len() == 2);
    // A half-written pair is not served.
    fs::remove_file(&files.key).unwrap();
    symlink("one/key.pem", &files.key).unwrap();
    assert!(keeper.look(now()).is_empty(), "seen for the first time");
    assert!(matches!(keeper.look(now())[..], [Event::NotReloaded(_)]));
    assert_eq!(keeper.problems(now()), []);
}
