//! The machine that the tests run on: its files, locks and programs.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use openapi::Credentials;
use openapi::credentials::{
    Context, CredentialError, Environment, Program, ProgramOutput, Search, Source, system,
};
use openapi::network::{Lookup, ProxyRules, Trust};
use openapi::sts::ClientOptions;

/// This machine, but for its variables.
pub fn environment<'a>(variable: Lookup<'a>) -> Environment<'a> {
    Environment {
        variable,
        read_file: &system::read_file,
        write_file: &write_file,
        run_program: &run_program,
        lock: &lock,
        warn: &|_| (),
        alert: &|_| (),
        argument_zero: "ack-ram-tool",
    }
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = real.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&beside, content)?;
    std::fs::rename(&beside, &real)
}

fn lock(path: &Path) -> io::Result<Box<dyn Any>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    File::lock(&file)?;
    Ok(Box::new(file))
}

fn run_program(program: &Program) -> io::Result<ProgramOutput> {
    let mut child = Command::new(&program.name)
        .args(&program.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let limit = u64::try_from(program.max_output_bytes).unwrap();
    let mut stdout = Vec::new();
    child.stdout.take().unwrap().take(limit.saturating_add(1)).read_to_end(&mut stdout)?;
    if stdout.len() > program.max_output_bytes {
        child.kill()?;
        child.wait()?;
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(ProgramOutput { code: child.wait()?.code(), stdout })
}

/// The time of the tests: before the end of [`KEYS`].
pub fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// An answer with temporary keys.
pub const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"STS.x","AccessKeySecret":"secret","SecurityToken":"token",
    "Expiration":"2026-11-22T16:30:20Z","LastUpdated":"2026-11-22T10:30:20Z"}"#;

/// That these are the keys of [`KEYS`].
pub fn assert_temporary(credentials: &Credentials) {
    assert_eq!(credentials.access_key_id, "STS.x");
    assert_eq!(credentials.access_key_secret.expose(), "secret");
    assert_eq!(credentials.security_token.as_ref().unwrap().expose(), "token");
    assert_eq!(credentials.expiration.unwrap().to_string(), "2026-11-22T16:30:20Z");
}

/// With a proxy that must never be used here: everything is on loopback or plain http.
pub fn context(endpoint: &str, trust: Trust) -> Context<'static> {
    let proxies = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
    Context {
        sts: ClientOptions::new(endpoint.parse().unwrap(), "ack-ram-tool/1 (linux/amd64)"),
        sts_is_chosen: true,
        trust,
        proxies: ProxyRules::from_environment(&|name| {
            proxies.contains(&name).then(|| "http://127.0.0.1:1".to_owned())
        })
        .unwrap(),
        now: now(),
        environment: environment(&|_| None),
    }
}

/// What these variables point to.
pub fn source(pairs: &[(&str, &str)]) -> Source {
    let variable =
        |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Source::find(&Search::new(environment(&variable), now())).unwrap()
}

/// The credentials of what these variables point to.
pub async fn fetch(pairs: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
    source(pairs).fetch(&context("sts.invalid", Trust::from_environment(&|_| None)), None).await
}

/// The text of an error: one line without a secret.
pub fn one_line(error: &CredentialError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
    text
}
