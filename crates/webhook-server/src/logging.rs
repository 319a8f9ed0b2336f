//! Logs on stderr: text (`RFC 3339 time, level, message, key=value…`) or JSON, one line an event.
//!
//! There is no environment variable that raises the level of libraries: at their most talkative, HTTP and TLS
//! libraries print requests. The program's own crates follow the level asked for; all others stop at `info`, and
//! the Kubernetes client is silent unless `debug` is asked for: it tells of each failed request, which the program
//! that made it reports itself, with what to do.

use std::fmt;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt as layer};

use crate::log_writer::LogWriter;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line of text, values quoted where they are strings.
    Text,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// `text` and `json`; anything else is `None`, and the caller warns and takes [`Format::Text`].
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "text" => Some(Format::Text),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Text => "text",
            Format::Json => "json",
        })
    }
}

/// Libraries whose warnings the program says itself.
const NOISY: [&str; 3] = ["kube_client", "kube_runtime", "tower"];

/// Which events are written: those of `own_crates` (Rust crate names) from `level` on, those of every other crate
/// from `level` on but never below `info`.
pub fn filter(level: Level, own_crates: &[&str]) -> Targets {
    let others = LevelFilter::from_level(level).min(LevelFilter::INFO);
    let noisy = if level >= Level::DEBUG { others } else { LevelFilter::OFF };
    Targets::new()
        .with_default(others)
        .with_targets(NOISY.map(|name| (name, noisy)))
        .with_targets(own_crates.iter().map(|name| ((*name).to_owned(), level)))
}

/// Installs the log writer as the flags `--log-format` and `--log-level` say; a format that there is not is warned of.
pub fn start(format: &str, level: Level, own_crates: &[&str]) -> Log {
    let known = Format::parse(format);
    let log = init(known.unwrap_or(Format::Text), level, own_crates);
    if known.is_none() {
        tracing::warn!(given = format, "--log-format is neither text nor json: taking text");
    }
    log
}

/// The log of the process. Dropping it writes what was logged and is not written yet, so it is kept to the program's end.
#[derive(Debug)]
#[must_use = "lines that are not written yet are lost where this is dropped too early"]
pub struct Log(Option<LogWriter>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(writer) = &self.0 {
            writer.flush();
        }
    }
}

/// Installs the log writer for the whole process. A second call in one process changes nothing.
pub fn init(format: Format, level: Level, own_crates: &[&str]) -> Log {
    match LogWriter::to(std::io::stderr()) {
        Ok(writer) => {
            install(writer.clone(), format, level, own_crates);
            Log(Some(writer))
        }
        // No thread to be had: each line is written by whoever logs it.
        Err(_) => {
            install(std::io::stderr, format, level, own_crates);
            Log(None)
        }
    }
}

fn install<W>(writer: W, format: Format, level: Level, own_crates: &[&str])
where
    W: for<'a> layer::MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = layer::layer().with_writer(writer).with_ansi(false).with_target(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter(level, own_crates))).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_at_info_however_talkative_the_program_is() {
        let filter = filter(Level::TRACE, &["authenticator"]);
        assert!(filter.would_enable("authenticator::review", &Level::TRACE));
        assert!(filter.would_enable("hyper", &Level::INFO));
        assert!(!filter.would_enable("hyper::proto", &Level::DEBUG));
        assert!(!filter.would_enable("reqwest", &Level::TRACE));
    }

    #[test]
    fn a_quiet_program_has_quiet_libraries() {
        assert!(!filter(Level::ERROR, &["authenticator"]).would_enable("hyper", &Level::WARN));
    }

    #[test]
    fn the_kubernetes_client_speaks_where_debug_is_asked_for_alone() {
        for (level, is_written) in [(Level::INFO, false), (Level::DEBUG, true)] {
            let filter = filter(level, &["authenticator"]);
            assert_eq!(filter.would_enable("kube_runtime::watcher", &Level::WARN), is_written);
            assert_eq!(filter.would_enable("kube_client::client", &Level::ERROR), is_written);
            assert!(!filter.would_enable("kube_client::client", &Level::DEBUG));
        }
    }

    #[test]
    fn knows_two_formats() {
        assert_eq!(Format::parse("json"), Some(Format::Json));
        assert_eq!(Format::parse("text"), Some(Format::Text));
        assert_eq!(Format::parse("JSON"), None);
    }
}
