//! Certificates change under a running API server that keeps the kubeconfig of its start.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::error::Error;
use e2e::http::Client;
use e2e::rig::Rig;

use super::Outcome;
use super::stand::{Stand, Stream, log_in};

/// Of a leaf, the shortest that can be asked for. The next one is made after two thirds of it.
const LIFETIME: Duration = Duration::from_secs(10);

pub(super) fn a_self_made_certificate_is_renewed_and_logins_go_on(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "renewal")?;
    stand.init(&[])?;
    logins_outlive_several_certificates(rig, &stand)
}

pub(super) fn the_public_programs_pair_is_renewed_under_the_kubeconfig_that_pins_it(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "public-pair")?;
    write_pair_of_the_public_program(&stand.folder)?;
    let before = std::fs::read_to_string(stand.folder.join("cert.pem"))?;
    // As the public program writes it: without apiVersion and kind, the certificate itself as the authority.
    let authority = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &before);
    let kubeconfig = format!(
        "clusters:\n- name: ack-ram-authenticator\n  cluster:\n    certificate-authority-data: {authority}\n    \
         server: https://localhost:{}/authenticate\nusers:\n- name: apiserver\ncurrent-context: webhook\n\
         contexts:\n- name: webhook\n  context:\n    cluster: ack-ram-authenticator\n    user: apiserver\n",
        stand.port.number()
    );
    std::fs::write(stand.kubeconfig(), kubeconfig)?;
    logins_outlive_several_certificates(rig, &stand)?;
    assert_eq!(std::fs::read_to_string(stand.folder.join("cert.pem"))?, before, "the way back is spoilt");
    Ok(())
}

/// Neither the API server is restarted, nor its kubeconfig changed.
fn logins_outlive_several_certificates(rig: &Rig, stand: &Stand<'_>) -> Outcome {
    // The API server keeps its connection; cut now and then, it shakes hands with today's certificate.
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], stand.port.number())))?;
    let kubeconfig = std::fs::read_to_string(stand.kubeconfig())?;
    let through = format!("localhost:{}/", proxy.address.port());
    let kubeconfig = kubeconfig.replace(&format!("localhost:{}/", stand.port.number()), &through);
    assert!(kubeconfig.contains(&through), "{kubeconfig}");
    let kubeconfig = rig.run().file(&format!("{}.kubeconfig", stand.name), &kubeconfig)?;

    let lifetime = format!("{}s", LIFETIME.as_secs());
    let flags = ["--certificate-lifetime", &lifetime, "--kubeconfig-pregenerated"];
    let running = stand.server("server", &flags)?;
    let api_server = stand.api_server(&kubeconfig)?;
    let client = kubernetes(rig)?;
    let first_end = stand.metric("certificate_not_after_seconds")?;
    let start = Instant::now();
    let mut logins = 0;
    // The first, and two more; and logins after the first has ended.
    while stand.metric("certificate_renewals_total{result=\"success\"}")? < 3.0
        || start.elapsed() < LIFETIME + Duration::from_secs(2)
    {
        assert!(start.elapsed() < Duration::from_secs(120), "the certificate is not renewed");
        log_in(&client, &api_server.url(), logins)?;
        logins += 1;
        proxy.cut();
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(stand.metric("certificate_not_after_seconds")? > first_end + LIFETIME.as_secs_f64());
    log_in(&client, &api_server.url(), logins)?;
    assert!(
        proxy.connections() > logins / 2,
        "the API server shook hands {} times only",
        proxy.connections()
    );
    assert!(running.terminate(Duration::from_secs(30))?.success());
    Ok(())
}

pub(super) fn files_that_change_under_load_are_served_and_no_login_fails(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "reload")?;
    let authority = Authority::make()?;
    // As a kubelet mounts a Secret: links to a link that is swapped.
    let place = |name: &str| -> Result<(), libtest_mimic::Failed> {
        let data = stand.folder.join(format!("..{name}"));
        std::fs::create_dir(&data)?;
        authority.issue(&data)?;
        std::os::unix::fs::symlink(format!("..{name}"), stand.folder.join("..tmp"))?;
        std::fs::rename(stand.folder.join("..tmp"), stand.folder.join("..data"))?;
        Ok(())
    };
    place("0")?;
    for file in ["cert.pem", "key.pem"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), stand.folder.join(file))?;
    }
    let _running = stand.server("server", &[])?;
    let api_server = stand.api_server(&stand.kubeconfig())?;
    let people = Stream::start(rig, &api_server)?;
    people.wait_for(50);
    for number in 1..=2 {
        place(&number.to_string())?;
        let start = Instant::now();
        let reloads = "reloads_total{object=\"certificate\",result=\"success\"}";
        while stand.metric(reloads)? < f64::from(number) {
            assert!(start.elapsed() < Duration::from_secs(60), "the new files are not read");
            std::thread::sleep(Duration::from_millis(100));
        }
        people.wait_for(50);
    }
    // A half-written pair: the last good one is served on.
    std::fs::write(stand.folder.join("..2/key.pem"), "half a ke")?;
    let failures = "reloads_total{object=\"certificate\",result=\"failure\"}";
    let start = Instant::now();
    while stand.metric(failures)? < 1.0 {
        assert!(start.elapsed() < Duration::from_secs(60), "the broken file is not noticed");
        std::thread::sleep(Duration::from_millis(100));
    }
    people.wait_for(50);
    people.assert_all_were_let_in();
    Ok(())
}

fn kubernetes(rig: &Rig) -> e2e::Result<Client> {
    let path = rig.certificate_authority();
    Client::new(&std::fs::read_to_string(path).map_err(Error::file("read", path))?)
}

/// Made by openssl, which shares no code with what renews it: RSA 2048, self-signed, CA:TRUE, names as printable
/// strings, the key as PKCS #1.
fn write_pair_of_the_public_program(folder: &Path) -> Outcome {
    let config = "[req]\ndistinguished_name=name\nx509_extensions=extensions\nstring_mask=pkix\nprompt=no\n\
                  [name]\nCN=ack-ram-authenticator\n\
                  [extensions]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n\
                  keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\nextendedKeyUsage=serverAuth\n\
                  subjectAltName=IP:127.0.0.1,DNS:localhost\n";
    let file = |name: &str| folder.join(name);
    std::fs::write(file("openssl.cnf"), config)?;
    openssl(&["genrsa", "-traditional", "-out"], &[&file("key.pem")], &["2048"])?;
    openssl(
        &["req", "-x509", "-new", "-sha256", "-days", "36500", "-config"],
        &[&file("openssl.cnf")],
        &["-key", &file("key.pem").to_string_lossy(), "-out", &file("cert.pem").to_string_lossy()],
    )?;
    let key = std::fs::read_to_string(file("key.pem"))?;
    assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "openssl wrote another form of key");
    Ok(())
}

fn openssl(first: &[&str], paths: &[&Path], last: &[&str]) -> Outcome {
    let output = Command::new("openssl").args(first).args(paths).args(last).output();
    let output = output.map_err(|error| format!("install openssl: {error}"))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// An organisation's authority.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn make() -> Result<Authority, rcgen::Error> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "corporate authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority { issuer: rcgen::Issuer::new(params, key), pem })
    }

    fn issue(&self, folder: &Path) -> Outcome {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = rcgen::KeyPair::generate()?;
        let leaf = rcgen::CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        std::fs::write(folder.join("cert.pem"), format!("{}{}", leaf.pem(), self.pem))?;
        std::fs::write(folder.join("key.pem"), key.serialize_pem())?;
        Ok(())
    }
}

/// A wire between API server and authenticator that can be cut.
struct Proxy {
    address: SocketAddr,
    open: Arc<Mutex<(usize, Vec<TcpStream>)>>,
}

impl Proxy {
    fn start(target: SocketAddr) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let open = Arc::<Mutex<(usize, Vec<TcpStream>)>>::default();
        let streams = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(target) else { continue };
                for (mut from, mut to) in [(&near, &far), (&far, &near)].map(|(from, to)| {
                    (from.try_clone().expect("a descriptor"), to.try_clone().expect("a descriptor"))
                }) {
                    std::thread::spawn(move || {
                        let mut bytes = [0; 16 * 1024];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            if to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                let mut streams = streams.lock().unwrap();
                streams.0 += 1;
                streams.1.push(near);
            }
        });
        Ok(Proxy { address, open })
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().1.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connections(&self) -> usize {
        self.open.lock().unwrap().0
    }
}
