//! A machine with an aliyun CLI file, and a sign-in service behind a proxy: so its real host name can be asked.

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use openapi::Credentials;
use openapi::credentials::{
    Context, CredentialError, Environment, Program, ProgramOutput, Search, Setting, Source,
};
use openapi::network::{ProxyRules, Trust};
use openapi::sts::ClientOptions;

use super::support::{Server, machine};

/// The time of the tests.
pub const NOW: &str = "2026-11-22T10:00:00Z";

pub fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A proxy that leads every CONNECT to one address.
pub struct Tunnel {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        // The threads end with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || lead(stream, target, &kept));
            }
        });
        Self { address, asked }
    }

    /// What was asked for: `HOST:PORT`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn lead(mut near: TcpStream, target: SocketAddr, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        near.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    asked.lock().unwrap().push(head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned());
    let mut far = TcpStream::connect(target).ok()?;
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (near.try_clone().ok()?, far.try_clone().ok()?);
    std::thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut far, &mut near).ok()?;
    near.shutdown(std::net::Shutdown::Both).ok()
}

/// A machine whose aliyun CLI file is somewhere else than usual.
pub struct Machine {
    file: PathBuf,
    pub warnings: RefCell<Vec<String>>,
    pub alerts: RefCell<Vec<String>>,
    pub can_write: bool,
    pub variables: Vec<(&'static str, String)>,
    folder: Option<tempfile::TempDir>,
}

impl Machine {
    /// With a file of its own.
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder: None, ..Self::at(&folder.path().join("config.json")) };
        std::fs::write(machine.file(), config).unwrap();
        Self { folder: Some(folder), ..machine }
    }

    /// With a file that is there already.
    pub fn at(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            warnings: RefCell::default(),
            alerts: RefCell::default(),
            can_write: true,
            variables: Vec::new(),
            folder: None,
        }
    }

    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    pub fn config(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// Finds the source of the file's current profile, or of `profile`.
    pub fn find(&self, profile: Option<&str>) -> Result<Source, CredentialError> {
        self.with(|environment| find(&self.file(), profile, environment))
    }

    /// Gets the credentials of the file's current profile.
    pub fn fetch(&self, network: &Network) -> Result<Credentials, CredentialError> {
        self.with(|environment| {
            let source = find(&self.file(), None, environment)?;
            network.fetch(&source, environment)
        })
    }

    /// The machine's own closures, but for programs, which nobody runs for a login.
    pub fn with<T>(&self, use_it: impl FnOnce(&Environment<'_>) -> T) -> T {
        let variable =
            |name: &str| self.variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let real = machine::environment(&variable);
        let write_file = |path: &Path, content: &[u8]| match self.can_write {
            true => (real.write_file)(path, content),
            false => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        };
        let lock = |path: &Path| -> io::Result<Box<dyn Any>> {
            match self.can_write {
                true => (real.lock)(path),
                false => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            }
        };
        let run_program = |program: &Program| -> io::Result<ProgramOutput> {
            panic!("{} is started for a login", program.name)
        };
        let warn = |text: &str| self.warnings.borrow_mut().push(text.to_owned());
        let alert = |text: &str| self.alerts.borrow_mut().push(text.to_owned());
        use_it(&Environment {
            write_file: &write_file,
            run_program: &run_program,
            lock: &lock,
            warn: &warn,
            alert: &alert,
            ..real
        })
    }
}

fn find(
    file: &Path,
    profile: Option<&str>,
    environment: &Environment<'_>,
) -> Result<Source, CredentialError> {
    let setting = |origin: &str, value: &str| Setting { origin: origin.to_owned(), value: value.to_owned() };
    Source::find(&Search {
        profile_file: Some(setting("--profile-file", file.to_str().unwrap())),
        profile_name: profile.map(|name| setting("--profile-name", name)),
        ..Search::new(*environment, now())
    })
}

/// Which CA is trusted, and which proxy leads to the service.
pub struct Network {
    pub trust: Trust,
    pub proxies: ProxyRules,
    pub sts: String,
    pub sts_is_chosen: bool,
}

impl Network {
    /// To `server`, whatever its name.
    pub fn to(server: &Server, tunnel: &Tunnel) -> Self {
        Self::through(tunnel.address, Trust::File(server.ca_file()))
    }

    pub fn through(proxy: SocketAddr, trust: Trust) -> Self {
        let proxies =
            ProxyRules::from_environment(&|name| (name == "HTTPS_PROXY").then(|| format!("http://{proxy}")));
        Self { trust, proxies: proxies.unwrap(), sts: "sts.invalid".to_owned(), sts_is_chosen: true }
    }

    pub fn fetch(
        &self,
        source: &Source,
        environment: &Environment<'_>,
    ) -> Result<Credentials, CredentialError> {
        let context = Context {
            sts: ClientOptions::new(self.sts.parse().unwrap(), "ack-ram-tool/1 (linux/amd64)"),
            sts_is_chosen: self.sts_is_chosen,
            trust: self.trust.clone(),
            proxies: self.proxies.clone(),
            now: now(),
            environment: *environment,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.fetch(&context, None))
    }
}

/// The text of an error: one line, nothing of an answer, no token.
pub fn one_line(error: &CredentialError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
    text
}
