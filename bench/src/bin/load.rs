//! The load generator for any TokenReview webhook.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bench::answer::Expected;
use bench::load::{Credentials, Exchange, Http, Length, Outcome, Settings, Source, Target, Trust, run};
use bench::tokens::{Signer, V1, review, signing_time};
use bench::{Error, Result};
use clap::{ArgGroup, Parser, ValueEnum};
use serde_json::{Value, json};
use signature::Secret;

/// Sends TokenReviews to a webhook as an API server does, checks every answer, and says how fast they came. Exit status 0
/// where every answer was as expected.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("tokens").required(true), group = ArgGroup::new("trust").required(true))]
struct Arguments {
    /// The webhook: https://HOST:PORT/PATH
    #[arg(long)]
    url: String,
    /// PEM file with the authorities of its certificate
    #[arg(long, value_name = "FILE", group = "trust")]
    ca_file: Option<PathBuf>,
    /// Believe whoever answers: for somebody else's server on this machine
    #[arg(long, group = "trust")]
    insecure: bool,
    /// Client certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// Its key, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,

    /// File with a token on each line: one is sent again and again, several by turns
    #[arg(long, value_name = "FILE", group = "tokens")]
    token_file: Option<PathBuf>,
    /// Send each token of the file once
    #[arg(long, requires = "token_file")]
    once: bool,
    /// A new token for each request, signed with ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET for
    /// --cluster-id, before the time of its request begins
    #[arg(long, group = "tokens", requires = "cluster_id")]
    new_tokens: bool,
    /// The cluster that new tokens are for
    #[arg(long, value_name = "ID")]
    cluster_id: Option<String>,
    /// The user that every answer has to name; without it any
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Version of the TokenReviews, which the answers have to have too
    #[arg(long, default_value = V1)]
    api_version: String,

    /// Version of HTTP
    #[arg(long, value_enum, default_value = "2")]
    http: HttpVersion,
    /// Connections kept open
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Requests in flight on each connection [default: 16, with HTTP/1.1 1]
    #[arg(long)]
    in_flight: Option<usize>,
    /// Threads that send
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seconds before the measured part
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, conflicts_with = "count")]
    duration: f64,
    /// Requests that are measured, exactly so many
    #[arg(long)]
    count: Option<u64>,
    /// Process id of the server, for its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// One line of JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HttpVersion {
    #[value(name = "1.1")]
    One,
    #[value(name = "2")]
    Two,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let told = load(&arguments).and_then(|outcome| {
        let text = if arguments.json { format!("{}\n", document(&outcome)) } else { text(&outcome) };
        std::io::stdout().write_all(text.as_bytes()).map_err(Error::failed("writing to stdout"))?;
        Ok(outcome.faults.is_empty() && outcome.good > 0)
    });
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(arguments: &Arguments) -> Result<Outcome> {
    let (http, in_flight) = match arguments.http {
        HttpVersion::One => (Http::One, 1),
        HttpVersion::Two => (Http::Two, 16),
    };
    let trust = match &arguments.ca_file {
        Some(file) => Trust::Authorities(read(file)?),
        None => Trust::Anybody,
    };
    let client = match (&arguments.client_certificate, &arguments.client_key) {
        (Some(certificate), Some(key)) => {
            Some(Credentials { certificate: read(certificate)?, key: read(key)? })
        }
        _ => None,
    };
    let target = Target::new(&arguments.url, http, &trust, client.as_ref())?;
    let settings = Settings {
        connections: arguments.connections,
        in_flight: arguments.in_flight.unwrap_or(in_flight),
        threads: arguments.threads,
        warm_up: seconds("--warm-up", arguments.warm_up)?,
        length: match arguments.count {
            Some(count) => Length::Count(count),
            None => Length::For(seconds("--duration", arguments.duration)?),
        },
        server: arguments.pid,
        ..Settings::default()
    };
    run(&settings, &target, source(arguments)?)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::file("read", path))
}

fn seconds(flag: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(Error::failed(flag))
}

fn source(arguments: &Arguments) -> Result<Source> {
    let uri: http::Uri = arguments.url.parse().map_err(Error::failed("--url"))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let expected = Expected::User { version: arguments.api_version.clone(), name: arguments.user.clone() };
    let first = Exchange::json(path, "", expected)?;
    let version = arguments.api_version.clone();
    let Some(file) = &arguments.token_file else {
        let signer = signer(arguments)?;
        let make = move |number| {
            // The border: tokens are good for minutes, a run may take longer.
            #[allow(clippy::disallowed_methods)]
            let now = jiff::Timestamp::now();
            first.with_body(review(&version, &signer.token(number, signing_time(now))))
        };
        return Ok(Source::Made(Box::new(make)));
    };
    let text = read(file)?;
    let tokens = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let all: Vec<Exchange> =
        tokens.map(|token| first.with_body(review(&version, &Secret::new(token.to_owned())))).collect();
    match all.as_slice() {
        [] => Err(Error::because(format!("the file {}", file.display()), "there is no token in it")),
        [one] if !arguments.once => Ok(Source::Same(one.clone())),
        _ if arguments.once => Ok(Source::Once(all)),
        _ => Ok(Source::Turn(all)),
    }
}

fn signer(arguments: &Arguments) -> Result<Signer> {
    let variable = |name: &str| {
        let what = format!("--new-tokens takes the variable {name}");
        std::env::var(name).map_err(Error::failed(what))
    };
    Ok(Signer {
        cluster_id: arguments.cluster_id.clone().unwrap_or_default(),
        access_key_id: variable("ALIBABA_CLOUD_ACCESS_KEY_ID")?,
        secret: Secret::new(variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?),
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn document(outcome: &Outcome) -> Value {
    json!({
        "rate": outcome.rate(),
        "good": outcome.good,
        "faults": outcome.faults,
        "seconds": outcome.length.as_secs_f64(),
        "p50_us": micros(outcome.latency.p50),
        "p99_us": micros(outcome.latency.p99),
        "p99_9_us": micros(outcome.latency.p999),
        "max_us": micros(outcome.latency.max),
        "connections": outcome.connections,
        "server_cpu_s_per_1000": outcome.server_cpu(),
        "server_rss": outcome.server.map(|used| used.resident),
        "server_rss_peak": outcome.server.map(|used| used.peak),
        "own_cpu_s_per_1000": outcome.own_cpu(),
    })
}

fn text(outcome: &Outcome) -> String {
    let latency = outcome.latency;
    let mut text = format!(
        "{:.0} answers/s ({} in {:.2} s over {} connections)\n\
         latency p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, max {:.0} µs\n\
         CPU of the generator: {:.4} s for 1,000\n",
        outcome.rate(),
        outcome.good,
        outcome.length.as_secs_f64(),
        outcome.connections,
        micros(latency.p50),
        micros(latency.p99),
        micros(latency.p999),
        micros(latency.max),
        outcome.own_cpu(),
    );
    if let (Some(cpu), Some(used)) = (outcome.server_cpu(), outcome.server) {
        let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
        text.push_str(&format!(
            "CPU of the server: {cpu:.4} s for 1,000; RSS {:.1} MiB, at most {:.1} MiB\n",
            mib(used.resident),
            mib(used.peak)
        ));
    }
    text.push_str(&format!("faults: {}\n", outcome.fault_count()));
    for (what, often) in &outcome.faults {
        text.push_str(&format!("  {often} × {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(more: &[&str]) -> std::result::Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["load", "--url", "https://127.0.0.1:1/authenticate"], more].concat())
    }

    #[test]
    fn flags_say_whom_to_trust_and_which_tokens_to_send() {
        Arguments::command().debug_assert();
        assert!(parse(&["--insecure", "--token-file", "t"]).is_ok());
        assert!(parse(&["--insecure"]).is_err());
        assert!(parse(&["--token-file", "t"]).is_err());
        assert!(parse(&["--insecure", "--ca-file", "c", "--token-file", "t"]).is_err());
        assert!(parse(&["--insecure", "--new-tokens"]).is_err());
        assert!(parse(&["--insecure", "--new-tokens", "--cluster-id", "c"]).is_ok());
        assert!(parse(&["--insecure", "--token-file", "t", "--client-key", "k"]).is_err());
    }

    #[test]
    fn tokens_of_a_file_are_sent_again_or_by_turns_or_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let source_of = |text: &str, more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            let path = file.to_str().unwrap();
            source(&parse(&[&["--insecure", "--token-file", path], more].concat()).unwrap())
        };
        assert!(matches!(source_of("a\n", &[]).unwrap(), Source::Same(_)));
        assert!(matches!(source_of("a\n\nb\n", &[]).unwrap(), Source::Turn(all) if all.len() == 2));
        assert!(matches!(source_of("a\nb\n", &["--once"]).unwrap(), Source::Once(all) if all.len() == 2));
        assert!(source_of("\n", &[]).is_err());
        let exchange = source_of("a\n", &[]).unwrap().request(0).unwrap();
        assert_eq!(exchange.path, "/authenticate");
        assert!(String::from_utf8_lossy(&exchange.body).contains(r#""token":"a""#));
    }
}
