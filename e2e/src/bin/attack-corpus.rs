//! Posts the attack corpus to a running authenticator and says which answers are not the ones that are due.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::corpus::{self, Key, Poster, Verdict};
use e2e::http::Client;
use e2e::{Error, Result};
use signature::Secret;

/// Posts each attack of e2e/corpus/attacks.yaml to a running authenticator, and compares the answers.
///
/// Exit status: 0 where all hold, 1 where one does not. With ALIBABA_CLOUD_ACCESS_KEY_ID and
/// ALIBABA_CLOUD_ACCESS_KEY_SECRET of somebody who is mapped in the environment, tokens are signed with that key: a
/// defence that is missing then shows as a login. Without them, the entries that need such a key are left out.
#[derive(Debug, Parser)]
#[command(name = "attack-corpus", max_term_width = 100)]
struct Arguments {
    /// The webhook, for example https://127.0.0.1:21362/authenticate
    #[arg(long)]
    url: String,
    /// PEM file with what the webhook's certificate is verified against, as in the API server's webhook kubeconfig
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The cluster that the webhook answers for
    #[arg(long, value_name = "ID")]
    cluster_id: String,
    /// Post only the entries whose id contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match post(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("attack-corpus: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many answers were not the ones that are due.
fn post(arguments: &Arguments) -> Result<usize> {
    let ca = std::fs::read_to_string(&arguments.ca).map_err(Error::file("read", &arguments.ca))?;
    let poster = Poster {
        url: arguments.url.clone(),
        client: Client::new(&ca)?,
        cluster: arguments.cluster_id.clone(),
        mapped: key_from_environment(),
    };
    let (mut held, mut left_out, mut failed) = (0_usize, 0_usize, 0_usize);
    for entry in corpus::entries()?.iter().filter(|entry| entry.id.contains(&arguments.only)) {
        let (count, line) = match poster.run(entry, now())? {
            Verdict::Held => (&mut held, format!("held      {}", entry.id)),
            Verdict::NeedsKey => (&mut left_out, format!("left out  {} (needs a key)", entry.id)),
            Verdict::Failed(why) => (&mut failed, format!("FAILED    {} ({}): {why}", entry.id, entry.about)),
        };
        *count = count.saturating_add(1);
        say(&line);
    }
    say(&format!("{held} held, {failed} failed, {left_out} left out"));
    Ok(failed)
}

fn key_from_environment() -> Option<Key> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let secret = Secret::new(read("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?);
    Some(Key { id: read("ALIBABA_CLOUD_ACCESS_KEY_ID")?, secret })
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn say(text: &str) {
    // A reader that went away (`attack-corpus | head`) is no fault.
    let _ = writeln!(std::io::stdout(), "{text}");
}
