//! h2load (Debian's package nghttp2-client) on the same server with the same body: a check on our own generator.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};

/// What h2load said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Answers in a second.
    pub rate: f64,
    /// Requests that ended well: it does not read answers, only their status.
    pub succeeded: u64,
    /// All others.
    pub not: u64,
}

/// Where it is installed; none: nowhere in the search path.
pub fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("h2load")).find(|file| file.is_file())
}

/// One run by time.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// As in our own.
    pub connections: usize,
    /// Requests in flight on each.
    pub in_flight: usize,
    /// Threads.
    pub threads: usize,
    /// Whole seconds, at least one.
    pub warm_up: Duration,
    /// Whole seconds, at least one.
    pub length: Duration,
}

/// Runs it with the body in `body`.
///
/// # Errors
/// It fails, or says what is not understood.
pub fn run(h2load: &Path, url: &str, body: &Path, run: Run) -> Result<Told> {
    let seconds = |time: Duration| time.as_secs().max(1);
    let output = Command::new(h2load)
        .arg(format!("--duration={}", seconds(run.length)))
        .arg(format!("--warm-up-time={}", seconds(run.warm_up)))
        .arg(format!("--clients={}", run.connections))
        .arg(format!("--max-concurrent-streams={}", run.in_flight))
        .arg(format!("--threads={}", run.threads.min(run.connections)))
        .arg("--data")
        .arg(body)
        .args(["--header", "content-type: application/json", "--header", "accept: application/json, */*"])
        .arg(url)
        .output()
        .map_err(Error::failed("running h2load"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(Error::because("running h2load", String::from_utf8_lossy(&output.stderr)));
    }
    read(&text).ok_or_else(|| Error::because("reading what h2load says", text))
}

/// From lines such as `finished in 2.03s, 10208.00 req/s, 2.05MB/s` and
/// `requests: 10208 total, …, 10208 succeeded, 0 failed, 0 errored, 0 timeout`.
fn read(text: &str) -> Option<Told> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let rate =
        line("finished in ")?.split(", ").find_map(|part| part.strip_suffix(" req/s"))?.parse().ok()?;
    let requests = line("requests: ")?;
    let count = |what: &str| -> Option<u64> {
        let mut parts = requests.split(", ");
        parts.find_map(|part| part.strip_suffix(what))?.trim().parse().ok()
    };
    let not = ["failed", "errored", "timeout"].map(count);
    let not = not.into_iter().try_fold(0_u64, |sum, count| sum.checked_add(count?))?;
    Some(Told { rate, succeeded: count("succeeded")?, not })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
Stopped all clients for thread #0

finished in 2.03s, 10208.50 req/s, 2.05MB/s
requests: 10208 total, 10208 started, 10208 done, 10200 succeeded, 1 failed, 2 errored, 5 timeout
status codes: 10208 2xx, 0 3xx, 0 4xx, 0 5xx
";

    #[test]
    fn the_rate_and_what_failed_are_read() {
        assert_eq!(read(SAID), Some(Told { rate: 10208.5, succeeded: 10200, not: 8 }));
        assert_eq!(read("finished in 2.03s, 1 req/s, 1MB/s\n"), None);
        assert_eq!(read(&SAID.replace("req/s", "requests")), None);
        assert_eq!(read(""), None);
    }
}
